"""SQuAD's exact match and F1, row by row."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from distilabel_rag4rag.comparison.number_forms import with_digits
from distilabel_rag4rag.utils.scripts import UNSPACED, words
from distilabel_rag4rag.utils.text import INVISIBLE

Tokens = tuple[str, ...]

_INVISIBLE = re.compile(f"[{INVISIBLE}\u200c\u200d]")
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
#: French and Italian articles that are joined to the next word: l'eau, dell'acqua.
_ELIDED_ARTICLES = re.compile(r"\b(?:l|d|un|all|dall|dell|nell|sull)['’](?=\w)", re.IGNORECASE)


def squad_scores(
    answers: Sequence[str | None], golds: Sequence[Sequence[str]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact match and F1 in [0, 1] per row, as SQuAD's official script computes them.

    Of several gold answers the best one counts. 0.0 where there is no answer or no gold. Beyond
    the official script, composed and decomposed characters are the same (NFC), and text in
    scripts without spaces is compared by character, as MLQA does it for Chinese.

    References:
        - [SQuAD](https://arxiv.org/abs/1606.05250)
        - [MLQA](https://arxiv.org/abs/1910.07475)
        - [CMRC 2018](https://arxiv.org/abs/1810.07366)
    """
    exact = _best(answers, golds, lambda a, b: float(squad_tokens(a) == squad_tokens(b)))
    return exact, _best(answers, golds, lambda a, b: _f1(squad_tokens(a), squad_tokens(b)))


def lenient_scores(
    answers: Sequence[str | None], golds: Sequence[Sequence[str]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """F1 where the form of numbers, articles and punctuation does not count; and containment.

    It is for choosing which answers to call wrong, not a figure of SQuAD's: "Thirty-seven" is
    "37", "1,000" is "one thousand", "l'eau" is "eau". The F1 is never below the official one. An
    answer contains a gold answer where all words of the gold stand in it side by side.
    """
    f1 = _best(answers, golds, lambda a, b: _f1(_plain_tokens(a), _plain_tokens(b)))
    contains = _best(answers, golds, lambda a, b: _contains(_plain_tokens(a), _plain_tokens(b)))
    return np.maximum(f1, squad_scores(answers, golds)[1]), contains > 0


def is_compared_by_character(answer: str | None, golds: Sequence[str]) -> bool:
    """Whether some of the row's text has no spaces between words."""
    return any(UNSPACED.search(text) for text in (answer or "", *golds))


@lru_cache(maxsize=65536)
def squad_tokens(text: str) -> Tokens:
    """The official normalisation: lower case, without punctuation and English articles.

    Letters that are not seen, such as zero-width spaces, do not count either.
    """
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).lower()
    if UNSPACED.search(text):
        text = _without_punctuation(text)
    text = _ARTICLES.sub(" ", text.translate(_ASCII_PUNCTUATION))
    return tuple(words(text))


@lru_cache(maxsize=65536)
def _plain_tokens(text: str) -> Tokens:
    text = _ELIDED_ARTICLES.sub("", unicodedata.normalize("NFKC", text))
    return squad_tokens(_without_punctuation(with_digits(text)))


def _without_punctuation(text: str) -> str:
    return "".join(c for c in text if not unicodedata.category(c).startswith("P"))


def _best(
    answers: Sequence[str | None],
    golds: Sequence[Sequence[str]],
    score: Callable[[str, str], float],
) -> NDArray[np.float64]:
    return np.array(
        [
            0.0 if answer is None else max((score(answer, gold) for gold in own), default=0.0)
            for answer, own in zip(answers, golds, strict=True)
        ],
        dtype=float,
    )


def _f1(answer: Tokens, gold: Tokens) -> float:
    if not answer or not gold:
        return float(answer == gold)
    common = (Counter(answer) & Counter(gold)).total()
    # 2PR / (P + R), rounded so that no threshold depends on the last bits.
    return round(2 * common / (len(answer) + len(gold)), 6)


def _contains(answer: Tokens, gold: Tokens) -> bool:
    places = range(len(answer) - len(gold) + 1)
    return bool(gold) and any(answer[i : i + len(gold)] == gold for i in places)
