"""A leak of each kind, planted into the files of an export, is found."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.export_data import passages, rows
from typer.testing import CliRunner

from distilabel_rag4rag.cli.app import app
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.export import check_export, export_training_data
from distilabel_rag4rag.export.beir import check_beir

CORPUS = passages()
BY_TEXT = {passage["context"]: passage for passage in CORPUS}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of the rows that were kept."""
    out, formats = tmp_path_factory.mktemp("exported"), ["pairs", "triplets", "beir"]
    return export_training_data(rows(CORPUS), CORPUS, out, formats=formats).folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(exported, tmp_path / "out"))


def plant(folder: Path, split: str, name: str = "pairs", **row: str) -> None:
    """Adds a row to a file."""
    path = folder / name / f"{split}.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, pa.table({k: [v] for k, v in row.items()})]), path)


def of(folder: Path, split: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / "pairs" / f"{split}.parquet").to_pylist()


def kinds(folder: Path) -> set[tuple[str, str, str]]:
    return {(leak.kind, leak.held_out, leak.other) for leak in check_export(folder)}


def unused_neighbour(folder: Path, split: str) -> dict[str, Any]:
    """A passage that overlaps with one of the split, and is in no file."""
    asked = {row["positive"] for row in of(folder, split)}
    for text in sorted(asked):
        own = BY_TEXT[text]
        for other in CORPUS:
            same = other["document_id"] == own["document_id"] and other["context"] not in asked
            meets = max(own["start"], other["start"]) < min(own["end"], other["end"])
            if same and meets:
                return other
    raise AssertionError("no such passage")


def test_an_export_has_none(folder: Path) -> None:
    assert check_export(folder) == []
    done = CliRunner().invoke(app, ["check-export", str(folder)])
    assert (done.exit_code, done.output) == (
        0,
        "Nothing of validation or test stands in another split.\n",
    )


@pytest.mark.parametrize("held_out", ["validation", "test"])
def test_a_question_in_two_splits(folder: Path, held_out: str) -> None:
    question = of(folder, held_out)[0]["anchor"].upper()
    plant(folder, "train", anchor=question, positive=of(folder, "train")[0]["positive"])
    assert kinds(folder) == {("question", held_out, "train")}


def test_a_passage_in_two_splits(folder: Path) -> None:
    text = of(folder, "test")[0]["positive"]
    plant(folder, "train", "triplets", anchor="a new one?", positive="a", negative=text)
    assert ("passage", "test", "train") in kinds(folder)
    plant(folder, "validation", "triplets", anchor="a newer one?", positive="a", negative=text)
    assert ("passage", "test", "validation") in kinds(folder)


def test_a_document_in_two_splits(folder: Path) -> None:
    text = " ".join(f"word{number}" for number in range(40))
    document = BY_TEXT[of(folder, "test")[0]["positive"]]["document_id"]
    line = {"_id": "d-new", "title": "", "text": text, "metadata": {"document_id": document}}
    with (folder / "beir" / "corpus.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert check_export(folder) == []
    plant(folder, "train", anchor="a new one?", positive=text)
    assert kinds(folder) == {("document", "test", "train")}


def test_an_overlap_is_found_by_place_and_by_text(folder: Path) -> None:
    other = unused_neighbour(folder, "test")
    plant(folder, "train", anchor="a new one?", positive=other["context"])
    assert kinds(folder) == {("document", "test", "train"), ("overlap", "test", "train")}
    path = folder / "beir" / "corpus.jsonl"
    lines = [json.loads(line) for line in path.open()]
    for number, line in enumerate(lines):
        line["title"], line["metadata"] = f"of its own {number}", {}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert kinds(folder) == {("overlap", "test", "train")}


def test_a_near_duplicate_in_two_splits(folder: Path) -> None:
    texts = [row["positive"] for row in of(folder, "validation")]
    words = next(text for text in texts if BY_TEXT[text]["start"] == 0).split()
    words[35] = "another"  # among the words that the next chunk begins with
    plant(folder, "train", anchor="a new one?", positive=" ".join(words))
    assert kinds(folder) == {("near-duplicate", "validation", "train")}


def test_negatives_of_train_in_test_are_no_leak(folder: Path) -> None:
    text = of(folder, "train")[0]["positive"]
    plant(folder, "test", "triplets", anchor="a new one?", positive="a", negative=text)
    assert check_export(folder) == []


def test_qrels_alone_show_a_leak(folder: Path) -> None:
    qrels = folder / "beir" / "qrels"
    test, train = (qrels / "test.tsv").read_text(), (qrels / "train.tsv").read_text()
    (qrels / "train.tsv").write_text(train + test.splitlines()[1] + "\n")
    assert {kind for kind, _, _ in kinds(folder)} == {"question", "passage"}
    assert {leak.kind for leak in check_export(folder / "beir")} == {"question", "passage"}


def test_the_command_exits_1_and_shows_texts(folder: Path) -> None:
    row = of(folder, "test")[0]
    plant(folder, "train", anchor=row["anchor"], positive=row["positive"])
    done = CliRunner().invoke(app, ["check-export", str(folder)])
    assert done.exit_code == 1
    assert "1 leak of test into train: the same question" in done.output
    assert "1 leak of test into train: the same passage" in done.output
    assert row["anchor"][:50] in done.output
    done = CliRunner().invoke(app, ["check-export", str(folder / "nothing")])
    assert done.exit_code == 2
    assert "nothing', expected a folder with files of training data" in " ".join(
        done.output.split()
    )
    assert "--out" not in done.output


def test_a_folder_without_files_is_no_clean_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder with files of training data"):
        check_export(tmp_path)


def test_faults_of_beir_are_named(folder: Path) -> None:
    beir = folder / "beir"
    corpus, queries = ((beir / f"{name}.jsonl").read_text() for name in ("corpus", "queries"))
    first, second = corpus.splitlines()[:2]
    query = queries.splitlines()[0]
    key = json.loads(query)["_id"]
    clash = json.dumps({**json.loads(query), "text": " ", "_id": json.loads(second)["_id"]})
    (beir / "corpus.jsonl").write_text(corpus + first + "\n")
    (beir / "queries.jsonl").write_text(queries.replace(query, clash))
    train = beir / "qrels" / "train.tsv"
    line = train.read_text().splitlines()[-1]
    with train.open("a") as file:
        file.write(f"{line}\n{line.split()[0]}\td-nowhere\t1\n")
    with (beir / "qrels" / "test.tsv").open("a") as file:
        file.write(f"{line}\n")
    twice, name = json.loads(first)["_id"], json.loads(second)["_id"]
    problems = check_beir(beir)
    where = next(p.stem for p in (beir / "qrels").iterdir() if f"{key}\t" in p.read_text())
    assert set(problems) == {
        f"corpus.jsonl: ids that are not unique: 1 ({twice})",
        f"queries.jsonl: lines without text: 1 ({name})",
        f"ids that are both a question's and a passage's: 1 ({name})",
        f"qrels/{where}.tsv: questions that queries.jsonl lacks: 1 ({key})",
        "qrels/train.tsv: passages that corpus.jsonl lacks: 1 (d-nowhere)",
        f"qrels/train.tsv: pairs that are not unique: 1 ({tuple(line.split()[:2])})",
        f"questions in two splits: 1 ({line.split()[0]})",
        f"questions without a passage: 1 ({name})",
    }
    assert CliRunner().invoke(app, ["check-export", str(folder)]).exit_code == 1
    assert check_beir(folder) == ["corpus.jsonl, queries.jsonl, qrels missing"]


def test_without_held_out_splits_there_is_nothing_to_check(folder: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"  # of which `export` is a part
    (build / "export" / "pairs").mkdir(parents=True)
    shutil.copy(folder / "pairs" / "train.parquet", build / "export" / "pairs")
    done = CliRunner().invoke(app, ["check-export", str(build)])
    assert done.exit_code == 0
    assert "There is no validation or test split here" in done.output
    shutil.copy(folder / "pairs" / "test.parquet", build / "export" / "pairs")
    done = CliRunner().invoke(app, ["check-export", str(build)])
    assert "Nothing of validation or test stands in another split." in done.output
