"""How many rows the steps of a run have at once: enough that none waits, and no more."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import networkx as nx
from distilabel.constants import RECEIVES_ROUTED_BATCHES_ATTR_NAME, STEP_ATTR_NAME
from distilabel.pipeline.batch import _Batch

if TYPE_CHECKING:
    from distilabel.pipeline._dag import DAG
    from distilabel.pipeline.batch_manager import _BatchManager

#: Rows that may wait at a step before its generator is asked for no more.
ROWS_AHEAD = 512
#: Rows per batch of a step that works on several batches at once, where more were asked for.
ROWS_PER_BATCH = 50
MOST_BATCHES_AT_ONCE = 256
#: Batches that each replica of a step should have: one to work on and one that waits.
BATCHES_PER_REPLICA = 2


class RowsAhead:
    """Counts the rows that each step has been sent and has not given back.

    distilabel asks a generator for rows when the steps behind it have none, and of most pipelines
    reads all the rows as fast as the first step can take them. Here a generator is asked as long
    as no step behind it has more than `most` rows to work on.

    A Task whose LLM says `takes_batches_at_once` gets several batches at once, of which none is
    large, since a batch goes on to the next step as a whole.

    Attributes:
        most: rows that a step may have before the generators wait; as many as an LLM wants, and
            more where its replicas could not all have batches of theirs otherwise.
    """

    def __init__(self, dag: "DAG", manager: "_BatchManager") -> None:
        self._dag, self._manager = dag, manager
        self._sent: dict[str, dict[int, int]] = defaultdict(dict)
        self._at_once: dict[str, int] = {}
        nodes = {name: dag.get_step(name) for name in dag}
        routed = any(node.get(RECEIVES_ROUTED_BATCHES_ATTR_NAME) for node in nodes.values())
        self.most = ROWS_AHEAD
        for name, node in nodes.items():
            buffer = manager._steps[name]
            llm: Any = getattr(node[STEP_ATTR_NAME], "llm", None)
            if not getattr(llm, "takes_batches_at_once", False) or buffer.input_batch_size is None:
                continue
            if not routed:  # routes are joined again by batches
                buffer.input_batch_size = min(buffer.input_batch_size, ROWS_PER_BATCH)
            wanted = math.ceil(llm.rows_at_once / buffer.input_batch_size)
            self._at_once[name] = max(2, min(wanted, MOST_BATCHES_AT_ONCE))
            self.most = max(self.most, llm.rows_at_once)

    def batches_at_once(self, step: str) -> int:
        """How many batches the step works on at the same time."""
        return self._at_once.get(step, 1)

    def rows(self, step: str) -> int:
        """How many rows the step has; a batch without rows counts as one."""
        return sum(self._sent[step].values())

    def send(self, batch: _Batch) -> None:
        """Count a batch that a step gets."""
        rows: list[list[Any]] = batch.data or [[]]
        self._sent[batch.step_name][batch.seq_no] = max(len(rows[0]), 1)

    def take_back(self, batch: _Batch) -> None:
        """Count a batch that a step has finished."""
        self._sent[batch.step_name].pop(batch.seq_no, None)

    def generators_to_ask(self, is_running: Callable[[str], bool]) -> Iterator[str]:
        """The generators that have more rows, for which all the running steps have room."""
        for name in self._dag.root_steps:
            last = self._manager.get_last_batch(name)
            if last is None or last.last_batch or self._sent[name] or not is_running(name):
                continue
            behind = nx.descendants(self._dag.G, name)
            if all(self.rows(step) < self.most_of(step) for step in behind if is_running(step)):
                yield name

    def most_of(self, step: str) -> int:
        """Rows that this step may have before the generators wait."""
        size = self._manager._steps[step].input_batch_size or 0
        replicas = self._dag.get_step_replica_count(step)
        return max(self.most, BATCHES_PER_REPLICA * replicas * size)
