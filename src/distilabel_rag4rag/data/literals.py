"""Lists and objects that became text on the way through a CSV file."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterable
from typing import Any

from distilabel_rag4rag.utils.text import has_text, is_missing

# What the text of a list, an object or an array begins with.
_BEGINS = re.compile(
    r"""(?:np\.|numpy\.)?(?:array|list|tuple|set|frozenset|deque|dict|OrderedDict|tensor)"""
    r"""\(\s*[\[({]|[\[{]\s*(?:[uU]?['"]|[\[{]|(?:np\.|numpy\.)?(?:array|str_)\()|<pyarrow\."""
)
_SEVERAL = re.compile(r"\[.*,.*\]|\{.*,.*\}", re.DOTALL)

# Calls that wrap one value, as NumPy 2 and pandas write them: np.str_('a'), array([1, 2]).
_WRAPPERS = re.compile(
    r"(array|list|tuple|set|frozenset|deque|Decimal|Timestamp|(u?int|float|str|bool)\d*_?)"
)
_NAMES = {"null": None, "true": True, "false": False, "nan": None, "NaN": None, "NaT": None}
_SKIPPED = (tokenize.ENCODING, tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER)
_MOST_CHARACTERS = 1_000_000


def looks_like_literal(text: str) -> bool:
    """Whether a text has the form of a JSON, Python or NumPy list or object."""
    text = text.strip()
    if _BEGINS.match(text) or _SEVERAL.fullmatch(text):
        return True
    if text[:1] in ("[", "{", "(") or text[:2] in ('"[', '"{'):  # so may a text: [sic], (1712)
        try:
            return isinstance(parse_literal(text), list | dict)
        except ValueError:
            pass
    return False


def parse_literal(text: str) -> Any:
    """The value that a text was written from: JSON, Python's `repr`, or NumPy's `str` and `repr`.

    Raises:
        ValueError: if it is none of these.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"more than {_MOST_CHARACTERS} characters")
    try:
        value = json.loads(text)
        return parse_literal(value) if isinstance(value, str) else value  # JSON in JSON
    except (ValueError, RecursionError):
        pass
    try:
        return _value(ast.parse(_with_commas(text.strip()), mode="eval").body)
    except (SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
        raise ValueError(f"not a list or an object: {error}") from None


def parse_lists(values: Iterable[Any]) -> list[Any] | None:
    """A column of lists that became text, as lists; None where any value is another text.

    The text of a passage may look like a list by itself; a whole column of them does not.
    """
    lists: list[Any] = []
    for value in values:
        if is_missing(value) or value == "":
            lists.append(None)
            continue
        try:
            found = parse_literal(value) if has_text(value) and looks_like_literal(value) else None
        except ValueError:
            return None
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            return None
        lists.append(found)
    return lists if any(lists) else None


def _with_commas(text: str) -> str:
    """NumPy's `['a' 'b']` with commas; Python would join the two texts into one."""
    parts: list[str] = []
    ended = False  # whether the last token ended a value
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _SKIPPED:
            continue
        if token.type == tokenize.ERRORTOKEN and token.string.strip():
            raise SyntaxError(f"{token.string!r} is not closed, or stands alone")
        is_value = token.type in (tokenize.STRING, tokenize.NUMBER, tokenize.NAME)
        if ended and (is_value or token.string in ("[", "{", "-")):
            parts.append(",")
        parts.append(token.string)
        ended = is_value or token.string in (*")]}", "...")
    return " ".join(parts)


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {
                _value(key): _value(item) for key, item in zip(keys, values, strict=True) if key
            }
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[inner]):
            if _WRAPPERS.fullmatch(name):
                return _value(inner)
    raise ValueError(f"not a list or an object: {ast.unparse(node)[:40]}")
