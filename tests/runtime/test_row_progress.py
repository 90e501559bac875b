"""Rows of finished batches and of those under way, in whatever order the reports arrive."""

import pytest

from distilabel_rag4rag.runtime.row_progress import RowProgress


def test_rows_inside_batches_are_added_to_those_of_finished_ones() -> None:
    seen: list[tuple[str, int]] = []
    progress = RowProgress(lambda step, rows: seen.append((step, rows)))
    progress.add_rows("ask", 0, 3)
    progress.add_rows("ask", 1, 2)  # another replica
    progress.add_rows("judge", 0, 1)
    progress.finish_batch("ask", 0, 10)
    progress.add_rows("ask", 1, 9)
    progress.finish_batch("ask", 1, 20)
    assert seen == [
        ("ask", 3),
        ("ask", 5),
        ("judge", 1),
        ("ask", 12),
        ("ask", 19),
        ("ask", 20),
    ]


def test_a_report_that_its_batch_has_overtaken_is_left_out() -> None:
    seen: list[int] = []
    progress = RowProgress(lambda step, rows: seen.append(rows))
    progress.finish_batch("ask", 0, 10)
    progress.add_rows("ask", 0, 9)
    progress.add_rows("ask", 1, 1)
    assert seen == [10, 11]


def test_nobody_has_to_listen() -> None:
    progress = RowProgress(None)
    progress.add_rows("ask", 0, 3)
    progress.finish_batch("ask", 0, 10)


def test_an_error_of_the_function_is_raised_and_the_next_call_works() -> None:
    progress = RowProgress(lambda step, rows: seen.append(10 // rows))
    seen: list[int] = []
    with pytest.raises(ZeroDivisionError):
        progress.finish_batch("ask", 0, 0)
    progress.finish_batch("ask", 1, 5)
    assert seen == [2]
