"""Negatives are similar passages that do not answer, and each criterion says what it left out."""

import json
import logging
import os
import re
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from distilabel.models.embeddings.base import Embeddings
from distilabel.steps import LoadDataFromDicts
from helpers.fresh import fresh

from distilabel_rag4rag import FailFastPipeline, MineHardNegatives
from distilabel_rag4rag.steps.negatives.answer_evidence import (
    as_claim,
    holds_string,
    holds_words,
)

FILL = " ".join(f"word{n}" for n in range(12))
OWN = (
    "The orrel was tied to a barrel of salt, as all the merchants of Calverstrand and Ambleth knew."
)


class ByTable(Embeddings):
    """Unit vectors whose cosine with the question is the number at the end of a text."""

    name: ClassVar[str] = "table"

    @property
    def model_name(self) -> str:
        return "table"

    def encode(self, inputs: list[str]) -> list[list[float]]:
        found = []
        for text in inputs:
            last = text.rstrip(" .?").split()[-1]
            cosine = float(last) if re.fullmatch(r"0\.\d+", last) else 1.0
            found.append([cosine, (1 - cosine**2) ** 0.5])
        return found


def passage(name: str, words: str, cosine: float, **place: Any) -> dict[str, Any]:
    return {"passage_id": name, "context": f"{words} {cosine}", **place}


CORPUS = [
    passage("own", OWN, 0.8, document_id="d", start=0, end=100),
    passage("copy", OWN.upper().replace(",", ""), 0.79),
    passage("overlaps", f"as all the merchants of Calverstrand and Ambleth knew 0.8 {FILL}", 0.75),
    passage(
        "beside",
        "Rain on Marrowen, the large island, fell.",
        0.75,
        document_id="d",
        start=90,
        end=130,
    ),
    passage("above", "Coins of copper were struck in Ambleth.", 0.77),
    passage("answers", "Its price was a barrel of salt until 1932.", 0.7),
    passage("first", "The mint of Ambleth closed early.", 0.6),
    passage("second", "Paper money came to the islands late.", 0.5),
    passage("third", "The bank stands beside the harbour.", 0.4),
]
ROW = {
    "id": "r1",
    "passage_id": "own",
    "context": f"{OWN} 0.8",
    "question": "What was the orrel tied to?",
    "answer": "the barrel of salt",
}


def mined(rows: list[dict[str, Any]], **settings: Any) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = {"corpus": CORPUS, "index_dir": f"{folder}/index", **settings}
        step = MineHardNegatives(embeddings=ByTable(), **settings)
        step.load()
        try:
            return next(step.process([dict(row) for row in rows]))
        finally:
            step.unload()


def test_negatives_are_neither_the_passage_nor_its_copies_nor_hold_the_answer() -> None:
    [row] = mined([ROW], num_negatives=3)
    assert row["negative_ids"] == ["first", "second", "third"]
    assert row["negatives"] == [p["context"] for p in CORPUS[-3:]]
    assert row["negative_scores"] == pytest.approx([0.6, 0.5, 0.4])
    assert row["positive_score"] == pytest.approx(0.8)
    assert row["negatives_reason"] is None
    assert (row["further_positives"], row["further_positive_ids"]) == ([], [])


def test_rows_with_too_few_are_kept_and_say_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "distilabel"):
        [row] = mined([ROW], num_negatives=4)
    assert row["negative_ids"] == ["first", "second", "third"]
    reason, counts = row["negatives_reason"].split(": ")
    assert reason == "3 of 4"
    assert set(counts.split(", ")) == {
        "1 nearly the same as the passage",
        "2 overlaps with the passage",
        "1 too similar",
        "1 holds the answer",
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"relative_margin": None}, ["above", "first", "second"]),
        ({"relative_margin": 0.4}, ["third"]),
        ({"false_negative_check": "none"}, ["answers", "first", "second"]),
        ({"pool": 6}, ["first"]),
    ],
)
def test_each_criterion(settings: dict[str, Any], expected: list[str]) -> None:
    [row] = mined([ROW], num_negatives=3, **settings)
    assert row["negative_ids"] == expected


def test_words_of_the_answer_in_another_order_hold_it() -> None:
    corpus = [*CORPUS, passage("reworded", "Salt, by the barrel, is what one paid.", 0.65)]
    [row] = mined([ROW], corpus=corpus, num_negatives=1)
    assert row["negative_ids"] == ["first"]
    strict = {"corpus": corpus, "false_negative_check": "answer_string", "num_negatives": 2}
    assert mined([ROW], **strict)[0]["negative_ids"] == ["reworded", "first"]


def test_what_holds_the_answer_can_be_a_further_positive() -> None:
    """Also above the margin, where a passage that does not is still left out."""
    corpus = [*CORPUS, passage("above too", "A barrel of salt bought one.", 0.78)]
    [row] = mined([ROW], corpus=corpus, num_negatives=2, further_positives=True)
    assert row["further_positive_ids"] == ["above too", "answers"]
    assert row["further_positives"][1] == CORPUS[5]["context"]
    assert row["negative_ids"] == ["first", "second"]


def test_passages_of_the_same_question_are_no_negatives() -> None:
    """The margin is below the least similar of them."""
    other = {**ROW, "id": "r2", "passage_id": "first", "context": CORPUS[6]["context"]}
    first, second = mined([ROW, other], num_negatives=3)
    assert first["negative_ids"] == second["negative_ids"] == ["second", "third"]
    assert [first["positive_score"], second["positive_score"]] == pytest.approx([0.8, 0.6])
    assert "2 too similar" in first["negatives_reason"]


def test_rows_that_cannot_be_mined_are_kept_with_a_reason() -> None:
    rows = [
        {**ROW, "question": " "},
        ROW,
        {**ROW, "context": None, "passage_id": "unknown", "question": "What else?"},
        {**ROW, "answer": None, "question": "What more?"},
        {**ROW, "answer": None, "human_answers": ["a barrel of salt"]},
    ]
    found = mined(rows, num_negatives=3)
    assert [row["negatives_reason"] for row in found] == [
        "empty question",
        None,
        "no passage",
        "no answer to test candidates with",
        None,
    ]
    assert [len(row["negatives"]) for row in found] == [0, 3, 0, 0, 3]
    [row] = mined([rows[3]], num_negatives=1, false_negative_check="none")
    assert row["negative_ids"] == ["answers"]
    assert mined([rows[0]], corpus=None)[0]["negatives_reason"] == "empty question"
    [row] = mined([{**rows[0], "context": None}], corpus=None)
    assert row["negatives"] == []


def test_places_are_known_without_ids_too() -> None:
    corpus = [{k: v for k, v in p.items() if k != "passage_id"} for p in CORPUS]
    [row] = mined([{**ROW, "passage_id": None}], corpus=corpus, num_negatives=4)
    assert "2 overlaps with the passage" in row["negatives_reason"]


def test_without_a_corpus_the_rows_passages_are_it(tmp_path: Path) -> None:
    rows = [
        {**ROW, **{k: p[k] for k in ("passage_id", "context")}, "question": f"{n}?", "answer": "q"}
        for n, p in enumerate(CORPUS)
    ]
    found = mined(rows, corpus=None, num_negatives=20, relative_margin=None)
    assert set(found[0]["negative_ids"]) == {p["passage_id"] for p in CORPUS[3:]}
    pd.DataFrame(CORPUS).to_parquet(tmp_path / "corpus.parquet")
    from_file = mined([ROW], corpus=str(tmp_path / "corpus.parquet"), num_negatives=4)
    assert from_file == mined([ROW], num_negatives=4)  # places are read from the file too


@pytest.mark.slow
def test_the_judge_tests_answers_and_claims() -> None:
    evidence = {"false_negative_check": "judge", "num_negatives": 2}
    corpus = [*CORPUS, passage("says so", "The orrel was tied to the barrel of salt.", 0.72)]
    [row] = mined([ROW], corpus=corpus, **evidence)
    assert "says so" not in row["negative_ids"]
    assert row["negative_ids"][-1] in ("first", "second")
    claims = {**evidence, "false_negative_check": "judge_claim"}
    assert "says so" not in mined([ROW], corpus=corpus, **claims)[0]["negative_ids"]


def mine_in_a_pipeline(folder: str) -> list[dict[str, Any]]:
    """Rows of a run; without the packaged embedder, which takes long to load."""
    os.environ["RAG4RAG_CACHE"] = folder
    with FailFastPipeline(name="mine", cache_dir=folder) as pipeline:
        load = LoadDataFromDicts(data=[ROW, {**ROW, "id": "r2", "question": " "}], batch_size=1)
        mine = MineHardNegatives(embeddings=ByTable(), corpus=CORPUS, num_negatives=3)
        load >> mine
    return pipeline.run(use_cache=False)["default"]["train"].to_list()


@pytest.mark.slow
def test_a_pipeline_mines_over_all_rows(tmp_path: Path) -> None:
    rows = fresh(mine_in_a_pipeline, str(tmp_path))
    assert [row["negative_ids"] for row in rows] == [["first", "second", "third"], []]
    assert [row["negatives_reason"] for row in rows] == [None, "empty question"]
    assert [row["further_positives"] for row in rows] == [[], []]


def test_load_unload_load() -> None:
    with tempfile.TemporaryDirectory() as folder:
        step = MineHardNegatives(embeddings=ByTable(), corpus=CORPUS, index_dir=f"{folder}/index")
        found = []
        for _ in range(2):
            step.load()
            found.append(next(step.process([dict(ROW)])))
            step.unload()
    assert found[0] == found[1]
    assert found[0][0]["negative_ids"] == ["first", "second", "third"]


def test_a_dump_is_loaded_again() -> None:
    step = MineHardNegatives(
        embeddings=ByTable(), corpus=CORPUS, false_negative_check="judge", relative_margin=None
    )
    again = json.loads(json.dumps(step.dump()))
    assert again["false_negative_check"] == "judge"
    assert again["relative_margin"] is None
    assert again["corpus"][0]["start"] == 0
    with pytest.raises(ValueError, match="false_negative_check"):
        MineHardNegatives(embeddings=ByTable(), false_negative_check="guess")


@pytest.mark.parametrize(
    ("passage", "answer", "expected"),
    [
        ("It holds 24 men.", "24", True),
        ("In 1924 it fell.", "24", False),
        ("The Lamb-Islands lie there", "lamb islands", True),
        ("Lamb Islands", "The Lamb Islands.", True),
        ("Islands of the lamb", "Lamb Islands", False),
        ("首都是东京。", "东京", True),
        ("anything", "the", False),
        ("anything", "  ", False),
    ],
)
def test_a_string_is_held_as_whole_words(passage: str, answer: str, expected: bool) -> None:
    assert holds_string(passage, [answer]) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It is the orrel that was tied to salt", True),
        ("salt and pepper", False),
        ("tied to salt in 1932", False),
        ("yes", False),
        (" ", False),
    ],
)
def test_words_in_any_order(answer: str, expected: bool) -> None:
    assert holds_words("The orrel was tied to a barrel of salt.", [answer]) is expected


def test_a_claim_says_what_the_answer_is_said_of() -> None:
    assert as_claim("Who cast it?", "Anna ") == "Who cast it: Anna"
