"""Where the rows of a run are cut into shards."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

#: The share of a shard's time that loading models takes where its length is chosen.
LOADING_SHARE = 0.03
#: Rows of the shards that are measured, and most rows of any: a shard's rows are in memory.
FIRST_ROWS, MOST_ROWS = 128, 50_000


@dataclass(frozen=True)
class Cut:
    """How rows are cut: some short shards first, then shards of another length.

    Attributes:
        first: rows of a short shard.
        count: how many short shards there are.
        then: rows of the others; None where this is not known yet.
    """

    first: int
    count: int
    then: int | None

    @classmethod
    def even(cls, rows: int, shards: int) -> "Cut":
        """So many shards of the same length."""
        return cls(0, 0, math.ceil(rows / shards))

    def length(self, rows: int, loading: float, working: float, slots: int, left: int) -> int:
        """Rows of a shard in which loading is a small part, as a measured one shows.

        Args:
            rows: of the measured shard.
            loading: seconds in which it did not work on rows.
            working: seconds in which it did.
            slots: how many shards run at the same time; none should be without one.
            left: rows that are left to cut.
        """
        wanted = loading * (1 / LOADING_SHARE - 1) * rows / max(working, 1e-3)
        return max(1, self.first, min(math.ceil(wanted), math.ceil(left / slots), MOST_ROWS))

    def ranges(self, rows: int, known: int = 0) -> Iterator[range]:
        """The rows of each shard, as far as they are known, less the first `known` shards."""
        starts = [min(number * self.first, rows) for number in range(self.count + 1)]
        if self.then:
            starts += range(starts[-1] + self.then, rows, self.then)
            starts.append(rows)
        found = (range(start, stop) for start, stop in pairwise(starts) if start < stop)
        yield from islice(found, known, None)
