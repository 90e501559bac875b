"""The verdict where data must help, where it cannot, and what a study writes and keeps."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.planted_retrieval import passages, rows, save_static
from sentence_transformers import SentenceTransformer
from typer.testing import CliRunner

from distilabel_rag4rag import export_training_data
from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.data.run_folder import RunFolder
from distilabel_rag4rag.training.placebos import shuffled
from distilabel_rag4rag.training.settings import TrainingSettings
from distilabel_rag4rag.training.study import Study
from distilabel_rag4rag.training.study_table import AS_IT_WAS, BM25, Measured, study_table
from distilabel_rag4rag.training.train import Training

pytestmark = pytest.mark.slow

CORPUS = passages()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("planted") / "export"
    export_training_data(rows(CORPUS, 4), CORPUS, out, formats=["pairs", "beir"])
    return out.parent


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_static(tmp_path_factory.mktemp("model") / "static")


def test_where_data_must_help_the_verdict_says_so(
    folder: Path, static: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    call = ["train", str(folder), "--study", "--models", static, "--seeds", "1", "--epochs", "5"]
    call += ["--learning-rate", "0.05", "--out", str(out), "--device", "cpu"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    content = json.loads((out / "evaluation.json").read_text())
    (study,) = content["studies"]
    assert study["title"] == f"static on {folder.name} test: new documents"
    names = [BM25, AS_IT_WAS, "the data", "shuffled", "echo", "inverse_cloze", "title"]
    assert [line["name"] for line in study["lines"]] == names
    data = study["lines"][2]
    assert (data["rows"], data["seeds"]) == (384, 1)
    assert data["over_placebo"]["low"] > 0.1
    assert study["verdict"].startswith("The data gives +0.")
    assert " nDCG@10 more than " in study["verdict"]
    assert study["verdict"] in " ".join(done.output.split())
    assert "static: " in done.output
    assert "for the first of 5 trainings; about " in " ".join(done.output.split())
    assert "| the data: question, passage | 384 | 1 | " in (out / "report.md").read_text()

    times = {file: file.stat().st_mtime_ns for file in (out / "runs").iterdir()}
    assert len(times) == 2 + 5
    again = CliRunner().invoke(app, [*call, "--force"])
    assert again.exit_code == 0, again.output
    assert {file: file.stat().st_mtime_ns for file in (out / "runs").iterdir()} == times
    assert json.loads((out / "evaluation.json").read_text())["studies"] == content["studies"]


def test_what_is_kept_belongs_to_these_texts_and_weights(
    folder: Path, static: str, tmp_path: Path
) -> None:
    def trained_now(model: str, rows_: int) -> int:
        before = len(list(tmp_path.glob("out/runs/*")))
        settings = TrainingSettings(
            source=str(folder), models=[model], seeds=1, rows=rows_, epochs=0.1
        )
        study = Study(settings)
        study.sets = study.sets[:1] + study.sets[-1:]
        study.run(tmp_path / "out")
        return len(list(tmp_path.glob("out/runs/*"))) - before

    other = save_static(tmp_path / "static")
    assert trained_now(other, 20) == 4
    assert trained_now(other, 20) == 0
    assert trained_now(other, 30) == 4
    model = SentenceTransformer(other, device="cpu")
    model[0].embedding.weight.data += 1
    model.save_pretrained(other)
    assert trained_now(other, 20) == 3  # all but BM25


def test_where_data_cannot_help_it_claims_nothing(
    folder: Path, static: str, tmp_path: Path
) -> None:
    path = folder / "export" / "pairs" / "train.parquet"
    right = pq.read_table(path)
    pairs = [(row["anchor"], row["positive"]) for row in right.to_pylist()]
    pairs = shuffled(pairs, 5)
    try:
        table = pa.table({"anchor": [q for q, _ in pairs], "positive": [p for _, p in pairs]})
        pq.write_table(table, path)
        settings = TrainingSettings(
            source=str(folder), models=[static], epochs=4, learning_rate=0.05, seeds=1
        )
        (found,) = Study(settings).run(tmp_path).tables
    finally:
        pq.write_table(right, path)
    assert found.verdict.startswith(("The data gives no more than ", "The data gives less than "))


def test_a_teacher_scores_the_placebos_too(folder: Path, static: str, tmp_path: Path) -> None:
    given = {"source": str(folder), "models": [static], "learning_rate": 0.2, "seeds": 1}
    knows = Training(TrainingSettings(**given, epochs=6)).run(tmp_path / "teacher").model
    settings = TrainingSettings(
        **given, data="pairs", loss="distill_kl", teacher=f"fusion:{knows}", epochs=12, rows=100
    )
    study = Study(settings)
    (found,) = study.run(tmp_path).tables
    # Shuffled rows would be the data again: it does not matter which passage a row calls right.
    names = ["the data", "echo", "inverse_cloze", "title"]
    assert [line.name for line in found.lines[2:]] == names
    assert found.line("the data").gain.low > 0.02
    for line in found.lines[2:]:
        scored = study._scored[line.name]
        assert len(scored) == line.rows
        assert {len(scores) for scores in scored["score"]} == {8}


def measured(name: str, values: float | np.ndarray, **more: bool) -> Measured:
    scores = np.full(40, values) if isinstance(values, float) else values
    rows_ = None if name in (BM25, AS_IT_WAS) else 10
    return Measured(name, "", rows_, [scores, scores], **more)


NOISE = np.random.default_rng(0).normal(0, 0.02, 40)


@pytest.mark.parametrize(
    ("data", "echo", "cloze", "best", "words"),
    [
        (0.6 + NOISE, 0.5 + NOISE[::-1], 0.3, "echo",
         "The data gives +0.100 [0.0"),
        (0.6 + NOISE, 0.5, 0.6 - NOISE[::-1], "cloze",
         "The data gives no more than a placebo, cloze: "),
        (0.6 + NOISE, 0.3, 0.3, AS_IT_WAS,
         "more than the model as it was, which no placebo beats."),
        (0.3 + NOISE, 0.3, 0.2, AS_IT_WAS,
         "The data gives less than the model as it was, which no placebo beats: -0.1"),
        (0.45 + NOISE, 0.7, 0.2, "echo",
         "The data gives less than echo: -0.2"),
    ],
)  # fmt: skip
def test_the_verdict_claims_only_what_is_beyond_the_best_placebo(
    data: np.ndarray, echo: np.ndarray, cloze: np.ndarray, best: str, words: str
) -> None:
    found = study_table(
        "x",
        [
            measured(BM25, 0.2),
            measured(AS_IT_WAS, 0.4 + NOISE[::-1]),
            measured("the data", data, is_data=True),
            measured("echo", echo),
            measured("cloze", cloze),
        ],
        [f"query {n}" for n in range(40)],
    )
    assert found.best_placebo == best
    assert words in found.verdict
    assert "BM25" not in found.verdict
    assert found.line("the data").by_seed == [pytest.approx(float(np.mean(data)))] * 2


def test_bm25_is_named_where_training_does_not_reach_it() -> None:
    found = study_table(
        "x",
        [
            measured(BM25, 0.9),
            measured(AS_IT_WAS, 0.4),
            measured("the data", 0.6 + NOISE, is_data=True),
            measured("echo", 0.5),
        ],
        [f"query {n}" for n in range(40)],
    )
    assert found.verdict.endswith("BM25, without training, has 0.900.")


def test_the_arms_of_a_comparison_are_trained_on_too(static: str, tmp_path: Path) -> None:
    made = []
    for row in rows(CORPUS, 2):
        grounded = len(made) % 4 == 0
        answers = {"zero_shot": "wug1 wug2", "rag4rag": row["answer"], "human": row["answer"]}
        for arm, answer in answers.items():
            made.append(
                {
                    **row,
                    "arm": arm,
                    "answer": answer,
                    "keep_row_after_grounding": grounded or arm == "rag4rag",
                }
            )
    run = tmp_path / "run"
    RunFolder(run).write(pa.Table.from_pylist(made), {}, {})
    call = ["train", str(run), "--study", "--models", static, "--seeds", "1", "--rows", "60"]
    done = CliRunner().invoke(app, [*call, "--out", str(tmp_path / "out"), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    (study,) = json.loads((tmp_path / "out" / "evaluation.json").read_text())["studies"]
    rows_of = {line["name"]: line["rows"] for line in study["lines"]}
    assert list(rows_of)[:9] == [
        BM25,
        AS_IT_WAS,
        "the data",
        "zero_shot: passage",
        "zero_shot: answer",
        "rag4rag: passage",
        "rag4rag: answer",
        "human: passage",
        "human: answer",
    ]
    assert rows_of["the data"] == rows_of["rag4rag: passage"] == rows_of["zero_shot: answer"] == 60
    assert 0 < rows_of["zero_shot: passage"] < 40
    assert all(line["over_placebo"] for line in study["lines"] if line["is_data"])
