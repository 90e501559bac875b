"""Parquet files as tables."""

from pathlib import Path
from typing import Any

from distilabel_rag4rag.data.readers.table import Table

SUFFIXES = (".parquet",)


def from_parquet(path: Path) -> Table:
    """A file, of which only the columns that are asked for are read.

    Raises:
        ValueError: if it is not parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path}: not parquet: {error}") from error

    def rows(names: list[str]) -> list[dict[str, object]]:
        try:
            return _as_written(file.read(columns=names)).to_pylist()  # type: ignore[no-any-return]
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path}: broken parquet: {error}") from error

    return Table(str(path), file.schema_arrow.names, file.metadata.num_rows, rows)


def _as_written(table: Any) -> Any:
    """The table with 3.1 where a float of 32 bits would become 3.0999999046325684."""
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        if field.type in (pa.float16(), pa.float32()):
            exact = table.column(number).cast(pa.float32()).cast(pa.string()).cast(pa.float64())
            table = table.set_column(number, field.name, exact)
    return table
