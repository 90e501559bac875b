"""Whether a passage holds an answer: by its words. Pure functions."""

import unicodedata
from collections.abc import Iterable

import regex

from distilabel_rag4rag.data.duplicates import letters
from distilabel_rag4rag.utils.text import has_text

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_ARTICLES = {"a", "an", "the"}
#: Scripts that put no spaces between words.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Line_Break=SA}\p{Tibetan}]")
#: Words that are in every passage and tell nothing of an answer.
_COMMON = frozenset(
    _WORD.findall(
        "a an and are as at be been but by did do does for from had has have he her his i in into"
        " is it its of on or she that the their them they this to was were which who with would you"
    )
)


def holds_string(passage: str, answers: Iterable[str]) -> bool:
    """Whether one of the answers stands in the passage, as whole words in the same order.

    Case, punctuation and articles do not count. In scripts without spaces between words the
    letters are looked for.
    """
    text = None
    for answer in answers:
        if not has_text(answer):
            continue
        if _UNSPACED.search(answer):
            if letters(answer) in letters(passage):
                return True
            continue
        text = text or _joined(passage)
        own = _joined(answer)
        if own.strip() and own in text:
            return True
    return False


def share_of_words(passage: str, answer: str) -> float:
    """The share of an answer's words that stand in the passage; common words count for nothing.

    An answer of common words alone counts with all of them.
    """
    words = _words(answer)
    told = {word for word in words if word not in _COMMON} or set(words)
    return len(told & set(_words(passage))) / len(told) if told else 0.0


def as_claim(question: str, answer: str) -> str:
    """Question and answer as one sentence, so that a judge sees what the answer is said of."""
    return f"{question.strip().rstrip('?').rstrip()}: {answer.strip()}"


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _joined(text: str) -> str:
    """The words with a space around each."""
    words = [word for word in _words(text) if word not in _ARTICLES]
    return f" {' '.join(words)} "
