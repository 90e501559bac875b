"""The same comparison within slices of a column, without reading chance as a finding."""

from dataclasses import dataclass, replace

import pandas as pd

from distilabel_rag4rag.comparison.pairs import paired_rates
from distilabel_rag4rag.comparison.statistics import Estimate, Resampling, holm
from distilabel_rag4rag.comparison.table import arm_names

#: A slice with fewer rows or passages than these says so.
FEW_ROWS, FEW_CLUSTERS = 20, 10
#: Slices beyond the largest are put together.
MOST_SLICES = 40
REST = "(all other)"


@dataclass(frozen=True)
class Slice:
    """One value of the column.

    Attributes:
        questions, clusters: different questions and passages.
        few: too few of them for the figures to mean much.
        rates: arm -> hallucination rate of its judged answers.
        difference: candidate - baseline, on the rows that both answered and that were judged.
        clustered_p: its paired test; `holm_p` is adjusted for all slices of the column.
        significant: by `holm_p`.
    """

    name: str
    questions: int
    clusters: int
    few: bool
    rates: dict[str, Estimate]
    difference: Estimate
    clustered_p: float
    holm_p: float
    significant: bool


def break_down(
    table: pd.DataFrame, column: str, resampling: Resampling, *, baseline: str, candidate: str
) -> list[Slice]:
    """One slice per value of `column`, the largest first; none if it has a single value."""
    named = table[column].map(lambda value: "(none)" if pd.isna(value) else str(value))
    sizes = (
        table.groupby(named)["id"]
        .nunique()
        .sort_index()
        .sort_values(ascending=False, kind="stable")
    )
    if len(sizes) < 2:
        return []
    if len(sizes) > MOST_SLICES:
        named = named.where(named.isin(sizes.index[: MOST_SLICES - 1]), REST)
    names = [name for name in sizes.index if (named == name).any()]
    names += [REST] if (named == REST).any() else []
    slices = [_slice(name, table[named == name], resampling, baseline, candidate) for name in names]
    adjusted = holm([found.clustered_p for found in slices])
    return [
        replace(found, holm_p=p, significant=p < 0.05)
        for found, p in zip(slices, adjusted, strict=True)
    ]


def _slice(
    name: str, rows: pd.DataFrame, resampling: Resampling, baseline: str, candidate: str
) -> Slice:
    rates = {}
    for arm in arm_names(rows):
        r = rows[rows["arm"] == arm]
        rates[arm] = resampling.of(r["cluster"]).rates({"rate": (r["flagged"], r["judged"])})[
            "rate"
        ]
    both = rows[(rows["arm"] == baseline) & rows["judged"]].merge(
        rows[(rows["arm"] == candidate) & rows["judged"]], on="id", suffixes=("_a", "_b")
    )
    everyone = both["judged_a"]  # all of them, by the selection above
    pair = paired_rates(
        both["flagged_a"], both["flagged_b"], everyone, resampling.of(both["cluster_a"])
    )
    questions, clusters = rows["id"].nunique(), rows["cluster"].nunique()
    return Slice(
        name=name,
        questions=questions,
        clusters=clusters,
        few=questions < FEW_ROWS or clusters < FEW_CLUSTERS,
        rates=rates,
        difference=pair.difference,
        clustered_p=pair.clustered_p,
        holm_p=pair.clustered_p,
        significant=False,
    )
