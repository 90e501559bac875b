"""A build from files to files; only the LLM's text is scripted."""

import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from helpers.fresh import fresh

from distilabel_rag4rag import check_export
from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.build_dataset import Build
from distilabel_rag4rag.experiment.build_settings import DROPPING, BuildSettings
from distilabel_rag4rag.experiment.settings import validated
from distilabel_rag4rag.report.funnel import WANTED, accepted

DOCUMENTS = {
    "kettle.md": "# Kettles\n\nThe kettle of the brewery was cast in Torgau in the year 1712.\n",
    "bell.md": "# Bells\n\nThe bell of the town hall was cast in Ulm by Anna Roth in 1713.\n",
    "mill.html": "<html><head><title>Mills</title></head><body><p>The old mill by the river Elbe"
    " was built of oak by three brothers in 1650.</p></body></html>",
    "tower.md": "# Towers\n\nThe tower of the abbey was built of red brick by eleven monks.\n",
    "copy.txt": "The kettle of the brewery was cast in Torgau in the year 1712.",
    "tiny.txt": "See page 4.",
    "empty.md": "",
    "photo.jpg": "no text",
}
# The first key that stands in the prompt decides. A prompt of a repair holds the first answer.
REPLIES: dict[str, str | None] = {
    "Lisbon": "Ulm",
    "Where was the kettle of the brewery cast?": "Torgau",
    "Where was the bell of the town hall cast?": "Lisbon",
    "Who cast the bell of the town hall?": "Anna Roth",
    "What did he build?": "mill",
    "Which wood is the old mill by the Elbe made of?": "oak",
    "Who built the tower of the abbey?": None,
    "kettle of the brewery": json.dumps(
        [{"type": "factoid", "question": "Where was the kettle of the brewery cast?"}]
    ),
    "bell of the town hall": json.dumps(
        [
            {"type": "factoid", "question": "Where was the bell of the town hall cast?"},
            {"type": "factoid", "question": "Who cast the bell of the town hall?"},
        ]
    ),
    "tower of the abbey": json.dumps(
        [{"type": "factoid", "question": "Who built the tower of the abbey?"}]
    ),
    "old mill by the river": json.dumps(
        [
            {"type": "factoid", "question": "What did he build?"},
            {"type": "factoid", "question": "Which wood is the old mill by the Elbe made of?"},
        ]
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents")
    for name, text in DOCUMENTS.items():
        (path / name).write_text(text, "utf-8")
    return path


def settings(folder: Path, **given: Any) -> BuildSettings:
    values = {
        "source": str(folder),
        "llm": "distilabel_rag4rag.testing.ScriptedLLM:scripted",
        "llm_set": {"replies": REPLIES},
        "question_types": "factoid",
        "num_questions": 2,
        "negatives": 1,
        **given,
    }
    return validated(BuildSettings, values)


class Quiet:
    """A watcher that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def phase(self, what: str) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)

    def start(self, arm: str, steps: Any) -> None: ...

    def advance(self, step: str, rows: int) -> None: ...

    def done(self) -> None: ...


def run(settings: BuildSettings, out: Path) -> tuple[list[str], str, int]:
    watcher = Quiet()
    result = Build(settings, out).run(watcher)
    return watcher.notes, result.ended, result.accepted


@pytest.mark.slow
def test_documents_become_training_data(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    notes, ended, count = fresh(run, settings(folder, rows=3), out)
    rows = pq.read_table(out / "rows.parquet").to_pylist()
    found = {
        row["question"]: (
            row["answer"],
            row["original_answer"],
            row["repair_outcome"],
            row["keep_row_after_grounding"],
            row["keep_row_after_self_contained"],
        )
        for row in rows
    }
    assert found == {
        "Where was the kettle of the brewery cast?": ("Torgau", None, None, True, True),
        "Where was the bell of the town hall cast?": ("Ulm", "Lisbon", "repaired", True, True),
        "Who cast the bell of the town hall?": ("Anna Roth", None, None, True, True),
        "What did he build?": ("mill", None, None, True, False),
        # A reply that failed costs its own row, also where it is one of six.
        "Who built the tower of the abbey?": (None, None, None, False, True),
        "Which wood is the old mill by the Elbe made of?": ("oak", None, None, True, True),
    }
    assert (count, ended) == (3, "3 rows, as asked for")
    # One of each document in turn.
    kept = [row for row in rows if accepted(row, (*DROPPING, WANTED))]
    assert len({row["document_id"] for row in kept}) == 3
    assert "Not read: empty.md: empty file" in notes
    assert any("photo.jpg: not one of" in note for note in notes)
    assert "self_contained: 1 row, as the question is not clear without its passage" in notes
    # The passage of copy.txt lacks the heading, so that it is another one, asked the same.
    assert "duplicates: 1 row, as the same question was asked before" in notes

    run_json = json.loads((out / "run.json").read_text("utf-8"))
    assert (run_json["documents"], run_json["passages"], run_json["passages_asked"]) == (6, 6, 5)
    assert {row["language"] for row in rows} == {"en"}
    took = {stage["stage"]: stage["seconds"] for stage in run_json["stages"]}
    assert min(took[stage] for stage in ("read", "models", "questions", "judge", "export")) > 0
    assert took["checks"] < sum(took.values()) / 2
    page = (out / "report.html").read_text("utf-8")
    assert "3 rows to train on" in page
    assert "unclear without the passage" in page
    assert "Languages of the passages that were asked about: en 5." in page
    assert '<th scope="row">questions <small>the LLM writes questions</small></th>' in page
    assert not check_export(out / "export")
    pairs = datasets.load_dataset("parquet", data_dir=str(out / "export" / "pairs"))
    anchors = {row["anchor"] for split in pairs.values() for row in split}
    assert anchors == {row["question"] for row in kept}


def test_what_is_wrong_is_said_before_any_model_is_loaded(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"checks: found .*'groundig'.*expected 'grounding'"):
        settings(folder, checks="groundig")
    with pytest.raises(ConfigError, match="question_types"):
        settings(folder, question_types="factoid,factoid")
    with pytest.raises(ConfigError, match=r"source: .*expected"):
        Build(settings(tmp_path / "nothing.md"), tmp_path / "out")
    (tmp_path / "a.txt").write_text("See page 4.", "utf-8")
    with pytest.raises(ConfigError, match="passages that questions can be asked about"):
        Build(settings(tmp_path / "a.txt"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_documents_take_turns_and_the_seed_decides_within_one(tmp_path: Path) -> None:
    rows = [
        {"title": title, "text": f"{title} number {n} stands in a town that has no other name."}
        for title in ("A", "B")
        for n in range(4)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    orders = []
    for seed in (0, 0, 1):
        made = Build(settings(tmp_path / "t.jsonl", seed=seed), tmp_path / "out")
        orders.append([row["context"] for row in made._asked])
        assert [text[0] for text in orders[-1]] == ["A", "B"] * 4
    assert orders[0] == orders[1] != orders[2]
