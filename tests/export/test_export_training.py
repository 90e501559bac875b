"""sentence-transformers trains on each file as it is, and measures what ir-measures measures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ir_measures
import pytest
from datasets import load_dataset
from helpers.export_data import passages, rows
from helpers.tiny_embedders import save_embedder
from ir_measures import nDCG
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
    losses,
)
from sentence_transformers.evaluation import InformationRetrievalEvaluator

from distilabel_rag4rag.export import Export, export_training_data

pytestmark = pytest.mark.slow

FORMATS = ["pairs", "answer_pairs", "triplets", "tuples", "scores", "beir"]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    corpus = passages()
    out = tmp_path_factory.mktemp("out")
    return export_training_data(rows(corpus), corpus, out, formats=FORMATS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformer:
    """Random weights."""
    folder = save_embedder(tmp_path_factory.mktemp("model") / "tiny", max_seq_length=64)
    return SentenceTransformer(folder, device="cpu")


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("pairs", losses.MultipleNegativesRankingLoss),
        ("answer_pairs", losses.MultipleNegativesRankingLoss),
        ("triplets", losses.TripletLoss),
        ("tuples", losses.MultipleNegativesRankingLoss),
        ("scores", losses.MarginMSELoss),
        ("scores", losses.DistillKLDivLoss),
    ],
)
def test_each_file_is_trained_on_as_it_is(
    export: Export, model: SentenceTransformer, tmp_path: Path, name: str, loss: Callable[..., Any]
) -> None:
    data = load_dataset(str(export.folder), name, cache_dir=str(tmp_path / "cache"))
    before = [weights.clone() for weights in model.parameters()]
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path),
            max_steps=1,
            per_device_train_batch_size=4,
            learning_rate=1e-3,
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
            save_strategy="no",
        ),
        train_dataset=data["train"],
        loss=loss(model),
    )
    assert trainer.train().training_loss > 0
    moved = [
        not weights.equal(old) for weights, old in zip(model.parameters(), before, strict=True)
    ]
    assert any(moved)


def test_ndcg_is_the_same_from_trec_eval_and_from_sentence_transformers(
    export: Export, model: SentenceTransformer, tmp_path: Path
) -> None:
    beir = export.folder / "beir"

    def read(kind: str, path: str, **how: Any) -> Any:
        files = {"train": str(beir / path)}
        return load_dataset(kind, data_files=files, split="train", cache_dir=str(tmp_path), **how)

    corpus = {line["_id"]: line["text"] for line in read("json", "corpus.jsonl")}
    queries = {line["_id"]: line["text"] for line in read("json", "queries.jsonl")}
    qrels = list(read("csv", "qrels/train.tsv", sep="\t"))
    relevant: dict[str, set[str]] = {}
    for line in qrels:
        relevant.setdefault(line["query-id"], set()).add(line["corpus-id"])
    asked = {key: queries[key] for key in relevant}
    evaluate = InformationRetrievalEvaluator(
        asked, corpus, relevant, ndcg_at_k=[10], main_score_function="cosine"
    )
    theirs = evaluate(model)["cosine_ndcg@10"]

    scores = model.similarity(model.encode(list(asked.values())), model.encode([*corpus.values()]))
    run = [
        ir_measures.ScoredDoc(query, document, float(score))
        for query, row in zip(asked, scores, strict=True)
        for document, score in zip(corpus, row, strict=True)
    ]
    truth = [ir_measures.Qrel(q["query-id"], q["corpus-id"], q["score"]) for q in qrels]
    ours = ir_measures.calc_aggregate([nDCG @ 10], truth, run)[nDCG @ 10]
    assert 0.05 < ours < 0.95
    assert theirs == pytest.approx(ours, abs=1e-6)
