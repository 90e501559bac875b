"""Rows of the arms in, statistics out: pure functions that need no pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from distilabel_rag4rag.comparison.arms import measure_arm
from distilabel_rag4rag.comparison.judge_error import JudgeError, measure_judge
from distilabel_rag4rag.comparison.pairs import measure_pairs
from distilabel_rag4rag.comparison.result import ArmResult, PairResult, to_json
from distilabel_rag4rag.comparison.retrieval import RetrievalResult, measure_retrieval
from distilabel_rag4rag.comparison.slices import Slice, break_down
from distilabel_rag4rag.comparison.statistics import Resampling
from distilabel_rag4rag.comparison.table import (
    RIGHT_F1,
    Rows,
    add_labels,
    arm_names,
    as_table,
    mark_outcomes,
    published_arm,
)
from distilabel_rag4rag.comparison.thresholds import ThresholdSweep, sweep
from distilabel_rag4rag.comparison.verdict import Verdict, judge_pair
from distilabel_rag4rag.utils.public import public


@public
@dataclass(frozen=True)
class Comparison:
    """All that `compare` finds; `table` holds the rows with their outcomes, for reports."""

    settings: dict[str, Any]
    verdict: Verdict
    arms: dict[str, ArmResult]
    pairs: dict[str, PairResult]
    retrieval: RetrievalResult | None
    thresholds: ThresholdSweep
    judge: JudgeError
    slices: dict[str, list[Slice]]
    notes: list[str]
    table: pd.DataFrame = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, the same for the same rows in any order."""
        return {f.name: to_json(getattr(self, f.name)) for f in fields(self) if f.name != "table"}


def compare(
    rows: Rows,
    *,
    threshold: float = 0.5,
    seed: int = 0,
    bootstrap: int = 2000,
    level: float = 0.95,
    right_f1: float = RIGHT_F1,
    baseline: str = "zero_shot",
    candidate: str = "rag4rag",
    by: Sequence[str] = ("title",),
    labels: Rows | None = None,
    human_arm: str = "human",
    columns: Mapping[str, str | None] | None = None,
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
        by: columns to break the comparison down by.
        labels: human labels: rows with `id`, `arm` and `human_hallucinated` (bool), and
            `review_weight`, how many rows a label stands for, where the labelled rows were a
            sample; they may also stand in columns of these names in `rows`.
        human_arm: rows of this name hold the human answers as `answer`, judged like any other;
            they are no arm, but show how often the judge flags what is right.
        columns: our name -> the name in `rows`.
        arm: the arm of all rows, for data without that column.

    Raises:
        ValueError: if a setting or the rows cannot be used.
    """
    for setting, fits, found, expected in (
        ("threshold", 0 < threshold <= 1, threshold, "0 < threshold <= 1"),
        ("right_f1", 0 < right_f1 <= 1, right_f1, "0 < right_f1 <= 1"),
        ("level", 0.5 <= level < 1, level, "0.5 <= level < 1, e.g. 0.95"),
        ("bootstrap", bootstrap >= 100, bootstrap, "at least 100 resamples"),
        ("seed", seed >= 0, seed, "0 or more"),
        ("by", not isinstance(by, str), by, "a list of columns"),
        ("baseline and candidate", baseline != candidate, candidate, "two arms"),
    ):
        if not fits:
            raise ValueError(f"{setting}: found {found!r}, expected {expected}")
    resampling = Resampling(bootstrap, seed, level)
    table = as_table(rows, columns=columns, arm=arm)
    table = mark_outcomes(
        table if labels is None else add_labels(table, labels), threshold, right_f1
    )
    human, ran = table[table["arm"] == human_arm], table[table["arm"] != human_arm]
    if ran.empty:
        raise ValueError(f"rows: found only the arm {human_arm!r}, expected one that a model wrote")
    if "published" in set(ran["arm"]):
        raise ValueError("rows: the arm 'published' is computed from the others; rename yours")
    for setting, given, default in (
        ("baseline", baseline, "zero_shot"),
        ("candidate", candidate, "rag4rag"),
    ):
        if given != default and given not in set(ran["arm"]):
            raise ValueError(f"{setting}: found {given!r}, expected one of {arm_names(ran)}")
    table = _with_published(ran, baseline, candidate)
    by_arm = {name: table[table["arm"] == name] for name in arm_names(table)}
    arms = {name: measure_arm(r, resampling.of(r["cluster"])) for name, r in by_arm.items()}
    pairs = measure_pairs(table, resampling)
    verdict = judge_pair(arms, pairs, baseline=baseline, candidate=candidate)
    return Comparison(
        settings={
            "threshold": threshold,
            "right_f1": right_f1,
            "bootstrap": bootstrap,
            "seed": seed,
            "level": level,
            "clusters": int(table["cluster"].nunique()),
        },
        verdict=verdict,
        arms=arms,
        pairs=pairs,
        retrieval=measure_retrieval(table, resampling, prefer=candidate),
        thresholds=sweep(by_arm, resampling),
        judge=measure_judge(ran, human, resampling),
        slices=_slices(ran, by, resampling, verdict),
        notes=[*_notes(arms), *_not_shared(pairs, verdict)],
        table=table,
    )


def _with_published(table: pd.DataFrame, baseline: str, candidate: str) -> pd.DataFrame:
    names = set(table["arm"])
    if not {baseline, candidate} <= names:
        return table.reset_index(drop=True)
    made = published_arm(table, baseline=baseline, candidate=candidate)
    return pd.concat([table, made], ignore_index=True)


def _slices(
    table: pd.DataFrame, by: Sequence[str], resampling: Resampling, verdict: Verdict
) -> dict[str, list[Slice]]:
    if missing := [column for column in by if column not in table]:
        raise ValueError(f"by: found {missing}, expected columns of the rows")
    for column in by:
        if table[column].map(lambda value: isinstance(value, list | dict | np.ndarray)).any():
            raise ValueError(f"by: found {column!r}, expected a column of single values")
    a, b = verdict.baseline or "", verdict.candidate or ""
    return {column: break_down(table, column, resampling, baseline=a, candidate=b) for column in by}


def _notes(arms: Mapping[str, ArmResult]) -> list[str]:
    """What a reader must know before believing a figure."""
    notes = []
    for name, arm in arms.items():
        if name == "published":  # its rows are told of in the arms they are from
            continue
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


def _not_shared(pairs: Mapping[str, PairResult], verdict: Verdict) -> list[str]:
    """Rows that the paired figures leave out."""
    a, b = verdict.baseline, verdict.candidate
    pair = pairs.get(f"{a}_vs_{b}") or pairs.get(f"{b}_vs_{a}")
    alone = ((pair.a, pair.only_in_a), (pair.b, pair.only_in_b)) if pair else ()
    return [
        f"{count} questions stand in {name} alone and are in no paired figure."
        for name, count in alone
        if count
    ]


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in list(reasons.items())[:5])
