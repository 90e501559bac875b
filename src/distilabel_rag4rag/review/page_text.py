"""Texts as Argilla's page can show them, and back."""

import re
import unicodedata
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any

from distilabel_rag4rag.utils.text import replace_surrogates

#: An ampersand that HTML would take for the start of a character's name.
_ENTITY = re.compile(r"&(?=[A-Za-z#])")

#: The characters that replace others on the page.
REPLACEMENTS = frozenset("□‹＆\ufffd")
#: Beyond so many characters difflib's shortcut for common ones is worth its loss.
LONG = 5000


def page_text(text: str, *, spans: bool = True) -> str:
    """The text as the page shows it, as long as the original, so that span offsets hold.

    Without `spans`, as in question and passage, emoji and rare characters stay.

    Argilla's page renders text as HTML and counts UTF-16 units where the server counts code
    points: `<` and `&` would vanish, and every span after an emoji would be at other words.
    """
    text = replace_surrogates(_ENTITY.sub("＆", text))
    return "".join(_on_page(character, spans) for character in text)


def _on_page(character: str, spans: bool) -> str:
    if character == "<":
        return "‹"
    if spans and ord(character) > 0xFFFF:
        return "□"
    if character not in "\n\t" and unicodedata.category(character) == "Cc":  # \r too
        return " "
    return character


def restore(corrected: str, answer: str) -> tuple[str, bool]:
    """A correction of the page's copy of `answer`, with the original characters put back.

    Returns:
        The text, in which characters that were kept are those of `answer` again; and whether it
        has replacement characters left that cannot be distinguished from the person's own.
    """
    copy = page_text(answer)
    if copy == answer:
        return corrected, False
    pairs = zip(copy, corrected, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    matcher = SequenceMatcher(None, copy[same:], corrected[same:], autojunk=len(copy) - same > LONG)
    text, left, done = answer[:same], False, same
    for start, place, size in matcher.get_matching_blocks():
        own = corrected[done : same + place]
        left = left or not REPLACEMENTS.isdisjoint(own)
        text += own + answer[same + start : same + start + size]
        done = same + place + size
    return text, left


def without_surrogates(value: Any) -> Any:
    """The value with every text in it as files and servers take it, and as long as before."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {name: without_surrogates(item) for name, item in value.items()}
    return value
