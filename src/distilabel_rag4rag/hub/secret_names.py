"""Secrets known by the name they stand under: of a field, a setting, an environment variable."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

from distilabel_rag4rag.utils.secrets import is_secret_name, leaves

_PLACEHOLDER = re.compile(
    r"(?i)[x*.0•_-]*|<[\w .-]+>|\$?\{\{?\s*[\w.]+\s*\}?\}|\$\w+|\[[a-z ]+\]|null|none|true|false"
    r"|password|passwd|pass|pwd|secret|guest|changeme|test|.*example.*|\w{2,8}[-_]x{8,}"
    r"|(?:my|your)[_-](?:api[_-]?)?(?:key|token|secret|password)(?:[_-]here)?"
)
_NAMED = ("name", "key", "field", "parameter", "header")
_VALUES = ("value", "val", "default", "content")
_ASSIGNED = re.compile(r"\s*([\w.-]+)\s*=\s*(\S.*)", re.DOTALL)
_ASSIGNMENT = re.compile(
    r"(?<![\w.-])([A-Za-z][\w.-]*)[\"']?\s*[=:]\s*(?:(?:Basic|Bearer)\s+)?[\"']?([^\s\"',;]{4,})"
)
#: Names that prose has, too, as in `unexpected token: word`.
_PROSE = re.compile(r"(?i)key|token|auth|cookie")


def is_placeholder(value: str) -> bool:
    """Whether a text stands for a secret and is none, such as `xxx`, `<token>` and `$TOKEN`."""
    return _PLACEHOLDER.fullmatch(value.strip()) is not None


def secret_fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Where a document holds something under the name of a secret."""
    if isinstance(value, dict):
        items = [(str(key), item) for key, item in value.items()]
        items += _pairs(value)
    elif isinstance(value, list | tuple):
        items = [(str(number), item) for number, item in enumerate(value)]
    elif isinstance(value, str):
        items = [(name, item) for name, item in [parse_assignment(value)] if name]
        if not items and (inner := _inner(value)) is not None:
            yield from secret_fields(inner, path)
    else:
        return
    for name, item in items:
        if is_secret_name(name, item) and any(map(_has_value, leaves(item))):
            yield ".".join((*path, name))
        else:
            yield from secret_fields(item, (*path, name))


def has_secret_assignment(text: str) -> bool:
    """Whether a line of a log tells a secret: `api_key=…`, `password: …`."""
    return any(
        is_secret_name(name, int(value) if value.isdecimal() else value)
        and not is_placeholder(value)
        and not (_PROSE.search(name) and value.rstrip(".:!?)").isalpha())
        for name, value in _ASSIGNMENT.findall(text)
    )


def parse_assignment(text: str) -> tuple[str, Any]:
    """Name and value of a setting such as `api_key=…`; an empty name for other text."""
    match = _ASSIGNED.fullmatch(text)
    if not match:
        return "", None
    inner = _inner(match[2])
    return match[1], match[2] if inner is None else inner


def known_secrets() -> dict[str, str]:
    """Secrets of the environment by value, and the Hub's token wherever it is kept."""
    from huggingface_hub import get_token

    found: dict[str, str] = {}
    for name, value in os.environ.items():
        if is_secret_name(name) and not os.path.exists(value.strip()):
            parts = [value, *(value.splitlines() if "\n" in value.strip() else ())]
            for part in map(str.strip, parts):
                if _is_distinctive(part):
                    found[part] = f"the value of the environment variable {name}"
    if token := get_token():
        found[token] = "the value of the Hub's token"
    escaped = {
        json.dumps(v, ensure_ascii=a)[1:-1]: k for v, k in found.items() for a in (False, True)
    }
    return escaped | found


def _is_distinctive(value: str) -> bool:
    """Whether a text is found by chance nowhere: not short, no word, no line of a PEM file."""
    return (
        len(value) >= 8
        and not re.fullmatch(r"[a-z]+(?:_[a-z]+)*", value)
        and not value.startswith("-----")
    )


def _pairs(value: dict[Any, Any]) -> list[tuple[str, Any]]:
    """`{name: api_key, value: …}` as a field of that name."""
    names = [value[key] for key in _NAMED if isinstance(value.get(key), str)]
    return [(name, value[key]) for name in names for key in _VALUES if key in value]


def _has_value(value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    return bool(str(value).strip()) and not is_placeholder(str(value))


def _inner(text: str) -> Any:
    """A document that stands in a text as JSON, or None."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
