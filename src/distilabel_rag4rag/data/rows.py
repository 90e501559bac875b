"""Records of any source -> rows in our columns: passages with stable ids, and questions."""

import logging
import random
from collections import Counter
from typing import TYPE_CHECKING

from distilabel_rag4rag.data.chunking import MAX_TOKENS, Tokenize
from distilabel_rag4rag.data.columns import (
    GOLD_COLUMNS,
    PASSAGE_COLUMNS,
    ROW_COLUMNS,
    map_columns,
)
from distilabel_rag4rag.data.gold_answers import read_answers
from distilabel_rag4rag.data.identity import (
    Row,
    check_passage_ids,
    give_ids,
    merge_repeated,
    normalised,
    passage_id,
    set_golds,
    unify_passage_ids,
)
from distilabel_rag4rag.data.literals import parse_lists
from distilabel_rag4rag.data.passage_reader import PassageReader
from distilabel_rag4rag.data.readers.open_table import open_table
from distilabel_rag4rag.data.readers.table import Record, Table
from distilabel_rag4rag.data.values import cleaned_texts, is_cleaned, one_text, truth
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.schema import arrow_schema
from distilabel_rag4rag.utils.text import counted, has_text

if TYPE_CHECKING:
    from pathlib import Path

    from datasets import Dataset, DatasetDict

__all__ = ["load_passages", "load_rows", "passage_id"]

_logger = logging.getLogger(__name__)


def load_rows(
    source: "str | Path | Dataset | DatasetDict | list[Record] | None" = None,
    *,
    columns: dict[str, str | None] | None = None,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    delimiter: str | None = None,
    context_required: bool = True,
    notes: list[str] | None = None,
) -> "Dataset":
    """Questions with their source passages, in the columns that every arm starts from.

    The columns are `id`, `passage_id`, `title`, `context`, `question`, `human_answer` (a str or
    None), `human_answers` (a list of all answers that count as right, or None) and `answerable`
    (a bool, or None where the source does not say), whatever the source holds. A row with an
    empty question or context stays in its place: the steps mark it.

    `id` and `passage_id` are the source's own where it has them, else hashes of the texts: the
    same rows get the same ids, wherever they come from and whatever `limit` is. A question that
    comes again with the same passage is one row, with the human answers of both. A passage that
    comes with several ids gets the first of them everywhere.

    Control characters, terminal escapes and lone surrogates are removed from all texts.

    Args:
        source: a file (SQuAD JSON 1.1 or 2.0, JSON, JSON lines, CSV, TSV, parquet), a folder
            saved by datasets, the id of a dataset on the Hub (`owner/name` or
            `owner/name:config`), a `Dataset` or `DatasetDict`, a list of dicts, or None: the
            sample world, an invented corpus that the package ships.
        columns: our names to the source's, e.g. `{"question": "prompt"}`; None as a name leaves
            a column of the source unused. Without it our own names are looked for, then `text`
            or `passage` for `context`, `anchor` or `query` for `question`, `human_positive` or
            `answers` for `human_answers`, and `is_impossible` for the opposite of `answerable`.
            Human answers may have the forms of the usual datasets (`data.gold_answers`).
        split: the split to take; without it the only one, or `train`.
        limit: the most rows to take: a random sample, in the order of the source. With the same
            seed a larger sample holds the smaller one.
        seed: the seed of that sample.
        delimiter: what stands between the fields of a CSV or TSV file; None: found from the file.
        context_required: whether the source must have a column of passages. Without one,
            questions can be answered from a corpus.
        notes: a list that gets, in sentences, what was left out, changed or is unusual, with
            counts; without it they are logged as warnings.

    Raises:
        ValueError: if the source is missing, empty or broken, a column is missing, a value is no
            text, two rows have the same id, or two passages the same passage_id.
    """
    if limit is not None and limit < 1:
        raise ConfigError("limit", limit, "at least 1, or None for all rows")
    table = open_table(source, split, delimiter=delimiter)
    found = list(table.notes)
    needed = ("context", "question") if context_required else ("question",)
    rows = _read(table, map_columns(table, columns, ROW_COLUMNS, needed, found), found)
    check_passage_ids(rows, table.name)
    unify_passage_ids(rows, table.name, found)
    rows = merge_repeated(rows, table.name, context_required, found)
    give_ids(rows, table.name)
    _note_unusual(rows, table.name, found)
    if limit is not None:
        order = random.Random(seed).sample(range(len(rows)), len(rows))
        rows = [rows[i] for i in sorted(order[:limit])]
    _hand_over(found, notes)
    return _dataset(rows, ROW_COLUMNS)


def load_passages(
    source: "str | Path | Dataset | DatasetDict | list[Record] | None" = None,
    *,
    columns: dict[str, str | None] | None = None,
    split: str | None = None,
    tokenize: Tokenize | None = None,
    max_tokens: int = MAX_TOKENS,
    delimiter: str | None = None,
    notes: list[str] | None = None,
) -> "Dataset":
    """The passages of a corpus, each once, with `passage_id`, `title` and `context`.

    Reads what `load_rows` reads, where only `context` is needed, and gives its passages the same
    ids; and documents: a txt, md, html, pdf or docx file, or a folder of them (hidden ones aside),
    is cut into passages (`chunk_document`), as `rag4rag build` cuts it.
    Paragraphs of SQuAD JSON that no question asks about are passages too. Of equal texts the
    first stays; passages without text are left out.

    Args:
        source: as for `load_rows`, or documents. A file of another encoding than UTF-8 is read
            as the most likely one.
        columns: as for `load_rows`, e.g. `{"passage_id": "_id"}` for a corpus in BEIR's form.
        split: as for `load_rows`.
        tokenize: text -> the offsets of its tokens, by which documents are cut; None counts words
            and signs, and each character of scripts without spaces.
        max_tokens: the longest passage that documents are cut into.
        delimiter: as for `load_rows`.
        notes: as for `load_rows`: files of a folder that were not read, other encodings, cuts.

    Raises:
        ValueError: as `load_rows`, or if no passage has text.
        ImportError: if a format of document needs the extra `documents`.
    """
    reader = PassageReader(
        source,
        columns=columns,
        split=split,
        tokenize=tokenize,
        max_tokens=max_tokens,
        delimiter=delimiter,
    )
    rows = list(reader)
    _hand_over(reader.notes, notes)
    return _dataset(rows, PASSAGE_COLUMNS)


def _hand_over(found: list[str], notes: list[str] | None) -> None:
    if notes is not None:
        notes += found
        return
    for note in found:
        _logger.warning("%s", note)


def _read(table: Table, mapping: dict[str, str], notes: list[str]) -> list[Row]:
    """The records in our columns."""
    records = list(table.rows(list(dict.fromkeys(mapping.values()))))
    for theirs in [mapping[ours] for ours in ("context", "question") if ours in mapping]:
        lists = parse_lists(record.get(theirs) for record in records)
        if lists is not None:
            records = [
                record | {theirs: value} for record, value in zip(records, lists, strict=True)
            ]
    counts: Counter[str] = Counter()
    empty_squad = []
    rows = []
    for number, record in enumerate(records, 1):
        row: Row = dict.fromkeys(ROW_COLUMNS)
        golds: dict[str, None] = {}
        is_unanswerable = False
        for ours, theirs in mapping.items():
            value, where = record.get(theirs), f"{table.name}, row {number}, {theirs}: "
            if ours in GOLD_COLUMNS:
                answers = read_answers(value, where)
                golds |= dict.fromkeys(answers.texts)
                is_unanswerable |= answers.answerable is False
                if answers.is_empty_squad:
                    empty_squad.append(row)
            elif ours == "answerable":
                said = truth(value, where)
                if said is not None:
                    row[ours] = said != (theirs == "is_impossible")
            else:
                row[ours] = one_text(value, where)
                counts["cleaned"] += is_cleaned(value, row[ours])
        if is_unanswerable and not golds:
            row["answerable"] = False
        if golds and row["answerable"] is False:
            counts["not_gold"] += 1
            golds = {}
        set_golds(row, golds)
        if not row["passage_id"] and has_text(row["context"]):
            row["passage_id"] = passage_id(row["context"])
        rows.append(row)
    _note_reading(rows, empty_squad, counts, table.name, notes)
    return rows


def _note_reading(
    rows: list[Row], empty_squad: list[Row], counts: Counter[str], name: str, notes: list[str]
) -> None:
    # A test set without any answers has the same form.
    if empty_squad and any(row["human_answers"] for row in rows):
        for row in empty_squad:
            row["answerable"] = False if row["answerable"] is None else row["answerable"]
        notes.append(
            f"{name}: taken as unanswerable: {counted(len(empty_squad), 'question')} with an empty"
            " list of answers in SQuAD's form"
        )
    if counts["not_gold"]:
        notes.append(
            f"{name}: left out the human answers of {counted(counts['not_gold'], 'question')},"
            " as the source says that there is no answer"
        )
    if counts["cleaned"]:
        notes.append(cleaned_texts(name, counts["cleaned"]))


def _note_unusual(rows: list[Row], name: str, notes: list[str]) -> None:
    without_question = sum(not has_text(row["question"]) for row in rows)
    without_context = sum(not has_text(row["context"]) for row in rows)
    asked = [row for row in rows if has_text(row["question"]) and has_text(row["context"])]
    questions = Counter(normalised(row["question"]) for row in asked)
    for count, what in ((without_question, "question"), (without_context, "context")):
        if count:
            notes.append(f"{name}: no {what} in {count:,} of {counted(len(rows), 'row')}")
    if several := sum(count > 1 for count in questions.values()):
        notes.append(
            f"{name}: {counted(several, 'question')} with more than one passage: retrieval cannot"
            " tell which is meant"
        )


def _dataset(rows: list[Row], names: tuple[str, ...]) -> "Dataset":
    from datasets import Dataset, Features

    features = Features.from_arrow_schema(arrow_schema(*names))
    return Dataset.from_dict({name: [row[name] for row in rows] for name in names}, features)
