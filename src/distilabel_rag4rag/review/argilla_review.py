"""ArgillaReview: at the end of a pipeline, a sample of its rows goes before reviewers."""

from typing import TYPE_CHECKING, Any

from distilabel.mixins.runtime_parameters import RuntimeParameter
from distilabel.steps import GlobalStep, StepInput
from distilabel.steps.argilla.base import ArgillaBase
from pydantic import Field, PrivateAttr

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.review.sample import DEFAULT_DESIGN, Design
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput


@public
class ArgillaReview(ArgillaBase, GlobalStep):
    """Put a sample of judged answers before reviewers in Argilla; every row passes on.

    The sample is drawn once, over all rows, and lives in Argilla: running the pipeline again
    brings its records up to date, doubles none and loses no response. `rag4rag review pull`, or
    `review.pull.pull` on the rows that came out, fetches what people said.

    The key is read from `ARGILLA_API_KEY`; it stands in no dump. Server, key, workspace and
    dataset are checked in `load`, before any row is made. If the server fails later, the rows pass
    on all the same and an error is logged; `rag4rag review push` sends them then.

    Attributes:
        dataset_name: name of the dataset in Argilla; it is made if it does not exist.
        dataset_workspace: its workspace. Defaults to `None`, the only one.
        api_url: the server's address. Defaults to `ARGILLA_API_URL`.
        api_key: the key of an owner or admin. Defaults to `ARGILLA_API_KEY`.
        design: who is drawn: `stratified` (by arm and score), `uncertainty` (nearest the
            threshold), `disagreements` (questions of which one arm was flagged and another not)
            or `all`. Defaults to `"stratified"`.
        seed: of the draw. Defaults to `0`.
        random_share: of `n`, for `uncertainty` and `disagreements`, drawn at random from all
            other rows, without which no rate can be estimated. Defaults to `0.25`.
        annotators: so many people answer each record. Defaults to `1`.
        show_arm: reviewers see which arm answered. Defaults to `False`.
        show_human_answer: reviewers see a person's answer. Defaults to `False`.

    Runtime parameters:
        - `n`: so many answers are drawn. Defaults to `200`.
        - `threshold`: the score from which an answer is flagged. Defaults to `0.5`.

    Input columns:
        - id (`str`): stable id of the question.
        - question (`str`): the question.
        - context (`str`): the passage that the answer is judged by.
        - answer (`str`): the answer, or None.
        - hallucinated_spans (`list`): suggested to the reviewers.
        - hallucination_score (`float`): in [0, 1], None where the answer was not judged.
        - arm (`str`, optional): the pipeline that answered.
        - passage_id (`str`, optional): to filter by.
        - human_answer (`str`, optional): for `show_human_answer`.
        - retrieval_scores (`list`, optional): the first one is shown to admins.
        - source_rank (`int`, optional): shown to admins.

    Categories:
        - save

    Examples:
        Send 100 answers, most of them those about which the judge is least sure:

        ```python
        from distilabel_rag4rag import AnswerFromColumn, FailFastPipeline, LoadRows
        from distilabel_rag4rag import LettuceDetectJudge
        from distilabel_rag4rag.review.argilla_review import ArgillaReview

        with FailFastPipeline(name="reviewed") as pipeline:
            load = LoadRows()
            answer = AnswerFromColumn(column="human_answer")
            judge = LettuceDetectJudge(model="embedded", input_mappings={"contexts": "context"})
            review = ArgillaReview(
                dataset_name="my-review", n=100, design="uncertainty", annotators=2
            )
            load >> answer >> judge >> review
        pipeline.dag.validate()
        ```
    """

    design: Design = DEFAULT_DESIGN
    seed: int = Field(default=0, ge=0)
    random_share: float = Field(default=0.25, ge=0, lt=1)
    annotators: int = Field(default=1, ge=1)
    show_arm: bool = False
    show_human_answer: bool = False
    n: RuntimeParameter[int] = Field(default=200, ge=1, description="So many answers are drawn.")
    threshold: RuntimeParameter[float] = Field(
        default=0.5, gt=0, le=1, description="The score from which on an answer is flagged."
    )

    _client: Any = PrivateAttr(default=None)

    @property
    def inputs(self) -> "StepColumns":
        """What a record is made of."""
        return {
            "id": True,
            "question": True,
            "context": True,
            "answer": True,
            "hallucinated_spans": True,
            "hallucination_score": True,
            "arm": False,
            "passage_id": False,
            "human_answer": False,
            "retrieval_scores": False,
            "source_rank": False,
        }

    def load(self) -> None:
        """Connects; what is wrong with server, key, workspace or dataset is an error here."""
        super(ArgillaBase, self).load()  # ArgillaBase's own waits through five retries first
        from distilabel_rag4rag.review.connect import (
            connect,
            find_dataset,
            find_workspace,
            plain_errors,
        )
        from distilabel_rag4rag.review.settings import check_settings, make_settings

        if not self.dataset_name:
            raise ConfigError("dataset_name", self.dataset_name, "a name")
        self._client = connect(self.api_url, self.api_key and self.api_key.get_secret_value())
        place = find_workspace(self._client, self.dataset_workspace)
        with plain_errors(self._client.api_url):
            if (existing := find_dataset(place, self.dataset_name)) is not None:
                settings = make_settings(
                    self._client,
                    annotators=self.annotators,
                    show_arm=self.show_arm,
                    show_human_answer=self.show_human_answer,
                )
                check_settings(existing, settings)

    def unload(self) -> None:
        """Closes the connection."""
        if self._client is not None:
            self._client.http_client.close()
        self._client = None
        super().unload()

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Draws the sample and pushes it; where that fails, the rows are not lost with it.

        Args:
            inputs: all rows.

        Yields:
            The same rows.
        """
        from distilabel.errors import DistilabelUserError

        from distilabel_rag4rag.review.push import push
        from distilabel_rag4rag.utils.text import counted

        try:
            done = push(
                inputs,
                client=self._client,
                dataset=str(self.dataset_name),
                workspace=self.dataset_workspace,
                design=self.design,
                n=self.n,
                seed=self.seed,
                threshold=self.threshold,
                random_share=self.random_share,
                annotators=self.annotators,
                show_arm=self.show_arm,
                show_human_answer=self.show_human_answer,
            )
        except DistilabelUserError as error:
            self._logger.error(f"The rows pass on, but were not sent for review: {error}")
        else:
            self._logger.info(
                f"{counted(done.created, 'record')} made, {done.updated} brought up to date;"
                f" annotate at {done.url}"
            )
            for note in done.notes:
                self._logger.warning(note)
            for record, reason in done.refused.items():
                self._logger.warning(f"The server refused record {record}: {reason}")
        yield inputs
