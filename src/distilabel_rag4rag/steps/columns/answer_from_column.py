"""AnswerFromColumn: the answers that the data has already."""

from typing import TYPE_CHECKING

from distilabel.steps import Step, StepInput

from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput


@public
class AnswerFromColumn(Step):
    """Take the answers that the data has already, to judge them like any LLM's.

    The flags on human answers, which are right, are the judge's false alarms.

    Attributes:
        column: the column that holds the answers. Defaults to `human_answer`.

    Input columns:
        - human_answer (`str`): the answers, or the column named by `column`.

    Output columns:
        - answer (`str`): the answer, or None.
        - abstained (`bool`): always False.
        - answer_reason (`str`): why `answer` is None, or None.

    Categories:
        - format

    Examples:
        Take a person's answer:

        ```python
        from distilabel_rag4rag import AnswerFromColumn

        take = AnswerFromColumn()
        take.load()
        rows = next(take.process([{"human_answer": "Dangerously in Love"}]))
        assert rows[0]["answer"] == "Dangerously in Love"
        ```
    """

    column: str = "human_answer"

    @property
    def inputs(self) -> "StepColumns":
        """The column of the answers."""
        return [self.column]

    @property
    def outputs(self) -> "StepColumns":
        """The answer's columns."""
        return ["answer", "abstained", "answer_reason"]

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Copies the answers, in order.

        Args:
            inputs: rows with the column.

        Yields:
            The same rows with the columns of an answer.
        """
        for row in inputs:
            answer = row[self.column]
            text = answer if has_text(answer) else None
            row.update(
                answer=text,
                abstained=False,
                answer_reason=None if text else f"no `{self.column}`",
            )
        yield inputs
