"""Reports of rows inside a batch: passed on while there is a receiver, else nothing."""

import pytest

from distilabel_rag4rag.utils.progress import receive_rows, report_rows


def test_reports_are_passed_on_inside_the_block_only() -> None:
    seen: list[int] = []
    report_rows(1)
    with receive_rows(seen.append):
        report_rows(2)
        report_rows(5)
    report_rows(7)
    assert seen == [2, 5]


def test_nothing_is_received_after_an_error() -> None:
    seen: list[int] = []
    with pytest.raises(ValueError, match="the batch"), receive_rows(seen.append):
        raise ValueError("the batch failed")
    report_rows(1)
    assert seen == []
