"""Batches of a replicated step in the order in which they were sent to it."""

from collections import Counter, deque
from typing import Any

from distilabel.pipeline.batch import _Batch


class OrderedQueue:
    """A queue of finished batches that gives those of each step in order.

    Replicas finish out of order, but distilabel takes a last batch for the end of all of them.

    Attributes:
        queue: the queue that the workers write to.
    """

    def __init__(self, queue: Any) -> None:
        self.queue = queue
        self._next: Counter[str] = Counter()
        self._early: dict[tuple[str, int], _Batch] = {}
        self._ready: deque[_Batch] = deque()

    def get(self) -> _Batch | None:
        """The next batch; None, put by the pipeline, ends the reading."""
        while not self._ready:
            batch = self.queue.get()
            if batch is None:
                return None
            step = batch.step_name
            self._early[step, batch.seq_no] = batch
            while due := self._early.pop((step, self._next[step]), None):
                self._ready.append(due)
                self._next[step] += 1
        return self._ready.popleft()

    def put(self, item: Any) -> None:
        """Put an item into the queue."""
        self.queue.put(item)

    def empty(self) -> bool:
        """Whether `get` would wait."""
        return not self._ready and self.queue.empty()
