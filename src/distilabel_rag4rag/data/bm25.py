"""BM25: which passages share a text's words, the rare ones above all."""

import re
import unicodedata
from collections.abc import Sequence

import bm25s
import numpy as np
import numpy.typing as npt

from distilabel_rag4rag.utils.scripts import UNSPACED

_WORD = re.compile(r"\w+")


def terms(text: str) -> list[str]:
    """The words of a text in lower case; in scripts without spaces each character is one."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(UNSPACED.sub(lambda found: f" {found[0]} ", text))


class Bm25:
    """An index of passages.

    Args:
        passages: their texts, in order.
    """

    def __init__(self, passages: Sequence[str]) -> None:
        self._count = len(passages)
        words = [terms(text) for text in passages]
        self._index: bm25s.BM25 | None = None
        if any(words):
            self._index = bm25s.BM25()
            self._index.index(words, show_progress=False)

    def scores(self, query: str) -> npt.NDArray[np.float32]:
        """How near each passage is to a text; 0.0 where they share no word."""
        words = terms(query)
        if self._index is None or not words:
            return np.zeros(self._count, np.float32)
        return np.asarray(self._index.get_scores(words), np.float32)

    def nearest(self, query: str, most: int) -> list[int]:
        """The positions of the passages nearest to a text, best first, equal ones in order."""
        scores = self.scores(query)
        order = np.argsort(-scores, kind="stable")[:most]
        return [int(position) for position in order if scores[position] > 0]

    def rank(self, query: str, position: int) -> int | None:
        """The 1-based rank of a passage, None where it shares no word with the text."""
        scores = self.scores(query)
        own = scores[position]
        if own <= 0:
            return None
        return 1 + int((scores > own).sum()) + int((scores[:position] == own).sum())
