"""Mark: the base of all marks. Marking never drops a row; `KeepMarked` does."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from distilabel.steps import Step, StepInput

from distilabel_rag4rag.schema import EMPTY_QUESTION, NO_REPLY, keep_column, reason_column
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import has_text

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput


def no_answer(row: dict[str, Any]) -> str | None:
    """The reason of a row without an answer, None for all others."""
    if has_text(row["answer"]):
        return None
    return f"no answer: {row.get('answer_reason') or NO_REPLY}"


def nothing_asked_or_answered(row: dict[str, Any]) -> str | None:
    """The reason of a row without a question or an answer, None for all others."""
    return no_answer(row) if has_text(row["question"]) else EMPTY_QUESTION


@public
class Mark(Step):
    """The base of all marks: a subclass names its check and writes one method, `reason`.

    One that compares rows writes `reasons` as well, and is a GlobalStep.

    Output columns:
        - keep_row_after_<check> (`bool`): whether the row passed.
        - <check>_reason (`str`): why not, or None.

    Categories:
        - filtering
    """

    check: ClassVar[str]

    @abstractmethod
    def reason(self, row: dict[str, Any]) -> str | None:
        """Why the row should not be kept, or None if it should."""

    def reasons(self, rows: list[dict[str, Any]]) -> list[str | None]:
        """The reason of each row, for marks that compare rows."""
        return [self.reason(row) for row in rows]

    @property
    def outputs(self) -> "StepColumns":
        """The mark and its reason."""
        return [keep_column(self.check), reason_column(self.check)]

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Adds the mark and its reason to each row, in order.

        Args:
            inputs: rows with the input columns.

        Yields:
            The same rows, marked.
        """
        for row, reason in zip(inputs, self.reasons(inputs), strict=True):
            row[keep_column(self.check)] = reason is None
            row[reason_column(self.check)] = reason
        yield inputs
