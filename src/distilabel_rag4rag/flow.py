"""Rows on their way from step to step: unchanged, none stuck, none lost.

distilabel writes rows to parquet between some steps, which changes their types; it loses the
batches of a replicated step that arrive after its last one; and it waits for ever where

- a step leaves its last batch empty,
- a step that batches are routed to does not get the last one,
- a step with replicas is the last of a stage,
- a generator's rows are for steps of a later stage.
"""

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from distilabel.constants import (
    LAST_BATCH_SENT_FLAG,
    RECEIVES_ROUTED_BATCHES_ATTR_NAME,
    STEPS_OUTPUTS_PATH,
)
from distilabel.pipeline import Pipeline
from distilabel.pipeline.batch import _Batch

from distilabel_rag4rag.failures import RunFailed
from distilabel_rag4rag.parquet_buffer import ParquetBuffer

if TYPE_CHECKING:
    from distilabel.pipeline.batch_manager import _BatchManager


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


class FlowPipeline(Pipeline):
    """The part of `FailFastPipeline` that moves the rows; not for use by itself."""

    _batch_manager: "_BatchManager"
    _in_flight: Counter[str]

    def _setup_write_buffer(self, use_cache: bool = True) -> None:
        """A buffer whose schema does not depend on where a batch ends."""
        self._in_flight = Counter()
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

    def _manage_batch_flow(self, batch: _Batch) -> None:
        """As distilabel, and then whatever it forgets.

        Raises:
            RunFailed: if steps have not ended and no batch is out that could wake them.
        """
        super()._manage_batch_flow(batch)
        for step in self.dag.get_step_successors(batch.step_name):
            self._end_if_nothing_follows(step)
        self._go_on_if_nobody_asks(batch)
        if self._batch_manager.can_generate() and self._is_idle():
            waiting = [name for name in self.dag if self._is_step_running(name)]
            raise RunFailed(f"the steps {waiting} wait for rows that no step will send")

    def _end_if_nothing_follows(self, step: str) -> None:
        """The last batch, its rows or none, for a step that has had all of them unknowingly."""
        sent = self._batch_manager.get_last_batch_sent(step)
        buffer = self._batch_manager._steps[step]
        if (sent is not None and sent.last_batch) or buffer.convergence_step:
            return
        if not all(map(self._has_sent_all, self.dag.get_step_predecessors(step))):
            return
        if self._is_routed(step):
            if any(map(self._joins_routes, self.dag.get_step_successors(step))):
                return  # told to end by the step after it
            buffer.last_batch_received = list(buffer.data)
            while batch := self._batch_manager.get_batch(step):
                self._send_batch_to_step(batch)
                if batch.last_batch:
                    return
        left = {name: sum(len(b.data[0]) for b in bs) for name, bs in buffer.data.items()}
        if any(left.values()):
            raise RunFailed(f"step '{step}' gets unequal numbers of rows; rows left over: {left}")
        empty: list[Any] = [[] for _ in left]
        last = _Batch(seq_no=buffer._get_seq_no(), step_name=step, last_batch=True, data=empty)
        self._send_batch_to_step(last)

    def _has_sent_all(self, step: str) -> bool:
        last = self._batch_manager.get_last_batch(step)
        return last is not None and last.last_batch

    def _is_routed(self, step: str) -> bool:
        return bool(self.dag.get_step(step).get(RECEIVES_ROUTED_BATCHES_ATTR_NAME))

    def _joins_routes(self, step: str) -> bool:
        return self._batch_manager._steps[step].convergence_step

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

    def _end_stage(self) -> None:
        """Let all the replicas of a stage end: a last batch ends only the one that gets it."""
        for step in filter(self._is_step_running, self._steps_of_stage()):
            for _ in range(self.dag.get_step_replica_count(step)):
                self._send_to_step(step, LAST_BATCH_SENT_FLAG)

    def _steps_of_stage(self) -> list[str]:
        stages, _ = self._get_steps_load_stages()
        return stages[self._current_stage]
