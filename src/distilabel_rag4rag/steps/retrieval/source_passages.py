"""Where the passage that a row's question was asked about stands in an index."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from distilabel_rag4rag.data.duplicates import PassageFinder
from distilabel_rag4rag.data.rows import passage_id
from distilabel_rag4rag.steps.retrieval.passage_index import PassageIndex
from distilabel_rag4rag.utils.text import has_text, is_missing


class SourcePassages:
    """Finds rows' own passages in an index: by text, or by id where a row has no text.

    By text, because ids of two sources may be alike. First the same text, then one that holds
    it (`data.duplicates`). Each of the tables is made when a row first needs it.

    Attributes:
        index: the index.
    """

    def __init__(self, index: PassageIndex) -> None:
        self.index = index
        self._known: dict[tuple[str, ...], list[int]] = {}
        self._hashes: tuple[np.ndarray, np.ndarray] | None = None
        self._ids: dict[str, int] = {}
        self._finder: PassageFinder | None = None

    def positions(self, row: Mapping[str, Any]) -> list[int] | None:
        """The positions of the row's own passage, none if the index does not hold it.

        None where the row names no passage.
        """
        context, own_id = row.get("context"), row.get("passage_id")
        if has_text(context):
            key = (context, *human_answers(row))
            if key not in self._known:
                self._known[key] = self._equal(context) or self._alike(*key)
            return self._known[key]
        return None if is_missing(own_id) else self._by_id(str(own_id))

    def _equal(self, text: str) -> list[int]:
        if self._hashes is None:
            found = (int(passage_id(text), 16) for (text,) in self.index.passages("context"))
            hashes = np.fromiter(found, np.uint64, len(self.index))
            order = np.argsort(hashes, kind="stable")
            self._hashes = hashes[order], order
        hashes, order = self._hashes
        own = np.uint64(int(passage_id(text), 16))
        first, end = np.searchsorted(hashes, own, "left"), np.searchsorted(hashes, own, "right")
        return order[first:end].tolist()

    def _alike(self, text: str, *answers: str) -> list[int]:
        if self._finder is None:
            self._finder = PassageFinder(self.index.texts)
        return self._finder.find(text, answers)

    def _by_id(self, own_id: str) -> list[int]:
        if not self._ids:
            for position, (first, others) in enumerate(
                self.index.passages("passage_id", "other_ids")
            ):
                for known in (first, *others):
                    self._ids.setdefault(known, position)
        return [self._ids[own_id]] if own_id in self._ids else []


def human_answers(row: Mapping[str, Any]) -> list[str]:
    """All of a row's human answers."""
    several = row.get("human_answers")
    given = [row.get("human_answer"), *(several if isinstance(several, list | tuple) else [])]
    return list(dict.fromkeys(answer for answer in given if has_text(answer)))
