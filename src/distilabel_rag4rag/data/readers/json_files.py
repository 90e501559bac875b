"""JSON and JSON lines as tables."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distilabel_rag4rag.data.readers.encoding import read_text
from distilabel_rag4rag.data.readers.squad import squad_records
from distilabel_rag4rag.data.readers.table import Table, from_records

SUFFIXES = (".json", ".jsonl", ".ndjson")

_SPACE = re.compile(r"[ \t\r\n]*")


def from_json(path: Path, questions: bool) -> Table:
    """A list of objects, an object per line, one object, or SQuAD's form, whatever the suffix.

    Args:
        path: the file.
        questions: SQuAD's form gives a record per question; without, one per paragraph.

    Raises:
        ValueError: if it is empty, is no JSON or has another form.
    """
    text, problem = read_text(path)
    if not text.strip():
        raise ValueError(f"{path} is empty")
    notes = (f"{path}: {problem}",) if problem else ()
    lines = path.suffix.lower() != ".json"
    return from_records(str(path), _records(text, str(path), questions, lines), notes)


def _records(text: str, name: str, questions: bool, lines: bool) -> list[Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        if lines or error.msg == "Extra data":
            return list(_values(text, name))
        raise ValueError(f"{name}, line {error.lineno}: not JSON: {_reason(error)}") from error
    except (ValueError, RecursionError) as error:  # numbers of 5,000 digits; 1,000 brackets
        raise ValueError(f"{name}: not JSON that can be read: {error}") from error
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        return list(squad_records(document["data"], name, questions))
    if isinstance(document, dict) and (lines or not any(map(_is_table, document.values()))):
        return [document]
    if isinstance(document, list) and not (lines and not all(map(_is_object, document))):
        return document
    if lines:
        return list(_values(text, name))
    if isinstance(document, dict):
        keys = ", ".join(list(document)[:10])
        raise ValueError(
            f"{name}: expected a list of objects, or SQuAD's {{'data': [...]}}; "
            f"found an object with the keys {keys}"
        )
    raise ValueError(f"{name}: expected a list of objects, found {type(document).__name__}")


def _values(text: str, name: str) -> Iterator[Any]:
    """The objects of a file that has one a line; an object may also take several lines."""
    decoder = json.JSONDecoder()
    line, counted, position = 1, 0, _skip_space(text, 0)
    while position < len(text):
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise ValueError(f"{name}, line {line}: not JSON: {_reason(error)}") from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name}, line {line}: not JSON that can be read: {error}") from error
        if not _is_object(value):
            found = type(value).__name__
            raise ValueError(f"{name}, line {line}: expected an object, found {found}")
        yield value
        position = _skip_space(text, end)


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _reason(error: json.JSONDecodeError) -> str:
    around = error.doc[: error.pos + 1].rstrip()
    if around.endswith(",") or re.search(r",\s*[]}]$", around):
        return f"{error.msg}; is there a comma too many?"
    return error.msg


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_object, value))
