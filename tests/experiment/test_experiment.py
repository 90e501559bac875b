"""What an experiment refuses before it imports or loads anything heavy, and questions alone."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from distilabel_rag4rag.errors import ConfigError
from distilabel_rag4rag.experiment.experiment import Experiment
from distilabel_rag4rag.experiment.settings import Settings

SCRIPTED = "distilabel_rag4rag.testing.ScriptedLLM"


@pytest.fixture
def questions(tmp_path: Path) -> str:
    """Two questions of a search log: no passages, no answers."""
    path = tmp_path / "log.jsonl"
    path.write_text('{"query": "Where was the kettle cast?"}\n{"query": "Who wrote it?"}\n')
    return str(path)


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "kettle.txt").write_text("The kettle was cast in Torgau in 1712.\n")
    (folder / "poem.txt").write_text("The poem is by Ann.\n")
    return str(folder)


class Silent:
    """A watcher that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def phase(self, what: str) -> None:
        self.heard.append(what)

    def note(self, text: str) -> None:
        self.heard.append(text)

    def start(self, arm: str, steps: Any) -> None:
        self.heard.append((arm, sorted(steps)))

    def advance(self, step: str, rows: int) -> None: ...

    def done(self) -> None: ...


def test_results_are_kept_without_force(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"holds results already \(summary.json\)") as caught:
        Experiment(Settings(limit=1), tmp_path)
    assert caught.value.field == "out"
    assert Experiment(Settings(limit=1), tmp_path, force=True).questions.num_rows == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="none that can be written to"):
        Experiment(Settings(limit=1), tmp_path / "file" / "out")


def test_arms_by_default_are_all_that_the_questions_allow(
    tmp_path: Path, questions: str, corpus: str
) -> None:
    made = Experiment(Settings(limit=1), tmp_path / "out")
    assert list(made.pipelines) == ["zero_shot", "gold_context", "rag4rag", "human"]
    [plainly] = made.notes
    assert plainly.startswith("zero_shot asked the question alone (zero_shot_prompt: plain)")
    made = Experiment(Settings(source=questions, corpus=corpus), tmp_path / "out")
    assert list(made.pipelines) == ["zero_shot", "rag4rag"]
    assert made.notes[-2:] == [
        "The questions have no source passage: answers are judged against what was retrieved, and"
        " gold_context is not possible.",
        plainly,
    ]


@pytest.mark.parametrize(
    ("llm", "prompt", "published"),
    [
        ("embedded", None, False),
        ("OpenAILLM:x", None, True),
        ("embedded", "published", True),
        ("OpenAILLM:x", "plain", False),
    ],
)
def test_the_published_prompt_is_for_llms_that_follow_it(
    llm: str, prompt: str | None, published: bool, tmp_path: Path
) -> None:
    settings = Settings(llm=llm, zero_shot_prompt=prompt, limit=1, arms=["zero_shot"])
    made = Experiment(settings, tmp_path / "out")
    answer = made.pipelines["zero_shot"].dag.get_step("answer")["step"]
    assert type(answer).__name__ == (
        "ZeroShotAnswerGeneration" if published else "ClosedBookAnswerGeneration"
    )
    assert bool(made.notes) is not published


@pytest.mark.parametrize("arms", [["gold_context"], ["rag4rag", "gold_context"]])
def test_an_arm_that_needs_a_passage_is_refused_where_there_is_none(
    tmp_path: Path, questions: str, corpus: str, arms: list[str]
) -> None:
    settings = Settings(source=questions, corpus=corpus, arms=arms)
    with pytest.raises(ConfigError, match="'zero_shot' or 'rag4rag', since the questions have no"):
        Experiment(settings, tmp_path / "out")


def test_questions_alone_need_a_corpus(tmp_path: Path, questions: str) -> None:
    with pytest.raises(ConfigError, match=r"a column for context .* from a `corpus`") as caught:
        Experiment(Settings(source=questions), tmp_path / "out")
    assert caught.value.field == "columns"
    (tmp_path / "empty.jsonl").write_text('{"question": "Who?", "context": ""}\n')
    with pytest.raises(ConfigError, match="expected passages to retrieve from") as caught:
        Experiment(Settings(source=str(tmp_path / "empty.jsonl")), tmp_path / "out")
    assert caught.value.field == "corpus"


def test_what_was_left_out_of_the_input_is_noted_and_passages_have_the_length_asked_for(
    tmp_path: Path, questions: str, corpus: str
) -> None:
    Path(corpus, "scan.bin").write_bytes(b"\x00\x01")
    Path(questions).write_text(Path(questions).read_text() + '{"query": ""}\n')
    settings = Settings(source=questions, corpus=corpus, max_tokens=8)
    made = Experiment(settings, tmp_path / "out")
    found = [note.replace(f"{tmp_path}/", "") for note in made.notes]
    assert found[:3] == [
        "log.jsonl: 'question' is read from the column 'query'",
        "log.jsonl: no question in 1 of 3 rows",
        "log.jsonl: no context in 3 of 3 rows",
    ]
    assert found[3].startswith("docs: 1 file: left out, not one of .docx,")
    assert found[4] == (
        "docs: 1 document of 2 cut into 2 passages of at most 8 tokens (`max_tokens`)"
    )
    assert len(found) == 7
    for arm in ("zero_shot", "rag4rag"):
        assert made.pipelines[arm].dag.get_step("retrieve")["step"].max_tokens == 8


def test_documents_have_no_questions(tmp_path: Path, corpus: str) -> None:
    with pytest.raises(ConfigError, match="Documents alone hold no questions"):
        Experiment(Settings(source=corpus), tmp_path / "out")


@pytest.mark.slow
def test_questions_alone_are_judged_against_what_was_retrieved(
    own_cache: Path, tmp_path: Path, questions: str, corpus: str
) -> None:
    settings = Settings(
        source=questions,
        corpus=corpus,
        llm=SCRIPTED,
        llm_set={
            "replies": {"## Anchor": "## Positive\n\nIn Ulm in 1904.\n\n## Negative\n\nA fish."},
            "default": "Torgau",
        },
    )
    experiment = Experiment(settings, tmp_path / "out")
    watcher = Silent()
    result = experiment.run(watcher)
    rows = pq.read_table(tmp_path / "out" / "rows.parquet").to_pylist()
    assert [(row["arm"], row["answer"]) for row in rows] == [
        ("zero_shot", "In Ulm in 1904."),
        ("zero_shot", "In Ulm in 1904."),
        ("rag4rag", "Torgau"),
        ("rag4rag", "Torgau"),
    ]
    kettle = "The kettle was cast in Torgau in 1712."
    for row in (rows[0], rows[2]):
        assert (row["context"], row["retrieved_contexts"]) == (None, [kettle])
        assert row["judge_reason"] is None
    assert rows[0]["hallucination_score"] > 0.5 > rows[2]["hallucination_score"]
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["notes"] == experiment.notes == watcher.heard[: len(experiment.notes)]
    del watcher.heard[: len(experiment.notes)]
    assert run["settings"]["llm_set"]["default"] == "Torgau"
    assert watcher.heard[:3] == [
        "importing torch",
        "preparing the packaged embedder",
        "preparing the packaged judge",
    ]
    steps = ["answer", "complete", "judge", "load", "mark", "retrieve"]
    assert watcher.heard[3:] == [
        ("zero_shot", steps),
        ("rag4rag", steps),
        "comparing the arms",
        "writing the report",
    ]
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "log.jsonl: &#39;question&#39; is read from the column &#39;query&#39;" in page
    assert "answers were judged against the passages that were retrieved" in page
    assert {path.name for path in result.files} >= {"rows.parquet", "report.html", "rag4rag.yaml"}
