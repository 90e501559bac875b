"""What the questions of a build say before anything is trained: headroom, and how easy they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilabel_rag4rag.comparison.rankings import NDCG, measure_rankings, smallest_difference
from distilabel_rag4rag.comparison.statistics import Estimate, Resampling
from distilabel_rag4rag.data.word_support import word_support

#: Ranks that nDCG looks at.
DEPTH = 10
#: The share of the content words of questions that people asked of SQuAD's passages which stand
#: in the passage: what the easiness of others is compared with.
HUMAN_COPIED = 0.72


@dataclass(frozen=True)
class Headroom:
    """How well a retriever does on the questions already.

    Attributes:
        ndcg: nDCG@10 with an interval that resamples documents.
        first: share of the questions whose passage it ranks first.
        missed: share of the questions whose passage it does not rank among the first ten.
        ranks: rank from 1 to 10 -> questions.
    """

    ndcg: Estimate
    first: float
    missed: float
    ranks: list[int]


@dataclass(frozen=True)
class Easiness:
    """How much the questions give away.

    Attributes:
        questions: how many were looked at.
        copied: mean share of a question's content words that stand in its passage.
        bm25_first: share of the questions whose passage BM25 ranks first.
        human_copied: the first figure for questions of people (SQuAD).
    """

    questions: int
    copied: float | None
    bm25_first: float | None
    human_copied: float = HUMAN_COPIED


def headroom(rows: Sequence[Mapping[str, Any]], column: str) -> Headroom | None:
    """What a column of ranks says of its retriever; None without rows.

    Args:
        rows: rows with `document_id` and the column: the 1-based rank of the row's own passage,
            None where it was not found.
        column: `source_rank` or `bm25_rank`.
    """
    if not rows or column not in rows[0]:
        return None
    ranks = [row[column] for row in rows]
    gains = _ndcg(ranks)
    clusters = [str(row.get("document_id") or row.get("passage_id")) for row in rows]
    resampling = Resampling().of(clusters)
    ndcg = resampling.means({"ndcg": (gains, np.ones(len(gains)))})["ndcg"]
    counts = [sum(rank == place for rank in ranks) for place in range(1, DEPTH + 1)]
    return Headroom(ndcg, counts[0] / len(ranks), 1 - sum(counts) / len(ranks), counts)


def smallest_gain(rows: Sequence[Mapping[str, Any]], column: str, share: float) -> float | None:
    """The gain in nDCG@10 that a test set of this share of the rows shows in 4 of 5 trials.

    It takes the paired gains to spread as nDCG itself does, and documents to be independent: a
    figure for planning (two-sided 5%, power 80%), not a promise.
    """
    if not rows:
        return None
    documents = [str(row.get("document_id")) for row in rows]
    return smallest_difference(_ndcg([row.get(column) for row in rows]), documents, share)


def easiness(rows: Sequence[Mapping[str, Any]]) -> Easiness:
    """How easily the questions find their passages by their words alone."""
    shares = [word_support(row["question"], [row["context"]]).share for row in rows]
    known = [share for share in shares if share is not None]
    ranked = [row["bm25_rank"] for row in rows if "bm25_rank" in row]
    return Easiness(
        len(rows),
        sum(known) / len(known) if known else None,
        sum(rank == 1 for rank in ranked) / len(ranked) if ranked else None,
    )


def _ndcg(ranks: Sequence[int | None]) -> np.ndarray:
    """nDCG@10 of rankings in which one passage is relevant, by its rank."""
    queries = {str(number): rank for number, rank in enumerate(ranks)}
    run = {query: [*map(str, range(1, rank)), "own"] for query, rank in queries.items() if rank}
    found = measure_rankings(run, {query: {"own": 1} for query in queries})
    return np.array([found[query][NDCG] for query in queries])
