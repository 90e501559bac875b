"""KeepMarked: the one step that drops rows."""

from typing import TYPE_CHECKING, Any

from distilabel.steps import Step, StepInput

from distilabel_rag4rag.schema import keep_column
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.typing import StepColumns, StepOutput


@public
class KeepMarked(Step):
    """Drop the rows that a mark did not pass: the one step that drops.

    Attributes:
        checks: the checks a row must have passed. Empty means every `keep_row_after_…` column
            that the rows have; rows without any are dropped. Defaults to `[]`.

    Input columns:
        - keep_row_after_grounding (`bool`, optional): or the marks of other checks.

    Categories:
        - filtering

    Examples:
        Keep what is grounded:

        ```python
        from distilabel_rag4rag import KeepMarked

        keep = KeepMarked(checks=["grounding"])
        keep.load()
        rows = next(
            keep.process([{"keep_row_after_grounding": True}, {"keep_row_after_grounding": False}])
        )
        assert rows == [{"keep_row_after_grounding": True}]
        ```
    """

    checks: list[str] = []

    @property
    def inputs(self) -> "StepColumns":
        """The marks that are asked for."""
        return [keep_column(check) for check in self.checks]

    def process(self, inputs: StepInput) -> "StepOutput":  # type: ignore[override]
        """Passes on the rows that have every mark, and says how many each mark took.

        Args:
            inputs: marked rows.

        Yields:
            The rows to keep, in order.
        """
        marks = self.inputs or sorted(
            {name for row in inputs for name in row if name.startswith(keep_column(""))}
        )
        if not marks:
            self._logger.warning(
                f"All {len(inputs)} rows are dropped: they hold no mark, so no check passed them"
            )
        for mark in marks:
            if taken := sum(not _passed(row, mark) for row in inputs):
                self._logger.info(f"{mark}: {taken} of {len(inputs)} rows dropped")
        yield [row for row in inputs if marks and all(_passed(row, mark) for mark in marks)]


def _passed(row: dict[str, Any], mark: str) -> bool:
    """Whether the mark is there and true; NaN, which is truthy, is not."""
    return bool(row.get(mark) == True)  # noqa: E712
