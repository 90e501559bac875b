"""Rows that the steps of a run have finished, and how many failed rows are too many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from distilabel_rag4rag.errors import TooManyFailed

WHOLE_BATCH_ROWS = 5
EARLY_ROWS = 100


@dataclass
class StepCount:
    """Rows that a step has finished, how many of them failed, the first cause known, and its time.

    Attributes:
        loading_seconds: of the replica that took longest to load.
        worked: when it began and ended each batch, by the machine's monotonic clock.
    """

    rows: int = 0
    failed: int = 0
    first_error: str | None = None
    loading_seconds: float = 0.0
    worked: list[tuple[float, float]] = field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        """What is counted, without times."""
        return {"rows": self.rows, "failed": self.failed, "first_error": self.first_error}

    @property
    def seconds(self) -> float:
        """How long it worked on batches; time in which it worked on several counts once."""
        return sum(end - begin for begin, end in self.spells())

    def spells(self) -> list[tuple[float, float]]:
        """When it began and ended to work, with batches that follow one another as one."""
        spells: list[tuple[float, float]] = []
        for begin, end in sorted(self.worked):
            if spells and begin <= spells[-1][1]:
                spells[-1] = spells[-1][0], max(end, spells[-1][1])
            else:
                spells.append((begin, end))
        return spells


@dataclass
class Tally:
    """Counts finished and failed rows per step, and says when too many have failed.

    Attributes:
        max_failed: the share of a step's rows that may fail; 1.0 lets all fail.
        steps: the counts, in the order in which the steps finished their first batch.
    """

    max_failed: float = 0.05
    steps: dict[str, StepCount] = field(default_factory=dict)

    def add(self, step: str, rows: int, failed: int = 0, first_error: str | None = None) -> None:
        """Count a finished batch.

        Raises:
            TooManyFailed: if a whole batch failed that has at least five rows or follows no good
                row; or if so many rows have failed that at 100 rows it would be too many.
        """
        count = self.steps.setdefault(step, StepCount())
        whole_batch = failed == rows and (rows >= WHOLE_BATCH_ROWS or count.failed == count.rows)
        count.rows += rows
        count.failed += failed
        count.first_error = count.first_error or first_error
        if failed and whole_batch and self.max_failed < 1.0:
            raise self._error(step, f"all {rows} rows of a batch")
        self.raise_if_exceeded(at_least=EARLY_ROWS)

    def add_time(self, step: str, worked: tuple[float, float] | None, loading: float) -> None:
        """Count the time of a finished batch.

        Args:
            step: its name.
            worked: begin and end, None where it is not known.
            loading: seconds that the replica took to load.
        """
        count = self.steps.setdefault(step, StepCount())
        count.loading_seconds = max(count.loading_seconds, loading)
        if worked is not None:
            count.worked.append(worked)

    def rows(self, step: str) -> int:
        """How many rows the step has finished."""
        return self.steps[step].rows if step in self.steps else 0

    def add_part(self, steps: Mapping[str, StepCount]) -> None:
        """Count what a part of the run has counted."""
        for step, part in steps.items():
            count = self.steps.setdefault(step, StepCount())
            count.rows += part.rows
            count.failed += part.failed
            count.first_error = count.first_error or part.first_error
            count.loading_seconds = max(count.loading_seconds, part.loading_seconds)
            count.worked += part.worked

    def raise_if_exceeded(self, at_least: int = 0) -> None:
        """The check at the end of a run, against all the rows there were.

        Args:
            at_least: rows to count against where there were fewer, while the run goes on.

        Raises:
            TooManyFailed: if more than `max_failed` of a step's rows failed.
        """
        for step, count in self.steps.items():
            if self._are_too_many(count.failed, max(count.rows, at_least)):
                raise self._error(step, f"{count.failed} of {count.rows} rows")

    def _are_too_many(self, failed: int, rows: int) -> bool:
        return failed > self.max_failed * rows + 1e-9  # 0.29 * 100 is less than 29

    def _error(self, step: str, what: str) -> TooManyFailed:
        cause = (
            self.steps[step].first_error
            or "the LLM gave no text, or not in the form that the step reads"
        )
        return TooManyFailed(
            f"step '{step}': {what} failed; max_failed allows {self.max_failed:.0%}. "
            f"First error: {cause}"
        )

    def __str__(self) -> str:
        return ", ".join(f"{step} {count.rows}" for step, count in self.steps.items()) or "none"


class PartTally(Tally):
    """Of a part of a run: the share of failed rows is counted over all parts, elsewhere."""

    def _are_too_many(self, failed: int, rows: int) -> bool:
        return False
