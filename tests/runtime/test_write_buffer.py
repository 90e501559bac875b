"""ParquetBuffer: one schema for all the files of a step, whatever their rows hold."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distilabel_rag4rag.runtime.write_buffer import ParquetBuffer, table_of
from distilabel_rag4rag.schema import arrow_schema


def written(folder: Path, *batches: list[dict[str, Any]]) -> pa.Table:
    """Every batch in a file of its own, then read back together."""
    buffer = ParquetBuffer(folder / "data", ["step"], rows_per_file=1)
    for batch in batches:
        buffer.add_batch(SimpleNamespace(step_name="step", data=[batch]))
    buffer.close()
    files = sorted((folder / "data" / "step").iterdir())
    schemas = [pq.read_schema(file) for file in files]
    assert all(schema == schemas[0] for schema in schemas)
    return pa.concat_tables([pq.read_table(file) for file in files])


@pytest.mark.parametrize(
    ("batches", "kind", "values"),
    [
        ([[None], ["x"]], pa.string(), [None, "x"]),
        ([[[]], [["x"]]], pa.list_(pa.string()), [[], ["x"]]),
        ([[1], [2.5]], pa.float64(), [1.0, 2.5]),
        ([[np.int64(1), 2.5], [np.float32(0.5)]], pa.float64(), [1.0, 2.5, 0.5]),
        ([[{}], [{"k": 1}]], pa.struct([("k", pa.int64())]), [None, {"k": 1}]),
        ([[{}, {"k": 1}]], pa.struct([("k", pa.int64())]), [None, {"k": 1}]),
        ([[[{}], [{"k": 1}]]], pa.list_(pa.struct([("k", pa.int64())])), [[None], [{"k": 1}]]),
        (
            [[{"k": 1}], [{"k": None, "z": "q"}]],
            pa.struct([("k", pa.int64()), ("z", pa.string())]),
            [{"k": 1, "z": None}, {"k": None, "z": "q"}],
        ),
        ([[np.arange(2)], [[7]]], pa.list_(pa.int64()), [[0, 1], [7]]),
        ([["\ud800a"], ["b\x00"]], pa.string(), ["\ufffda", "b\x00"]),
    ],
)
def test_types(tmp_path: Path, batches: Any, kind: pa.DataType, values: list[Any]) -> None:
    table = written(tmp_path, *[[{"value": value} for value in batch] for batch in batches])
    assert table.schema.field("value").type == kind
    assert table["value"].to_pylist() == values


def test_keys_that_come_late_or_go_missing(tmp_path: Path) -> None:
    table = written(tmp_path, [{"a": 1}, {"b": 2}], [{"c": 3}])
    assert table.to_pylist() == [
        {"a": 1, "b": None, "c": None},
        {"a": None, "b": 2, "c": None},
        {"a": None, "b": None, "c": 3},
    ]


@pytest.mark.parametrize("value", [None, []])
def test_our_columns_have_their_types_without_values(value: Any) -> None:
    rows = [dict.fromkeys(arrow_schema().names)]
    for name in ("retrieved_contexts", "retrieved_ids", "retrieval_scores", "hallucinated_spans"):
        rows[0][name] = value
    assert table_of(rows).schema == arrow_schema()


def test_our_columns_with_numpy_and_surrogates() -> None:
    span = {"start": np.int64(0), "end": 1, "text": "\udc00", "confidence": np.float32(0.5)}
    table = table_of(
        [{"answer": "a\ud800", "hallucinated_spans": [span], "source_rank": np.int32(1)}]
    )
    assert table.schema == arrow_schema("answer", "hallucinated_spans", "source_rank")
    assert table.to_pylist() == [
        {
            "answer": "a\ufffd",
            "hallucinated_spans": [{"start": 0, "end": 1, "text": "\ufffd", "confidence": 0.5}],
            "source_rank": 1,
        }
    ]


def test_a_column_of_ours_with_other_values_keeps_them() -> None:
    assert table_of([{"id": 7}]).to_pylist() == [{"id": 7}]


def test_errors_name_column_and_step(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="column 'a' of step 'ask' has no Arrow type"):
        table_of([{"a": 1}, {"a": "x"}], "ask")
    with pytest.raises(TypeError, match=r"step 'step' gives a column two types: .*Field a"):
        written(tmp_path, [{"a": 1}], [{"a": "x"}])


def test_typed_spans_keep_their_types(tmp_path: Path) -> None:
    """A taxonomy head's spans have more keys; rows without spans come before and after."""
    span = {"start": 0, "end": 4, "text": "1989", "confidence": 0.9, "category": "number"}
    batches = [[{"hallucinated_spans": spans}] for spans in ([], [span], [])]
    table = written(tmp_path, *batches)
    assert table["hallucinated_spans"].to_pylist() == [[], [span], []]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"v": b"x"}, {"v": "x"}], "column 'v' of step 's' has no Arrow type: it holds bytes and"),
        ([{5: 1}], "step 's' gives a column named 5, expected text"),
        ([{"\ud800": 1}], "gives a column named"),
        ([{}, {}], "step 's' gives rows without columns"),
    ],
)
def test_rows_that_no_file_can_hold(rows: list[Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        table_of(rows, "s")
