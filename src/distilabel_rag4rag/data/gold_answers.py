"""Gold answers in the forms that question answering datasets give them in -> a list of texts."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from distilabel_rag4rag.data.literals import looks_like_literal, parse_literal
from distilabel_rag4rag.data.values import plain, scalar_text, short
from distilabel_rag4rag.utils.text import clean_text, has_text

#: The keys that hold the answers of an object; it must have exactly one of them.
ANSWER_KEYS = (
    "text",  # SQuAD, MRQA
    "texts",  # QuAC
    "value",  # TriviaQA, beside "aliases"
    "answer",
    "answers",
    "spans",  # DROP
    "short_answers",  # Natural Questions
    "short_answer",
    "input_text",  # CoQA
)

#: What datasets write in the place of an answer where there is none: QuAC, MS MARCO, TriviaQA.
NO_ANSWER = ("CANNOTANSWER", "No Answer Present.", "<unk>")
#: What is left of a missing value that became text, as pandas reads it.
MISSING = ("nan", "NaN", "<NA>", "NaT", "null", "NULL")


class GoldAnswers(NamedTuple):
    """The gold answers of a question.

    Attributes:
        texts: each once, in their order.
        answerable: False where the dataset writes that there is no answer, else None.
        is_empty_squad: whether it was `{"text": [], "answer_start": []}`, which SQuAD 2.0 has
            for a question without an answer and test sets have for every question.
    """

    texts: list[str]
    answerable: bool | None = None
    is_empty_squad: bool = False


def gold_answers(value: Any, where: str = "") -> list[str]:
    """Every gold answer once, in order; see `read_answers`.

    Raises:
        ValueError: if no answer can be read from it; None and blanks are no error.
    """
    return read_answers(value, where).texts


def read_answers(value: Any, where: str = "") -> GoldAnswers:
    """Reads gold answers of any form.

    A text, a number, a truth value ("yes" or "no"), a date; a list of them; SQuAD's
    `{"text": [...], "answer_start": [...]}`, TriviaQA's `{"value": ..., "aliases": [...]}` and
    the other objects of `ANSWER_KEYS`; and each of these as the text that a CSV file makes of
    it, such as "['Torgau', 'in Torgau']". Several answers are alternatives.

    Args:
        value: what the dataset has.
        where: what errors begin with, e.g. "rows.csv, row 3, answers: ".

    Raises:
        ValueError: if no answer can be read from it; None and blanks are no error.
    """
    found = [text for text in _texts(value, where) if text.strip() not in MISSING]
    texts: dict[str, str] = {}
    for text in found:
        if text.strip() not in NO_ANSWER:
            texts.setdefault(text.strip(), text)
    squad = plain(parse_literal(value) if _is_literal(value) else value)
    return GoldAnswers(
        texts=list(texts.values()),
        answerable=False if found and not texts else None,
        is_empty_squad=not found and isinstance(squad, Mapping) and "answer_start" in squad,
    )


def _is_literal(value: Any) -> bool:
    return isinstance(value, str) and looks_like_literal(value)


def _texts(value: Any, where: str) -> Iterator[str]:
    value = plain(value)
    if _is_literal(value):
        try:
            value = parse_literal(value)
        except ValueError:
            raise ValueError(
                f"{where}found {short(value)}, expected text or a list of texts; it looks like "
                "a list or an object that became text, and cannot be read as one"
            ) from None
    if isinstance(value, Mapping):
        yield from _object_texts(value, where)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, where)
    elif isinstance(value, bool):
        yield "yes" if value else "no"
    elif has_text(text := clean_text(scalar_text(value, where) or "")):
        yield text


def _object_texts(value: Mapping[Any, Any], where: str) -> Iterator[str]:
    keys = [key for key in ANSWER_KEYS if key in value]
    if {"number", "date", "spans"} <= value.keys():
        yield from _drop_texts(value, where)
    elif len(keys) == 1:
        found = list(_texts(value[keys[0]], where))
        if not found and "yes_no_answer" in value:
            found = list(_yes_no(value["yes_no_answer"]))
        yield from found
        yield from _texts(value.get("aliases"), where)
    elif value:
        raise ValueError(
            f"{where}found an object with the keys {', '.join(map(repr, value))}, expected text, "
            f"a list, or an object with one of the keys {', '.join(map(repr, ANSWER_KEYS))}"
        )


def _drop_texts(value: Mapping[Any, Any], where: str) -> Iterator[str]:
    """DROP: spans, else a number, else a date, of which the others are empty."""
    found = list(_texts(value["spans"], where)) or list(_texts(value["number"], where))
    date = plain(value["date"])
    if not found and isinstance(date, Mapping):
        parts = [scalar_text(date.get(key), where) or "" for key in ("day", "month", "year")]
        found = [" ".join(part for part in parts if part)]
    yield from found


def _yes_no(value: Any) -> Iterator[str]:
    """Natural Questions: "YES", "NO" or "NONE", or 1, 0 or -1."""
    value = plain(value)
    for item in value if isinstance(value, list) else [value]:
        if item in ("YES", 1) or item in ("NO", 0):
            yield "yes" if item in ("YES", 1) else "no"
