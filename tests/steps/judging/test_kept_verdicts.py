"""Verdicts that are kept on disk: the same rows, judged once, and none that is out of date."""

import json
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from distilabel.errors import DistilabelUserError
from helpers.tiny_judges import save_bert
from safetensors.torch import load_file, save_file

from distilabel_rag4rag.steps.judging.detectors import kept_verdicts
from distilabel_rag4rag.steps.judging.detectors.batch_detector import BatchDetector
from distilabel_rag4rag.steps.judging.detectors.items import Item, Verdict
from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
from distilabel_rag4rag.testing import VerbatimDetector

PASSAGE = "The lighthouse of Vel Torma was built in 1871 by Irja Kontu. It stands on basalt."
ANSWERS = [
    "It was built in 1899 by Marek Olsen, who was a fisherman.",
    "Zürich's tram no. 4 runs every 7½ minutes 😀",
    "Irja Kontu",
    "Irja Kontu",
    None,
]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAG4RAG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """The items that the model has read."""
    read: list[Item] = []
    judge = BatchDetector.judge

    def spy(self: BatchDetector, items: Sequence[Item]) -> list[Verdict]:
        read.extend(items)
        return judge(self, items)

    monkeypatch.setattr(BatchDetector, "judge", spy)
    return read


def rows_of(model: str, answers: Sequence[str | None] = ANSWERS, **settings: Any) -> list[Any]:
    """What a judge of its own gives, as a new run would have it."""
    step = LettuceDetectJudge(model=model, **{"precision": "float32", **settings})
    step.load()
    rows = [
        {"answer": answer, "contexts": [PASSAGE], "question": "Who built it?"} for answer in answers
    ]
    judged: list[Any] = next(step.process(rows))
    step.unload()
    return judged


def test_a_second_run_reads_nothing_and_gives_the_same_rows(bert: str, judged: list[Item]) -> None:
    expected = rows_of(bert)
    assert any(row["hallucinated_spans"] for row in expected)
    judged.clear()
    assert rows_of(bert, keep_verdicts=True) == expected
    assert [item.answer for item in judged] == ANSWERS[:3]  # equal answers once
    judged.clear()
    assert rows_of(bert, keep_verdicts=True) == expected
    assert judged == []


def test_only_what_is_new_is_read(bert: str, judged: list[Item]) -> None:
    rows_of(bert, ANSWERS[:1], keep_verdicts=True)
    judged.clear()
    assert rows_of(bert, keep_verdicts=True) == rows_of(bert)
    assert [item.answer for item in judged][:2] == ANSWERS[1:3]


@pytest.mark.parametrize(
    "changed",
    [
        {"threshold": 0.3},
        {"lang": "de"},
        {"max_length": 100},
        {"evidence_rule": "any"},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_another_setting_judges_anew(
    bert: str, judged: list[Item], changed: dict[str, Any]
) -> None:
    rows_of(bert, keep_verdicts=True)
    judged.clear()
    found = rows_of(bert, keep_verdicts=True, **changed)
    assert len(judged) == 3
    assert found == rows_of(bert, **changed)


@pytest.mark.parametrize(
    "settings",
    [{"min_confidence": 0.9}, {"merge_spans": True, "widen_spans": True}, {"threads": 1}],
    ids=str,
)
def test_what_does_not_shape_a_verdict_is_free(
    bert: str, judged: list[Item], settings: dict[str, Any]
) -> None:
    expected = rows_of(bert, **settings)
    rows_of(bert, keep_verdicts=True)
    judged.clear()
    assert rows_of(bert, keep_verdicts=True, **settings) == expected
    assert judged == []


def test_other_weights_in_the_same_folder_judge_anew(bert: str, tmp_path: Path) -> None:
    model = shutil.copytree(bert, tmp_path / "model")
    before = rows_of(str(model), keep_verdicts=True)
    weights = load_file(model / "model.safetensors")
    weights["classifier.bias"] += torch.tensor([0.0, 9.0])
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    after = rows_of(str(model), keep_verdicts=True)
    assert after == rows_of(str(model)) != before


def test_a_copy_of_the_model_finds_the_verdicts(
    bert: str, tmp_path: Path, judged: list[Item]
) -> None:
    expected = rows_of(bert, keep_verdicts=True)
    judged.clear()
    copy = shutil.copytree(bert, tmp_path / "copy")
    assert rows_of(str(copy), keep_verdicts=True) == expected
    assert judged == []


@pytest.mark.parametrize(
    ("name", "other"), [("CODE", {}), ("version_of", lambda package: "another")]
)
def test_other_code_or_another_version_judges_anew(
    bert: str, judged: list[Item], monkeypatch: pytest.MonkeyPatch, name: str, other: Any
) -> None:
    rows_of(bert, keep_verdicts=True)
    judged.clear()
    monkeypatch.setattr(kept_verdicts, name, other)
    rows_of(bert, keep_verdicts=True)
    assert len(judged) == 3


def test_other_weights_beside_what_a_training_left(bert: str, tmp_path: Path) -> None:
    """More files than `with_files` looks at; only those of the checkpoint itself count."""
    model = shutil.copytree(bert, tmp_path / "model")
    (model / "checkpoint-1").mkdir()
    for number in range(1_100):
        (model / "checkpoint-1" / str(number)).touch()
    before = rows_of(str(model), keep_verdicts=True)
    weights = load_file(model / "model.safetensors")
    weights["classifier.bias"] += torch.tensor([0.0, 9.0])
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    assert rows_of(str(model), keep_verdicts=True) != before


def test_an_adapter_counts_with_the_model_that_it_is_for(bert: str, tmp_path: Path) -> None:
    base = shutil.copytree(bert, tmp_path / "base")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    before = kept_verdicts._content(str(adapter))
    (base / "model.safetensors").write_bytes(b"other")
    assert kept_verdicts._content(str(adapter)) != before


def test_a_failure_is_not_kept(bert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: BatchDetector, items: Sequence[Item]) -> list[Verdict]:
        return [Verdict([], failure="out of memory")] * len(items)

    with monkeypatch.context() as patch:
        patch.setattr(BatchDetector, "judge", fail)
        failed = rows_of(bert, keep_verdicts=True)
    assert failed[0]["judge_reason"] == "judge failed: out of memory"
    assert rows_of(bert, keep_verdicts=True) == rows_of(bert)


@pytest.mark.parametrize("value", ["[[], fal", "[1, 2]", "{}", "3"])
def test_an_entry_that_is_damaged_is_judged_again(bert: str, cache: Path, value: str) -> None:
    expected = rows_of(bert, keep_verdicts=True)
    with sqlite3.connect(cache / "verdicts" / "verdicts.sqlite") as table:
        assert table.execute("UPDATE verdicts SET value = ?", (value,)).rowcount == 3
    assert rows_of(bert, keep_verdicts=True) == expected


def test_a_file_that_is_no_cache_ends_the_run_at_its_start(bert: str, cache: Path) -> None:
    (cache / "verdicts").mkdir(parents=True)
    (cache / "verdicts" / "verdicts.sqlite").write_bytes(b"no table" * 1000)
    with pytest.raises(OSError, match=r"verdict cache .* set RAG4RAG_CACHE to another"):
        rows_of(bert, keep_verdicts=True)


def test_a_file_that_is_damaged_further_down_costs_no_verdict(
    bert: str, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite opens it, and finds out when it reads."""
    answers = [f"Irja Kontu {number}" for number in range(300)]
    expected = rows_of(bert, answers, keep_verdicts=True)
    file = cache / "verdicts" / "verdicts.sqlite"
    file.write_bytes(file.read_bytes()[:12_288] + b"?" * (file.stat().st_size - 12_288))
    assert rows_of(bert, answers, keep_verdicts=True) == expected
    assert "Answers are judged anew: the verdict cache" in caplog.text


def test_a_full_disk_is_one_warning(bert: str, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"answer": f"Irja Kontu {n}", "contexts": [PASSAGE]} for n in range(300)]
    step = LettuceDetectJudge(model=bert, precision="float32", keep_verdicts=True)
    step.load()
    store = step._detector._store
    store._table.execute(f"PRAGMA max_page_count = {store._pragma('page_count')}")
    judged = next(step.process([dict(row) for row in rows]))
    assert {row["judge_reason"] for row in judged} == {None}
    assert len(store) == 0
    assert caplog.text.count("A verdict could not be kept") == 1
    step.unload()


def test_nothing_is_kept_unless_asked_for(bert: str, cache: Path) -> None:
    rows_of(bert)
    assert not (cache / "verdicts").exists()


def test_an_object_that_judges_is_not_kept() -> None:
    step = LettuceDetectJudge(model=VerbatimDetector(), keep_verdicts=True)
    with pytest.raises(DistilabelUserError, match=r"\['keep_verdicts'\] has no effect with"):
        step.load()
