"""What an export writes: the right rows, in files that load, with nothing in two splits."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, load_dataset
from helpers.export_data import document_words, passages, rows

from distilabel_rag4rag.data.groups import passage_groups
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.export import FORMATS, Export, check_export, export_training_data
from distilabel_rag4rag.export.beir import check_beir, document_id, query_id

CORPUS = passages()
ROWS = rows(CORPUS)
KEPT = [row for row in ROWS if row["keep_row_after_grounding"]]
BY_ID = {passage["passage_id"]: passage for passage in CORPUS}


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """An export in all formats."""
    return export_training_data(ROWS, CORPUS, tmp_path_factory.mktemp("out"), formats=FORMATS)


def read(export: Export, name: str) -> dict[str, list[dict[str, Any]]]:
    files = sorted((export.folder / name).glob("*.parquet"))
    return {path.stem: pq.read_table(path).to_pylist() for path in files}


def everything(export: Export, name: str) -> list[dict[str, Any]]:
    return [row for part in read(export, name).values() for row in part]


def test_kept_rows_become_pairs(export: Export) -> None:
    assert list(read(export, "pairs")) == ["test", "train", "validation"]
    pairs = sorted((row["anchor"], row["positive"]) for row in everything(export, "pairs"))
    assert pairs == sorted((row["question"], row["context"]) for row in KEPT)
    answers = sorted((row["anchor"], row["positive"]) for row in everything(export, "answer_pairs"))
    assert answers == sorted((row["question"], row["answer"]) for row in KEPT)
    assert export.left_out["rows"] == {"grounding": len(ROWS) - len(KEPT)}
    assert sum(export.rows["pairs"].values()) == len(KEPT)


def test_splits_cut_no_group_and_are_a_tenth_each(export: Export) -> None:
    groups = dict(zip(BY_ID, passage_groups(CORPUS), strict=True))
    split_of = {row["anchor"]: s for s, part in read(export, "pairs").items() for row in part}
    splits: dict[str, set[str]] = {}
    for row in KEPT:
        splits.setdefault(groups[row["passage_id"]], set()).add(split_of[row["question"]])
    assert all(len(found) == 1 for found in splits.values())
    assert groups[CORPUS[0]["passage_id"]] == groups[CORPUS[3]["passage_id"]]  # two versions
    assert len(splits) == 39
    for split in ("validation", "test"):
        assert 0.1 <= export.rows["pairs"][split] / len(KEPT) < 0.2


def test_negatives_hold_no_text_of_another_held_out_split(export: Export) -> None:
    triplets = read(export, "triplets")
    split_of = {row["anchor"]: s for s, part in read(export, "pairs").items() for row in part}
    held_out = {
        row["document_id"]: split_of[row["question"]]
        for row in KEPT
        if split_of[row["question"]] != "train"
    }
    document_of = {passage["context"]: passage["document_id"] for passage in CORPUS}
    count = 0
    for split, part in triplets.items():
        for row in part:
            count += 1
            assert held_out.get(document_of[row["negative"]], split) == split
    assert export.left_out["negatives"]["of a document of another split"] == 5 * len(KEPT) - count
    assert 0 < 5 * len(KEPT) - count < 1.5 * len(KEPT)


def test_tuples_hold_the_most_negatives_that_they_can(export: Export) -> None:
    sizes: dict[str, int] = {}
    for row in read(export, "triplets")["train"]:
        sizes[row["anchor"]] = sizes.get(row["anchor"], 0) + 1
    held = {n: n * sum(size >= n for size in sizes.values()) for n in range(1, 6)}
    best = max(held, key=lambda n: held[n])
    tuples = read(export, "tuples")["train"]
    assert list(tuples[0]) == ["anchor", "positive", *(f"negative_{n}" for n in range(1, best + 1))]
    assert len(tuples) == held[best] // best
    scores = read(export, "scores")["train"]
    assert [row.pop("score")[0] for row in scores] == [0.8] * len(tuples)
    assert scores == tuples


def test_scores_are_those_of_the_negatives_that_are_left(export: Export) -> None:
    by_question = {row["question"]: row for row in ROWS}
    for row in everything(export, "scores"):
        mined = by_question[row["anchor"]]
        known = dict(zip(mined["negatives"], mined["negative_scores"], strict=True))
        negatives = [row[name] for name in row if name.startswith("negative_")]
        assert row["score"] == [0.8, *(known[text] for text in negatives)]


def test_a_teacher_scores_what_is_written(tmp_path: Path) -> None:
    def teacher(pairs: list[tuple[str, str]]) -> list[float]:
        return [len(question) + len(text) / 1000 for question, text in pairs]

    export = export_training_data(
        ROWS, CORPUS, tmp_path / "out", formats=["scores"], negatives=2, teacher=teacher
    )
    for row in everything(export, "scores"):
        texts = [row["positive"], row["negative_1"], row["negative_2"]]
        assert row["score"] == [len(row["anchor"]) + len(text) / 1000 for text in texts]
    assert "negative_3" not in row


def test_beir_is_valid_and_whole(export: Export) -> None:
    folder = export.folder / "beir"
    assert check_beir(folder) == []
    corpus = [json.loads(line) for line in (folder / "corpus.jsonl").open()]
    assert [line["_id"] for line in corpus] == [document_id(key) for key in BY_ID]
    assert corpus[4] == {
        "_id": document_id(CORPUS[4]["passage_id"]),
        "title": "Title 1",
        "text": CORPUS[4]["context"],
        "metadata": {
            **{name: CORPUS[4][name] for name in ("document_id", "heading_path", "start", "end")}
        },
    }
    lines = (folder / "qrels" / "test.tsv").read_text().splitlines()
    assert lines[0] == "query-id\tcorpus-id\tscore"
    by_query = {query_id(row["id"]): row for row in KEPT}
    for line in lines[1:]:
        query, document, score = line.split("\t")
        assert (document, score) == (document_id(by_query[query]["passage_id"]), "1")


def test_lettucedetects_format_holds_kept_and_flagged_answers(export: Export) -> None:
    from lettucedetect.datasets.hallucination_dataset import HallucinationData

    samples = HallucinationData.from_json(
        json.loads((export.folder / "lettucedetect" / "training.json").read_text())
    ).samples
    assert len(samples) == len(ROWS)
    assert {sample.split for sample in samples} == {"train", "dev", "test"}
    by_id = {row["id"]: row for row in ROWS}
    for sample in samples:
        row = by_id[sample.metadata["id"]]
        spans = [{"start": s["start"], "end": s["end"]} for s in row["hallucinated_spans"]]
        assert [{"start": s["start"], "end": s["end"]} for s in sample.labels] == spans
        assert (sample.answer, sample.context) == (row["answer"], row["context"])


@pytest.mark.slow
def test_load_dataset_reads_each_file(export: Export, tmp_path: Path) -> None:
    folder = str(export.folder)

    def load(name: str) -> Any:
        return load_dataset(folder, name, cache_dir=str(tmp_path))

    for name in ("pairs", "answer_pairs", "triplets", "tuples", "scores"):
        loaded = load(name)
        assert {split: len(part) for split, part in loaded.items()} == export.rows[name]
        assert loaded["train"].column_names[:2] == ["anchor", "positive"]
    code = (export.folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    calls = [line for line in code.splitlines() if line.startswith("load_dataset(")]
    scope = {"folder": folder, "load_dataset": partial(load_dataset, cache_dir=str(tmp_path))}
    loaded = {call: eval(call, scope) for call in calls}
    corpus, queries, qrels, samples = list(loaded.values())[-4:]
    assert corpus["text"][:3] == [p["context"] for p in CORPUS[:3]]
    assert (len(queries), len(samples)) == (len(KEPT), len(ROWS))
    assert len(qrels) == sum(export.rows["beir"].values())
    assert set(qrels["score"]) == {1}
    alone = load_dataset(str(export.folder / "pairs"), cache_dir=str(tmp_path))
    assert {split: len(part) for split, part in alone.items()} == export.rows["pairs"]


def test_the_form_and_the_order_of_the_rows_do_not_matter(export: Export, tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS[::-1])
    frame.to_parquet(tmp_path / "rows.parquet")
    sources = (pd.read_parquet(tmp_path / "rows.parquet"), Dataset.from_list(ROWS[::-1]))
    for number, source in enumerate(sources):
        again = export_training_data(source, Dataset.from_list(CORPUS), tmp_path / str(number))
        assert {k: v for k, v in again.rows.items()} == {
            k: v for k, v in export.rows.items() if k != "answer_pairs"
        }
        for split, part in read(export, "tuples").items():
            theirs = read(again, "tuples")[split]
            assert sorted(map(str, theirs)) == sorted(map(str, part))


def test_the_same_question_is_one_query_in_one_split(tmp_path: Path) -> None:
    again = [dict(row) for row in ROWS]
    for number in range(6, 100, 9):
        again[number]["question"] = "What is asked at many places?"
    asked = [row for row in again if row["question"].startswith("What is asked")]
    export = export_training_data(again, CORPUS, tmp_path / "out")
    pairs = [(s, r) for s, part in read(export, "pairs").items() for r in part]
    found = [(s, r["positive"]) for s, r in pairs if r["anchor"].startswith("What is asked")]
    kept = [row for row in asked if row["keep_row_after_grounding"]]
    assert {text for _, text in found} == {row["context"] for row in kept}
    assert len({split for split, _ in found}) == 1
    folder = export.folder / "beir"
    assert check_beir(folder) == []
    [query] = [line for line in (folder / "queries.jsonl").open() if "What is asked" in line]
    key = json.loads(query)["_id"]
    qrels = "".join(path.read_text() for path in (folder / "qrels").iterdir())
    assert qrels.count(f"{key}\t") == len(kept)
    assert export.leaks == []


def test_further_positives_answer_the_question_too(tmp_path: Path) -> None:
    again = [dict(row) for row in ROWS]
    row, other = again[11], CORPUS[70]
    row.update(further_positives=[other["context"]], further_positive_ids=[other["passage_id"]])
    row["negatives"] = [other["context"], *row["negatives"][1:]]
    row["negative_ids"] = [other["passage_id"], *row["negative_ids"][1:]]
    export = export_training_data(again, CORPUS, tmp_path / "out")
    texts = [r["positive"] for r in everything(export, "pairs") if r["anchor"] == row["question"]]
    assert texts == [row["context"], other["context"]]
    triplets = [r for r in everything(export, "triplets") if r["anchor"] == row["question"]]
    assert {r["positive"] for r in triplets} == set(texts)
    assert not {r["negative"] for r in triplets} & set(texts)
    assert export.left_out["negatives"]["a positive of the same question"] == 1
    assert export.leaks == []


def test_passages_that_the_corpus_lacks_are_added(tmp_path: Path) -> None:
    export = export_training_data(ROWS, CORPUS[:-3], tmp_path / "out")
    assert (
        "3 passages of rows are not among `passages` and were added to the corpus" in export.notes
    )
    assert check_beir(export.folder / "beir") == []
    alone = export_training_data(ROWS, [], tmp_path / "alone")
    assert sum(1 for _ in (alone.folder / "beir" / "corpus.jsonl").open()) == len(CORPUS)


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    again = [dict(row) for row in ROWS]
    again[1].update(question=" ")
    again[2].update(context=None, passage_id="unknown")
    again[3].update(answerable=False)
    again[4].update(answer=None, keep_row_after_grounding=float("nan"))
    again[5].update(negatives=[], negative_ids=[], negative_scores=[])
    again[6].update(positive_score=None)
    again[7].update(answer=None)
    export = export_training_data(again, CORPUS, tmp_path / "out", formats=FORMATS, negatives=1)
    assert export.left_out["rows"] == {
        "grounding": len(ROWS) - len(KEPT) + 1,
        "no question": 1,
        "no passage": 1,
        "unanswerable": 1,
    }
    assert export.left_out["tuples"] == {"fewer than 1 negative": 1}
    assert export.left_out["scores"] == {"fewer than 1 negative": 1, "no scores": 1}
    assert export.left_out["answer_pairs"] == {"no answer": 1}
    written = json.loads((export.folder / "export.json").read_text())
    assert written["left_out"] == export.left_out
    assert written["rows"] == export.rows


def test_checks_say_which_marks_count(tmp_path: Path) -> None:
    marked = [{**row, "keep_row_after_round_trip": n % 2 == 0} for n, row in enumerate(ROWS)]

    def count(checks: list[str] | None, name: str) -> int:
        out = tmp_path / name
        export = export_training_data(marked, CORPUS, out, checks=checks, formats=["pairs"])
        return sum(export.rows["pairs"].values())

    assert count(["grounding"], "a") == len(KEPT)
    assert count([], "b") == len(ROWS)
    both = [n for n, row in enumerate(ROWS) if n % 2 == 0 and row["keep_row_after_grounding"]]
    assert count(None, "c") == len(both)
    with pytest.raises(ConfigError, match=r"checks: found .*keep_row_after_length"):
        count(["length"], "d")
    unmarked = [{k: v for k, v in row.items() if not k.startswith("keep_")} for row in ROWS]
    with pytest.raises(ConfigError, match="checks: found None"):
        export_training_data(unmarked, CORPUS, tmp_path / "e")


def test_mistakes_are_named(tmp_path: Path) -> None:
    flagged = [row for row in ROWS if not row["keep_row_after_grounding"]]
    with pytest.raises(ConfigError, match='rows: found "12 rows, all left out'):
        export_training_data(flagged, CORPUS, tmp_path / "out")
    with pytest.raises(ConfigError, match="formats: found \\['trec'\\]"):
        export_training_data(ROWS, CORPUS, tmp_path / "out", formats=["trec"])
    without = [{k: v for k, v in row.items() if "negative" not in k} for row in ROWS]
    with pytest.raises(ConfigError, match="formats: found 'triplets'"):
        export_training_data(without, CORPUS, tmp_path / "out", formats=["triplets"])
    twice = [*CORPUS, {"passage_id": CORPUS[0]["passage_id"], "context": "another text"}]
    with pytest.raises(ConfigError, match="one text for each passage_id"):
        export_training_data(ROWS, twice, tmp_path / "out")
    assert not list(tmp_path.iterdir())
    export = export_training_data(without, CORPUS, tmp_path / "out")
    assert "tuples is not written: no row has what it needs" in export.notes
    assert list(export.rows) == ["pairs", "beir", "lettucedetect"]
    with pytest.raises(ConfigError, match="`force` replaces an earlier export"):
        export_training_data(ROWS, CORPUS, tmp_path / "out")
    assert "tuples" in export_training_data(ROWS, CORPUS, tmp_path / "out", force=True).rows
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match=r"out: found .*, expected a new or empty folder"):
        export_training_data(ROWS, CORPUS, tmp_path / "mine", force=True)


def test_how_alike_near_duplicates_are_is_a_setting(tmp_path: Path) -> None:
    """Pairs of documents that differ in two of 60 words, their first and last but two."""
    corpus = []
    for number in range(40):
        words = document_words(number // 2 + 1)[:60]
        if number % 2:
            words[2] = words[57] = "altered"
        corpus.append({"document_id": f"d{number}", "context": " ".join(words)})
    asked = [{**p, "id": f"{n}", "question": f"number {n}?"} for n, p in enumerate(corpus)]
    settings: dict[str, Any] = {"checks": [], "formats": ["pairs"]}
    strict = export_training_data(asked, corpus, tmp_path / "strict", **settings)
    assert check_export(strict.folder) == []
    loose = export_training_data(asked, corpus, tmp_path / "b", near_duplicate=0.95, **settings)
    assert loose.leaks == []
    assert {leak.kind for leak in check_export(loose.folder)} == {"near-duplicate"}


def test_too_few_documents_are_all_train(tmp_path: Path) -> None:
    few = [row for row in ROWS if row["document_id"] in ("doc0", "doc1")]
    export = export_training_data(few, CORPUS, tmp_path / "out")
    assert list(export.rows["pairs"]) == ["train"]
    assert [note for note in export.notes if "has no rows" in note] == [
        f"{split} has no rows: 1 group of documents that belong together are too few, or one of"
        " them is too large"
        for split in ("validation", "test")
    ]
    assert check_export(export.folder) == []
