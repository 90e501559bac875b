"""Do the intervals hold the truth as often as they say? Simulated data with known rates.

Each data set has 60 passages of 1 to 9 questions; a passage is easy or hard for all its
questions (intra-cluster correlation 0.2). Prints, over all data sets, how often the 95%
intervals hold the truth, how often the tests raise a false alarm, and the bias of the rate
corrected for the judge's error.

    python benchmarks/coverage.py --datasets 1000

With `--reviews` instead: 1000 questions in three arms, of which people label a few as `rag4rag
review` draws them, where few answers are wrong and the judge's error differs by arm.

    python benchmarks/coverage.py --reviews 300
"""

import argparse
import time
from collections import defaultdict

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from distilabel_rag4rag.comparison.judge_error import measure_judge
from distilabel_rag4rag.comparison.pairs import paired_rates
from distilabel_rag4rag.comparison.statistics import Estimate, Resampling
from distilabel_rag4rag.review.pull import weigh
from distilabel_rag4rag.review.sample import draw

#: Arm -> share of wrong answers, sensitivity, specificity.
ONE_ERROR = {"a": (0.05, 0.7, 0.97), "b": (0.05, 0.7, 0.97), "z": (0.1, 0.7, 0.97)}
ERROR_BY_ARM = {"a": (0.05, 0.5, 0.99), "b": (0.05, 0.7, 0.97), "z": (0.1, 0.9, 0.93)}
QUESTIONS, PER_PASSAGE = 1000, 3

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
        {
            "arm": "a",
            "cluster": clusters,
            "judged": True,
            "flagged": flagged,
            "exact": 0.0,
            "weight": 1.0,
        }
    ).assign(
        weight=1.0,
        tie=False,
        score=flagged.astype(float),
        label=pd.Series(truth, dtype=object).where(labelled, None),
    )
    judge = measure_judge(table, table[:0], Resampling(samples, int(rng.integers(2**31))))
    name = f"judge {sens}/{spec}, rate {rate}"
    if judge.labelled is None or judge.labelled.reason is not None:
        return
    corrected = judge.labelled.corrected["a"]
    assert corrected.own_rate is not None
    assert corrected.unclipped is not None
    tally.covers(f"{name}: sensitivity", judge.labelled.sensitivity, sens)
    tally.covers(f"{name}: specificity", judge.labelled.specificity, spec)
    tally.covers(f"{name}: corrected rate", corrected.corrected_rate, rate)
    tally.covers(f"{name}: rate by the arm's own labels", corrected.own_rate, rate)
    tally.error(f"{name}: corrected rate", corrected.unclipped, rate)
    tally.error(f"{name}: rate as flagged", corrected.flagged_rate.value or 0.0, rate)


def judged_arms(
    rng: np.random.Generator, arms: dict[str, tuple[float, float, float]]
) -> pd.DataFrame:
    """Passages are easy or hard for all arms; of the answers passed a quarter has a faint score."""
    passage = np.arange(QUESTIONS) // PER_PASSAGE
    hard = rng.gamma(4.0, 0.25, passage.max() + 1)[passage]  # mean 1
    made = []
    for arm, (rate, sens, spec) in arms.items():
        wrong = rng.random(QUESTIONS) < np.minimum(rate * hard, 1)
        flagged = rng.random(QUESTIONS) < np.where(wrong, sens, 1 - spec)
        faint = rng.random(QUESTIONS) * 0.5 * (rng.random(QUESTIONS) < 0.25)
        score = np.where(flagged, 0.5 + 0.5 * rng.beta(6, 1, QUESTIONS), faint)
        ids = [f"q{number}" for number in range(QUESTIONS)]
        made.append(
            pd.DataFrame(
                {"arm": arm, "id": ids, "cluster": passage, "wrong": wrong, "score": score}
            )
        )
    table = pd.concat(made, ignore_index=True)
    table["record_id"] = table["arm"] + table["id"]
    return table.assign(flagged=table["score"] >= 0.5, judged=True, exact=0.0, tie=False)


def one_review(
    rng: np.random.Generator, name: str, design: str, n: int, tally: Tally, samples: int
) -> None:
    arms = ERROR_BY_ARM if "by arm" in name else ONE_ERROR
    table = judged_arms(rng, arms)
    drawn = draw(table, design, n=n, seed=int(rng.integers(2**31)))
    weights, _ = weigh(drawn[["record_id", "stratum", "weight"]], set(drawn["record_id"]))
    reviewed = table["record_id"].isin(weights)
    table["label"] = table["wrong"].astype(object).where(reviewed, None)
    table["weight"] = table["record_id"].map(weights)
    judge = measure_judge(table, table[:0], Resampling(samples, int(rng.integers(2**31))))
    assert judge.labelled is not None
    rates = {arm: rate for arm, (rate, _, _) in arms.items()}
    sens = sum(r * s for r, s, _ in arms.values()) / sum(rates.values())
    spec = sum((1 - r) * s for r, _, s in arms.values()) / (len(arms) - sum(rates.values()))
    name = f"{name}, {design}, n {n}"
    if judge.labelled.sensitivity.value is not None:
        tally.covers(f"{name}: sensitivity", judge.labelled.sensitivity, sens)
    tally.covers(f"{name}: specificity", judge.labelled.specificity, spec)
    for arm, corrected in judge.labelled.corrected.items():
        if corrected.own_rate is not None:
            tally.covers(f"{name}: own labels, arm {arm}", corrected.own_rate, rates[arm])
        if corrected.unclipped is not None:
            tally.covers(f"{name}: Rogan-Gladen, arm {arm}", corrected.corrected_rate, rates[arm])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reviews", type=int, default=0, help="so many data sets; nothing else")
    args = parser.parse_args()
    rng, tally, start = np.random.default_rng(args.seed), Tally(), time.time()
    for _ in range(args.reviews):
        for design, n in (("stratified", 60), ("stratified", 200), ("uncertainty", 200)):
            for name in ("one error", "error by arm"):
                one_review(rng, name, design, n, tally, args.resamples)
    for _ in range(0 if args.reviews else args.datasets):
        for a, b in ((0.4, 0.4), (0.1, 0.1), (0.4, 0.2), (0.5, 0.05)):
            one_pair(rng, a, b, tally, args.resamples)
        for rate, sens, spec in ((0.3, 0.9, 0.95), (0.1, 0.8, 0.98)):
            one_judge(rng, rate, sens, spec, tally, args.resamples)
    tally.show()
    print(f"{args.reviews or args.datasets} data sets of each kind in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
