"""Values of any origin (CSV text, NumPy, JSON, pandas' NaN) -> the types of the schema."""

import ast
import json
from collections.abc import Hashable
from functools import cache
from typing import Annotated, Any, NotRequired

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict

from distilabel_rag4rag.schema import BY_NAME, SPAN
from distilabel_rag4rag.utils.text import has_text, is_missing

#: Least and greatest value of a column; None: no limit.
LIMITS: dict[str, tuple[float, float | None]] = {
    "hallucination_score": (0.0, 1.0),
    "source_rank": (1, None),
    "review_weight": (1e-9, 1e18),
}


def with_types(table: pd.DataFrame, kinds: dict[str, pa.DataType] | None = None) -> pd.DataFrame:
    """The table with its columns of the given types, by default those of the schema.

    None, NaN and empty text are None, except that a text column keeps an empty text; lists may
    be JSON or a Python literal; "3" and 3.0 are the whole number 3.

    Raises:
        ValueError: naming column, row, what was found and what was expected.
    """
    kinds = kinds or {name: column.type for name, column in BY_NAME.items() if name in table}
    return table.assign(**{name: _converted(table[name], kind) for name, kind in kinds.items()})


def _converted(values: pd.Series, kind: pa.DataType) -> pd.Series:
    try:
        clean = _adapter(kind, LIMITS.get(str(values.name))).validate_python(values.tolist())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        row, *inside = first["loc"]
        where = "".join(f"[{part!r}]" for part in inside if part in ("start", "end", "confidence"))
        raise ValueError(
            f"column {values.name!r}, row {row}{where}: found {_short(first['input'])}, expected "
            f"{kind} ({first['msg']})"
        ) from None
    return pd.Series(clean, index=values.index, dtype=object)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _value(value: Any) -> Any:
    """The value as Python's own; None where it is missing or empty text."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if is_missing(value) or (isinstance(value, str) and not has_text(value)):
        return None
    return value


def _text(value: Any) -> str | None:
    """Whole numbers next to None have become floats; as text they are whole again."""
    if isinstance(value, str):
        return value
    value = _value(value)
    if isinstance(value, list | dict):
        raise ValueError("a single text is expected")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def _list(value: Any) -> Any:
    value = _value(value)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        pass
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


@with_config(ConfigDict(extra="allow"))
class _Span(TypedDict):
    start: int
    end: int
    text: NotRequired[Annotated[Any, PlainValidator(_text)]]
    confidence: Annotated[float, Field(ge=0, le=1)]


def _span(value: Any) -> Any:
    """Without a confidence the span is from a judge that says only yes or no: 1."""
    if isinstance(value, dict) and value.get("confidence") is None:
        return value | {"confidence": 1.0}
    return value


def _bool(value: Any) -> Any:
    """As CSV and Excel write it: 1.0 for true, blanks around."""
    value = _value(value)
    return value.strip().lower().removesuffix(".0") if isinstance(value, str) else value


@cache
def _adapter(kind: Hashable, limits: tuple[float, float | None] | None) -> TypeAdapter[list[Any]]:
    """From a list of cells to the values of an Arrow type."""
    return TypeAdapter(list[_annotation(kind, limits)])  # type: ignore[arg-type,misc]


def _annotation(kind: Any, limits: tuple[float, float | None] | None = None) -> Any:
    if pa.types.is_list(kind):
        return Annotated[list[_annotation(kind.value_type)] | None, BeforeValidator(_list)]  # type: ignore[misc]
    if kind == SPAN:
        return Annotated[_Span, BeforeValidator(_span)]
    if pa.types.is_string(kind):
        return Annotated[Any, PlainValidator(_text)]
    if pa.types.is_boolean(kind):
        return Annotated[bool | None, BeforeValidator(_bool)]
    plain: Any = {pa.int64(): int, pa.float64(): float}[kind]
    if limits is not None:
        plain = Annotated[plain, Field(ge=limits[0], le=limits[1])]
    return Annotated[plain | None, BeforeValidator(_value)]
