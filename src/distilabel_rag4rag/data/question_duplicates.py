"""What tells apart two questions that are alike in all else: numbers, and what is asked for."""

import re
import unicodedata

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
#: Question words that ask for different things; "what" and "which" may ask for any of them.
_ASKED = re.compile(
    r"\b(?:(?P<who>who(?:m|se)?)|(?P<when>when)|(?P<where>where)|(?P<why>why)"
    r"|how\s(?P<how>many|much|old|long|far|tall|often|large|big|high|deep|fast))\b",
    re.IGNORECASE,
)


def may_ask_the_same(one: str, other: str) -> bool:
    """Whether two questions hold the same numbers and do not ask for different things.

    An embedder's vectors hardly differ between "in 1990" and "in 1994", or between "Who led the
    people?" and "How many people were led?". Question words are known in English alone.

    Args:
        one, other: two questions with nearly the same vectors.
    """
    if _numbers(one) != _numbers(other):
        return False
    asked, wanted = _asked(one), _asked(other)
    return asked is None or wanted is None or asked == wanted


def _numbers(text: str) -> list[str]:
    return sorted(_NUMBER.findall(unicodedata.normalize("NFKC", text)))


def _asked(text: str) -> str | None:
    found = _ASKED.search(text)
    if found is None:
        return None
    return found["how"].lower() if found["how"] else found.lastgroup
