"""Retrievers on the same queries: figures with intervals, and what each gains over another."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from distilabel_rag4rag.comparison.pairs import paired_means
from distilabel_rag4rag.comparison.rankings import (
    MEASURES,
    NDCG,
    measure_rankings,
    smallest_difference,
)
from distilabel_rag4rag.comparison.result import PairedMeans
from distilabel_rag4rag.comparison.statistics import Estimate, Resampling, holm
from distilabel_rag4rag.data.retrieval_data import RetrievalData, Run
from distilabel_rag4rag.utils.public import public

BM25 = "BM25"


@dataclass(frozen=True)
class RetrieverPair:
    """Two retrievers on the same queries.

    Attributes:
        a, b: their names.
        measures: measure -> means and the difference, b minus a.
        better, worse: queries whose nDCG@10 is higher, and lower, with b.
        smallest_difference: the difference in nDCG@10 that these queries show in four of five
            trials; None with queries of one document only.
        holm_p: the p-value of nDCG@10, adjusted for all pairs.
    """

    a: str
    b: str
    measures: dict[str, PairedMeans]
    better: int
    worse: int
    smallest_difference: float | None
    holm_p: float

    @property
    def difference(self) -> Estimate:
        """Of nDCG@10."""
        return self.measures[NDCG].difference


@public
@dataclass(frozen=True)
class RetrievalEvaluation:
    """What an evaluation found.

    Attributes:
        data: what was searched.
        clusters: what the queries are resampled with: documents, or the queries themselves.
        retrievers: name -> measure -> mean, with a 95% interval that resamples clusters.
        pairs: each two retrievers, in the order in which they were given.
        runs: name -> the rankings.
        scores: name -> query -> measure -> value.
    """

    data: RetrievalData
    clusters: int
    retrievers: dict[str, dict[str, Estimate]]
    pairs: list[RetrieverPair]
    runs: dict[str, Run]
    scores: dict[str, dict[str, dict[str, float]]]

    def pair(self, a: str, b: str) -> RetrieverPair:
        """The pair of two retrievers, in this order."""
        return next(pair for pair in self.pairs if (pair.a, pair.b) == (a, b))

    def to_dict(self) -> dict[str, Any]:
        """For JSON: figures, and nDCG@10 of each query."""
        return {
            "name": self.data.name,
            "queries": len(self.data.queries),
            "passages": len(self.data.corpus),
            "clusters": self.clusters,
            "notes": self.data.notes,
            "retrievers": {
                name: {measure: asdict(value) for measure, value in found.items()}
                for name, found in self.retrievers.items()
            },
            "pairs": [asdict(pair) for pair in self.pairs],
            "ndcg_by_query": {
                name: {query: round(values[NDCG], 6) for query, values in found.items()}
                for name, found in self.scores.items()
            },
        }


def evaluate_rankings(
    data: RetrievalData, runs: Mapping[str, Run], resampling: Resampling | None = None
) -> RetrievalEvaluation:
    """Measures rankings of the same queries and compares each two in pairs.

    Intervals resample documents where all relevant passages of a query are of one document, and
    queries elsewhere.

    Args:
        data: the queries, and what is relevant.
        runs: name -> query -> ids of passages, the best first.
        resampling: how intervals are made.
    """
    names = list(data.queries)
    clusters = data.clusters()
    bootstrap = (resampling or Resampling()).of(clusters)
    scores = {retriever: measure_rankings(run, data.qrels) for retriever, run in runs.items()}
    columns = {
        (retriever, measure): pd.Series([found[query][measure] for query in names], dtype=float)
        for retriever, found in scores.items()
        for measure in MEASURES
    }
    counted = pd.Series(np.ones(len(names), dtype=bool))
    estimates = bootstrap.rates(
        {f"{r}\0{m}": (column, counted) for (r, m), column in columns.items()}
    )
    pairs = []
    for a, b in combinations(runs, 2):
        found = {
            m: paired_means(columns[a, m], columns[b, m], counted, bootstrap) for m in MEASURES
        }
        gains = columns[b, NDCG] - columns[a, NDCG]
        smallest = smallest_difference(gains, clusters)
        better, worse = int((gains > 1e-9).sum()), int((gains < -1e-9).sum())
        p = found[NDCG].clustered_p
        pairs.append(RetrieverPair(a, b, found, better, worse, smallest, p))
    adjusted = holm([pair.holm_p for pair in pairs])
    pairs = [
        RetrieverPair(**{**vars(pair), "holm_p": p})
        for pair, p in zip(pairs, adjusted, strict=True)
    ]
    return RetrievalEvaluation(
        data,
        bootstrap.clusters,
        {r: {m: estimates[f"{r}\0{m}"] for m in MEASURES} for r in runs},
        pairs,
        dict(runs),
        scores,
    )
