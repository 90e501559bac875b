"""Parquet files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distilabel_rag4rag import load_rows


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_a_number_is_read_as_it_was_written(kind: pa.DataType, tmp_path: Path) -> None:
    values = pa.array([3.125, 2.5, None]).cast(kind)
    rows = {"question": ["a?", "b?", "c?"], "context": ["It weighs 3.125 tons."] * 3}
    pq.write_table(pa.table({**rows, "human_answer": values}), tmp_path / "rows.parquet")
    assert load_rows(tmp_path / "rows.parquet")["human_answer"] == ["3.125", "2.5", None]


def test_a_number_of_32_bits_gains_no_digits(tmp_path: Path) -> None:
    values = pa.array([3.1, 0.7, 1e-7, 16777216.0], pa.float32())
    rows = {"question": ["a?", "b?", "c?", "d?"], "context": ["It weighs 3.1 tons."] * 4}
    pq.write_table(pa.table({**rows, "human_answer": values}), tmp_path / "rows.parquet")
    assert load_rows(tmp_path / "rows.parquet")["human_answer"] == [
        "3.1",
        "0.7",
        "1e-07",
        "16777216",
    ]
