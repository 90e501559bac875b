"""The rates over all thresholds: does the order of the arms depend on the one chosen?"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from distilabel_rag4rag.comparison.statistics import Estimate, Resampling
from distilabel_rag4rag.schema import REPAIRED

THRESHOLDS = np.round(np.arange(0.02, 1.0, 0.02), 2)
BINS = np.round(np.linspace(0, 1, 21), 2)


@dataclass(frozen=True)
class Crossing:
    """The first threshold at which `now_lower` has the lower rate, `was_lower` had it before."""

    threshold: float
    was_lower: str
    now_lower: str


@dataclass(frozen=True)
class ThresholdSweep:
    """Hallucination rates (of judged answers) at each threshold, and the scores behind them.

    Attributes:
        thresholds: from 0.02 to 0.98.
        rates: arm -> one estimate per threshold.
        crossings: where the order of two arms changes; empty if it never does. The arm
            `repaired`, made of two others, is left out.
        score_edges: edges of the histogram's bins.
        scores: arm -> judged answers per bin.
        lowest_score: the lowest score above 0. A judge that keeps only spans above its own
            threshold has none below it, and the sweep is flat there.
    """

    thresholds: list[float]
    rates: dict[str, list[Estimate]]
    crossings: list[Crossing]
    score_edges: list[float]
    scores: dict[str, list[int]]
    lowest_score: float | None


def sweep(by_arm: Mapping[str, pd.DataFrame], resampling: Resampling) -> ThresholdSweep:
    """Sweep the threshold for every arm."""
    rates = {name: _rates(rows, resampling) for name, rows in by_arm.items()}
    every = np.concatenate([rows.loc[rows["judged"], "score"] for rows in by_arm.values()])
    return ThresholdSweep(
        thresholds=THRESHOLDS.tolist(),
        rates=rates,
        crossings=_crossings(rates),
        score_edges=BINS.tolist(),
        scores={
            name: np.histogram(rows.loc[rows["judged"], "score"], BINS)[0].tolist()
            for name, rows in by_arm.items()
        },
        lowest_score=float(every[every > 0].min()) if (every > 0).any() else None,
    )


def _rates(rows: pd.DataFrame, resampling: Resampling) -> list[Estimate]:
    judged, scores = rows["judged"].to_numpy(bool), rows["score"].to_numpy(float)
    flagged = {str(t): (judged & (scores >= t), judged) for t in THRESHOLDS}
    return list(resampling.of(rows["cluster"]).rates(flagged).values())


def _crossings(rates: Mapping[str, list[Estimate]]) -> list[Crossing]:
    found = []
    for a, b in combinations([name for name in rates if name != REPAIRED], 2):
        lower = None  # whichever of the two was lower last; equal rates change nothing
        for threshold, x, y in zip(THRESHOLDS.tolist(), rates[a], rates[b], strict=True):
            if x.value is None or y.value is None or x.value == y.value:
                continue
            now, other = (a, b) if x.value < y.value else (b, a)
            if lower == other:
                found.append(Crossing(threshold, was_lower=other, now_lower=now))
            lower = now
    return sorted(found, key=lambda crossing: crossing.threshold)
