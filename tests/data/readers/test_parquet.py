"""Parquet files."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from distilabel_rag4rag import load_rows


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_a_number_is_read_as_it_was_written(kind: pa.DataType, tmp_path: Path) -> None:
    values = pa.array([3.125, 2.5, None]).cast(kind)
    rows = {"question": ["a?", "b?", "c?"], "context": ["It weighs 3.125 tons."] * 3}
    pq.write_table(pa.table({**rows, "human_answer": values}), tmp_path / "rows.parquet")
    assert load_rows(tmp_path / "rows.parquet")["human_answer"] == ["3.125", "2.5", None]


@pytest.mark.parametrize("form", ["parquet", "Dataset", "records of numpy"])
@pytest.mark.parametrize("in_lists", [False, True])
def test_a_number_of_32_bits_gains_no_digits(form: str, in_lists: bool, tmp_path: Path) -> None:
    values = np.array([3.1, 0.7, 1e-7, 16777216.0], np.float32)
    golds = pa.array([[v] for v in values] if in_lists else values)
    assert golds.type == (pa.list_(pa.float32()) if in_lists else pa.float32())
    rows = {"question": ["a?", "b?", "c?", "d?"], "context": ["It weighs 3.1 tons."] * 4}
    name = "human_answers" if in_lists else "human_answer"
    table = pa.table({**rows, name: golds})
    source: object = Dataset(table)
    if form == "parquet":
        source = tmp_path / "rows.parquet"
        pq.write_table(table, source)
    elif form == "records of numpy":
        plain = [values[i : i + 1] if in_lists else values[i] for i in range(4)]
        source = [
            {**row, name: v} for row, v in zip(pa.table(rows).to_pylist(), plain, strict=True)
        ]
    assert load_rows(source)["human_answer"] == ["3.1", "0.7", "1e-07", "16777216"]
