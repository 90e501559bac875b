"""Passages of a source that does not fit in memory."""

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from distilabel_rag4rag.data.passage_reader import PassageReader
from distilabel_rag4rag.data.readers import parquet
from distilabel_rag4rag.data.rows import passage_id

ROWS = [
    {"_id": "a", "text": "The kettle was cast in 1712."},
    {"_id": None, "text": "A mill\x00 by the Elbe."},
    {"_id": "b", "text": "  "},
    {"_id": "c", "text": "The  kettle was cast in 1712."},
    {"_id": "d", "text": None},
]
EXPECTED = [
    {"passage_id": "a", "title": None, "context": "The kettle was cast in 1712."},
    {
        "passage_id": passage_id("A mill by the Elbe."),
        "title": None,
        "context": "A mill by the Elbe.",
    },
]


@pytest.mark.parametrize("kind", ["list", "parquet", "dataset"])
def test_every_iteration_gives_the_same_passages_and_notes(kind: str, tmp_path: Path) -> None:
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet", row_group_size=2)
    if kind == "dataset":
        Dataset.from_list(ROWS).save_to_disk(tmp_path / "rows")
    source = {"list": ROWS, "parquet": tmp_path / "rows.parquet", "dataset": tmp_path / "rows"}
    reader = PassageReader(source[kind], columns={"passage_id": "_id", "context": "text"})
    assert reader.notes == []
    for _ in range(2):
        assert list(reader) == EXPECTED
        name = "the list" if kind == "list" else str(source[kind])
        assert reader.notes == [
            f"{name}: removed control characters or lone surrogates from 1 text",
            f"{name}: left out 2 empty passages",
            f"{name}: replaced 1 passage_id by the first one of the same text",
        ]


def test_an_id_for_two_texts_is_an_error_of_the_first_iteration() -> None:
    rows = [{"passage_id": "a", "context": "one"}, {"passage_id": "a", "context": "two"}]
    reader = PassageReader(rows)
    with pytest.raises(ValueError, match="passage_id 'a' stands for two different texts"):
        list(reader)


@pytest.mark.slow
def test_a_parquet_file_is_never_wholly_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_BATCH", 100)
    texts = [f"{number} {'costs ' * 400}" for number in range(3_000)]
    table = pa.table({"context": texts})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=300)
    del table, texts
    tracemalloc.start()
    allocated = pa.total_allocated_bytes()
    most = 0
    count = 0
    for _ in PassageReader(tmp_path / "rows.parquet"):
        most = max(most, pa.total_allocated_bytes() - allocated)
        count += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 3_000
    assert peak + most < 3_500_000  # the texts alone are 7 MB
