"""Two arms on the rows that both have: paired tables, differences, tests."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from distilabel_rag4rag.comparison.result import (
    PairedMeans,
    PairedRates,
    PairResult,
    PublishedFormula,
)
from distilabel_rag4rag.comparison.statistics import (
    ClusterBootstrap,
    Estimate,
    Resampling,
    difference,
    flip_p,
    holm,
    mcnemar_p,
    ratio,
    relative_decrease,
)
from distilabel_rag4rag.comparison.table import OUTCOMES, arm_names

PUBLISHED_FORMULA = "published formula on the published selection"
NEEDED = [
    *("arm", "id", "cluster", "answer", "outcome", "has_truth", "exact", "f1"),
    *("judged", "unjudged", "flagged", "grounded", "unanswerable"),
]
MEASURES = ("hallucination", "hallucination_all", "grounded", "exact_match")


def measure_pairs(table: pd.DataFrame, resampling: Resampling) -> dict[str, PairResult]:
    """Every pair of arms, under the name `a_vs_b`."""
    table = table[NEEDED]
    pairs = {}
    for a, b in combinations(arm_names(table), 2):
        of_a, of_b = table[table["arm"] == a], table[table["arm"] == b]
        rows = of_a.merge(of_b, on="id", suffixes=("_a", "_b"))
        bootstrap = resampling.of(rows["cluster_a"])
        pairs[f"{a}_vs_{b}"] = _measure(a, b, rows, bootstrap, (len(of_a), len(of_b)))
    return _adjusted(pairs)


def _measure(
    a: str, b: str, rows: pd.DataFrame, bootstrap: ClusterBootstrap, sizes: tuple[int, int]
) -> PairResult:
    """From the joined rows of two arms, with `_a` and `_b` after each column's name."""
    r = rows
    not_unjudged = ~r["unjudged_a"] & ~r["unjudged_b"]
    with_truth = r["has_truth_a"] & r["has_truth_b"]
    judged = r["judged_a"] & r["judged_b"]

    def rates(name: str, counted: pd.Series) -> PairedRates:
        return paired_rates(r[f"{name}_a"] > 0, r[f"{name}_b"] > 0, counted, bootstrap)

    return PairResult(
        a=a,
        b=b,
        rows=len(r),
        only_in_a=sizes[0] - len(r),
        only_in_b=sizes[1] - len(r),
        identical_answers=int((r["answer_a"].fillna("") == r["answer_b"].fillna("")).sum()),
        hallucination=rates("flagged", judged),
        hallucination_all=rates("flagged", not_unjudged),
        grounded=rates("grounded", not_unjudged & ~r["unanswerable_a"]),
        exact_match=rates("exact", with_truth),
        f1=paired_means(r["f1_a"], r["f1_b"], with_truth, bootstrap),
        transitions=_transitions(r),
        published_formula=_published_formula(r),
    )


def paired_rates(
    a: pd.Series, b: pd.Series, counted: pd.Series, bootstrap: ClusterBootstrap
) -> PairedRates:
    """Two boolean columns of the same rows, over the rows that count."""
    a, b = a & counted, b & counted
    found = _estimates(a, b, counted, bootstrap)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = _clustered_p(a, b, bootstrap)
    return PairedRates(
        rows=int(counted.sum()),
        clusters=int(np.count_nonzero(bootstrap.sums([counted]))),
        both=int((a & b).sum()),
        only_a=only_a,
        only_b=only_b,
        neither=int((counted & ~a & ~b).sum()),
        rate_a=found["a"],
        rate_b=found["b"],
        difference=found["difference"],
        relative_decrease=found["relative_decrease"],
        mcnemar_p=mcnemar_p(only_a, only_b),
        clustered_p=p,
        holm_p=p,
    )


def paired_means(
    a: pd.Series, b: pd.Series, counted: pd.Series, bootstrap: ClusterBootstrap
) -> PairedMeans:
    """Two columns of the same rows with values in [0, 1], over the rows that count."""
    a, b = a.where(counted, 0.0), b.where(counted, 0.0)
    found = _estimates(a, b, counted, bootstrap)
    return PairedMeans(
        rows=int(counted.sum()),
        mean_a=found["a"],
        mean_b=found["b"],
        difference=found["difference"],
        clustered_p=_clustered_p(a, b, bootstrap),
    )


def _estimates(
    a: pd.Series, b: pd.Series, counted: pd.Series, bootstrap: ClusterBootstrap
) -> dict[str, Estimate]:
    found = bootstrap.estimates(
        {
            "a": (ratio, (a, counted)),
            "b": (ratio, (b, counted)),
            "difference": (difference, (a, b, counted)),
            "relative_decrease": (relative_decrease, (a, b)),
        }
    )
    for arm in "ab":
        found[arm] = bootstrap.exact_at_bounds(found[arm], counted)
    change = found["difference"].value
    if counted.any() and (change in (1.0, -1.0) or (a == b).all()):
        # All rows differ or none does, and so in all resamples; what can be hidden is the rate
        # of rows of the other kind.
        most = bootstrap.exact_at_bounds(Estimate(0.0), counted).high or 0.0
        bounds = {0.0: (-most, most), 1.0: (1 - 2 * most, 1.0), -1.0: (-1.0, 2 * most - 1)}
        found["difference"] = Estimate(change, *bounds[change or 0.0])
    if found["relative_decrease"].value == 1.0:
        hidden, of = found["b"].high or 0.0, found["a"].value or 1.0
        found["relative_decrease"] = Estimate(1.0, 1 - hidden / of, 1.0)
    return found


def _clustered_p(a: pd.Series, b: pd.Series, bootstrap: ClusterBootstrap) -> float:
    sums = bootstrap.sums((a, b))
    return flip_p(sums[:, 1] - sums[:, 0], seed=bootstrap.seed)


def _transitions(rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    counts = pd.crosstab(rows["outcome_a"], rows["outcome_b"])
    counts = counts.reindex(index=OUTCOMES, columns=OUTCOMES, fill_value=0)
    return {
        a: dict(zip(OUTCOMES, map(int, row), strict=True))
        for a, row in zip(OUTCOMES, counts.to_numpy(), strict=True)
    }


def _published_formula(rows: pd.DataFrame) -> PublishedFormula:
    """(a's rate on all rows - b's rate on the rows a got flagged) / a's rate."""
    flagged_a, flagged_b = rows["flagged_a"], rows["flagged_b"]
    rate_a = float(flagged_a.mean()) if len(rows) else None
    rate_b = float(flagged_b[flagged_a].mean()) if flagged_a.any() else None
    decrease = None if not rate_a or rate_b is None else (rate_a - rate_b) / rate_a
    return PublishedFormula(
        name=PUBLISHED_FORMULA,
        rows_a=len(rows),
        rate_a=rate_a,
        selection=int(flagged_a.sum()),
        rate_b_on_selection=rate_b,
        percent_decrease=None if decrease is None else 100 * decrease,
    )


def _adjusted(pairs: dict[str, PairResult]) -> dict[str, PairResult]:
    """Holm's correction over the pairs, within each measure."""
    for measure in MEASURES:
        found = {name: getattr(pair, measure) for name, pair in pairs.items()}
        adjusted = holm([rates.clustered_p for rates in found.values()])
        for (name, rates), p in zip(found.items(), adjusted, strict=True):
            pairs[name] = replace(pairs[name], **{measure: replace(rates, holm_p=p)})
    return pairs
