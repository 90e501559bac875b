"""Rows of the arms in, statistics out: pure functions that need no pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from distilabel_rag4rag.compare.arms import measure_arm
from distilabel_rag4rag.compare.pairs import measure_pairs
from distilabel_rag4rag.compare.result import ArmResult, PairResult, to_json
from distilabel_rag4rag.compare.retrieval import RetrievalResult, measure_retrieval
from distilabel_rag4rag.compare.statistics import Resampling
from distilabel_rag4rag.compare.table import (
    RIGHT_F1,
    arm_names,
    as_table,
    mark_outcomes,
    published_arm,
)
from distilabel_rag4rag.compare.verdict import Verdict, judge_pair

if TYPE_CHECKING:
    from distilabel_rag4rag.compare.table import Rows


@dataclass(frozen=True)
class Comparison:
    """All that `compare` finds; `table` holds the rows with their outcomes, for reports."""

    settings: dict[str, Any]
    verdict: Verdict
    arms: dict[str, ArmResult]
    pairs: dict[str, PairResult]
    retrieval: RetrievalResult | None
    notes: list[str]
    table: pd.DataFrame = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, the same for the same rows in any order."""
        names = ("settings", "verdict", "arms", "pairs", "retrieval", "notes")
        return {name: to_json(getattr(self, name)) for name in names}


def compare(
    rows: "Rows",
    *,
    threshold: float = 0.5,
    seed: int = 0,
    bootstrap: int = 2000,
    level: float = 0.95,
    right_f1: float = RIGHT_F1,
    baseline: str = "zero_shot",
    candidate: str = "rag4rag",
    columns: Mapping[str, str] | None = None,
    arm: str | None = None,
) -> Comparison:
    """Compare the arms of `rows` on the same questions.

    Args:
        rows: one row per question and arm, with the columns of columns.py: a DataFrame, a
            Dataset or dicts. Needed are `arm`, `id` and `answer`; what else is there is used.
        threshold: an answer whose hallucination score reaches it is flagged.
        seed: of the bootstrap and the permutation tests.
        bootstrap: number of resamples.
        level: coverage of the intervals.
        right_f1: an answer counts as right from this F1 against the human answer.
        baseline: the arm that the verdict compares with.
        candidate: the arm that the verdict is about.
        columns: our name -> the name in `rows`.
        arm: the arm of all rows, for data without that column.

    Raises:
        ValueError: if a setting or the rows cannot be used.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: found {threshold}, expected 0 < threshold <= 1")
    if bootstrap < 100:
        raise ValueError(f"bootstrap: found {bootstrap}, expected at least 100 resamples")
    resampling = Resampling(bootstrap, seed, level)
    table = mark_outcomes(as_table(rows, columns=columns, arm=arm), threshold, right_f1)
    names = arm_names(table)
    if {baseline, candidate} <= set(names) and "published" not in names:
        made = published_arm(table, baseline=baseline, candidate=candidate)
        table = pd.concat([table, made], ignore_index=True)
    by_arm = {name: table[table["arm"] == name] for name in arm_names(table)}
    arms = {name: measure_arm(r, resampling.of(r["cluster"])) for name, r in by_arm.items()}
    pairs = measure_pairs(table, resampling)
    return Comparison(
        settings={
            "threshold": threshold,
            "right_f1": right_f1,
            "bootstrap": bootstrap,
            "seed": seed,
            "level": level,
            "clusters": int(table["cluster"].nunique()),
        },
        verdict=judge_pair(arms, pairs, baseline=baseline, candidate=candidate),
        arms=arms,
        pairs=pairs,
        retrieval=measure_retrieval(table, resampling, prefer=candidate),
        notes=_notes(arms),
        table=table,
    )


def _notes(arms: Mapping[str, ArmResult]) -> list[str]:
    """What a reader must know before believing a figure."""
    notes = []
    for name, arm in arms.items():
        if arm.unjudged:
            notes.append(
                f"{name}: {arm.unjudged} of {arm.answered} answers were not judged and count "
                f"neither as clean nor as flagged ({_counted(arm.unjudged_reasons)})."
            )
        if arm.failed:
            notes.append(
                f"{name}: the LLM gave nothing in {arm.failed} of {arm.rows} rows "
                f"({_counted(arm.failed_reasons)})."
            )
        if arm.evidence_truncated:
            notes.append(
                f"{name}: in {arm.evidence_truncated} of {arm.rows} rows some evidence did not "
                "fit the judge's window."
            )
    if "published" in arms:
        notes.append(
            "published: not an arm that was run, but the published procedure computed from the "
            "others: the baseline's answers, the flagged ones replaced by the candidate's."
        )
    return notes


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in list(reasons.items())[:5])
