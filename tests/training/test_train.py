"""A planted case in which data must help: training, its checks, its files, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset
from distilabel.models.embeddings import SentenceTransformerEmbeddings
from helpers.planted_retrieval import passages, rows, save_static
from helpers.tiny_embedders import save_embedder
from sentence_transformers import SentenceTransformer
from typer.testing import CliRunner

from distilabel_rag4rag import FaissRetrieve, export_training_data
from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.comparison.rankings import NDCG
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.training.finetune import finetune
from distilabel_rag4rag.training.settings import TrainingSettings
from distilabel_rag4rag.training.teachers import with_scores
from distilabel_rag4rag.training.train import TRAINED, Training
from distilabel_rag4rag.training.trained_texts import TrainedTexts

pytestmark = pytest.mark.slow

CORPUS = passages()
QUICK = {"epochs": 6, "learning_rate": 0.1}


def with_negatives() -> list[dict[str, Any]]:
    """Rows with two negatives and the scores of a teacher that knows the right one."""
    made = rows(CORPUS, 2)
    for number, row in enumerate(made):
        others = [CORPUS[(number + step) % len(CORPUS)] for step in (40, 61)]
        others = [other for other in others if other["passage_id"] != row["passage_id"]]
        row["negatives"] = [other["context"] for other in others]
        row["negative_ids"] = [other["passage_id"] for other in others]
        row["positive_score"], row["negative_scores"] = 0.9, [0.1] * len(others)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("planted") / "export"
    formats = ["pairs", "tuples", "scores", "beir"]
    export_training_data(with_negatives(), CORPUS, out, formats=formats)
    return out.parent


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_static(tmp_path_factory.mktemp("model") / "static")


def vectors(folder: Path | str, texts: list[str]) -> np.ndarray:
    return SentenceTransformer(str(folder), device="cpu").encode(texts)


def test_the_command_trains_checks_and_writes(folder: Path, static: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    call = ["train", str(folder), "--models", static, "--out", str(out), "--device", "cpu"]
    call += ["--epochs", "6", "--learning-rate", "0.1"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert "fine-tuned against static: nDCG@10 +0." in done.output

    content = json.loads((out / "evaluation.json").read_text())
    (found,) = content["evaluations"]
    assert found["name"] == f"{folder.name} test: new documents"
    gain = found["pairs"][-1]["measures"][NDCG]["difference"]
    assert gain["low"] > 0.05
    checks = content["record"]["run"]["checks"]
    assert checks["0"] < max(checks.values()) == checks[str(content["record"]["run"]["best_step"])]

    card = (out / "model" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: sentence-transformers\n")
    for part in ("fine-tuned against static", "| BM25 |", "epochs: 6.0", "nDCG@10 on validation"):
        assert part in card
    assert str(tmp_path) not in card

    embeddings = SentenceTransformerEmbeddings(model=str(out / "model"))
    embeddings.load()
    question = with_negatives()[0]["question"]
    ours = vectors(out / "model", [question])[0]
    ours /= np.linalg.norm(ours)  # as distilabel's are by default
    assert np.allclose(embeddings.encode([question])[0], ours, atol=1e-6)
    assert not np.allclose(vectors(static, [question])[0], ours, atol=1e-2)

    call = ["evaluate", str(folder), "--models", str(out / "model"), "--out", str(tmp_path / "e")]
    again = CliRunner().invoke(app, call)
    assert again.exit_code == 0, again.output
    assert "new documents" in again.output
    leaked = CliRunner().invoke(app, [*call, "--split", "train", "--force"])
    assert leaked.exit_code == 2
    assert "INPUT: found" in leaked.output
    assert "queries that were trained on" in leaked.output


def test_retrieval_with_the_trained_model_makes_an_index_of_its_own(
    folder: Path, static: str, tmp_path: Path, own_cache: Path
) -> None:
    result = Training(TrainingSettings(source=str(folder), models=[static], **QUICK)).run(tmp_path)
    asked = [{"question": row["question"]} for row in with_negatives()]
    found = {}
    for model in (static, str(result.model)):
        step = FaissRetrieve(
            embeddings=SentenceTransformerEmbeddings(model=model),
            corpus=[{"passage_id": p["passage_id"], "context": p["context"]} for p in CORPUS],
            k=10,
        )
        step.load()
        made = next(step.process([dict(row) for row in asked]))
        step.unload()
        right = zip(made, with_negatives(), strict=True)
        found[model] = sum(row["passage_id"] in one["retrieved_ids"] for one, row in right)
    before, after = found.values()
    assert after > 2 * before


def test_two_trainings_with_one_seed_are_equal_and_another_seed_differs(
    folder: Path, static: str, tmp_path: Path
) -> None:
    settings = TrainingSettings(source=str(folder), models=[static], checks=0, **QUICK)
    training = Training(settings)
    made = []
    for number, seed in enumerate((0, 0, 1)):
        model = training.load(static)
        finetune(model, training.rows, settings, tmp_path / str(number), seed=seed)
        made.append(model.encode(["dax1 wug2"]))
    assert (made[0] == made[1]).all()
    assert (made[0] != made[2]).any()


def test_a_training_that_was_interrupted_goes_on(folder: Path, static: str, tmp_path: Path) -> None:
    settings = TrainingSettings(source=str(folder), models=[static], patience=99, **QUICK)
    whole = Training(settings).run(tmp_path / "whole")

    def stop(done: int, of: int) -> None:
        if done == of // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Training(settings).run(tmp_path / "halves", watch=stop)
    assert not (tmp_path / "halves" / "model").exists()
    steps = []
    resumed = Training(settings.model_copy(update={"resume": True})).run(
        tmp_path / "halves", watch=lambda done, of: steps.append(done)
    )
    assert steps[0] > 1
    assert resumed.run.steps == whole.run.steps
    texts = [row["question"] for row in with_negatives()[:20]]
    assert np.allclose(vectors(whole.model, texts), vectors(resumed.model, texts), atol=1e-5)


def test_training_ends_early_and_the_best_model_is_taken(
    folder: Path, static: str, tmp_path: Path
) -> None:
    settings = TrainingSettings(
        source=str(folder), models=[static], epochs=40, learning_rate=0.5, patience=1
    )
    run = Training(settings).run(tmp_path).run
    assert run.steps < 40 * run.rows / settings.batch_size
    assert run.checks[run.best_step] == max(list(run.checks.values())[1:])  # type: ignore[index]


@pytest.mark.parametrize(
    "values",
    [
        {"data": "tuples", "epochs": 4},
        {"loss": "margin_mse", "learning_rate": 0.2, "epochs": 12},
        {"loss": "distill_kl", "learning_rate": 0.2, "epochs": 12},
        {"loss": "distill_kl", "teacher": "fusion"},
        {"matryoshka": "16,8"},
    ],
    ids=lambda values: "-".join(map(str, values.values())),
)
def test_every_loss_learns_from_its_rows(
    folder: Path, static: str, tmp_path: Path, values: dict[str, Any]
) -> None:
    settings = TrainingSettings(
        **{"source": str(folder), "models": [static], "checks": 0, **QUICK, **values}
    )
    result = Training(settings).run(tmp_path)
    gained = result.evaluations[0].pair("static", TRAINED).difference
    if values.get("teacher") == "fusion":  # it knows no twins either: it only must run
        assert gained.value is not None
    else:
        assert (gained.value or 0) > 0.02
    if values.get("matryoshka"):
        model = SentenceTransformer(str(result.model), truncate_dim=8, device="cpu")
        assert model.encode(["dax1"]).shape == (1, 8)


def test_an_embedder_and_bm25_teach_another_model_from_pairs(
    folder: Path, static: str, tmp_path: Path
) -> None:
    given = {"source": str(folder), "models": [static], "checks": 0}
    knows = Training(TrainingSettings(**given, **QUICK)).run(tmp_path / "teacher").model
    settings = TrainingSettings(
        **given,
        data="pairs",
        loss="distill_kl",
        teacher=f"fusion:{knows}",
        learning_rate=0.2,
        epochs=12,
    )
    result = Training(settings).run(tmp_path / "out")
    assert (result.evaluations[0].pair("static", TRAINED).difference.value or 0) > 0.02


def test_one_step_of_training_changes_the_model(static: str, tmp_path: Path) -> None:
    data = Dataset.from_list(
        [{"anchor": "dax1 wug2", "positive": "wug3"}, {"anchor": "dax4", "positive": "wug5"}]
    )
    settings = TrainingSettings(models=[static], epochs=1, learning_rate=0.1, checks=0)
    model = SentenceTransformer(static, device="cpu")
    before = model.encode(["dax1 wug2"])
    assert finetune(model, data, settings, tmp_path).steps == 1
    assert not np.allclose(before, model.encode(["dax1 wug2"]))


@pytest.mark.parametrize(
    ("rows_", "epochs", "expected"),
    [(22, None, 10), (320, None, 5), (1600, None, 1), (1_000_000, None, 1), (22, 0.5, 0.5)],
)
def test_few_rows_are_seen_more_often(rows_: int, epochs: float | None, expected: float) -> None:
    assert TrainingSettings(epochs=epochs, batch_size=32).epochs_of(rows_) == expected


def test_a_judge_teaches_which_passages_support_the_answer() -> None:
    names = {"kettle": "Johann Ebert", "bell": "Maria Schulz", "organ": "Karl Winter"}
    texts = {thing: f"The {thing} was cast by {name}." for thing, name in names.items()}
    asked = {thing: f"Who cast the {thing}?" for thing in names}
    data = Dataset.from_list(
        [
            {
                "anchor": asked[thing],
                "positive": texts[thing],
                **{f"negative_{n}": texts[other] for n, other in enumerate(set(names) - {thing})},
            }
            for thing in names
        ]
    )
    answers = {asked[thing]: name for thing, name in names.items()}
    scored = with_scores(data, "judge", None, answers=answers)["score"]
    for supported, *others in scored:
        assert supported > 0.5 > max(others)
    with pytest.raises(ConfigError, match="teacher: found 'judge', expected the answer to each"):
        with_scores(data, "judge", None, answers={asked["bell"]: "Maria Schulz"})


def test_cached_batches_give_the_same_model(folder: Path, tmp_path: Path) -> None:
    base = save_embedder(tmp_path / "tiny", max_seq_length=64)
    made = []
    for loss in ("multiple_negatives", "cached_multiple_negatives"):
        settings = TrainingSettings(
            source=str(folder), models=[base], loss=loss, mini_batch_size=8, checks=0, epochs=0.5
        )
        training = Training(settings)
        model = training.load(base)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        finetune(model, training.rows, settings, tmp_path / loss)
        made.append(model.encode(["dax1 wug2"]))
    assert np.allclose(*made, atol=1e-4)


def test_a_transformer_is_trained_and_its_token_table_can_stay(
    folder: Path, tmp_path: Path
) -> None:
    base = save_embedder(tmp_path / "tiny", max_seq_length=64)
    settings = TrainingSettings(
        source=str(folder), models=[base], learning_rate=1e-3, checks=0, freeze_embeddings=True
    )
    result = Training(settings).run(tmp_path / "out")
    before, after = (SentenceTransformer(str(p), device="cpu") for p in (base, result.model))
    tables = [m[0].auto_model.get_input_embeddings().weight for m in (before, after)]
    assert (tables[0] == tables[1]).all()
    assert (before.encode(["dax1"]) != after.encode(["dax1"])).any()


def leak(folder: Path, tmp_path: Path) -> Path:
    """A copy of the export in which a test question is trained on."""
    import shutil

    copy = tmp_path / "leaking"
    shutil.copytree(folder / "export", copy)
    test = pq.read_table(copy / "pairs" / "test.parquet")
    train = pq.read_table(copy / "pairs" / "train.parquet")
    pq.write_table(pa.concat_tables([train, test.slice(0, 1)]), copy / "pairs" / "train.parquet")
    return copy


def test_leaked_rows_are_refused(folder: Path, static: str, tmp_path: Path) -> None:
    leaking = leak(folder, tmp_path)
    call = ["train", str(leaking), "--models", static, "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 2
    assert "INPUT: found '1 leak: question of test in train" in done.output
    assert "rag4rag check-export" in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"source": None}, "source", "the folder of `build`, or of an export"),
        ({"source": "nowhere"}, "source", "with files such as pairs/train.parquet"),
        ({"data": "answer_pairs"}, "data", "one of ['pairs', 'tuples', 'scores']"),
        ({"loss": "distill_kl", "data": "pairs"}, "data", "rows with negatives and scores"),
        ({"teacher": "fusion"}, "loss", "'margin_mse' or 'distill_kl', which learn from a teacher"),
        ({"loss": "distill_kl", "teacher": "fusion:/no/model"}, "teacher", "a folder or a Hub id"),
        ({"models": ["a", "b"]}, "models", "Several are for a study"),
        ({"loss": "cached_multiple_negatives"}, "loss", "Static models need no cache"),
        ({"matryoshka": "64"}, "matryoshka", "sizes from 1 to 32"),
        ({"evaluate_on": "EXPORT_AS_TRAIN"}, "evaluate_on", "queries that no model was trained on"),
    ],
)
def test_what_cannot_be_trained(
    folder: Path, static: str, tmp_path: Path, values: dict[str, Any], field: str, words: str
) -> None:
    if "evaluate_on" in values:
        asked = tmp_path / "asked.jsonl"
        row = with_negatives()[0]
        for row in with_negatives():
            if (
                TrainedTexts.of([row["question"]], []).questions
                <= Training(TrainingSettings(source=str(folder))).trained.questions
            ):
                break
        asked.write_text(json.dumps({"question": row["question"], "context": row["context"]}))
        values = {"evaluate_on": str(asked)}
    given = {"source": str(folder), "models": [static], **values}
    with pytest.raises(ConfigError) as error:
        Training(TrainingSettings(**given)).run(tmp_path / "out")
    assert error.value.field == field
    assert words in str(error.value)
