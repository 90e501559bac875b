"""Rows of the arms in, statistics out: pure functions that need no pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from distilabel_rag4rag.comparison.arms import measure_arm
from distilabel_rag4rag.comparison.judge_error import JudgeError, measure_judge
from distilabel_rag4rag.comparison.notes import rows_not_shared, write_notes
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
    repaired_arm,
)
from distilabel_rag4rag.comparison.thresholds import ThresholdSweep, sweep
from distilabel_rag4rag.comparison.to_train_on import RowsToTrainOn, count_to_train_on
from distilabel_rag4rag.comparison.verdict import Verdict, judge_pair
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.schema import HUMAN, RAG4RAG, REPAIRED, ZERO_SHOT
from distilabel_rag4rag.utils.public import public
from distilabel_rag4rag.utils.text import counted


@public
@dataclass(frozen=True)
class Comparison:
    """All that `compare` finds; `table` holds the rows with their outcomes, for reports."""

    settings: dict[str, Any]
    verdict: Verdict
    to_train_on: RowsToTrainOn
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
    baseline: str = ZERO_SHOT,
    candidate: str = RAG4RAG,
    by: Sequence[str] = ("title",),
    labels: Rows | None = None,
    human_arm: str = HUMAN,
    columns: Mapping[str, str | None] | None = None,
    arm: str | None = None,
) -> Comparison:
    """Compare the arms of `rows` on the same questions.

    Args:
        rows: one row per question and arm, with the columns of `schema`: a DataFrame, a Dataset
            or dicts. Needed are `arm`, `id` and `answer`; the others are used where they exist.
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
    for setting, is_usable, found, expected in (
        ("threshold", 0 < threshold <= 1, threshold, "0 < threshold <= 1"),
        ("right_f1", 0 < right_f1 <= 1, right_f1, "0 < right_f1 <= 1"),
        ("level", 0.5 <= level < 1, level, "0.5 <= level < 1, e.g. 0.95"),
        ("bootstrap", bootstrap >= 100, bootstrap, "at least 100 resamples"),
        ("seed", seed >= 0, seed, "0 or more"),
        ("by", not isinstance(by, str), by, "a list of columns"),
        ("baseline and candidate", baseline != candidate, candidate, "two arms"),
    ):
        if not is_usable:
            raise ConfigError(setting, found, expected)
    resampling = Resampling(bootstrap, seed, level)
    table = as_table(rows, columns=columns, arm=arm)
    table = mark_outcomes(
        table if labels is None else add_labels(table, labels), threshold, right_f1
    )
    human, ran = table[table["arm"] == human_arm], table[table["arm"] != human_arm]
    if ran.empty:
        raise ConfigError("rows", [human_arm], "an arm that an LLM answered")
    ran, notes = _without_computed(ran)
    for setting, given, default in (
        ("baseline", baseline, ZERO_SHOT),
        ("candidate", candidate, RAG4RAG),
    ):
        if given != default and given not in set(ran["arm"]):
            raise ConfigError(setting, given, f"one of {arm_names(ran)}")
    table = _with_repaired(ran, baseline, candidate)
    by_arm = {name: table[table["arm"] == name] for name in arm_names(table)}
    arms = {name: measure_arm(r, resampling.of(r["cluster"])) for name, r in by_arm.items()}
    pairs = measure_pairs(table, resampling)
    verdict = judge_pair(arms, pairs, baseline=baseline, candidate=candidate)
    retrieval = measure_retrieval(table, resampling, prefer=candidate)
    about = verdict.winner or verdict.candidate or next(iter(arms))
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
        to_train_on=count_to_train_on(by_arm[about], about),
        arms=arms,
        pairs=pairs,
        retrieval=retrieval,
        thresholds=sweep(by_arm, resampling),
        judge=measure_judge(ran, human, resampling),
        slices=_slices(ran, by, resampling, verdict),
        notes=[
            *notes,
            *write_notes(ran, arms),
            *(retrieval.notes() if retrieval else []),
            *rows_not_shared(pairs, verdict),
        ],
        table=table,
    )


def _without_computed(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Without rows of the arm that is computed here, and a note where there were any."""
    computed = table["arm"] == REPAIRED
    if computed.all():
        raise ConfigError("rows", [REPAIRED], "an arm that was run; this one is computed")
    if not computed.any():
        return table, []
    note = (
        f"{counted(int(computed.sum()), 'row')} of the arm {REPAIRED} in the data "
        f"{'was' if computed.sum() == 1 else 'were'} left out: it is computed anew from the others."
    )
    return table[~computed], [note]


def _with_repaired(table: pd.DataFrame, baseline: str, candidate: str) -> pd.DataFrame:
    if not {baseline, candidate} <= set(table["arm"]):
        return table.reset_index(drop=True)
    repaired = repaired_arm(table, baseline=baseline, candidate=candidate)
    return pd.concat([table, repaired], ignore_index=True)


def _slices(
    table: pd.DataFrame, by: Sequence[str], resampling: Resampling, verdict: Verdict
) -> dict[str, list[Slice]]:
    if missing := [column for column in by if column not in table]:
        raise ConfigError("by", missing, "columns of the rows")
    for column in by:
        if table[column].map(lambda value: isinstance(value, list | dict | np.ndarray)).any():
            raise ConfigError("by", column, "a column of single values")
    a, b = verdict.baseline or "", verdict.candidate or ""
    return {column: break_down(table, column, resampling, baseline=a, candidate=b) for column in by}
