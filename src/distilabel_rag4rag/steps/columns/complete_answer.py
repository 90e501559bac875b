"""CompleteAnswer: one shape for the answers of all arms, whichever task wrote them."""

from typing import TYPE_CHECKING, Any, Literal

from distilabel.constants import DISTILABEL_METADATA_KEY
from distilabel.steps import Step, StepInput

from distilabel_rag4rag.models.llms.output_check import llm_error
from distilabel_rag4rag.schema import ABSTAINED, EMPTY_QUESTION, NOTHING_LEFT
from distilabel_rag4rag.steps.tasks.replies import clean, is_abstention
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput


@public
class CompleteAnswer(Step):
    """Give the answers of any task the columns that `GroundedAnswerGeneration` gives its own.

    distilabel's tasks write an answer and no more. This step adds whether it is an abstention,
    why there is none, and the tokens that the LLM counted. An answer is cleaned and an abstention
    recognised by the same rules in every arm: otherwise a refusal would count as a hallucination
    in one arm and as an abstention in another, and "Answer:" as a wrong word in one alone.

    Attributes:
        clean: whether to take off what models put around an answer. Defaults to `True`.
        style: `short` keeps the first line of an answer, `sentence` all of them in one, as
            `GroundedAnswerGeneration` does. Defaults to `short`.
        abstain: whether a refusal ("I do not know") is an abstention; if `False` it stays an
            answer, as in the published notebooks. Defaults to `True`.

    Input columns:
        - answer (`str`): the answer, or None.
        - question (`str`, optional): taken off where the answer begins by repeating it.
        - abstained (`bool`, optional): kept where a task wrote it.
        - answer_reason (`str`, optional): kept where a task wrote it.
        - distilabel_metadata (`dict`, optional): where distilabel keeps the token counts.

    Output columns:
        - answer (`str`): the answer; None where it is an abstention.
        - abstained (`bool`): whether the LLM gave no answer on purpose.
        - answer_reason (`str`): why `answer` is None, or None.
        - input_tokens (`int`): tokens of the prompt, or None where the LLM does not say.
        - output_tokens (`int`): tokens of the reply, or None where the LLM does not say.

    Categories:
        - text-generation

    Examples:
        Complete what `GenerateSentencePair` wrote:

        ```python
        from distilabel_rag4rag import CompleteAnswer

        complete = CompleteAnswer()
        complete.load()
        rows = next(complete.process([{"answer": "I do not know."}, {"answer": "1989."}]))
        assert [row["abstained"] for row in rows] == [True, False]
        ```
    """

    clean: bool = True
    style: Literal["short", "sentence"] = "short"
    abstain: bool = True

    @property
    def inputs(self) -> "StepColumns":
        """The answer; what the task knew of it is optional."""
        return {
            "answer": True,
            "question": False,
            "abstained": False,
            "answer_reason": False,
            DISTILABEL_METADATA_KEY: False,
        }

    @property
    def outputs(self) -> "StepColumns":
        """The answer's columns."""
        return ["answer", "abstained", "answer_reason", "input_tokens", "output_tokens"]

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Completes each row, in order.

        Args:
            inputs: rows with `answer`.

        Yields:
            The same rows with all columns of an answer.
        """
        for row in inputs:
            row.update(self._completed(row), **_tokens(row.get(DISTILABEL_METADATA_KEY)))
        yield inputs

    def _completed(self, row: dict[str, Any]) -> dict[str, Any]:
        if row.get("abstained") is not None:  # the task has said it all
            return {"answer_reason": row.get("answer_reason")}
        answer = row["answer"]
        question = row.get("question", "?")
        if not isinstance(question, str) or not question.strip():
            return {"answer": None, "abstained": False, "answer_reason": EMPTY_QUESTION}
        if not isinstance(answer, str) or not answer.strip():
            cause = llm_error(row.get(DISTILABEL_METADATA_KEY))
            reason = cause or "the LLM gave nothing, or not in the form asked for"
            return {"answer": None, "abstained": False, "answer_reason": reason}
        if self.abstain and is_abstention(answer):
            return {"answer": None, "abstained": True, "answer_reason": ABSTAINED}
        if self.clean:
            answer = clean(
                answer, " ".join(row.get("question", "").split()), one_line=self.style == "short"
            )
            if not answer:
                return {"answer": None, "abstained": False, "answer_reason": NOTHING_LEFT}
        return {"answer": answer, "abstained": False, "answer_reason": None}


def _tokens(metadata: dict[str, Any] | None) -> dict[str, int | None]:
    """Input and output tokens, summed over the tasks that counted them."""
    statistics = [
        value for key, value in (metadata or {}).items() if key.startswith("statistics_") and value
    ]
    counts = {}
    for name in ("input_tokens", "output_tokens"):
        known = [s[name] for s in statistics if s.get(name) is not None]
        counts[name] = sum(known) if known else None
    return counts
