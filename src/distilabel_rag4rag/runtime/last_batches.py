"""The last batches that distilabel forgets to send.

Its batch manager ends a step with the batch that holds the step's last rows. Where a filter has
left no rows for such a batch, or a routing function has sent them to another step, it waits for
ever.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from distilabel.pipeline.batch import _Batch

from distilabel_rag4rag.errors import RunFailed

if TYPE_CHECKING:
    from distilabel.pipeline._dag import DAG
    from distilabel.pipeline.batch_manager import _BatchManager


class LastBatches:
    """Makes the batches that end a step whose predecessors have all sent their last.

    A step joins routes where all its predecessors receive routed batches. distilabel itself ends
    these, and needs to know of each batch which one it was made from.
    """

    def __init__(self, dag: "DAG", manager: "_BatchManager") -> None:
        self._dag, self._manager = dag, manager
        for step in manager._steps.values():  # a single route is nothing to join
            step.convergence_step = step.convergence_step and len(step.data) != 1

    def joins_routes(self, step: str) -> bool:
        """Whether the step gets the rows of several routes."""
        buffer = self._manager._steps[step]
        return buffer.convergence_step and bool(buffer.data)  # generators are marked so as well

    def ends_route(self, batch: _Batch) -> bool:
        """Whether it was made here, for a step before a join: the join must not get it."""
        joined = any(map(self.joins_routes, self._dag.get_step_successors(batch.step_name)))
        return joined and not batch.created_from

    def after(self, step: str) -> Iterator[_Batch]:
        """The batches that end those of the step's successors that wait in vain for more.

        Raises:
            RunFailed: if a step has got more rows from one predecessor than from another.
        """
        for successor in self._dag.get_step_successors(step):
            if self._waits_in_vain(successor):
                yield from self._rest(successor)

    def _waits_in_vain(self, step: str) -> bool:
        sent = self._manager.get_last_batch_sent(step)
        if (sent is not None and sent.last_batch) or self.joins_routes(step):
            return False
        received = map(self._manager.get_last_batch, self._dag.get_step_predecessors(step))
        return all(batch is not None and batch.last_batch for batch in received)

    def _rest(self, step: str) -> Iterator[_Batch]:
        """The rows that are left for a step; one batch without rows where there are none."""
        buffer = self._manager._steps[step]
        rows: dict[str, list[dict[str, Any]]] = {
            name: [row for batch in batches for row in batch.data[0]]
            for name, batches in buffer.data.items()
        }
        count = max(map(len, rows.values()))
        if count and any(map(self.joins_routes, self._dag.get_step_successors(step))):
            return  # rows that cannot be joined; the pipeline sees that nothing goes on
        if count and len(rows) > 1:
            left = {name: len(some) for name, some in rows.items()}
            raise RunFailed(f"step '{step}' gets unequal numbers of rows; rows left over: {left}")
        buffer.data = {name: [] for name in rows}
        size = buffer.input_batch_size or max(count, 1)
        for start in range(0, max(count, 1), size):
            yield _Batch(
                seq_no=buffer._get_seq_no(),
                step_name=step,
                last_batch=start + size >= count,
                data=[some[start : start + size] for some in rows.values()],
            )
