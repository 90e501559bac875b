"""How well rankings find what is relevant, query by query, and what a set of queries can show."""

from collections.abc import Hashable, Sequence
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from distilabel_rag4rag.data.retrieval_data import Qrels, Run

NDCG, MRR, RECALL, RECALL_100 = MEASURES = ("nDCG@10", "MRR@10", "Recall@10", "Recall@100")
#: How much of a ranking the measures look at.
DEPTH = 100


def measure_rankings(run: Run, qrels: Qrels) -> dict[str, dict[str, float]]:
    """Each query's `MEASURES`, by ir-measures (trec_eval's definitions; gains are linear).

    Args:
        run: a query that it lacks counts 0.
        qrels: queries without a relevant passage are left out.

    Returns:
        Query -> measure -> value.
    """
    import ir_measures

    wanted = dict(zip(_names(), MEASURES, strict=True))
    judged = {query: dict(found) for query, found in qrels.items() if max(found.values()) > 0}
    scored = {
        query: {key: float(DEPTH - place) for place, key in enumerate(run[query][:DEPTH])}
        for query in judged
        if run.get(query)
    }
    values = {query: dict.fromkeys(MEASURES, 0.0) for query in judged}
    for found in ir_measures.iter_calc(list(wanted), judged, scored) if scored else ():
        values[found.query_id][wanted[found.measure]] = float(found.value)
    return values


def _names() -> list[Any]:
    from ir_measures import RR, R, nDCG

    return [nDCG @ 10, RR @ 10, R @ 10, R @ 100]


def smallest_difference(
    values: ArrayLike, clusters: Sequence[Hashable], share: float = 1.0
) -> float | None:
    """The mean that a set like this shows to differ from 0 in four of five trials.

    Two-sided 5%, power 80%, clusters taken for independent. Of paired gains it is the smallest
    gain that the queries can show; None with fewer than two clusters.

    Args:
        values: one for each query.
        clusters: the document of each query.
        share: of the clusters that the set will have.
    """
    numbers = np.asarray(values, dtype=float)
    codes, labels = pd.factorize(np.asarray([str(c) for c in clusters], dtype=object))
    if len(labels) < 2:
        return None
    sums = np.bincount(codes, numbers - numbers.mean())
    variance = len(labels) / (len(labels) - 1) * float((sums**2).sum()) / len(numbers) ** 2
    # A set has one cluster at least.
    variance /= max(share, 1 / len(labels))
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    return float(z * sqrt(variance))
