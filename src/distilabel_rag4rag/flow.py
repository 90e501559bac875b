"""Rows on their way from step to step: unchanged, none stuck, none lost.

distilabel writes rows to parquet between some steps, which changes their types, and waits for
ever where a step leaves its last batch empty.
"""

from typing import TYPE_CHECKING, Any

from distilabel.constants import RECEIVES_ROUTED_BATCHES_ATTR_NAME, STEPS_OUTPUTS_PATH
from distilabel.pipeline import Pipeline
from distilabel.pipeline.batch import _Batch

from distilabel_rag4rag.failures import RunFailed
from distilabel_rag4rag.parquet_buffer import ParquetBuffer

if TYPE_CHECKING:
    from distilabel.pipeline.batch_manager import _BatchManager


class FlowPipeline(Pipeline):
    """The part of `FailFastPipeline` that moves the rows; not for use by itself."""

    _batch_manager: "_BatchManager"
    _in_flight = 0

    def _setup_write_buffer(self, use_cache: bool = True) -> None:
        """A buffer whose schema does not depend on where a batch ends."""
        self._in_flight = 0
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
        self._in_flight += isinstance(to_send, _Batch)
        super()._send_to_step(step_name, to_send)

    def _process_batch(self, batch: _Batch, send_last_batch_flag: bool = True) -> None:
        self._in_flight -= 1
        super()._process_batch(batch, send_last_batch_flag)

    def _manage_batch_flow(self, batch: _Batch) -> None:
        """As distilabel, which forgets a step whose last rows were filtered out before it.

        Raises:
            RunFailed: if steps have not ended and no batch is out that could wake them.
        """
        super()._manage_batch_flow(batch)
        for step in self.dag.get_step_successors(batch.step_name):
            self._end_if_nothing_follows(step)
        if self._in_flight == 0 and self._batch_manager.can_generate():
            waiting = [name for name in self.dag if self._is_step_running(name)]
            raise RunFailed(f"the steps {waiting} wait for rows that no step will send")

    def _end_if_nothing_follows(self, step: str) -> None:
        """An empty last batch for a step that has had all its rows without knowing it."""
        sent = self._batch_manager.get_last_batch_sent(step)
        buffer = self._batch_manager._steps[step]
        routed = self.dag.get_step(step).get(RECEIVES_ROUTED_BATCHES_ATTR_NAME)
        if (sent is not None and sent.last_batch) or buffer.convergence_step or routed:
            return
        if not all(map(self._has_sent_all, self.dag.get_step_predecessors(step))):
            return
        left = {name: sum(len(b.data[0]) for b in bs) for name, bs in buffer.data.items()}
        if any(left.values()):
            raise RunFailed(f"step '{step}' gets unequal numbers of rows; rows left over: {left}")
        empty: list[Any] = [[] for _ in left]
        last = _Batch(seq_no=buffer._get_seq_no(), step_name=step, last_batch=True, data=empty)
        self._send_batch_to_step(last)

    def _has_sent_all(self, step: str) -> bool:
        last = self._batch_manager.get_last_batch(step)
        return (
            last is not None and last.last_batch and not self._batch_manager._missing_seq_no(last)
        )
