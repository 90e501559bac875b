"""Which questions to show, in which order, and their texts in pieces ready to be escaped."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from distilabel_rag4rag.comparison import Comparison

#: What a question can show about the candidate (b) against the baseline (a), the more
#: instructive first; a question can show several.
KINDS = {
    "fixed": "{a} was flagged, {b} is grounded",
    "broken": "{a} was grounded, {b} is flagged",
    "still wrong": "flagged in both",
    "grounded but wrong": "{b} is supported by its passages and does not match the human answer",
    "flagged but right": "{b} matches the human answer and is flagged: likely a false alarm",
    "abstained": "{b} declined to answer",
    "no answer": "one of the two has no answer or was not judged",
    "same": "grounded in both",
}

#: Characters of a text that are shown.
LONGEST = 10_000

Piece = tuple[str, float | None]


@dataclass(frozen=True)
class Answer:
    """One arm's answer; `pieces` are text and, where it is a hallucinated span, confidence."""

    arm: str
    outcome: str
    pieces: list[Piece]
    note: str
    score: float | None
    f1: float | None
    retrieval: str


@dataclass(frozen=True)
class Example:
    """One question with all arms; in `passage` the human answer has confidence 1."""

    id: str
    title: str
    question: str
    human_answer: str
    passage: list[Piece]
    kinds: list[str]
    answers: list[Answer]


def choose_examples(comparison: Comparison, most: int) -> tuple[list[Example], dict[str, int]]:
    """The examples, the most instructive first, and how many questions there are of each kind.

    Kinds take turns, so that a rare kind is not buried under a common one; within a kind those
    come first whose scores differ most between the two arms.
    """
    table = comparison.table[comparison.table["arm"] != "published"]
    first = next(iter(comparison.arms))
    a = comparison.verdict.baseline or first
    b = comparison.verdict.candidate or first
    wide = _kinds(table, a, b)
    counts = {kind: int(wide[kind].sum()) for kind in KINDS}
    main = wide[list(KINDS)].idxmax(axis=1)
    order = wide.assign(
        main=main.map(list(KINDS).index), turn=wide.groupby(main)["gap"].rank(method="first")
    ).sort_values(["turn", "main"])
    by_id = dict(tuple(table[table["id"].isin(order.index[:most])].groupby("id")))
    examples = []
    for question in order.index[:most]:
        kinds = [kind for kind in KINDS if order.at[question, kind]]
        examples.append(_example(by_id[question].to_dict("records"), kinds))
    return examples, counts


def _kinds(table: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Per question of both arms: which kinds it shows, and a gap to sort by (smallest first)."""
    columns = ["id", "outcome", "right", "human", "score"]
    both = table.loc[table["arm"] == a, columns].merge(
        table.loc[table["arm"] == b, columns], on="id", suffixes=("_a", "_b")
    )
    x, y = both["outcome_a"], both["outcome_b"]
    known, right = both["human_b"], both["right_b"]
    shown = {
        "fixed": (x == "flagged") & (y == "grounded"),
        "broken": (x == "grounded") & (y == "flagged"),
        "still wrong": (x == "flagged") & (y == "flagged") & (a != b),
        "grounded but wrong": (y == "grounded") & known & ~right,
        "flagged but right": (y == "flagged") & right,
        "abstained": y == "abstained",
        "no answer": x.isin(["failed", "unjudged", "abstained"]) | y.isin(["failed", "unjudged"]),
    }
    shown["same"] = ~pd.DataFrame(shown).any(axis=1)
    gap = -(both["score_a"].fillna(0) - both["score_b"].fillna(0)).abs()
    return both.assign(**shown, gap=gap).set_index("id")


def _example(rows: list[dict[Any, Any]], kinds: list[str]) -> Example:
    first = rows[0]
    human = _clip(_text(first["human_answer"]))
    return Example(
        id=first["id"],
        title=_clip(_text(first["title"])),
        question=_clip(_text(first["question"]) or first["id"]),
        human_answer=human,
        passage=mark_answer(_clip(_text(first["context"])), human),
        kinds=kinds,
        answers=[_answer(row) for row in rows],
    )


def _answer(row: Mapping[str, Any]) -> Answer:
    answered = row["outcome"] in ("grounded", "flagged", "unjudged")
    reason = _text(row["judge_reason"] if answered else row["answer_reason"])
    told = row["outcome"] in ("unjudged", "abstained", "failed") and reason != row["outcome"]
    return Answer(
        arm=row["arm"],
        outcome=row["outcome"],
        pieces=split_spans(_clip(_text(row["answer"])), row["hallucinated_spans"])
        if answered
        else [],
        note=reason if told else "",
        score=None if pd.isna(row["score"]) else float(row["score"]),
        f1=float(row["f1"]) if row["human"] and answered else None,
        retrieval=_retrieval(row),
    )


def split_spans(text: str, spans: Any) -> list[Piece]:
    """The text in pieces: outside of spans (None) and inside (the confidence)."""
    pieces: list[Piece] = []
    at = 0
    for span in sorted(spans or [], key=lambda s: s["start"]):
        start, end = max(at, int(span["start"])), min(len(text), int(span["end"]))
        if start >= end:  # empty, outside, or covered by the one before
            continue
        pieces += [(text[at:start], None), (text[start:end], float(span["confidence"]))]
        at = end
    pieces.append((text[at:], None))
    return [piece for piece in pieces if piece[0]]


def mark_answer(passage: str, answer: str) -> list[Piece]:
    """The passage in pieces; the first place where the human answer stands has confidence 1."""
    found = answer and re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", passage, re.IGNORECASE)
    if not found:
        return [(passage, None)] if passage else []
    spans = [{"start": found.start(), "end": found.end(), "confidence": 1.0}]
    return split_spans(passage, spans)


def _retrieval(row: Mapping[str, Any]) -> str:
    ids = row["retrieved_ids"]
    if ids is None:
        return ""
    if pd.isna(row["source_rank"]):
        return f"own passage not among the {len(ids)} retrieved"
    return f"own passage at rank {int(row['source_rank'])} of {len(ids)}"


def _clip(text: str) -> str:
    """What a reader would scroll past is not in the page."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]} […] ({len(text) - LONGEST:,} more characters)"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
