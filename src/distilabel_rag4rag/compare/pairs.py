"""Two arms on the rows that both have: paired tables, differences, tests."""

from dataclasses import replace
from itertools import combinations

import pandas as pd

from distilabel_rag4rag.compare.result import (
    PairedMeans,
    PairedRates,
    PairResult,
    PublishedFormula,
)
from distilabel_rag4rag.compare.statistics import (
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
from distilabel_rag4rag.compare.table import OUTCOMES, arm_names

PUBLISHED_FORMULA = "published formula on the published selection"
MEASURES = ("hallucination", "hallucination_all", "grounded", "exact_match")


def measure_pairs(table: pd.DataFrame, resampling: Resampling) -> dict[str, PairResult]:
    """Every pair of arms, under the name `a_vs_b`."""
    pairs = {}
    for a, b in combinations(arm_names(table), 2):
        of_a, of_b = table[table["arm"] == a], table[table["arm"] == b]
        rows = of_a.merge(of_b, on="id", suffixes=("_a", "_b"))
        pair = _Pair(rows, resampling.of(rows["cluster_a"]), resampling.seed)
        pairs[f"{a}_vs_{b}"] = pair.measure(a, b, len(of_a), len(of_b))
    return _adjusted(pairs)


class _Pair:
    """The joined rows of two arms, with `_a` and `_b` after each column's name."""

    def __init__(self, rows: pd.DataFrame, bootstrap: ClusterBootstrap, seed: int) -> None:
        self.rows, self.bootstrap, self.seed = rows, bootstrap, seed

    def measure(self, a: str, b: str, rows_a: int, rows_b: int) -> PairResult:
        r = self.rows
        scored = ~r["unjudged_a"] & ~r["unjudged_b"]
        same = r["answer_a"].fillna("") == r["answer_b"].fillna("")
        return PairResult(
            a=a,
            b=b,
            rows=len(r),
            only_in_a=rows_a - len(r),
            only_in_b=rows_b - len(r),
            identical_answers=int(same.sum()),
            hallucination=self.rates("flagged", r["judged_a"] & r["judged_b"]),
            hallucination_all=self.rates("flagged", scored),
            grounded=self.rates("grounded", scored),
            exact_match=self.rates("exact", r["human_a"]),
            f1=self.means("f1", r["human_a"]),
            transitions=self.transitions(),
            published_formula=self.published_formula(),
        )

    def rates(self, name: str, counted: pd.Series) -> PairedRates:
        """A yes-or-no column of both arms over the rows that count."""
        yes_a = (self.rows[f"{name}_a"] > 0) & counted
        yes_b = (self.rows[f"{name}_b"] > 0) & counted
        found = self.estimates(yes_a, yes_b, counted)
        only_a, only_b = int((yes_a & ~yes_b).sum()), int((yes_b & ~yes_a).sum())
        p = self.flip_p(yes_a, yes_b)
        return PairedRates(
            rows=int(counted.sum()),
            both=int((yes_a & yes_b).sum()),
            only_a=only_a,
            only_b=only_b,
            neither=int((counted & ~yes_a & ~yes_b).sum()),
            rate_a=found["a"],
            rate_b=found["b"],
            difference=found["difference"],
            relative_decrease=found["relative_decrease"],
            mcnemar_p=mcnemar_p(only_a, only_b),
            clustered_p=p,
            holm_p=p,
        )

    def means(self, name: str, counted: pd.Series) -> PairedMeans:
        """A graded column of both arms over the rows that count."""
        a, b = (self.rows[f"{name}_{arm}"].where(counted, 0.0) for arm in "ab")
        found = self.estimates(a, b, counted)
        return PairedMeans(
            rows=int(counted.sum()),
            mean_a=found["a"],
            mean_b=found["b"],
            difference=found["difference"],
            clustered_p=self.flip_p(a, b),
        )

    def estimates(self, a: pd.Series, b: pd.Series, counted: pd.Series) -> dict[str, Estimate]:
        """Both rates, their difference and the relative decrease."""
        bootstrap = self.bootstrap
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
        if len(a) and (a == b).all() and counted.any():
            # No row differs, so no resample does; what can be hidden is the rate of such rows.
            most = bootstrap.exact_at_bounds(Estimate(0.0), counted).high or 0.0
            found["difference"] = Estimate(0.0, -most, most)
        return found

    def flip_p(self, a: pd.Series, b: pd.Series) -> float:
        sums = self.bootstrap.sums((a, b))
        return flip_p(sums[:, 1] - sums[:, 0], seed=self.seed)

    def transitions(self) -> dict[str, dict[str, int]]:
        counts = pd.crosstab(self.rows["outcome_a"], self.rows["outcome_b"])
        counts = counts.reindex(index=OUTCOMES, columns=OUTCOMES, fill_value=0)
        return {
            a: dict(zip(OUTCOMES, map(int, row), strict=True))
            for a, row in zip(OUTCOMES, counts.to_numpy(), strict=True)
        }

    def published_formula(self) -> PublishedFormula:
        """(a's rate on all rows - b's rate on the rows a got flagged) / a's rate."""
        flagged_a, flagged_b = self.rows["flagged_a"], self.rows["flagged_b"]
        rate_a = float(flagged_a.mean()) if len(self.rows) else None
        rate_b = float(flagged_b[flagged_a].mean()) if flagged_a.any() else None
        decrease = None if not rate_a or rate_b is None else (rate_a - rate_b) / rate_a
        return PublishedFormula(
            name=PUBLISHED_FORMULA,
            rows_a=len(self.rows),
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
