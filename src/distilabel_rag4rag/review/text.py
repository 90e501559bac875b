"""Texts as the page can show them and the server can take them, and back."""

import re
import unicodedata
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any


def display(text: str, *, spans: bool = True) -> str:
    """The text as the page shows it, as long as the original, so that span offsets hold.

    Without `spans`, as in question and passage, emoji and rare characters stay.

    Argilla's page renders text as HTML and counts UTF-16 units where the server counts code
    points: `<` and `&` would vanish, and every span after an emoji would stand at other words.
    """
    return "".join(_shown(character, spans) for character in _ENTITY.sub("＆", text))


#: An ampersand that HTML would take for the start of a character's name.
_ENTITY = re.compile(r"&(?=[A-Za-z#])")


def _shown(character: str, spans: bool) -> str:
    if character == "<":
        return "‹"
    if (spans and ord(character) > 0xFFFF) or 0xD800 <= ord(character) < 0xE000:
        return "□"
    if character not in "\n\t" and unicodedata.category(character) == "Cc":  # \r too
        return " "
    return character


#: What stands on the page for what it cannot show.
STAND_INS = frozenset("□‹＆")
#: Beyond so many characters difflib's shortcut for common ones is worth its loss.
LONG = 5000


def restored(corrected: str, answer: str) -> tuple[str, bool]:
    """A text that a person made of the page's copy of `answer`, with what stood there before.

    Returns:
        The text, in which characters that were kept are those of `answer` again; and whether it
        holds stand-ins that could not be told from the person's own.
    """
    shown = display(answer)
    if shown == answer:
        return corrected, False
    pairs = zip(shown, corrected, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    matcher = SequenceMatcher(
        None, shown[same:], corrected[same:], autojunk=len(shown) - same > LONG
    )
    text, left, done = answer[:same], False, same
    for start, place, size in matcher.get_matching_blocks():
        own = corrected[done : same + place]
        left = left or not STAND_INS.isdisjoint(own)
        text += own + answer[same + start : same + start + size]
        done = same + place + size
    return text, left


def encodable(text: str) -> str:
    """Without lone surrogates, which no file and no server takes."""
    return _SURROGATE.sub("□", text)


def plain_text(value: Any) -> Any:
    """The same of every text in it; what stands for a surrogate is as long as it."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [plain_text(item) for item in value]
    if isinstance(value, dict):
        return {name: plain_text(item) for name, item in value.items()}
    return value


_SURROGATE = re.compile("[\ud800-\udfff]")
