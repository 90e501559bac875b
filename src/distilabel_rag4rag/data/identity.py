"""What is the same: passages by their text, questions by their text and passage."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Any

from distilabel_rag4rag.utils.text import clean_text, counted, has_text

Row = dict[str, Any]


def passage_id(text: str) -> str:
    """The stable id of a passage: 16 hexadecimal digits of a hash of its text.

    Texts that differ only in Unicode form, in control characters or in white space share one id.
    """
    return _hash(normalised(text))


def question_id(passage: str, question: str) -> str:
    """The stable id of a question about a passage, which is given by its id."""
    return _hash(f"{passage}\0{normalised(question)}")


def normalised(text: str | None) -> str:
    """The text in one Unicode form, without control characters, with one space between words."""
    return " ".join(unicodedata.normalize("NFC", clean_text(text or "")).split())


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def set_golds(row: Row, golds: Iterable[str]) -> None:
    texts = list(golds)
    row["human_answers"] = texts or None
    row["human_answer"] = texts[0] if texts else None


def two_texts(name: str, given: str) -> ValueError:
    """What to raise where a source has one passage_id for two texts."""
    return ValueError(
        f"{name}: passage_id {given!r} stands for two different texts; correct it, or "
        "set `columns.passage_id` to nothing, so that the ids are made from the texts"
    )


def replaced_ids(name: str, count: int) -> str:
    """The note that a source has several passage_ids for one text."""
    return f"{name}: replaced {counted(count, 'passage_id')} by the first one of the same text"


def check_passage_ids(rows: list[Row], name: str) -> None:
    texts: dict[str, str] = {}
    for row in rows:
        given, text = row["passage_id"], normalised(row["context"])
        if given and text and texts.setdefault(given, text) != text:
            raise two_texts(name, given)


def unify_passage_ids(rows: list[Row], name: str, notes: list[str]) -> None:
    """One text is one passage: the first id that it comes with."""
    first: dict[str, str] = {}
    others = set()
    for row in rows:
        if row["passage_id"] and (text := normalised(row["context"])):
            used = first.setdefault(text, row["passage_id"])
            if used != row["passage_id"]:
                others.add(row["passage_id"])
                row["passage_id"] = used
    if others:
        notes.append(replaced_ids(name, len(others)))


def merge_repeated(
    rows: list[Row], name: str, context_required: bool, notes: list[str]
) -> list[Row]:
    """A question that comes again with the same passage is one row, with all human answers."""
    first: dict[tuple[str, str], Row] = {}
    kept = []
    for row in rows:
        question, passage = normalised(row["question"]), row["passage_id"] or ""
        if not question or (context_required and not has_text(row["context"])):
            kept.append(row)
            continue
        known = first.setdefault((question, passage), row)
        if known is row:
            kept.append(row)
            continue
        golds = dict.fromkeys([*(known["human_answers"] or ()), *(row["human_answers"] or ())])
        set_golds(known, golds)
        said = {known["answerable"], row["answerable"]}
        known["answerable"] = True if True in said else None if golds else known["answerable"]
    if repeated := len(rows) - len(kept):
        notes.append(
            f"{name}: merged {counted(repeated, 'row')} into an earlier one with the same question"
            " and passage; the human answers of all count"
        )
    return kept


def give_ids(rows: list[Row], name: str) -> None:
    given = Counter(row["id"] for row in rows if row["id"])
    if twice := [key for key, count in given.items() if count > 1]:
        raise ValueError(
            f"{name}: id {twice[0]!r} stands on {given[twice[0]]} rows ({len(twice)} ids are not "
            "unique); correct them, or set `columns.id` to nothing, so that new ones are made"
        )
    made: Counter[str] = Counter()
    for row in rows:
        if not row["id"]:
            key = question_id(row["passage_id"] or "", row["question"])
            while not row["id"] or row["id"] in given:
                made[key] += 1
                row["id"] = key if made[key] == 1 else f"{key}-{made[key]}"
