"""The corpus of an export: each passage once, found by its id or its text."""

from collections.abc import Iterable, Mapping
from typing import Any

from distilabel_rag4rag.data.groups import Passage, id_of, passage_groups
from distilabel_rag4rag.data.identity import normalised
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.utils.text import has_text, is_missing


class ExportedPassages:
    """The passages of a corpus.

    Args:
        passages: of the whole corpus; those without text are left out.

    Raises:
        ConfigError: if one id stands for two texts.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        self.passages: list[Passage] = []
        self._by_id: dict[str, int] = {}
        self._by_text: dict[str, int] = {}
        for passage in passages:
            if has_text(passage.get("context")):
                self.add(passage)

    def add(self, passage: Passage) -> int:
        """The position of a passage, which is added unless its text is there."""
        key, text = id_of(passage), normalised(passage["context"])
        known = self._by_text.setdefault(text, len(self.passages))
        if self._by_id.setdefault(key, known) != known:
            raise ConfigError("passages", key, "one text for each passage_id")
        if known == len(self.passages):
            self.passages.append({**passage, "passage_id": key})
        return known

    def find(self, key: Any, text: Any) -> int | None:
        """The position of the passage with this id, else with this text."""
        if not is_missing(key) and str(key) in self._by_id:
            return self._by_id[str(key)]
        return self._by_text.get(normalised(text)) if has_text(text) else None

    def find_or_add(self, row: Mapping[str, Any]) -> int | None:
        """The position of a row's own passage; None where the row has none."""
        found = self.find(row.get("passage_id"), row.get("context"))
        if found is None and has_text(row.get("context")):
            found = self.add(row)
        return found

    def id(self, position: int) -> str:
        """The passage's id."""
        return str(self.passages[position]["passage_id"])

    def text(self, position: int) -> str:
        """The passage's text."""
        return str(self.passages[position]["context"])

    def groups(self, near_duplicate: float, also: Iterable[tuple[int, int]]) -> list[str]:
        """`passage_groups`, with further pairs of passages that belong together."""
        return passage_groups(self.passages, near_duplicate, also)
