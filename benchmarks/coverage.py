"""Do the intervals hold the truth as often as they say? Simulated data with known rates.

Each data set has 60 passages of 1 to 9 questions; a passage is easy or hard for all its
questions (intra-cluster correlation 0.2). Prints, over all data sets, how often the 95%
intervals hold the truth, how often the tests raise a false alarm, and the bias of the rate
corrected for the judge's error.

    python benchmarks/coverage.py --datasets 1000
"""

import argparse
import time
from collections import defaultdict

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from distilabel_rag4rag.compare.judge_error import measure_judge
from distilabel_rag4rag.compare.pairs import paired_rates
from distilabel_rag4rag.compare.statistics import Estimate, Resampling

CLUSTERS, ROWS_PER_CLUSTER, CORRELATION = 60, (1, 10), 0.2


class Tally:
    """Counts what happened under each name, and prints the shares."""

    def __init__(self) -> None:
        self.seen: dict[str, list[float]] = defaultdict(list)

    def covers(self, name: str, estimate: Estimate, truth: float) -> None:
        low, high = estimate.low, estimate.high
        held = low is not None and high is not None and low <= truth <= high
        self.seen[f"{name}: interval holds the truth"].append(held)

    def alarm(self, name: str, p: float) -> None:
        self.seen[f"{name}: false alarms"].append(p < 0.05)

    def error(self, name: str, value: float, truth: float) -> None:
        self.seen[f"{name}: mean error"].append(value - truth)

    def show(self) -> None:
        for name, values in self.seen.items():
            mean, se = np.mean(values), np.std(values) / np.sqrt(len(values))
            figure = f"{mean:+.4f}" if name.endswith("error") else f"{100 * mean:.1f}%"
            spread = f"{se:.4f}" if name.endswith("error") else f"{100 * se:.1f}"
            print(f"{name:76s} {figure:>8s} (standard error {spread}, n = {len(values)})")


def clusters_of_rows(rng: np.random.Generator) -> np.ndarray:
    return np.repeat(np.arange(CLUSTERS), rng.integers(*ROWS_PER_CLUSTER, CLUSTERS))


def yes_or_no(rng: np.random.Generator, clusters: np.ndarray, rate: float) -> np.ndarray:
    """Beta-binomial: each passage has its own rate, the mean of which is `rate`."""
    size = 1 / CORRELATION - 1
    own = rng.beta(rate * size, (1 - rate) * size, CLUSTERS)
    return rng.random(len(clusters)) < own[clusters]


def one_pair(rng: np.random.Generator, a: float, b: float, tally: Tally, samples: int) -> None:
    clusters = clusters_of_rows(rng)
    flagged_a, flagged_b = (pd.Series(yes_or_no(rng, clusters, rate)) for rate in (a, b))
    bootstrap = Resampling(samples, int(rng.integers(2**31))).of(clusters)
    found = paired_rates(flagged_a, flagged_b, flagged_a | ~flagged_a, bootstrap)
    name = f"rates {a} and {b}"
    tally.covers(f"{name}: rate", found.rate_b, b)
    naive = proportion_confint(int(flagged_b.sum()), len(flagged_b), method="wilson")
    tally.covers(f"{name}: rate, rows taken for independent (Wilson)", Estimate(0, *naive), b)
    tally.covers(f"{name}: difference", found.difference, b - a)
    tally.covers(f"{name}: relative decrease", found.relative_decrease, (a - b) / a)
    if a == b:
        tally.alarm(f"{name}: test by passages", found.clustered_p)
        tally.alarm(f"{name}: exact McNemar, rows clustered", found.mcnemar_p)
        # The test's own assumption: rows independent. A fresh draw without clusters.
        free = [pd.Series(rng.random(len(clusters)) < rate) for rate in (a, b)]
        alone = paired_rates(*free, free[0] | ~free[0], bootstrap)
        tally.alarm(f"{name}: exact McNemar, rows independent", alone.mcnemar_p)


def one_judge(
    rng: np.random.Generator, rate: float, sens: float, spec: float, tally: Tally, samples: int
) -> None:
    clusters = clusters_of_rows(rng)
    truth = yes_or_no(rng, clusters, rate)
    flagged = np.where(truth, rng.random(len(truth)) < sens, rng.random(len(truth)) >= spec)
    labelled = rng.random(len(truth)) < 0.5
    table = pd.DataFrame(
        {"arm": "a", "cluster": clusters, "judged": True, "flagged": flagged, "exact": 0.0}
    ).assign(
        score=flagged.astype(float), label=pd.Series(truth, dtype=object).where(labelled, None)
    )
    judge = measure_judge(table, table[:0], Resampling(samples, int(rng.integers(2**31))))
    name = f"judge {sens}/{spec}, rate {rate}"
    if judge.labelled is None or "a" not in judge.labelled.corrected:
        return
    corrected = judge.labelled.corrected["a"]
    tally.covers(f"{name}: sensitivity", judge.labelled.sensitivity, sens)
    tally.covers(f"{name}: specificity", judge.labelled.specificity, spec)
    tally.covers(f"{name}: corrected rate", corrected.corrected_rate, rate)
    tally.error(f"{name}: corrected rate", corrected.unclipped, rate)
    tally.error(f"{name}: rate as flagged", corrected.flagged_rate.value or 0.0, rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, tally, start = np.random.default_rng(args.seed), Tally(), time.time()
    for _ in range(args.datasets):
        for a, b in ((0.4, 0.4), (0.1, 0.1), (0.4, 0.2), (0.5, 0.05)):
            one_pair(rng, a, b, tally, args.resamples)
        for rate, sens, spec in ((0.3, 0.9, 0.95), (0.1, 0.8, 0.98)):
            one_judge(rng, rate, sens, spec, tally, args.resamples)
    tally.show()
    print(f"{args.datasets} data sets of each kind in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
