"""Measures of rankings against ir-measures and sentence-transformers, in hand-made cases."""

from math import log2
from typing import Any

import ir_measures
import numpy as np
import pytest
import torch
from sentence_transformers.evaluation import InformationRetrievalEvaluator
from sentence_transformers.util import cos_sim

from distilabel_rag4rag.comparison.rankings import (
    MEASURES,
    MRR,
    NDCG,
    RECALL,
    measure_rankings,
    smallest_difference,
)
from distilabel_rag4rag.comparison.retrieval_evaluation import evaluate_rankings
from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.training.ranking import best, rank_by_bm25, rank_by_model

QRELS = {
    "graded": {"d1": 3, "d2": 1, "d3": 0, "d9": 2},
    "missing": {"d1": 1},
    "not retrieved": {"d8": 1},
    "d2": {"d2": 1, "d4": 1},  # an id that a passage has too
    "nothing relevant": {"d1": 0},
}
RUN = {
    "graded": ["d2", "d3", "d1", "d5", "d9"],
    "not retrieved": ["d1", "d2"],
    "d2": ["d2", "d7", "d4"],
    "nothing relevant": ["d1"],
}


def test_by_hand() -> None:
    found = measure_rankings(RUN, QRELS)
    assert list(found) == ["graded", "missing", "not retrieved", "d2"]
    ideal = 3 + 2 / log2(3) + 1 / log2(4)
    assert found["graded"][NDCG] == pytest.approx((1 + 3 / log2(4) + 2 / log2(6)) / ideal)
    assert found["missing"] == found["not retrieved"] == dict.fromkeys(MEASURES, 0.0)
    assert found["d2"][NDCG] == pytest.approx((1 + 1 / log2(4)) / (1 + 1 / log2(3)))
    assert (found["d2"][MRR], found["d2"][RECALL]) == (1.0, 1.0)


def test_as_ir_measures() -> None:
    found = measure_rankings(RUN, QRELS)
    qrels = [
        ir_measures.Qrel(q, d, score)
        for q, judged in QRELS.items()
        for d, score in judged.items()
        if q != "nothing relevant"
    ]
    run = [
        ir_measures.ScoredDoc(q, d, 1 / (place + 1))
        for q, ranked in RUN.items()
        for place, d in enumerate(ranked)
    ]
    theirs = ir_measures.calc_aggregate(
        [ir_measures.nDCG @ 10, ir_measures.RR @ 10, ir_measures.R @ 10], qrels, run
    )
    for name, measure in (("nDCG@10", NDCG), ("RR@10", MRR), ("R@10", RECALL)):
        ours = np.mean([values[measure] for values in found.values()])
        assert ours == pytest.approx(theirs[ir_measures.parse_measure(name)]), name


class Looked:
    """A model whose vectors are looked up."""

    similarity_fn_name = "cosine"
    prompts: dict[str, str] = {}
    model_card_data: Any = None

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self.vectors = vectors

    def similarity(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return cos_sim(a, b)

    def encode(self, texts: list[str], **_: Any) -> torch.Tensor:
        return torch.tensor([self.vectors[text] for text in texts], dtype=torch.float32)

    encode_query = encode_document = encode


def random_data(graded: bool) -> tuple[RetrievalData, Looked]:
    """30 queries, 200 passages of which some are equal, and ids that stand for both."""
    rng = np.random.default_rng(0)
    corpus = {f"{n}": f"passage {n}" for n in range(200)}
    queries = {f"{n}": f"query {n}" for n in range(30)}
    vectors = {text: rng.normal(size=8).tolist() for text in (*corpus.values(), *queries.values())}
    for text in list(corpus.values())[:20]:  # ties among passages that are never relevant
        vectors[text] = vectors["passage 0"]
    qrels = {
        query: {
            str(20 + int(p)): int(rng.integers(1, 4)) if graded else 1
            for p in {*rng.integers(0, 180, size=4), number}
        }
        for number, query in enumerate(queries)
    }
    return RetrievalData("random", queries, corpus, qrels), Looked(vectors)


def test_as_sentence_transformers() -> None:
    data, model = random_data(graded=False)
    queries = {f"q{key}": text for key, text in data.queries.items()}  # theirs drops equal ids
    relevant = {f"q{key}": set(found) for key, found in data.qrels.items()}
    evaluator = InformationRetrievalEvaluator(
        queries, data.corpus, relevant, score_functions={"cosine": cos_sim}, name="x"
    )
    theirs = evaluator.compute_metrices(model)["cosine"]
    run = rank_by_model(model, data)  # type: ignore[arg-type]
    ours = evaluate_rankings(data, {"model": run}).retrievers["model"]
    for measure, value in (
        (NDCG, theirs["ndcg@k"][10]),
        (MRR, theirs["mrr@k"][10]),
        (RECALL, theirs["recall@k"][10]),
    ):
        assert ours[measure].value == pytest.approx(value), measure
        assert 0 < value < 1


def test_graded_relevance_as_ir_measures() -> None:
    data, model = random_data(graded=True)
    run = rank_by_model(model, data)  # type: ignore[arg-type]
    scores = {q: {d: 1 / (n + 1) for n, d in enumerate(found)} for q, found in run.items()}
    theirs = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], dict(data.qrels), scores)
    ours = evaluate_rankings(data, {"model": run}).retrievers["model"][NDCG]
    assert ours.value == pytest.approx(theirs[ir_measures.nDCG @ 10])


def test_equal_scores_keep_the_order_of_the_corpus() -> None:
    assert best(np.array([1.0, 3.0, 2.0, 3.0, 2.0, 2.0]), 4) == [1, 3, 2, 4]
    assert best(np.array([1.0, 2.0]), 4) == [1, 0]
    data = RetrievalData(
        "ties", {"q": "red"}, {"z": "red fox", "a": "red fox", "b": "dog"}, {"q": {"a": 1}}
    )
    assert rank_by_bm25(data) == {"q": ["z", "a"]}
    vectors = {"red": [1.0, 0.0], "red fox": [0.8, 0.2], "dog": [0.0, 1.0]}
    assert rank_by_model(Looked(vectors), data) == {"q": ["z", "a", "b"]}  # type: ignore[arg-type]


def test_queries_of_one_document_are_resampled_together() -> None:
    corpus = {f"p{n}": f"text {n}" for n in range(40)}
    queries = {f"q{n}": f"query {n}" for n in range(40)}
    qrels = {f"q{n}": {f"p{n}": 1} for n in range(40)}
    run = {f"q{n}": [f"p{n}"] if n < 20 else ["p39" if n < 39 else "p0"] for n in range(40)}
    alone = evaluate_rankings(RetrievalData("a", queries, corpus, qrels), {"m": run})
    documents = {f"p{n}": f"doc{n // 10}" for n in range(40)}
    together = evaluate_rankings(RetrievalData("b", queries, corpus, qrels, documents), {"m": run})
    assert (alone.clusters, together.clusters) == (40, 4)
    one, four = (e.retrievers["m"][NDCG] for e in (alone, together))
    assert one.value == four.value == 0.5
    assert four.high - four.low > 2 * (one.high - one.low)  # type: ignore[operator]


def test_pairs_say_who_gained_what() -> None:
    corpus = {f"p{n}": f"text {n}" for n in range(60)}
    queries = {f"q{n}": f"query {n}" for n in range(60)}
    data = RetrievalData("x", queries, corpus, {f"q{n}": {f"p{n}": 1} for n in range(60)})
    worse = {f"q{n}": [f"p{(n + 1) % 60}", f"p{n}"] for n in range(60)}
    better = {f"q{n}": [f"p{n}"] if n % 3 else worse[f"q{n}"] for n in range(60)}
    pair = evaluate_rankings(data, {"a": worse, "b": better}).pair("a", "b")
    assert (pair.better, pair.worse) == (40, 0)
    assert pair.difference.value == pytest.approx((1 - 1 / log2(3)) * 2 / 3)
    assert pair.difference.leaves_out_zero
    assert pair.smallest_difference is not None
    assert 0 < pair.smallest_difference < pair.difference.value  # type: ignore[operator]
    same = evaluate_rankings(data, {"a": worse, "b": worse}).pair("a", "b")
    assert (same.better, same.worse, same.holm_p) == (0, 0, 1.0)
    assert not same.difference.leaves_out_zero


def test_the_smallest_difference_is_that_of_a_paired_t_test() -> None:
    values = np.random.default_rng(1).normal(0.1, 0.3, 400)
    found = smallest_difference(values, range(400))
    assert found == pytest.approx(2.80 * values.std(ddof=1) / 20, rel=0.01)
    assert smallest_difference(values, range(400), 0.25) == pytest.approx(2 * found)  # type: ignore[operator]
    assert smallest_difference(values, [0] * 400) is None
