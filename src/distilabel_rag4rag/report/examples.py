"""Which questions a report shows, in which order, and their texts in pieces to be escaped."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from distilabel_rag4rag.comparison import Comparison
from distilabel_rag4rag.comparison.table import run_arms
from distilabel_rag4rag.utils.scripts import UNSPACED

#: What a question can show about the candidate (b) against the baseline (a), the more
#: instructive first; a question can show several.
KINDS = {
    "fixed": "{a} was flagged, {b} is grounded",
    "broken": "{a} was grounded, {b} is flagged",
    "still wrong": "flagged in both",
    "grounded but wrong": "{b} is supported by the passage and does not match the human answer",
    "flagged but right": "{b} matches the human answer and is flagged: likely a false alarm",
    "abstained": "{b} declined to answer",
    "no answer": "one of the two has no answer or was not judged",
    "same": "grounded in both",
}

#: Characters of a text in the page.
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
    come first that are most surely of that kind.
    """
    table = comparison.table
    table = table[table["arm"].isin(run_arms(table["arm"].unique()))]
    first = next(iter(comparison.arms))
    a = comparison.verdict.baseline or first
    b = comparison.verdict.candidate or first
    kinds, doubt = _kinds(table, a, b)
    counts = {kind: int(kinds[kind].sum()) for kind in KINDS}
    main = kinds.idxmax(axis=1)
    turn = doubt.groupby(main).rank(method="first")
    order = pd.DataFrame({"turn": turn, "main": main.map(list(KINDS).index)})
    order = order.sort_values(["turn", "main"])
    by_id: dict[str, list[dict[Any, Any]]] = {question: [] for question in order.index[:most]}
    for row in table[table["id"].isin(by_id)].to_dict("records"):
        by_id[row["id"]].append(row)
    examples = [
        _example(rows, [kind for kind in KINDS if kinds.at[question, kind]])
        for question, rows in by_id.items()
    ]
    return examples, counts


def _kinds(table: pd.DataFrame, a: str, b: str) -> tuple[pd.DataFrame, pd.Series]:
    """Per question of both arms: which kinds it is of, and the doubt about its first kind.

    An answer is called wrong only where it also differs from the human answer when the form of
    numbers and articles does not count, and does not contain it.
    """
    columns = ["id", "outcome", "human", "right", "lenient_f1", "lenient_right", "contains_gold"]
    both = table.loc[table["arm"] == a, [*columns, "score"]].merge(
        table.loc[table["arm"] == b, [*columns, "score"]], on="id", suffixes=("_a", "_b")
    )
    both = both.set_index("id")
    x, y = both["outcome_a"], both["outcome_b"]
    right = both["right_b"] | both["lenient_right_b"]
    wrong = both["human_b"] & ~right & ~both["contains_gold_b"]
    kinds = {
        "fixed": (x == "flagged") & (y == "grounded"),
        "broken": (x == "grounded") & (y == "flagged"),
        "still wrong": (x == "flagged") & (y == "flagged") & (a != b),
        "grounded but wrong": (y == "grounded") & wrong,
        "flagged but right": (y == "flagged") & right,
        "abstained": y == "abstained",
        "no answer": x.isin(["failed", "unjudged", "abstained"]) | y.isin(["failed", "unjudged"]),
    }
    kinds["same"] = ~pd.DataFrame(kinds).any(axis=1)
    # Flagged answers that match the human answer, and grounded ones that do not, are in doubt.
    f1_a, f1_b = both["lenient_f1_a"], both["lenient_f1_b"]
    f1_b = f1_b.where(~both["contains_gold_b"], f1_b.clip(lower=0.5))
    doubts = {
        "fixed": f1_a - f1_b,
        "broken": f1_b - f1_a,
        "still wrong": f1_a + f1_b,
        "grounded but wrong": f1_b,
        "flagged but right": -f1_b,
    }
    found = pd.DataFrame(kinds)
    main = found.idxmax(axis=1)
    doubt = pd.Series(0.0, index=both.index)
    for kind, values in doubts.items():
        doubt = doubt.where(main != kind, values)
    gap = (both["score_a"].fillna(0) - both["score_b"].fillna(0)).abs()
    # Of equal doubt, those come first whose scores differ most: one in 10,000 of an F1.
    return found[list(KINDS)], doubt.round(3) - gap / 10_000


def _example(rows: list[dict[Any, Any]], kinds: list[str]) -> Example:
    first = rows[0]
    golds = [_clip(gold) for gold in first["human_answers"] or []]
    return Example(
        id=first["id"],
        title=_clip(_text(first["title"])),
        question=_clip(_text(first["question"]) or first["id"]),
        human_answer=_human_answer(first, golds),
        passage=mark_answer(_clip(_text(first["context"])), golds),
        kinds=kinds,
        answers=[_answer(row) for row in rows],
    )


def _human_answer(row: Mapping[str, Any], golds: list[str]) -> str:
    return "(the passage holds no answer)" if row["unanswerable"] else " / ".join(golds)


def _answer(row: Mapping[str, Any]) -> Answer:
    answered = row["outcome"] in ("grounded", "flagged", "unjudged")
    reason = _text(row["judge_reason"] if answered else row["answer_reason"])
    needs_reason = row["outcome"] in ("unjudged", "abstained", "failed")
    spans = row["hallucinated_spans"]
    return Answer(
        arm=row["arm"],
        outcome=row["outcome"],
        pieces=split_spans(_clip(_text(row["answer"])), spans) if answered else [],
        note=reason if needs_reason and reason != row["outcome"] else "",
        score=None if pd.isna(row["score"]) else float(row["score"]),
        f1=float(row["f1"]) if row["has_truth"] and (answered or row["right"]) else None,
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


def mark_answer(passage: str, golds: Sequence[str]) -> list[Piece]:
    """The passage in pieces; the first place where a human answer stands has confidence 1."""
    for gold in golds:
        # Composed and decomposed characters are the same text.
        for text in dict.fromkeys([gold, *(unicodedata.normalize(f, gold) for f in _FORMS)]):
            if found := re.search(_whole(text), passage, re.IGNORECASE):
                span = {"start": found.start(), "end": found.end(), "confidence": 1.0}
                return split_spans(passage, [span])
    return [(passage, None)] if passage else []


_FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")


def _whole(text: str) -> str:
    """A pattern for the text as whole words; scripts without spaces have no ends of words."""
    before = r"(?<!\w)" if not UNSPACED.match(text) else ""
    after = r"(?!\w)" if not UNSPACED.match(text[-1:]) else ""
    return before + re.escape(text) + after


def _retrieval(row: Mapping[str, Any]) -> str:
    ids = row["retrieved_ids"]
    if ids is None:
        return ""
    if pd.isna(row["source_rank"]):
        if row["source_in_corpus"] is False:
            return "own passage not in the corpus"
        return f"own passage not among the {len(ids)} retrieved"
    return f"own passage at rank {int(row['source_rank'])} of {len(ids)}"


def _clip(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]} […] ({len(text) - LONGEST:,} more characters)"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
