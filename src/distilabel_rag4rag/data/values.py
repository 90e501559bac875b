"""Single values of any origin: JSON, CSV, Arrow, NumPy, pandas."""

import uuid
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np

from distilabel_rag4rag.utils.text import clean_text, counted, is_missing


def plain(value: Any) -> Any:
    """The value without NumPy's types; a list for a tuple or an array, None for what is missing."""
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind == "f" and value.dtype.itemsize < 8:
            value = value.astype(str).astype(float)  # 3.1, not 3.0999999046325684
        value = value.tolist()
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return value if isinstance(value, str | dict) or not is_missing(value) else None


def scalar_text(value: Any, where: str) -> str | None:
    """A text, number, date or id as text; None for None.

    A whole float is a whole number: next to missing values pandas makes floats of integers.

    Raises:
        ValueError: if it is of another type.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time() and value.tzinfo is None:
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | float | Decimal | uuid.UUID):
        return str(value)
    raise ValueError(f"{where}expected text, found {_kind(value)}")


def one_text(value: Any, where: str) -> str | None:
    """A text without control characters, from a text, another scalar or a list of one.

    Raises:
        ValueError: if it is of another type, or a list of several.
    """
    value = plain(value)
    if isinstance(value, list) and len(value) <= 1:
        value = plain(value[0]) if value else None
    if isinstance(value, dict) and isinstance(value.get("text"), str):  # Natural Questions
        value = value["text"]
    text = scalar_text(value, where)
    return None if text is None else clean_text(text)


def is_cleaned(value: Any, text: str | None) -> bool:
    """Whether `one_text` took more out of a text than it changed line ends."""
    if not isinstance(value, str) or value == text:
        return False
    return value.replace("\r\n", "\n").replace("\r", "\n") != text


def cleaned_texts(name: str, count: int) -> str:
    """The note that texts of a source were cleaned."""
    return f"{name}: removed control characters or lone surrogates from {counted(count, 'text')}"


def truth(value: Any, where: str) -> bool | None:
    """A truth value in any spelling; None for a missing one or a blank.

    Raises:
        ValueError: if it is neither.
    """
    value = plain(value)
    text = str(value).strip().lower() if value is not None else ""
    if text in ("true", "1", "1.0", "yes"):
        return True
    if text in ("false", "0", "0.0", "no"):
        return False
    if text:
        raise ValueError(f"{where}found {short(value)}, expected true or false")
    return None


def short(value: Any) -> str:
    """The value for an error message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return f"list of {len(value)}; join the texts, or make a row of each"
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(map(repr, value)) or '(none)'}"
    return type(value).__name__
