"""Rows that each step has done, those of unfinished batches included."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable


class RowProgress:
    """Calls `on_progress` with a step's name and rows, from whichever thread has news.

    Attributes:
        on_progress: the function to call, one call at a time, or None.
    """

    def __init__(self, on_progress: Callable[[str, int], None] | None) -> None:
        self.on_progress = on_progress
        self._lock = threading.Lock()
        self._finished: Counter[str] = Counter()
        self._next_batch: Counter[str] = Counter()
        self._in_batches: dict[str, dict[int, int]] = defaultdict(dict)

    def finish_batch(self, step: str, number: int, rows: int) -> None:
        """Report a finished batch; a step's batches finish in order, from 0.

        Args:
            step: the step's name.
            number: the batch's number.
            rows: rows of all the batches that the step has finished.
        """
        with self._lock:
            self._finished[step] = rows
            self._next_batch[step] = number + 1
            self._in_batches[step].pop(number, None)
            self._report(step)

    def add_rows(self, step: str, number: int, rows: int) -> None:
        """Report how many rows are done of a batch that is under way."""
        with self._lock:
            if number >= self._next_batch[step]:  # else the report is older than the batch's end
                self._in_batches[step][number] = rows
                self._report(step)

    def _report(self, step: str) -> None:
        if self.on_progress is not None:
            rows = self._finished[step] + sum(self._in_batches[step].values())
            self.on_progress(step, rows)
