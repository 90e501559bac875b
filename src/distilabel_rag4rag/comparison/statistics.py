"""Intervals and tests for rows that come in clusters (several questions about one passage).

Rows of one passage succeed and fail together, so an interval that takes them for independent
is too narrow. Everything here resamples, leaves out or flips whole clusters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

Floats = NDArray[np.float64]
#: From the sums of the columns (…, columns) to a statistic (…): it must be vectorised.
Statistic = Callable[[Floats], Floats]

#: Sign flips of clusters are enumerated or sampled up to this many; beyond it the normal limit
#: of the same test is exact enough and much faster.
MOST_FLIPPED_CLUSTERS = 200


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval; None where the data cannot tell."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def leaves_out_zero(self) -> bool:
        """Whether there is an interval and 0 is not in it."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Resampling:
    """How intervals are made: the number of resamples, their seed, the coverage."""

    samples: int = 2000
    seed: int = 0
    level: float = 0.95

    def of(self, clusters: ArrayLike) -> "ClusterBootstrap":
        """The bootstrap of rows with these clusters; equal clusters give equal draws."""
        return ClusterBootstrap(clusters, samples=self.samples, seed=self.seed, level=self.level)


class ClusterBootstrap:
    """Bias-corrected and accelerated bootstrap (BCa) that resamples clusters, not rows.

    The clusters are drawn once and the same draws serve every statistic, so that differences
    between arms are paired. A statistic is a function of sums over rows, which makes a
    resample one row of a matrix product: counts of the drawn clusters times sums per cluster.

    Args:
        clusters: one label per row.
        samples: number of resamples.
        seed: of the draws.
        level: coverage of the intervals.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 14.
    """

    def __init__(
        self, clusters: ArrayLike, *, samples: int = 2000, seed: int = 0, level: float = 0.95
    ) -> None:
        self.codes, labels = pd.factorize(np.asarray(clusters, dtype=object), sort=True)
        self.clusters = len(labels)
        self.level, self.seed = level, seed
        self._drawn = _draws(self.clusters, samples, seed)

    def sums(self, columns: Sequence[ArrayLike]) -> Floats:
        """The sum of each column within each cluster: (clusters, columns)."""
        return np.stack(
            [
                np.bincount(self.codes, np.asarray(c, dtype=float), minlength=self.clusters)
                for c in columns
            ],
            axis=1,
        )

    def resample(self, sums: Floats, block: int = 64) -> Floats:
        """The sums over each resample: (samples, columns)."""
        blocks = range(0, len(self._drawn), block)
        return np.concatenate([self._drawn[i : i + block].astype(float) @ sums for i in blocks])

    def estimates(
        self, wanted: Mapping[str, tuple[Statistic, Sequence[ArrayLike]]]
    ) -> dict[str, Estimate]:
        """Per name a statistic of the sums of some columns, with its BCa interval."""
        # A column that several statistics share (a denominator) is summed and resampled once.
        distinct = {id(column): column for _, columns in wanted.values() for column in columns}
        position = {key: i for i, key in enumerate(distinct)}
        sums = self.sums(list(distinct.values()))
        resampled = self.resample(sums)
        found = {}
        for name, (statistic, columns) in wanted.items():
            own = [position[id(column)] for column in columns]
            found[name] = self._interval(statistic, sums[:, own], resampled[:, own])
        return found

    def means(self, ratios: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> dict[str, Estimate]:
        """Sum of the first column over sum of the second, per name."""
        return self.estimates({name: (ratio, columns) for name, columns in ratios.items()})

    def rates(self, ratios: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> dict[str, Estimate]:
        """Like `means`, for what lies in [0, 1]."""
        return {
            name: self.exact_at_bounds(estimate, ratios[name][1])
            for name, estimate in self.means(ratios).items()
        }

    def of_rows(self, statistic: Statistic, block: int = 64) -> Estimate:
        """What is no function of sums, such as an area under a curve, with its BCa interval.

        Args:
            statistic: from how often each row counts (..., rows) to a value (...).
            block: so many resamples at a time, for the memory's sake.
        """
        ones = np.ones((1, self.clusters))

        def values(counts: NDArray[Any]) -> Floats:
            blocks = range(0, len(counts), block)
            rows = (counts[i : i + block].astype(float)[:, self.codes] for i in blocks)
            return np.concatenate([statistic(one) for one in rows])

        def without(first: int) -> Floats:
            left_out = np.arange(first, min(first + block, self.clusters))
            counts = np.repeat(ones, len(left_out), axis=0)
            counts[np.arange(len(left_out)), left_out] = 0
            return values(counts)

        with np.errstate(divide="ignore", invalid="ignore"):
            jackknife = [without(first) for first in range(0, self.clusters, block)]
            found = float(values(ones)[0]), values(self._drawn), np.concatenate(jackknife)
        return self._bounded(*found)

    def exact_at_bounds(self, estimate: Estimate, counted: ArrayLike) -> Estimate:
        """At 0 or 1 all resamples agree, which is no certainty: Clopper-Pearson on clusters."""
        if estimate.value not in (0.0, 1.0):
            return estimate
        clusters = np.count_nonzero(self.sums([counted]))
        low, high = proportion_confint(
            clusters * estimate.value, clusters, alpha=1 - self.level, method="beta"
        )
        return Estimate(estimate.value, float(low), float(high))

    def _interval(self, statistic: Statistic, sums: Floats, resampled: Floats) -> Estimate:
        total = sums.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(statistic(total))
            replicates = statistic(resampled)
            left_out = statistic(total - sums)
        return self._bounded(value, replicates, left_out)

    def _bounded(self, value: float, replicates: Floats, left_out: Floats) -> Estimate:
        """A value between the quantiles of its replicates."""
        drawn = len(replicates)
        replicates = replicates[np.isfinite(replicates)]
        left_out = left_out[np.isfinite(left_out)]
        if not np.isfinite(value):
            return Estimate()
        if self.clusters < 2 or len(replicates) < drawn / 2 or len(left_out) < 2:
            return Estimate(value)
        if np.ptp(replicates) <= 1e-12:  # that resamples agree is no certainty
            return Estimate(value)
        low, high = np.quantile(replicates, self._levels(value, replicates, left_out))
        return Estimate(value, float(low), float(high))

    def _levels(self, value: float, replicates: Floats, left_out: Floats) -> Floats:
        """Which quantiles of the replicates bound the interval: BCa, widened for few clusters."""
        spread = left_out.mean() - left_out
        squares = (spread**2).sum()
        acceleration = (spread**3).sum() / (6 * squares**1.5) if squares > 0 else 0.0
        close = np.abs(replicates - value) <= 1e-15 + 1e-12 * abs(value)
        below = ((replicates < value) & ~close).mean() + close.mean() / 2
        # The functions beneath scipy.stats: there are hundreds of intervals in a comparison.
        bias = special.ndtri(np.clip(below, 1e-6, 1 - 1e-6))
        n = self.clusters
        reach = np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, 0.5 + self.level / 2)
        z = bias + np.array([-reach, reach])
        return special.ndtr(bias + z / (1 - acceleration * z))


@lru_cache(maxsize=2)
def _draws(clusters: int, samples: int, seed: int) -> NDArray[np.uint16]:
    """How often each cluster was drawn, per resample: (samples, clusters)."""
    drawn = np.ones((samples if clusters > 1 else 1, clusters), np.uint16)
    rng = np.random.default_rng(seed)
    for row in drawn if clusters > 1 else ():
        row[:] = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)
    return drawn


def ratio(sums: Floats) -> Floats:
    """First sum over second."""
    return sums[..., 0] / sums[..., 1]


def difference(sums: Floats) -> Floats:
    """(second - first) / third: how much the second arm lies above the first."""
    return (sums[..., 1] - sums[..., 0]) / sums[..., 2]


def relative_decrease(sums: Floats) -> Floats:
    """(first - second) / first: the share of the first arm's that the second arm spares."""
    return (sums[..., 0] - sums[..., 1]) / sums[..., 0]


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Exact McNemar test from the two discordant cells; it takes rows for independent."""
    if only_a + only_b == 0:
        return 1.0
    return float(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue)


def flip_p(cluster_differences: ArrayLike, *, seed: int = 0, samples: int = 9999) -> float:
    """Paired permutation test that swaps the two arms of whole clusters.

    With many clusters its normal limit is used, which is Durkalski's clustered McNemar test
    (Statistics in Medicine 22, 2003).
    """
    d = np.asarray(cluster_differences, dtype=float)
    d = d[np.abs(d) > 1e-12]
    if d.size < 2:  # one cluster flips as easily one way as the other
        return 1.0
    if d.size > MOST_FLIPPED_CLUSTERS:
        return float(2 * stats.norm.sf(abs(d.sum()) / np.sqrt((d**2).sum())))
    result = stats.permutation_test(
        (d,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",  # with one sample: signs are flipped
        vectorized=True,
        n_resamples=samples,
        rng=np.random.default_rng(seed),
    )
    return float(min(1.0, result.pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for having looked at several (Holm).

    As statsmodels' `multipletests`, which collects garbage at each call: up to a second.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return [float(value) for value in np.minimum(adjusted, 1.0)]
