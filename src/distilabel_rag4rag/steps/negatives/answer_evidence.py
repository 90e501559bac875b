"""Whether a passage holds an answer: by its words. Pure functions."""

import unicodedata
from collections.abc import Iterable

import regex

from distilabel_rag4rag.data.duplicates import letters
from distilabel_rag4rag.data.word_support import word_support
from distilabel_rag4rag.utils.scripts import UNSPACED
from distilabel_rag4rag.utils.text import has_text

#: The share of an answer's content words that a passage must hold, to hold the answer.
MOST_WORDS = 0.8

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_ARTICLES = {"a", "an", "the"}


def holds_string(passage: str, answers: Iterable[str]) -> bool:
    """Whether one of the answers stands in the passage, as whole words in the same order.

    Case, punctuation and articles do not count. In scripts without spaces between words the
    letters are looked for.
    """
    text = None
    for answer in answers:
        if not has_text(answer):
            continue
        if UNSPACED.search(answer):
            if letters(answer) in letters(passage):
                return True
            continue
        text = text or _joined(passage)
        own = _joined(answer)
        if own.strip() and own in text:
            return True
    return False


def holds_words(passage: str, answers: Iterable[str], question: str = "") -> bool:
    """Whether a passage holds an answer's names and numbers, and most of its content words."""
    return any(
        word_support(answer, [passage], question).reason(MOST_WORDS) is None
        for answer in answers
        if has_text(answer)
    )


def as_claim(question: str, answer: str) -> str:
    """Question and answer as one sentence, so that a judge sees what the answer is said of."""
    return f"{question.strip().rstrip('?').rstrip()}: {answer.strip()}"


def _joined(text: str) -> str:
    """The words with a space around each."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return f" {' '.join(word for word in words if word not in _ARTICLES)} "
