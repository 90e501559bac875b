"""The arms, and a pipeline of a user's own, with everything real but the LLM's text."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from helpers.fresh import fresh
from helpers.openai_server import OpenAIServer

from distilabel_rag4rag import (
    FailFastPipeline,
    FaissRetrieveFromRows,
    GroundedAnswerGeneration,
    LettuceDetectJudge,
    LoadRows,
    MarkGrounded,
    embedded,
    load_rows,
    pipelines,
)
from distilabel_rag4rag.testing import ScriptedLLM

pytestmark = pytest.mark.slow

ROWS = 6
PAIR = "## Positive\n\nIn 1989.\n\n## Negative\n\nA fish."


def arm(name: str, **settings: Any) -> Pipeline:
    """An arm on six questions; the LLM knows the answer to the first alone."""
    questions = load_rows(limit=ROWS)
    llm = ScriptedLLM(
        replies={"## Anchor": PAIR, questions[0]["question"]: questions[0]["human_answer"]},
        default="not in the passages",
    )
    if name == "rag4rag":
        settings = {"embeddings": embedded.embeddings(), "k": 2, **settings}
    return pipelines.ARMS[name](
        LoadRows(limit=ROWS), llm=llm, judge=embedded.judge(), batch_size=4, **settings
    )


def run(name: str, folder: str, safe: bool, saved: bool) -> list[dict[str, Any]]:
    """The rows of an arm, in distilabel's own pipeline or ours, built or read from a file."""
    pipeline_class = FailFastPipeline if safe else Pipeline
    made = arm(name, pipeline_class=pipeline_class)
    if saved:
        made.save(Path(folder) / "pipeline.yaml", format="yaml")
        made = pipeline_class.from_yaml(Path(folder) / "pipeline.yaml")
    return made.run(use_cache=False)["default"]["train"].to_list()


@pytest.mark.parametrize(("safe", "saved"), [(True, False), (False, True)])
def test_the_baseline_never_sees_a_passage_and_is_flagged(
    own_cache: Path, tmp_path: Path, safe: bool, saved: bool
) -> None:
    rows = fresh(run, "zero_shot", str(tmp_path), safe, saved)
    questions = load_rows(limit=ROWS)
    assert [row["id"] for row in rows] == questions["id"]
    assert {row["answer"] for row in rows} == {"In 1989."}
    assert [row["abstained"] for row in rows] == [False] * ROWS
    assert all(row["hallucination_score"] is not None for row in rows)
    assert {row["model_name"] for row in rows} == {"scripted"}
    for row in rows:
        assert row["keep_row_after_grounding"] is (row["grounding_reason"] is None)
        for span in row["hallucinated_spans"]:
            assert row["answer"][span["start"] : span["end"]] == span["text"]


@pytest.mark.parametrize("name", ["gold_context", "rag4rag"])
def test_the_grounded_arms_answer_from_passages(own_cache: Path, tmp_path: Path, name: str) -> None:
    rows = fresh(run, name, str(tmp_path), True, True)
    questions = load_rows(limit=ROWS)
    assert [row["id"] for row in rows] == questions["id"]
    assert rows[0]["answer"] == questions[0]["human_answer"]
    assert rows[0]["keep_row_after_grounding"] is True
    for row in rows[1:]:
        assert (row["answer"], row["abstained"], row["answer_reason"]) == (None, True, "abstained")
        assert (row["hallucination_score"], row["judge_reason"]) == (None, "abstained")
        assert row["hallucinated_spans"] == []
    if name == "rag4rag":
        assert all(len(row["retrieved_ids"]) == 2 for row in rows)
        assert rows[0]["source_rank"] == 1


def test_arms_are_judged_by_the_same_judge_on_the_same_evidence(own_cache: Path) -> None:
    dumps = []
    for name in pipelines.ARMS:
        steps = {s["step"]["name"]: s["step"] for s in arm(name).dump()["pipeline"]["steps"]}
        dumps.append([steps[step] for step in ("load", "complete", "judge", "mark")])
        assert steps["judge"]["input_mappings"] == {"contexts": "context"}
    assert dumps[0] == dumps[1] == dumps[2]


def test_a_saved_arm_holds_no_path_and_no_key(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine")
    made = pipelines.rag4rag(
        LoadRows(limit=2),
        llm=OpenAILLM(model="gpt-4o-mini"),
        embeddings=embedded.embeddings(),
        judge=embedded.judge(),
    )
    made.save(tmp_path / "pipeline.yaml", format="yaml")
    text = (tmp_path / "pipeline.yaml").read_text()
    assert "sk-secret" not in text
    assert str(Path.home()) not in text
    assert str(own_cache) not in text
    assert yaml.safe_load(text)["pipeline"]["name"] == "rag4rag"


def test_distilabel_pipeline_run_reads_a_saved_arm(own_cache: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    made = pipelines.gold_context(
        LoadRows(limit=ROWS),
        llm=ScriptedLLM(default="A fish.", history_path=str(history)),
        judge=embedded.judge(),
    )
    made.save(tmp_path / "pipeline.yaml", format="yaml")
    distilabel = Path(sys.executable).with_name("distilabel")
    command = [distilabel, "pipeline", "run", "--config", tmp_path / "pipeline.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(history.read_text().splitlines()) == ROWS


def a_pipeline_of_ones_own(base_url: str, folder: str) -> list[dict[str, Any]]:
    """The README's pipeline, with a server on this machine."""
    with Pipeline(name="my-data", cache_dir=folder) as pipeline:
        load = LoadRows(limit=4)
        retrieve = FaissRetrieveFromRows(embeddings=embedded.embeddings(), k=2)
        answer = GroundedAnswerGeneration(
            llm=OpenAILLM(model="gpt-4o-mini", base_url=base_url),
            input_mappings={"contexts": "retrieved_contexts"},
        )
        judge = LettuceDetectJudge(model="embedded", input_mappings={"contexts": "context"})
        load >> retrieve >> answer >> judge >> MarkGrounded()
    return pipeline.run(use_cache=False)["default"]["train"].to_list()


def test_a_pipeline_of_ones_own_over_http(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with OpenAIServer("Answer: the Prime Minister of France") as server:
        rows = fresh(a_pipeline_of_ones_own, server.base_url, str(tmp_path))
        asked = [request["messages"][-1]["content"] for request in server.history]
    assert [row["answer"] for row in rows] == ["the Prime Minister of France"] * 4
    assert [row["keep_row_after_grounding"] for row in rows] == [False] * 4
    for row in rows:
        [prompt] = [text for text in asked if row["question"] in text]
        assert all(passage in prompt for passage in row["retrieved_contexts"])
