"""Evaluating from folders and from questions: what is read, refused, kept apart and written."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from datasets import Dataset
from helpers.export_data import passages, rows
from typer.testing import CliRunner

from distilabel_rag4rag import export_training_data
from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.data.run_folder import RunFolder
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.export import beir
from distilabel_rag4rag.training.evaluate import Evaluate, evaluate_retrievers
from distilabel_rag4rag.training.models import load_retriever
from distilabel_rag4rag.training.read_data import read_retrieval_data
from distilabel_rag4rag.training.settings import EvaluationSettings
from distilabel_rag4rag.training.trained_texts import TrainedTexts

CORPUS = passages()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "export"
    export_training_data(rows(CORPUS), CORPUS, out, formats=["pairs", "beir"])
    return out.parent


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "static"
    load_retriever("static").save_pretrained(str(path))
    return str(path)


def write(folder: Path, qrels: list[tuple[str, str, int]], **texts: str) -> Path:
    corpus = [
        {"_id": key, "title": f"On {key}", "text": text, "metadata": {}}
        for key, text in texts.items()
    ]
    pairs = [dict(zip(beir.QRELS_COLUMNS, pair, strict=True)) for pair in qrels]
    queries = [{"_id": key, "text": f"what is {key}?"} for key in ("a", "b", "c")]
    beir.write_beir(folder, corpus, [*queries, {"_id": "e", "text": " "}], {"test": pairs})
    return folder


def test_a_folder_in_beirs_form(tmp_path: Path) -> None:
    pairs = [("a", "x", 2), ("a", "y", 0), ("b", "z", 1), ("c", "y", 0), ("e", "x", 1)]
    data = read_retrieval_data(write(tmp_path / "set", pairs, x="fox", y="dog"))
    assert data.queries == {"a": "what is a?", "b": "what is b?"}
    assert data.qrels == {"a": {"x": 2, "y": 0}, "b": {"z": 1}}
    assert data.corpus == {"x": "fox", "y": "dog"}
    assert data.notes == [
        "set test: 1 query without a relevant passage left out",
        "set test: 1 query without text left out",
        "set test: 1 relevant passage not in the corpus; they count as not found",
    ]
    assert data.clusters() == ["query a", "query b"]
    titled = read_retrieval_data(tmp_path / "set", titles=True)
    assert titled.corpus["x"] == "On x fox"


def test_the_test_split_of_a_run(folder: Path) -> None:
    data = read_retrieval_data(folder)
    assert read_retrieval_data(folder / "export").queries == data.queries
    assert data.queries != read_retrieval_data(folder, split="validation").queries
    assert len(data.corpus) == len({passage["context"] for passage in CORPUS})
    assert all(cluster.startswith("document doc") for cluster in data.clusters())


def test_questions_with_their_passages(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    asked = [{"anchor": f"Who is {n}?", "text": f"Ena {n} is {n}.", "title": "T"} for n in "123"]
    path.write_text("".join(json.dumps(row) + "\n" for row in asked))
    (tmp_path / "more.jsonl").write_text(json.dumps({"context": "Another."}) + "\n")
    data = read_retrieval_data(
        path,
        columns={"question": "anchor", "context": "text"},
        corpus=str(tmp_path / "more.jsonl"),
    )
    assert list(data.queries.values()) == [row["anchor"] for row in asked]
    assert list(data.corpus.values()) == [*(row["text"] for row in asked), "Another."]
    assert data.clusters() == ["document T"] * 3


def test_a_dataset_and_the_folder_of_a_comparison(tmp_path: Path) -> None:
    asked = [{"id": n, "question": f"Who is {n}?", "context": f"Ena {n} is {n}."} for n in "123"]
    data = read_retrieval_data(Dataset.from_list(asked))
    assert list(data.queries.values()) == [row["question"] for row in asked]
    arms = [
        {**row, "arm": arm, "answer": "Ena"} for arm in ("zero_shot", "rag4rag") for row in asked
    ]
    RunFolder(tmp_path).write(pa.Table.from_pylist(arms), {}, {})
    assert read_retrieval_data(tmp_path).queries == data.queries


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({}, "source", "expected a folder of `build`"),
        ({"source": "FOLDER", "split": "dev"}, "split", "expected one of ['test'"),
        ({"source": "BROKEN"}, "source", "a folder in BEIR's form"),
        ({"source": "FOLDER", "models": "BM25"}, "models", "BM25 is always there"),
    ],
)
def test_what_cannot_be_evaluated(
    folder: Path, tmp_path: Path, values: dict[str, Any], field: str, words: str
) -> None:
    broken = write(tmp_path / "broken", [("a", "x", 1)], x="fox")
    (broken / "corpus.jsonl").write_text('{"id": 1}\n')
    places = {"FOLDER": str(folder), "BROKEN": str(broken)}
    given = {name: places.get(value, value) for name, value in values.items()}
    with pytest.raises(ConfigError) as error:
        Evaluate(EvaluationSettings(**given))
    assert error.value.field == field
    assert words in str(error.value)


def test_a_model_that_is_not_there(folder: Path) -> None:
    settings = EvaluationSettings(source=str(folder), models="./nowhere")
    with pytest.raises(ConfigError, match=r"models: found '\./nowhere', expected 'embedded'"):
        Evaluate(settings).run()


def test_own_documents_and_new_ones_are_kept_apart(folder: Path, static: str) -> None:
    data = read_retrieval_data(folder)
    asked = next(iter(data.queries))
    (own,) = data.relevant(asked)
    trained = TrainedTexts.of(["something else?"], [data.corpus[own]])
    trained.write(Path(static))
    first, second = evaluate_retrievers({"static": static}, data)
    document = data.documents[own]  # also its other passages
    own_queries = [q for q in data.queries if data.documents[data.relevant(q)[0]] == document]
    assert len(own_queries) > 1
    assert list(first.data.queries) == own_queries
    assert first.data.name == f"{folder.name} test: own documents"
    assert second.data.name == f"{folder.name} test: new documents"
    assert len(first.data.queries) + len(second.data.queries) == len(data.queries)
    assert first.data.corpus == second.data.corpus == data.corpus

    TrainedTexts.of([data.queries[asked].upper()], []).write(Path(static))
    with pytest.raises(ConfigError, match=r"source: found .1 of \d+ queries that were trained on"):
        evaluate_retrievers({"static": static}, data)
    TrainedTexts().write(Path(static))
    assert len(evaluate_retrievers({"static": static}, data)) == 1


def test_the_command(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    call = ["evaluate", str(folder), "--models", "static", "--out", str(out)]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert "static against BM25: nDCG@10 " in done.output
    content = json.loads((out / "evaluation.json").read_text())
    (found,) = content["evaluations"]
    data = read_retrieval_data(folder)
    assert found["ndcg_by_query"]["static"].keys() == data.queries.keys()
    mean = sum(found["ndcg_by_query"]["static"].values()) / len(data.queries)
    assert found["retrievers"]["static"]["nDCG@10"]["value"] == pytest.approx(mean, abs=1e-5)
    page, text = (out / "report.html").read_text(), (out / "report.md").read_text()
    assert "<svg" in page
    assert "| BM25 | " in text
    assert any(query in page for query in data.queries.values())

    again = CliRunner().invoke(app, call)
    assert again.exit_code == 2
    assert "--out: found" in again.output
    assert "or --force to overwrite" in " ".join(again.output.split())
    assert CliRunner().invoke(app, [*call, "--force"]).exit_code == 0


def test_texts_of_the_data_are_only_text(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> {{ 7 * 7 }} **x** \x1b[31m"
    pairs = [("a", "x", 1), ("b", "y", 1)]
    data = write(tmp_path / "set", pairs, x=hostile, y="b is b")
    done = CliRunner().invoke(
        app, ["evaluate", str(data), "--models", "static", "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>" not in page
    assert "49" not in (tmp_path / "out" / "report.md").read_text()
