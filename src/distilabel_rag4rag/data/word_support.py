"""How many of an answer's words stand in its evidence: a check without a model.

Function words do not count. Words are compared whole: forms of a word ("cast", "casts") are
different words, which on HaluEval's answers separated right from wrong better than stems did.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from bm25s import stopwords

from distilabel_rag4rag.utils.scripts import UNSPACED

_STOPWORDS = {
    "en": stopwords.STOPWORDS_EN_PLUS,
    "de": stopwords.STOPWORDS_GERMAN,
    "fr": stopwords.STOPWORDS_FRENCH,
    "es": stopwords.STOPWORDS_SPANISH,
    "it": stopwords.STOPWORDS_ITALIAN,
}
#: Languages that begin every noun with a capital.
_CAPITAL_NOUNS = ("de",)

_WORD = re.compile(r"\d+(?:[.:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[^\W_]+")
_GROUPED = re.compile(r"(?<=\d)[,'\u00a0\u202f](?=\d{3}(?!\d))")
_POSSESSIVE = re.compile(r"'s$")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|\n)[\"'(“‘]*$")


class WordSupport(NamedTuple):
    """What of an answer stands in its evidence.

    Attributes:
        share: of its content words, in [0, 1]; None where it has none, such as "yes".
        missing: those that do not, as they are written, in the answer's order.
        strict: those of them that are numbers, or names that the question does not hold either.
    """

    share: float | None
    missing: list[str]
    strict: list[str]

    def reason(self, least: float) -> str | None:
        """Why the answer does not pass, or None.

        Args:
            least: the smallest share that passes, where no number and no name is missing.
        """
        if self.share is None:
            return "no content words to look for"
        if self.strict:
            return f"not in the evidence: {_quoted(self.strict)}"
        if self.share < least:
            return f"not in the evidence: {_quoted(self.missing)}; share {self.share:.2f}"
        return None


def word_support(
    answer: str, evidence: Iterable[str], question: str = "", language: str = "en"
) -> WordSupport:
    """Looks for the content words of an answer in its evidence.

    Args:
        answer: the answer.
        evidence: passages.
        question: a name that stands in it may stand in the answer too.
        language: whose function words do not count: "en", "de", "fr", "es" or "it"; in others
            all words count.
    """
    held = {word for passage in evidence for word, _, _ in words_of(passage)}
    asked = {word for word, _, _ in words_of(question)}
    ignored = function_words(language)
    words = [item for item in words_of(answer) if item[0] not in ignored]
    found = dict.fromkeys(word for word, _, _ in words)
    if not found:
        return WordSupport(None, [], [])
    missing = {word: written for word, written, _ in reversed(words) if word not in held}
    names = {word for word, _, is_name in words if is_name and language not in _CAPITAL_NOUNS}
    strict = [
        written
        for word, written in reversed(missing.items())
        if any(c.isdigit() for c in word) or (word in names and word not in asked)
    ]
    share = 1 - len(missing) / len(found)
    return WordSupport(share, list(reversed(missing.values())), strict)


@cache
def function_words(language: str) -> frozenset[str]:
    """The words of a language that name nothing, such as "the"; none where it is not known."""
    return frozenset(word.replace("’", "'") for word in _STOPWORDS.get(language, ()))


def words_of(text: str) -> list[tuple[str, str, bool]]:
    """Each word for comparison, as it is written, and whether it is a name by its capital."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'")
    text = UNSPACED.sub(lambda found: f" {found[0]} ", _GROUPED.sub("", text))
    words = []
    for found in _WORD.finditer(text):
        written = _POSSESSIVE.sub("", found[0])
        name = written[0].isupper() and not _SENTENCE_START.search(text[: found.start()][-8:])
        words.append((written.casefold(), written, name))
    return words


def _quoted(words: list[str], most: int = 5) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(f'"{word}"' for word in words[:most]) + more
