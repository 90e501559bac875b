"""Rows on their way from step to step: unchanged, none stuck, none lost.

distilabel writes rows to parquet between some steps, which changes their types; it loses the
batches of a replicated step that arrive after its last one, and mixes up those that were routed to
all the steps at once; and it waits for ever where

- a step leaves its last batch empty,
- a step that batches are routed to does not get the last one,
- a generator's rows are for steps of a later stage.
"""

from collections import Counter, deque
from typing import Any

from distilabel.constants import (
    RECEIVES_ROUTED_BATCHES_ATTR_NAME,
    ROUTING_BATCH_FUNCTION_ATTR_NAME,
    STEPS_OUTPUTS_PATH,
)
from distilabel.pipeline.batch import _Batch

from distilabel_rag4rag.errors import RunFailed
from distilabel_rag4rag.runtime.stages import StagedPipeline
from distilabel_rag4rag.runtime.write_buffer import ParquetBuffer

JOINED = "; steps whose routes are joined again must leave as many rows as they get"


class InOrder:
    """A queue of batches that gives those of each step in the order in which they were sent to it.

    Replicas finish out of order, but distilabel takes a last batch for the end of all of them.
    """

    def __init__(self, queue: Any) -> None:
        """Wrap the queue that the workers write to."""
        self.queue = queue
        self._next: Counter[str] = Counter()
        self._early: dict[tuple[str, int], _Batch] = {}
        self._ready: deque[_Batch] = deque()

    def get(self) -> _Batch | None:
        """The next batch, or None where the queue was told to stop."""
        while not self._ready:
            batch = self.queue.get()
            if batch is None:
                return None
            step = batch.step_name
            if batch.seq_no < self._next[step]:
                raise RunFailed(f"step '{step}' sent its batch {batch.seq_no} twice")
            self._early[step, batch.seq_no] = batch
            while due := self._early.pop((step, self._next[step]), None):
                self._ready.append(due)
                self._next[step] += 1
        return self._ready.popleft()

    def put(self, item: Any) -> None:
        """As the queue's own."""
        self.queue.put(item)

    def empty(self) -> bool:
        """Whether `get` would wait."""
        return not self._ready and self.queue.empty()


class FlowPipeline(StagedPipeline):
    """The part of `FailFastPipeline` that moves the rows; not for use by itself."""

    _in_flight: Counter[str]
    _ended: set[str]

    def _setup_write_buffer(self, use_cache: bool = True) -> None:
        """A buffer whose schema does not depend on where a batch ends."""
        self._in_flight, self._ended = Counter(), set()
        for step in self._batch_manager._steps.values():
            step.convergence_step &= len(step.data) != 1  # a single route is nothing to join
        folder = self._cache_location["data"] / STEPS_OUTPUTS_PATH
        self._write_buffer: Any = ParquetBuffer(folder, self.dag.leaf_steps)

    def _register_batch(self, batch: _Batch) -> None:
        """As distilabel, less the copy of the rows for later runs."""
        self._batch_manager.register_batch(batch)

    def _send_batch_to_step(self, batch: _Batch) -> None:
        """Pass a GlobalStep's rows as they are: by way of parquet they would change types."""
        if self._use_fs_to_pass_data:
            super()._send_batch_to_step(batch)
            return
        self._batch_manager.set_last_batch_sent(batch)
        self._send_to_step(batch.step_name, batch)

    def _send_to_step(self, step_name: str, to_send: Any) -> None:
        """Count the batches that are out; each comes back once."""
        self._in_flight[step_name] += isinstance(to_send, _Batch)
        super()._send_to_step(step_name, to_send)

    def _process_batch(self, batch: _Batch, send_last_batch_flag: bool = True) -> None:
        self._in_flight[batch.step_name] -= 1
        super()._process_batch(batch, send_last_batch_flag)

    def _get_successors(self, batch: _Batch) -> tuple[list[str], list[str], bool]:
        """As distilabel, which takes a batch that is routed to all the steps for not routed."""
        route_to, others, _ = super()._get_successors(batch)
        return (
            route_to,
            others,
            ROUTING_BATCH_FUNCTION_ATTR_NAME in self.dag.get_step(batch.step_name),
        )

    def _manage_batch_flow(self, batch: _Batch) -> None:
        """As distilabel, and then whatever it forgets.

        Raises:
            RunFailed: if steps have not ended and no batch is out that could wake them.
        """
        if batch.last_batch and batch.step_name in self._ended:
            self._register_batch(batch)
        else:
            super()._manage_batch_flow(batch)
        for step in self.dag.get_step_successors(batch.step_name):
            self._end_if_nothing_follows(step)
        self._go_on_if_nobody_asks(batch)
        if self._batch_manager.can_generate() and self._is_idle():
            waiting = [name for name in self.dag if self._is_step_running(name)]
            raise RunFailed(
                f"the steps {waiting} wait for rows that no step will send"
                + (JOINED if any(map(self._joins_routes, self.dag)) else "")
            )

    def _end_if_nothing_follows(self, step: str) -> None:
        """The last batch, its rows or none, for a step that has had all of them unknowingly."""
        sent = self._batch_manager.get_last_batch_sent(step)
        before = list(self.dag.get_step_predecessors(step))
        if (sent is not None and sent.last_batch) or self._joins_routes(step):
            return
        if not all(map(self._has_sent_all, before)):
            return
        joins = list(filter(self._joins_routes, self.dag.get_step_successors(step)))
        if any(map(self._is_step_running, joins)):
            return  # it is told to end by the step after it
        if joins:
            self._ended.add(step)
        buffer = self._batch_manager._steps[step].data
        left = {
            name: [r for batch in batches for r in batch.data[0]]
            for name, batches in buffer.items()
        }
        if any(left.values()) and (joins or len(left) > 1):
            counts = {name: len(rows) for name, rows in left.items()}
            raise RunFailed(f"step '{step}' gets unequal numbers of rows; rows left over: {counts}")
        self._send_all(step, left)

    def _send_all(self, step: str, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Rows that are left, in batches of which the last one says so; a single one if empty."""
        buffer = self._batch_manager._steps[step]
        buffer.data = {name: [] for name in rows}
        count = max(map(len, rows.values()))
        size = buffer.input_batch_size or max(count, 1)
        for start in range(0, max(count, 1), size):
            batch = _Batch(
                seq_no=buffer._get_seq_no(),
                step_name=step,
                last_batch=start + size >= count,
                data=[some[start : start + size] for some in rows.values()],
            )
            self._send_batch_to_step(batch)

    def _has_sent_all(self, step: str) -> bool:
        last = self._batch_manager.get_last_batch(step)
        return last is not None and last.last_batch

    def _is_routed(self, step: str) -> bool:
        return bool(self.dag.get_step(step).get(RECEIVES_ROUTED_BATCHES_ATTR_NAME))

    def _joins_routes(self, step: str) -> bool:
        buffer = self._batch_manager._steps[step]
        return buffer.convergence_step and len(buffer.data) > 0

    def _go_on_if_nobody_asks(self, batch: _Batch) -> None:
        """Ask a generator for more where the steps that would are not loaded in this stage."""
        step = batch.step_name
        if step not in self.dag.root_steps or batch.last_batch or self._in_flight[step]:
            return
        if not any(map(self._is_step_running, self.dag.get_step_successors(step))):
            self._request_batch_from_generator(step)

    def _is_idle(self) -> bool:
        """No loaded step has a batch to work on, and none has sent one that is yet to be read."""
        at_work = (name for name, count in self._in_flight.items() if count > 0)
        return not any(map(self._is_step_running, at_work)) and self._output_queue.empty()
