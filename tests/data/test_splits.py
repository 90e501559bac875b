"""Rows that share a document, directly or by way of others, are in one split."""

import random

import pyarrow as pa
import pytest

from distilabel_rag4rag.data.splits import split_rows

TEXT = pa.string()


def documents(count: int, per: int = 3) -> pa.Table:
    numbers = range(count * per)
    return pa.table(
        {
            "title": [f"t{n // per}" for n in numbers],
            "passage_id": [f"p{n}" for n in numbers],
        }
    )


def test_a_tenth_of_the_rows_is_held_out_twice() -> None:
    (splits,) = split_rows([documents(100)])
    assert {name: splits.count(name) for name in ("train", "validation", "test")} == {
        "train": 240,
        "validation": 30,
        "test": 30,
    }
    assert all(len(set(splits[n : n + 3])) == 1 for n in range(0, 300, 3))


def test_the_order_of_rows_and_tables_does_not_matter() -> None:
    table = documents(30)
    (splits,) = split_rows([table])
    order = random.Random(0).sample(range(90), 90)
    (shuffled,) = split_rows([table.take(order)])
    assert shuffled == [splits[n] for n in order]
    first, second = split_rows([table.slice(40), table.slice(0, 40)])
    assert second + first == splits


def test_rows_are_tied_by_way_of_other_rows() -> None:
    """The title of one, the text of the next, the id of the third; white space does not count."""
    tied = pa.table(
        {
            "title": pa.array(["a", "a ", None, None], TEXT),
            "context": pa.array([None, "one  text", "one text", " "], TEXT),
            "passage_id": pa.array([None, None, "p", "p"], TEXT),
        }
    )
    others = documents(9, per=4)
    for place in range(4):
        found = split_rows([others, tied.slice(place), tied.slice(0, place)])
        assert len({split for part in found[1:] for split in part}) == 1


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"title": pa.array([None, " "], TEXT)}),
        pa.table({"question": ["a", "b"]}),
        pa.table({"title": ["only one"] * 2}),
    ],
)
def test_rows_without_documents_and_a_single_document_are_trained_on(table: pa.Table) -> None:
    assert split_rows([table]) == [["train", "train"]]
    assert split_rows([table.slice(0, 0)]) == [[]]
