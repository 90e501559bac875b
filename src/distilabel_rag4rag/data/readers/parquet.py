"""Parquet files as tables."""

from pathlib import Path

from distilabel_rag4rag.data.readers.table import Table, with_short_floats

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
            return with_short_floats(file.read(columns=names)).to_pylist()  # type: ignore[no-any-return]
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path}: broken parquet: {error}") from error

    return Table(str(path), file.schema_arrow.names, file.metadata.num_rows, rows)
