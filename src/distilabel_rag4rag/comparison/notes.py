"""What a reader must know before believing a figure."""

from collections.abc import Mapping

import pandas as pd

from distilabel_rag4rag.comparison.arms import MANY_WINDOWS
from distilabel_rag4rag.comparison.metrics import is_compared_by_character
from distilabel_rag4rag.comparison.result import ArmResult, PairResult
from distilabel_rag4rag.comparison.verdict import Verdict
from distilabel_rag4rag.schema import REPAIRED
from distilabel_rag4rag.utils.text import counted, has_text

#: So many causes are named in a note, and so many characters of each.
MOST_CAUSES, LONGEST_CAUSE = 5, 160


def write_notes(rows: pd.DataFrame, arms: Mapping[str, ArmResult]) -> list[str]:
    """Notes on the arms and on the questions.

    Args:
        rows: of the arms that were run (see `table.mark_outcomes`).
        arms: their figures, and those of the arm that is computed.
    """
    notes = [note for name, arm in arms.items() if name != REPAIRED for note in _of_arm(name, arm)]
    if REPAIRED in arms:
        notes.append(
            f"{REPAIRED}: not an arm that was run, but computed from two others: the baseline's "
            "answers, the flagged ones replaced by the candidate's."
        )
    return notes + _of_questions(rows)


def _of_arm(name: str, arm: ArmResult) -> list[str]:
    notes = []
    if arm.unjudged:
        notes.append(
            f"{name}: {arm.unjudged} of {counted(arm.answered, 'answer')} "
            f"{_were(arm.unjudged)} not judged and {_count(arm.unjudged)} neither as clean nor as "
            f"flagged ({_causes(arm.unjudged_reasons)})."
        )
    if arm.failed:
        notes.append(
            f"{name}: {arm.failed} of {counted(arm.rows, 'row')} failed, with neither an answer "
            f"nor an abstention ({_causes(arm.failed_reasons)})."
        )
    if arm.evidence_truncated:
        notes.append(
            f"{name}: in {arm.evidence_truncated} of {counted(arm.rows, 'row')} some evidence did "
            "not fit the judge's window."
        )
    if arm.many_windows:
        notes.append(
            f"{name}: in {arm.many_windows} of {counted(arm.rows, 'row')} the evidence took "
            f"{MANY_WINDOWS} or more of the judge's windows (at most {arm.most_windows}). The "
            "longer the evidence, the less a low score says."
        )
    return notes


def _of_questions(rows: pd.DataFrame) -> list[str]:
    questions = rows.groupby("id").first()
    notes = []
    retrieved = rows["retrieved_contexts"].map(lambda passages: len(passages or ()) > 0)
    if retrieved.any() and not questions["context"].map(has_text).any():
        notes.append(
            "The questions have no source passage: answers were judged against the passages that "
            "were retrieved, so the figures do not say whether these were the right ones."
        )
    if count := int(questions["unanswerable"].sum()):
        notes.append(
            f"{counted(count, 'question has', 'questions have')} no answer in the passage "
            "(answerable is false): abstaining is right there and scores 1 in exact match and F1; "
            "an answer scores 0 and is not trained on."
        )
    if count := int(questions["human_answers"].map(lambda golds: len(golds or ())).gt(1).sum()):
        notes.append(
            f"{counted(count, 'question has', 'questions have')} several human answers: the one "
            "that an answer matches best counts, as in SQuAD's script."
        )
    scored = rows[rows["human"] & rows["answered"]]
    pairs = zip(scored["answer"], scored["human_answers"], strict=True)
    if count := sum(is_compared_by_character(answer, golds) for answer, golds in pairs):
        notes.append(
            f"F1 of {counted(count, 'answer')} is by character instead of by word, as in MLQA and "
            "CMRC: the text has no spaces between words."
        )
    return notes


def rows_not_shared(pairs: Mapping[str, PairResult], verdict: Verdict) -> list[str]:
    """Rows that the paired figures leave out."""
    a, b = verdict.baseline, verdict.candidate
    pair = pairs.get(f"{a}_vs_{b}") or pairs.get(f"{b}_vs_{a}")
    alone = ((pair.a, pair.only_in_a), (pair.b, pair.only_in_b)) if pair else ()
    return [
        f"{counted(count, 'question is', 'questions are')} in {name} alone and in no paired figure."
        for name, count in alone
        if count
    ]


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _count(number: int) -> str:
    return "counts" if number == 1 else "count"


def _causes(causes: Mapping[str, int]) -> str:
    named = [f"{_shorten(cause)}: {n}" for cause, n in list(causes.items())[:MOST_CAUSES]]
    rest = sum(list(causes.values())[MOST_CAUSES:])
    return ", ".join([*named, *([f"other causes: {rest}"] if rest else [])])


def _shorten(cause: str) -> str:
    text = " ".join(cause.split())
    return text if len(text) <= LONGEST_CAUSE else f"{text[: LONGEST_CAUSE - 1]}…"
