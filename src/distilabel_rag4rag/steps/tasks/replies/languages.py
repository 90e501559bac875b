"""The words of `languages.toml`: what a label says, and patterns over all languages."""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Kind = Literal["answer", "response", "question", "aside"]

_FILE = files("distilabel_rag4rag.steps.tasks.replies") / "languages.toml"
LANGUAGES: dict[str, dict[str, list[str]]] = tomllib.loads(_FILE.read_text("utf-8"))


def words_of(key: str) -> list[str]:
    """The entries of all languages, the longest first."""
    found = {word: None for language in LANGUAGES.values() for word in language.get(key, ())}
    return sorted(found, key=len, reverse=True)


def pattern(key: str) -> str:
    """A regular expression for the entries of all languages."""
    return "|".join(words_of(key))


_KINDS: dict[str, Kind] = {
    word: kind for kind in ("aside", "question", "response", "answer") for word in words_of(kind)
}  # type: ignore[assignment]
_BEFORE = frozenset(words_of("before"))
_AFTER = tuple(f" {words}" for words in words_of("after"))
_SEPARATORS = re.compile(r"[\s_.\-]+|(?<=[a-z])(?=[A-Z])")


@cache
def _kind(name: str) -> Kind | None:
    if found := _KINDS.get(name):
        return found
    for ending in _AFTER:
        if name.endswith(ending):
            return _kind(name.removesuffix(ending))
    first, _, rest = name.partition(" ")
    if rest and first in _BEFORE:
        return _kind(rest)
    two, _, rest = rest.partition(" ")
    if rest and f"{first} {two}" in _BEFORE:
        return _kind(rest)
    return None


def kind_of(name: str) -> Kind | None:
    """What a label, a key or the name of a tag announces: "final_answer", "Kurze Antwort"."""
    if len(name) > 60:
        return None
    return _kind(_SEPARATORS.sub(" ", name).strip(" 0123456789#").lower())


def plain(text: str) -> str:
    """The text with plain apostrophes, as the patterns have them."""
    return text.replace("’", "'")


def matches(expression: str, flags: Any = 0) -> re.Pattern[str]:
    """A compiled expression that does not regard case."""
    return re.compile(expression, re.IGNORECASE | flags)
