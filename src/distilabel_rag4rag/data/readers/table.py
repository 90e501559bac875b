"""A source that is opened: its columns, and a way to read them."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

Record = dict[str, Any]


class Table(NamedTuple):
    """Records that are not read yet.

    Attributes:
        name: what errors call it.
        columns: the names of its columns.
        size: how many records it has.
        rows: reads the columns that are named.
        notes: what was left out or changed in opening it, in sentences.
        is_text: whether its records are passages that were cut from text files.
    """

    name: str
    columns: list[str]
    size: int
    rows: Callable[[list[str]], Iterable[Record]]
    notes: tuple[str, ...] = ()
    is_text: bool = False


def from_records(
    name: str, records: list[Any], notes: tuple[str, ...] = (), is_text: bool = False
) -> Table:
    """Records that are in memory; each must be an object.

    Raises:
        ValueError: if one is something else.
    """
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise ValueError(
                f"{name}, row {number}: expected an object, found {type(record).__name__}"
            )
    columns = list(dict.fromkeys(key for record in records for key in record))
    return Table(name, columns, len(records), lambda names: records, notes, is_text)


def with_short_floats(table: "pa.Table") -> "pa.Table":
    """The table with 3.1 where a float of 32 bits would become 3.0999999046325684."""
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        column = table.column(number)
        for kind in (pa.float32(), pa.string(), pa.float64()):
            column = column.cast(_with_floats_as(field.type, kind))
        table = table.set_column(number, field.name, column)
    return table


def _with_floats_as(found: "pa.DataType", kind: "pa.DataType") -> "pa.DataType":
    """The type, with `kind` for floats of less than 64 bits, also in lists."""
    import pyarrow as pa

    if found in (pa.float16(), pa.float32()):
        return kind
    if pa.types.is_list(found):
        return pa.list_(_with_floats_as(found.value_type, kind))
    return found
