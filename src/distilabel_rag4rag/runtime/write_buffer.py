"""Parquet files of the last steps' rows, with a schema that does not depend on the batches.

distilabel's own buffer infers a schema from each 50 rows: a first buffer without values, an int
before a float, a key that comes late or an empty dict ends the run, or loses the column. Here
the columns of schema.py have their declared types, all others the type that fits all of a run's
rows.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from distilabel_rag4rag.schema import BY_NAME, SPAN
from distilabel_rag4rag.utils.text import replace_surrogates

Rows = list[dict[str, Any]]


class ParquetBuffer:
    """Collects batches of rows per step and writes them to `folder/<step>/<number>.parquet`."""

    def __init__(self, folder: Path, steps: Iterable[str], rows_per_file: int = 1000) -> None:
        """Create the folders, one for each of `steps`."""
        self.folder, self.rows_per_file = folder, rows_per_file
        self._rows: dict[str, Rows] = {step: [] for step in steps}
        self._files: dict[str, list[Path]] = defaultdict(list)
        for step in self._rows:
            (folder / step).mkdir(parents=True)

    def add_batch(self, batch: Any) -> None:
        """Take a `distilabel.pipeline.batch._Batch`."""
        step = batch.step_name
        self._rows[step].extend(batch.data[0])
        if len(self._rows[step]) >= self.rows_per_file:
            self._write(step)

    def close(self) -> None:
        """Write what is left and give all the files of a step one schema."""
        for step, rows in self._rows.items():
            if rows:
                self._write(step)
            unify_files(self._files[step], step)

    def _write(self, step: str) -> None:
        file = self.folder / step / f"{len(self._files[step]):05d}.parquet"
        pq.write_table(table_of(self._rows[step], step), file)
        self._files[step].append(file)
        self._rows[step] = []


def unify_files(files: Sequence[Path], step: str) -> None:
    """Give parquet files the schema that fits the rows of all of them.

    Args:
        files: those of one step.
        step: its name, for the message of the error.

    Raises:
        TypeError: if a column has types that do not go together.
    """
    schemas = [pq.read_schema(file) for file in files]
    if all(schema == schemas[0] for schema in schemas):
        return
    try:
        unified = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowTypeError as error:
        raise TypeError(f"step '{step}' gives a column two types: {error}") from error
    for file, schema in zip(files, schemas, strict=True):
        if schema != unified:
            rows = pq.read_table(file).to_pylist()
            pq.write_table(pa.Table.from_pylist(rows, schema=unified), file)


def table_of(rows: Rows, step: str = "") -> pa.Table:
    """The rows as a table with every key that any of them has; a missing value is null.

    Args:
        rows: the rows; values may be NumPy's, text may hold lone surrogates (each becomes
            U+FFFD, since Arrow's text is UTF-8).
        step: the name of the step that the rows come from, for error messages.

    Raises:
        TypeError: if a column's values have no common Arrow type, a column's name is no text, or
            the rows have no columns.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    if not names:
        raise TypeError(f"step '{step}' gives rows without columns")
    columns = {}
    for name in names:
        if not isinstance(name, str) or _plain(name) != name or "\x00" in name:
            raise TypeError(f"step '{step}' gives a column named {name!r}, expected text")
        values = [row.get(name) for row in rows]
        try:
            columns[name] = _column(name, values)
            if pa.types.is_binary(columns[name].type) and str in map(type, values):
                raise pa.ArrowTypeError("it holds bytes and text")  # Arrow would encode the text
        except (pa.ArrowException, OverflowError) as error:
            raise TypeError(
                f"column '{name}' of step '{step}' has no Arrow type: {error}"
            ) from error
    return pa.table(columns)


def _column(name: str, values: list[Any]) -> pa.Array:
    """The declared type where schema.py has one and the values fit it, else what fits them all."""
    declared = BY_NAME[name].type if name in BY_NAME else None
    if name == "hallucinated_spans" and _has_other_keys(values):  # a judge that types its spans
        declared = None
    for prepare, kind in ((_raw, declared), (_plain_all, declared), (_plain_all, None)):
        with suppress(pa.ArrowException, UnicodeEncodeError, OverflowError):
            column = pa.array(prepare(values), type=kind)
            # An empty dict is null, also beside others, whose keys it would get.
            is_plain = prepare is _plain_all or kind is not None or not _has_struct(column.type)
            if is_plain and not _has_empty_struct(column.type):
                return column
    return pa.array(_plain_all(values))


def _has_other_keys(values: list[Any]) -> bool:
    known = set(SPAN.names)
    return any(not known.issuperset(span) for spans in values for span in spans or ())


def _raw(values: list[Any]) -> list[Any]:
    return values


def _plain_all(values: list[Any]) -> list[Any]:
    return [_plain(value) for value in values]


def _has_struct(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) or any(
        _has_struct(kind.field(index).type) for index in range(kind.num_fields)
    )


def _has_empty_struct(kind: pa.DataType) -> bool:
    """Whether the type holds a struct without fields, which parquet cannot store."""
    if pa.types.is_struct(kind) and kind.num_fields == 0:
        return True
    return any(_has_empty_struct(kind.field(index).type) for index in range(kind.num_fields))


def _plain(value: Any) -> Any:
    """The value without NumPy, lone surrogates and empty dicts."""
    match value:
        case str():
            return replace_surrogates(value)
        case dict():
            return {_plain(key): _plain(item) for key, item in value.items()} or None
        case np.ndarray():
            return _plain(value.tolist())
        case list() | tuple():
            return [_plain(item) for item in value]
        case np.generic():
            return value.item()
        case _:
            return value
