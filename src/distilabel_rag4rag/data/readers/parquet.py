"""Parquet files as tables."""

from collections.abc import Iterator
from pathlib import Path

from distilabel_rag4rag.data.readers.table import Table, with_short_floats

SUFFIXES = (".parquet",)

#: Rows that are read at once.
_BATCH = 4096


def from_parquet(path: Path) -> Table:
    """A file, of which only the columns that are asked for are read, a few rows at a time.

    Raises:
        ValueError: if it is not parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path}: not parquet: {error}") from error

    def rows(names: list[str]) -> Iterator[dict[str, object]]:
        try:
            for batch in file.iter_batches(_BATCH, columns=names):
                yield from with_short_floats(pa.Table.from_batches([batch])).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path}: broken parquet: {error}") from error

    return Table(str(path), file.schema_arrow.names, file.metadata.num_rows, rows)
