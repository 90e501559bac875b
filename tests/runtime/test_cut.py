"""Where rows are cut into shards."""

import pytest

from distilabel_rag4rag.runtime.cut import MOST_ROWS, Cut


@pytest.mark.parametrize(
    ("cut", "rows", "expected"),
    [
        (Cut.even(10, 3), 10, [(0, 4), (4, 8), (8, 10)]),
        (Cut.even(2, 5), 2, [(0, 1), (1, 2)]),
        (Cut(4, 2, None), 20, [(0, 4), (4, 8)]),
        (Cut(4, 2, 5), 20, [(0, 4), (4, 8), (8, 13), (13, 18), (18, 20)]),
        (Cut(4, 2, 5), 6, [(0, 4), (4, 6)]),
        (Cut(4, 2, None), 3, [(0, 3)]),
    ],
)
def test_ranges(cut: Cut, rows: int, expected: list[tuple[int, int]]) -> None:
    found = [(shard.start, shard.stop) for shard in cut.ranges(rows)]
    assert found == expected
    assert [(s.start, s.stop) for s in cut.ranges(rows, known=1)] == expected[1:]


def test_the_length_of_a_shard() -> None:
    """Loading is 3% of it, and no place is without one; never shorter than the measured one."""
    cut = Cut(100, 2, None)
    seconds = cut.length(100, loading=3, working=10, slots=2, left=100_000) / 100 * 10
    assert 3 / (3 + seconds) == pytest.approx(0.03, rel=0.01)
    assert cut.length(100, loading=3, working=10, slots=4, left=1000) == 250
    assert cut.length(100, loading=0, working=10, slots=4, left=1000) == 100
    assert cut.length(100, loading=30, working=0, slots=1, left=10**9) == MOST_ROWS
