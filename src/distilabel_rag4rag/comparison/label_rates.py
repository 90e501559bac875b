"""What people found among the flagged and among the passed answers, with its uncertainty."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from distilabel_rag4rag.comparison.statistics import ClusterBootstrap, Estimate, Floats, ratio

#: With fewer than this many (effective) labels of the rarer kind, or passages with labels,
#: resampling tells too little: a cell with no miss has none in any resample.
FEW = 10


@dataclass(frozen=True)
class Cell:
    """The labelled answers that the judge flagged, or those that it passed.

    Attributes:
        known: their weight; 0 where no one was labelled.
        share: of them, what people call hallucinated; NaN where there are none.
        shares: the same drawn anew, from the bootstrap's resamples.
    """

    known: float
    share: float
    shares: Floats


def label_cell(bootstrap: ClusterBootstrap, wrong: pd.Series, known: pd.Series) -> Cell:
    """From columns of weights: of the cell's hallucinated answers, and of all its labelled ones.

    Passages are resampled. Where one kind is rare, or few passages hold labels, the shares are
    drawn from Jeffreys' posterior instead, for an effective number of labels that weights and
    passages make smaller. Unless the passages are few, the shares keep the order of the resampled
    ones: a draw of hard passages is hard in every cell and in the rate of flags, and an interval
    that took them for independent would be too narrow.

    References:
        Korn and Graubard, Survey Methodology 24 (1998): the effective number.
    """
    sums = bootstrap.sums((wrong, known))
    hits, total = sums.sum(axis=0)
    resampled = bootstrap.resample(sums)
    if not total:
        return Cell(0.0, np.nan, np.full(len(resampled), np.nan))
    share = hits / total
    n = effective_number(sums, np.asarray(known, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.nan_to_num(ratio(resampled), nan=share)
    few = np.count_nonzero(sums[:, 1]) < FEW
    if few or n * min(share, 1 - share) < FEW or np.ptp(shares) < 1e-12:
        rng = np.random.default_rng(bootstrap.seed)
        drawn = rng.beta(n * share + 0.5, n * (1 - share) + 0.5, len(shares))
        if few:  # the order of so few passages tells nothing
            return Cell(float(total), float(share), drawn)
        shares[np.lexsort((rng.random(len(shares)), shares))] = np.sort(drawn)
    return Cell(float(total), float(share), shares)


def effective_number(sums: Floats, weights: Floats) -> float:
    """How many independent labels of equal weight would tell as much: Kish's, or fewer."""
    hits, total = sums.sum(axis=0)
    share = hits / total
    kish = float(total**2 / np.square(weights).sum())
    residuals = (sums[:, 0] - share * sums[:, 1]) / total
    variance = float(np.square(residuals).sum()) * len(sums) / max(len(sums) - 1, 1)
    return min(kish, share * (1 - share) / variance) if variance > 1e-15 else kish


def own_rate(bootstrap: ClusterBootstrap, rates: Floats, cells: tuple[Cell, Cell]) -> Estimate:
    """An arm's rate from its own labels: what of its flagged and of its passed answers is wrong.

    A cell without labels may hold anything from none to all: the interval says so, and there is
    no value.

    Args:
        bootstrap: of the passages.
        rates: the arm's rate of flags; the first as it is, then in each resample.
        cells: its flagged and its passed labelled answers.

    References:
        Begg and Greenes, Biometrics 39 (1983).
    """
    value, lowest, highest = 0.0, np.zeros(len(rates) - 1), np.zeros(len(rates) - 1)
    for cell, part in zip(cells, (rates, 1 - rates), strict=True):
        if cell.known:
            value += part[0] * cell.share
            lowest = lowest + part[1:] * cell.shares
            highest = highest + part[1:] * cell.shares
        elif part[0] > 0:
            value = np.nan
            highest = highest + part[1:]
    return interval(bootstrap, value, lowest, highest)


def interval(
    bootstrap: ClusterBootstrap, value: float, lowest: Floats, highest: Floats
) -> Estimate:
    """Quantiles of draws in [0, 1], each from `lowest` to `highest`; NaN: nothing is known."""
    found = float(np.clip(value, 0, 1)) if np.isfinite(value) else None
    if bootstrap.clusters < 2:
        return Estimate(found)
    n = bootstrap.clusters
    reach = np.sqrt(n / (n - 1)) * stats.t.ppf(0.5 + bootstrap.level / 2, n - 1)
    tail = stats.norm.sf(reach)
    low = float(np.quantile(np.clip(np.nan_to_num(lowest, nan=0.0), 0, 1), tail))
    high = float(np.quantile(np.clip(np.nan_to_num(highest, nan=1.0), 0, 1), 1 - tail))
    if found is not None:  # draws never reach 0 and 1, a value may
        low, high = min(low, found), max(high, found)
    return Estimate(found, low, high)
