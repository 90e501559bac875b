"""How many rows each check took, and which setting turns it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distilabel_rag4rag.schema import keep_column, reason_column

#: The check of rows that are fit but more than were asked for.
WANTED = "wanted"
#: The settings that change what a check takes.
TURNED_BY = {
    "question": "llm, question_types, num_questions",
    "grounding": "threshold, repair_rounds, k, llm, judge",
    "words_supported": "checks",
    "informative": "llm, checks",
    "answers_question": "llm, checks",
    "self_contained": "llm, checks",
    "length": "question_types, checks",
    "language": "checks",
    "duplicates": "num_questions, checks",
    "round_trip": "checks",
    WANTED: "rows",
}
#: What a check takes rows for.
MEANING = {
    "question": "no question was written",
    "grounding": "no answer, or words in it that the passage does not support",
    "words_supported": "words of the answer are not in the passage",
    "informative": "the answer repeats the question, or itself",
    "answers_question": "the answer is of another kind, or far from what is asked",
    "self_contained": "the question is not clear without its passage",
    "length": "the question is too short or too long",
    "language": "question and passage are in two languages",
    "duplicates": "the same question was asked before",
    "round_trip": "the question does not find its passage",
    WANTED: "more than the rows that were asked for",
}


@dataclass(frozen=True)
class Stage:
    """A check.

    Attributes:
        check: its name.
        meaning: what it takes rows for.
        taken: rows that it took, of those that came through the checks before.
        failed: rows that do not pass it, whatever the other checks say.
        left: rows that came through.
        settings: the settings that turn it.
        dropping: whether it takes rows at all; the others mark.
    """

    check: str
    meaning: str
    taken: int
    failed: int
    left: int
    settings: str
    dropping: bool


def funnel(rows: Iterable[Mapping[str, Any]], checks: Sequence[str]) -> list[Stage]:
    """What each check took, in this order; then those that only mark.

    Args:
        rows: all rows, with `keep_row_after_<check>` for each check that was made.
        checks: those that drop rows.
    """
    table = list(rows)
    marked = [name for name in TURNED_BY if any(keep_column(name) in row for row in table)]
    left = [row for row in table if row.get("question") is not None]
    stages = [_stage("question", len(table) - len(left), len(table) - len(left), len(left), True)]
    for check in [name for name in marked if name in {*checks, WANTED}]:
        passed = [row for row in left if row.get(keep_column(check)) is True]
        failed = sum(row.get(keep_column(check)) is not True for row in table)
        stages.append(_stage(check, len(left) - len(passed), failed, len(passed), True))
        left = passed
    for check in [name for name in marked if name not in {*checks, WANTED}]:
        failed = sum(row.get(keep_column(check)) is not True for row in left)
        stages.append(_stage(check, 0, failed, len(left), False))
    return stages


def _stage(check: str, taken: int, failed: int, left: int, dropping: bool) -> Stage:
    return Stage(check, MEANING[check], taken, failed, left, TURNED_BY[check], dropping)


def accepted(row: Mapping[str, Any], checks: Sequence[str]) -> bool:
    """Whether a row has a question and passed the checks; without a mark it passed none."""
    return row.get("question") is not None and all(_passed(row, check) for check in checks)


def first_reason(row: Mapping[str, Any], checks: Sequence[str]) -> str | None:
    """Why a row is not trained on: the first check that it did not pass, with its reason."""
    if row.get("question") is None:
        return f"question: {row.get('question_reason')}"
    for check in (*checks, WANTED):
        if not _passed(row, check):
            return f"{check}: {row.get(reason_column(check))}"
    return None


def _passed(row: Mapping[str, Any], check: str) -> bool:
    # Only where a number of rows was asked for is it marked which ones are wanted.
    return row.get(keep_column(check), check == WANTED) is True
