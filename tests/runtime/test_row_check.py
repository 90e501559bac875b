"""check_run and Tally: what is missing, what is None, and when it is too much."""

import json

import pytest

from distilabel_rag4rag.errors import RunFailed, TooManyFailed
from distilabel_rag4rag.runtime.row_check import check_run
from distilabel_rag4rag.runtime.tally import Tally


def rows(ids: str, **columns: object) -> list[dict[str, object]]:
    return [{"id": id_, **columns} for id_ in ids]


def test_all_there() -> None:
    check = check_run(rows("abc"), rows("abc", answer="x"))
    assert check.complete
    assert (check.rows_in, check.rows_out, check.none) == (3, 3, {})
    assert check.summary() == "3 rows in, 3 rows out"
    check.raise_if_incomplete()


@pytest.mark.parametrize(
    ("out", "wrong"),
    [
        ("ac", "missing: 1 (b)"),
        ("abcd", "unknown: 1 (d)"),
        ("abbc", "repeated: 1 (b)"),
        ("acb", "another order"),
        ("", "missing: 3 (a, b, c)"),
    ],
)
def test_what_is_wrong_is_named(out: str, wrong: str) -> None:
    with pytest.raises(RunFailed) as failure:
        check_run(rows("abc"), rows(out)).raise_if_incomplete()
    assert wrong in str(failure.value)


def test_ids_that_repeat_on_both_sides_are_right() -> None:
    assert check_run(rows("aab"), rows("aab")).complete
    assert check_run(rows("aab"), rows("ab")).missing == ("a",)


def test_none_is_counted_by_column_and_step() -> None:
    tally = Tally()
    tally.add("ask", 20, 1, "ValueError: a scripted error")
    out = [{"id": "a", "answer": None, "why": 1}, {"id": "b", "why": None}, {"id": "c", "why": 2}]
    check = check_run(rows("abc"), out, tally=tally)
    assert check.none == {"answer": 3, "why": 1}
    assert check_run(rows("abc"), out, columns=["why"]).none == {"why": 1}
    assert check.steps == {
        "ask": {"rows": 20, "failed": 1, "first_error": "ValueError: a scripted error"}
    }
    assert (
        "step 'ask': 1 of 20 failed, first error: ValueError: a scripted error" in check.summary()
    )
    assert json.loads(json.dumps(check.to_dict()))["none"] == {"answer": 3, "why": 1}


def test_few_failures_are_let_through() -> None:
    tally = Tally(0.05)
    tally.add("ask", 50, 0)
    tally.add("ask", 50, 5, "an error")
    tally.raise_if_exceeded()
    assert str(tally) == "ask 100"


def test_batches_that_a_step_works_on_at_once_count_once() -> None:
    tally = Tally()
    for worked in ((4.0, 6.0), (1.0, 3.0), (2.0, 3.5), (2.5, 3.0), None):
        tally.add_time("ask", worked, 0.25)
    tally.add_time("ask", (9.0, 9.5), 0.5)
    assert tally.steps["ask"].seconds == 2.5 + 2.0 + 0.5
    assert tally.steps["ask"].loading_seconds == 0.5


def test_a_share_is_not_rounded_down() -> None:
    """0.29 * 100 is a little less than 29."""
    tally = Tally(0.29)
    tally.add("step", 100, 29)
    tally.raise_if_exceeded()
    with pytest.raises(TooManyFailed):
        tally.add("step", 0, 1)


def test_too_many_failures_end_a_run_early() -> None:
    tally = Tally(0.05)
    tally.add("ask", 50, 5, "the first error")
    with pytest.raises(
        TooManyFailed, match=r"6 of 60 rows failed; max_failed allows 5%. First error: the first"
    ):
        tally.add("ask", 10, 1, "the second error")


def test_too_many_failures_of_few_rows_are_found_at_the_end() -> None:
    tally = Tally(0.05)
    tally.add("ask", 10, 1)
    with pytest.raises(TooManyFailed, match=r"1 of 10 rows failed.*the LLM gave no text"):
        tally.raise_if_exceeded()


@pytest.mark.parametrize(("before", "batch", "ends"), [(0, 1, True), (1, 1, False), (50, 5, True)])
def test_a_whole_batch(before: int, batch: int, ends: bool) -> None:
    """A single bad row does not end a run of one-row batches that has begun well."""
    tally = Tally(0.5)
    if before:
        tally.add("ask", before, 0)
    if ends:
        with pytest.raises(TooManyFailed, match=f"all {batch} rows of a batch failed"):
            tally.add("ask", batch, batch)
    else:
        tally.add("ask", batch, batch)


def test_all_may_fail_where_that_is_allowed() -> None:
    tally = Tally(1.0)
    tally.add("ask", 50, 50, "an error")
    tally.raise_if_exceeded()
