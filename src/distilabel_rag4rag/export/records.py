"""Rows of any form as a list of dicts."""

from typing import Any

import numpy as np
import pyarrow as pa

Record = dict[str, Any]


def records_of(rows: Any) -> list[Record]:
    """The rows of a list of dicts, a Dataset, a DataFrame or an Arrow table."""
    if isinstance(rows, pa.Table):
        return rows.to_pylist()
    if hasattr(rows, "to_dict") and hasattr(rows, "iloc"):
        return [_plain(row) for row in rows.to_dict("records")]
    if hasattr(rows, "with_format"):
        return rows.with_format(None).to_list()
    return [_plain(row) for row in rows]


def _plain(row: Any) -> Record:
    """Lists instead of the arrays that pandas reads from parquet."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in row.items()
    }
