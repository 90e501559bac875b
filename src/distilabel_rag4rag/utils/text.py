"""Text of any origin: is there any, and what of it can be stored and printed."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, TypeGuard

_SURROGATE = re.compile("[\ud800-\udfff]")
# Escape sequences of terminals: colours, cursor movements, titles, links.
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_UNCLEAN = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Controls of direction, which make a terminal or a page show text in another order.
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")

#: Letters that are not seen, as a character class without brackets: zero-width spaces, marks of
#: direction, fillers, tags.
INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffc\U000e0000-\U000e0fff"
)
_VISIBLE = re.compile(rf"[^\s\x00-\x1f\x7f-\x9f\u200c\u200d\ufe00-\ufe0f{INVISIBLE}]")


def is_missing(value: Any) -> bool:
    """Whether a value is None or what pandas and NumPy have for it: NaN, NA, NaT."""
    import pandas as pd  # half a second, which an error message on the terminal need not wait for

    return value is None or pd.isna(value) is True


def has_text(value: Any) -> TypeGuard[str]:
    """Whether a value is a str with a visible character: not white space, control, zero width."""
    return isinstance(value, str) and _VISIBLE.search(value) is not None


def replace_surrogates(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, so that it is as long as before."""
    return _SURROGATE.sub("\ufffd", text)


def counted(number: int, one: str, several: str | None = None) -> str:
    """A number and what it counts: `1 row`, `1,200 rows`; `several` where the plural has no -s."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The known names that this one may be a misspelling of, as text; empty where none is near."""
    return one_of(get_close_matches(name, list(known)))


def one_of(names: Iterable[str]) -> str:
    """The names in quotes, the last one after "or"."""
    *others, last = [repr(name) for name in names] or [""]
    return f"{', '.join(others)} or {last}" if others else last


def clean_text(text: str) -> str:
    """Text that every file format, server and terminal takes.

    Lone surrogates become U+FFFD, every kind of line end becomes `\\n`; escape sequences and
    all other control characters but the tab go.
    """
    if not _UNCLEAN.search(text):
        return text
    text = replace_surrogates(text)
    return _CONTROL.sub("", _LINE_END.sub("\n", _ESCAPE.sub("", text)))


def for_terminal(text: str) -> str:
    """Text for a terminal: a control character is printed as a visible one, never obeyed."""
    text = replace_surrogates(_DIRECTION.sub("\ufffd", text))
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: _picture(found[0]), text)


def _picture(control: str) -> str:
    code = ord(control)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
