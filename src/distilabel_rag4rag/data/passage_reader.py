"""The passages of a source, one at a time, so that a large corpus need not lie in memory."""

from collections.abc import Iterator
from typing import Any

import xxhash

from distilabel_rag4rag.data.chunking import MAX_TOKENS, Tokenize
from distilabel_rag4rag.data.columns import PASSAGE_COLUMNS, map_columns
from distilabel_rag4rag.data.identity import Row, passage_id, replaced_ids, two_texts
from distilabel_rag4rag.data.literals import parse_lists
from distilabel_rag4rag.data.readers.open_table import open_table
from distilabel_rag4rag.data.readers.table import Record
from distilabel_rag4rag.data.values import cleaned_texts, is_cleaned, one_text
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.utils.text import counted, has_text

_NO_TEXT = int(passage_id(""), 16)


class PassageReader:
    """The passages of a corpus, each text once, with `passage_id`, `title` and `context`.

    Each iteration reads the source anew, parquet and saved datasets piece by piece; all that
    stays in memory of a passage are hashes of its text and its id.

    Attributes:
        notes: what the last whole iteration left out or changed, in sentences.
    """

    def __init__(
        self,
        source: Any,
        *,
        columns: dict[str, str | None] | None = None,
        split: str | None = None,
        tokenize: Tokenize | None = None,
        max_tokens: int = MAX_TOKENS,
        delimiter: str | None = None,
    ) -> None:
        """Opens the source; all arguments are those of `data.rows.load_passages`.

        Raises:
            ValueError: as `load_passages`, where the fault shows without reading passages.
        """
        if max_tokens < 8:
            raise ConfigError("max_tokens", max_tokens, "at least 8")
        self._table = open_table(
            source,
            split,
            questions=False,
            tokenize=tokenize,
            max_tokens=max_tokens,
            delimiter=delimiter,
        )
        self._opening = list(self._table.notes)
        self._mapping = map_columns(
            self._table, columns, PASSAGE_COLUMNS, ("context",), self._opening
        )
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Row]:
        """The passages in the order of the source.

        Raises:
            ValueError: as `load_passages`.
        """
        name = self._table.name
        id_of_text: dict[int, int] = {}
        text_of_id: dict[int, int] = {}
        replaced = set()
        cleaned = empty = number = 0
        for number, record in enumerate(self._records(), 1):
            row, changed = self._row(number, record)
            cleaned += changed
            given, key = row["passage_id"], passage_id(row["context"] or "")
            text = int(key, 16)
            own = xxhash.xxh3_64_intdigest(given.encode()) if given else text
            if given and text != _NO_TEXT and text_of_id.setdefault(own, text) != text:
                raise two_texts(name, given)
            if not has_text(row["context"]):
                empty += 1
            elif text not in id_of_text:
                id_of_text[text] = own
                yield row if given else row | {"passage_id": key}
            elif id_of_text[text] != own:
                replaced.add(own)
        if number == empty:
            raise ValueError(f"{name}: none of its {number} passages has text")
        self.notes = list(self._opening)
        if cleaned:
            self.notes.append(cleaned_texts(name, cleaned))
        if empty:
            self.notes.append(f"{name}: left out {counted(empty, 'empty passage')}")
        if replaced:
            self.notes.append(replaced_ids(name, len(replaced)))

    def _records(self) -> Iterator[Record]:
        records = self._table.rows(list(dict.fromkeys(self._mapping.values())))
        theirs = self._mapping["context"]
        lists = parse_lists(record.get(theirs) for record in self._table.rows([theirs]))
        if lists is None:
            yield from records
        else:
            for record, value in zip(records, lists, strict=True):
                yield record | {theirs: value}

    def _row(self, number: int, record: Record) -> tuple[Row, int]:
        """The record in our columns, and how many of its texts had to be cleaned."""
        row: Row = dict.fromkeys(PASSAGE_COLUMNS)
        cleaned = 0
        for ours, theirs in self._mapping.items():
            value = record.get(theirs)
            row[ours] = one_text(value, f"{self._table.name}, row {number}, {theirs}: ")
            cleaned += is_cleaned(value, row[ours])
        return row, cleaned
