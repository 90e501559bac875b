"""Files, folders, Hub datasets -> passages with stable ids, and questions where there are any."""

import hashlib
import logging
import math
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from numbers import Real
from typing import TYPE_CHECKING, Any

from distilabel_rag4rag.data.chunking import split_text
from distilabel_rag4rag.data.readers.open_table import SAMPLE_WORLD, Record, Table, open_table
from distilabel_rag4rag.schema import arrow_schema

if TYPE_CHECKING:
    from pathlib import Path

    from datasets import Dataset, DatasetDict

__all__ = ["SAMPLE_WORLD", "clean_text", "load_passages", "load_rows", "passage_id", "split_text"]

Row = dict[str, str | None]

ROW_COLUMNS = ("id", "passage_id", "title", "context", "question", "human_answer")
PASSAGE_COLUMNS = ("passage_id", "title", "context")

#: Other names that are understood without `columns`, where only one of them is present.
ALIASES = {
    "context": ("text", "passage"),
    "question": ("anchor", "query"),
    "human_answer": ("human_positive", "answers"),
}

_SURROGATES = re.compile("[\ud800-\udfff]")
_logger = logging.getLogger(__name__)


def clean_text(text: str) -> str:
    """The text with lone surrogates, which UTF-8 and Arrow cannot hold, replaced by U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def passage_id(text: str) -> str:
    """The stable id of a passage: 16 hexadecimal digits of a hash of its text.

    Texts that differ only in Unicode form or in white space around them share one id.
    """
    return _hash(_normalised(text))


def load_rows(
    source: "str | Path | Dataset | DatasetDict | list[Record] | None" = None,
    *,
    columns: dict[str, str | None] | None = None,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    context_required: bool = True,
) -> "Dataset":
    """Questions with their source passages, in the columns that every arm starts from.

    The columns are `id`, `passage_id`, `title`, `context`, `question` and `human_answer`, all of
    them strings or None, whatever the source holds. A row with an empty question or context stays
    in its place: the steps mark it.

    `id` and `passage_id` are the source's own where it has them, else hashes of the texts: the
    same rows get the same ids, wherever they come from and whatever `limit` is. Of two rows with
    the same passage and question and no id, the second gets the first's id with `-2`.

    Args:
        source: a file (SQuAD JSON 1.1 or 2.0, a JSON list, JSON lines, CSV, TSV, parquet), a
            folder saved by datasets, the id of a dataset on the Hub (`owner/name` or
            `owner/name:config`), a `Dataset` or `DatasetDict`, a list of dicts, or None: the
            sample world, an invented corpus that the package ships.
        columns: our names to the source's, e.g. `{"question": "prompt"}`; None as a name leaves
            a column of the source unused. Without it our own names are looked for, then `text`
            or `passage` for `context`, `anchor` or `query` for `question`, and `human_positive`
            or `answers` for `human_answer`. Of several human answers the first is taken, from a
            list or from the Hub's `{"text": [...]}`; none, or a blank one, is None.
        split: the split to take; without it the only one, or `train`.
        limit: the most rows to take: a random sample, in the order of the source. With the same
            seed a larger sample holds the smaller one.
        seed: the seed of that sample.
        context_required: whether a source without a column of passages is refused; otherwise
            `context` and `passage_id` of its rows are None.

    Raises:
        ValueError: if the source is missing, empty or broken, a column is missing, a value is no
            text, two rows have the same id, or two passages the same passage_id.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit: found {limit}, expected at least 1, or None for all rows")
    table = open_table(source, split)
    required = ("context", "question") if context_required else ("question",)
    rows = list(_records(table, _mapping(table, columns, ROW_COLUMNS, required)))
    _check_passage_ids(rows, table.name)
    _give_ids(rows, table.name)
    if limit is not None:
        order = random.Random(seed).sample(range(len(rows)), len(rows))
        rows = [rows[i] for i in sorted(order[:limit])]
    return _dataset(rows, ROW_COLUMNS)


def load_passages(
    source: "str | Path | Dataset | DatasetDict | list[Record] | None" = None,
    *,
    columns: dict[str, str | None] | None = None,
    split: str | None = None,
    max_words: int = 150,
) -> "Dataset":
    """The passages of a corpus, each once, with `passage_id`, `title` and `context`.

    Reads what `load_rows` reads, where only `context` is needed, and gives its passages the same
    ids; and text: a `.txt` or `.md` file, or a folder of them (hidden ones aside), is cut into
    passages of at most `max_words` words (`split_text`) whose title is the file's name.
    Paragraphs of SQuAD JSON that no question asks about are passages too. Of equal texts the
    first stays; passages without text are left out, and a warning says how many.

    Args:
        source: as for `load_rows`, or text files.
        columns: as for `load_rows`, e.g. `{"passage_id": "_id"}` for a corpus in BEIR's form.
        split: as for `load_rows`.
        max_words: the longest passage cut from text files.

    Raises:
        ValueError: as `load_rows`, or if no passage has text.
    """
    if max_words < 1:
        raise ValueError(f"max_words: found {max_words}, expected at least 1")
    table = open_table(source, split, questions=False, max_words=max_words)
    rows = list(_records(table, _mapping(table, columns, PASSAGE_COLUMNS, ("context",))))
    _check_passage_ids(rows, table.name)
    with_text = [row for row in rows if _normalised(row["context"])]
    if not with_text:
        raise ValueError(f"{table.name}: none of its {len(rows)} passages has text")
    if len(with_text) < len(rows):
        _logger.warning("%s: left out %d empty passages", table.name, len(rows) - len(with_text))
    unique: dict[str, Row] = {}
    for row in with_text:
        unique.setdefault(_normalised(row["context"]), row)
    return _dataset(list(unique.values()), PASSAGE_COLUMNS)


def _mapping(
    table: Table,
    columns: dict[str, str | None] | None,
    wanted: tuple[str, ...],
    required: tuple[str, ...],
) -> dict[str, str]:
    """Which column of the table each of our columns is read from."""
    columns = columns or {}
    if unknown := [name for name in columns if name not in ROW_COLUMNS]:
        raise ValueError(f"columns: found {unknown}, expected some of {list(ROW_COLUMNS)} as keys")
    mapping = {}
    for ours in wanted:
        if ours in columns:
            named = columns[ours]
            candidates = [named] if named else []
        elif ours in table.columns:
            candidates = [ours]
        else:
            candidates = [alias for alias in ALIASES.get(ours, ()) if alias in table.columns]
        if len(candidates) > 1:
            raise ValueError(
                f"{table.name}: {ours} could be any of {candidates}; "
                f"choose with columns={{{ours!r}: {candidates[0]!r}}}"
            )
        missing = not candidates and ours in required
        if missing or not set(candidates) <= set(table.columns):
            expected = repr(candidates[0]) if candidates else _expected(ours)
            raise ValueError(
                f"{table.name}: no column for {ours}: expected {expected}, found "
                f"{table.columns}; name it with columns={{{ours!r}: '...'}}{_separator_hint(table)}"
            )
        if candidates:
            mapping[ours] = candidates[0]
            if ours not in columns and candidates != [ours]:
                _logger.warning("%s: %r is read from the column %r", table.name, ours, *candidates)
    return mapping


def _separator_hint(table: Table) -> str:
    """A header that was not parted shows what should have parted it."""
    name, *more = table.columns
    found = [] if more else [separator for separator in ",;\t|" if separator in name]
    return (
        f"; are the fields parted by {found[0]!r}? .csv expects ',' and .tsv tabs" if found else ""
    )


def _expected(ours: str) -> str:
    return " or ".join(repr(name) for name in (ours, *ALIASES.get(ours, ())))


def _records(table: Table, mapping: dict[str, str]) -> Iterator[Row]:
    names = list(dict.fromkeys(mapping.values()))
    for number, record in enumerate(table.rows(names), 1):
        row: Row = dict.fromkeys(ROW_COLUMNS)
        for ours, theirs in mapping.items():
            read = _answer if ours == "human_answer" else _text
            row[ours] = read(record.get(theirs), f"{table.name}, row {number}, {theirs}")
        if not row["passage_id"] and _normalised(row["context"]):
            row["passage_id"] = passage_id(row["context"] or "")
        yield row


def _text(value: Any, where: str) -> str | None:
    if value is None or (isinstance(value, Real) and math.isnan(value)):  # NaN: pandas' None
        return None
    if isinstance(value, str | Real):
        return clean_text(str(value))
    raise ValueError(f"{where}: expected text, found {type(value).__name__}")


def _answer(value: Any, where: str) -> str | None:
    if isinstance(value, dict):  # the Hub's squad: {"text": [...], "answer_start": [...]}
        value = value.get("text")
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if isinstance(value, dict):  # SQuAD's files: [{"text": ..., "answer_start": ...}]
        value = value.get("text")
    text = _text(value, where)
    return text if text and text.strip() else None


def _check_passage_ids(rows: list[Row], name: str) -> None:
    texts: dict[str, str] = {}
    for row in rows:
        given, text = row["passage_id"], _normalised(row["context"])
        if given and text and texts.setdefault(given, text) != text:
            raise ValueError(
                f"{name}: passage_id {given!r} stands for two different texts; mend it, or leave "
                "it unused with columns={'passage_id': None}"
            )


def _give_ids(rows: list[Row], name: str) -> None:
    given = Counter(row["id"] for row in rows if row["id"])
    if twice := [key for key, count in given.items() if count > 1]:
        raise ValueError(
            f"{name}: id {twice[0]!r} stands on {given[twice[0]]} rows ({len(twice)} ids are not "
            "unique); mend them, or have new ones made with columns={'id': None}"
        )
    made: Counter[str] = Counter()
    for row in rows:
        if not row["id"]:
            key = _hash(f"{row['passage_id'] or ''}\0{_normalised(row['question'])}")
            while not row["id"] or row["id"] in given:
                made[key] += 1
                row["id"] = key if made[key] == 1 else f"{key}-{made[key]}"


def _normalised(text: str | None) -> str:
    return unicodedata.normalize("NFC", clean_text(text or "")).strip()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _dataset(rows: list[Row], names: tuple[str, ...]) -> "Dataset":
    from datasets import Dataset, Features

    features = Features.from_arrow_schema(arrow_schema(*names))
    return Dataset.from_dict({name: [row[name] for row in rows] for name in names}, features)
