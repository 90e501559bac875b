"""Steps that wait for a server have several batches at once; no step has too many rows."""

import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts, StepInput, StepResources
from distilabel.steps.tasks import TextGeneration
from helpers.fault_steps import NotesTimes, Numbers, Reports
from helpers.openai_server import OpenAIServer

from distilabel_rag4rag.errors import RunFailed
from distilabel_rag4rag.models.llms.cached_llm import CachedLLM, cached
from distilabel_rag4rag.runtime import rows_ahead
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


class Counted:
    """Replies as scripted, and how many requests there were at once."""

    def __init__(self, seconds: float = 0.1, slow: str = "", slow_seconds: float = 2.0) -> None:
        self.seconds, self.slow, self.slow_seconds = seconds, slow, slow_seconds
        self.at_once = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, messages: list[dict[str, Any]]) -> str | None:
        question = messages[-1]["content"]
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(self.slow_seconds if question == self.slow else self.seconds)
        with self._lock:
            self.at_once -= 1
        return None if question.endswith("7") else f"re {question}"


class LocksInRows(TextGeneration):
    """Gives rows that cannot be sent to another process."""

    def format_output(self, output: Any, input: Any = None) -> dict[str, Any]:
        return {"generation": threading.Lock()}


@pytest.fixture(autouse=True)
def _own_datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")


def llm(server: OpenAIServer, tmp_path: Path, **settings: Any) -> CachedLLM:
    inner = OpenAILLM(model="m", base_url=server.base_url, api_key="k")
    return cached(inner, folder=str(tmp_path / "generations"), **settings)


def questions(count: int) -> list[dict[str, str]]:
    return [{"instruction": f"question {n}"} for n in range(count)]


def test_requests_in_flight_are_no_matter_of_batches(tmp_path: Path) -> None:
    """Batches of 4, 12 in flight; the first reply is the slowest, and its rows stay the first.
    Failures stay with their rows, and every row is counted as it is answered."""
    reply = Counted(slow="question 0")
    seen: list[int] = []

    def progress(step: str, rows: int) -> None:
        if step == "ask":
            seen.append(rows)

    with OpenAIServer(reply) as server:
        with FailFastPipeline(
            "safe", cache_dir=tmp_path / "runs", max_failed=0.2, on_progress=progress
        ) as run:
            LoadDataFromDicts(data=questions(120), batch_size=4) >> TextGeneration(
                name="ask", llm=llm(server, tmp_path, max_concurrency=12), input_batch_size=4
            )
        rows = run.run()["default"]["train"].to_list()
        asked = len(server.history)
    assert [row["instruction"] for row in rows] == [q["instruction"] for q in questions(120)]
    assert [row["generation"] for row in rows] == [
        None if n % 10 == 7 else f"re question {n}" for n in range(120)
    ]
    assert reply.most == 12
    assert asked == 120
    assert run.tally.steps["ask"].failed == 12
    assert run.tally.steps["ask"].first_error == (
        "Received no response using OpenAI client (model: 'm'). Finish reason was: stop"
    )
    assert seen == sorted(seen)
    assert seen[-1] == 120
    assert any(100 < count < 120 for count in seen)  # before the first batch has ended


def test_a_task_in_distilabels_pipeline(tmp_path: Path) -> None:
    reply = Counted(seconds=0.2)
    with OpenAIServer(reply) as server:
        with Pipeline("stock", cache_dir=tmp_path / "runs") as run:
            LoadDataFromDicts(data=questions(60)) >> TextGeneration(
                llm=llm(server, tmp_path, max_concurrency=7), input_batch_size=1000
            )
        rows = run.run(use_cache=False)["default"]["train"].to_list()
    assert [row["generation"] for row in rows] == [
        None if n % 10 == 7 else f"re question {n}" for n in range(60)
    ]
    assert reply.most == 7


def test_the_next_step_gets_rows_while_the_llm_works(tmp_path: Path) -> None:
    """Though the task asks for batches that would hold all the rows."""
    reply = Counted(seconds=0.1)
    with OpenAIServer(reply) as server:
        with FailFastPipeline("safe", cache_dir=tmp_path / "runs", max_failed=0.2) as run:
            load = LoadDataFromDicts(data=questions(200), batch_size=25)
            ask = TextGeneration(
                llm=llm(server, tmp_path, max_concurrency=8), input_batch_size=1000
            )
            load >> ask >> NotesTimes(input_batch_size=25)
        rows = run.run()["default"]["train"].to_list()
    times = [row["time"] for row in rows]
    assert times == sorted(times)
    assert times[0] < times[-1] - 1.0  # of 2.5 s and more


def test_too_many_failures_end_the_run_at_once(tmp_path: Path) -> None:
    with OpenAIServer(lambda messages: None, latency=0.2) as server:
        with FailFastPipeline("safe", cache_dir=tmp_path / "runs") as run:
            LoadDataFromDicts(data=questions(400), batch_size=10) >> TextGeneration(
                name="ask", llm=llm(server, tmp_path, max_concurrency=4), input_batch_size=10
            )
        with pytest.raises(RunFailed, match="step 'ask': all 10 rows of a batch failed"):
            run.run()
        assert len(server.history) < 100


def test_a_worker_that_dies_among_many_batches(tmp_path: Path) -> None:
    """An error that no batch can bear, here rows that cannot be sent, ends the run too."""
    with OpenAIServer("yes", latency=0.05) as server:
        with FailFastPipeline("safe", cache_dir=tmp_path / "runs") as run:
            LoadDataFromDicts(data=questions(60), batch_size=5) >> LocksInRows(
                name="ask", llm=llm(server, tmp_path, max_concurrency=4), input_batch_size=5
            )
        with pytest.raises(
            RunFailed, match="step 'ask' failed to process: TypeError: cannot pickle"
        ):
            run.run()


def test_generators_wait_for_slow_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands between: no more rows than the limit, and a batch, wait at a step."""
    monkeypatch.setattr(rows_ahead, "ROWS_AHEAD", 30)
    most = 0
    counts: dict[str, int] = {}

    def progress(step: str, rows: int) -> None:
        nonlocal most
        counts[step] = rows
        most = max(most, counts["numbers"] - counts.get("slow", 0))

    with FailFastPipeline("safe", cache_dir=tmp_path / "runs", on_progress=progress) as run:
        (
            Numbers(name="numbers", rows=300, batch_size=10)
            >> Reports(name="quick", input_batch_size=10)
            >> Reports(name="slow", input_batch_size=10, slow=0.005)
        )
    rows = run.run()["default"]["train"].to_list()
    assert [row["number"] for row in rows] == list(range(300))
    assert 30 <= most <= 80


class NotesReplicas(NotesTimes):
    """Notes down which process a row was in, and takes a while for a batch."""

    def process(self, inputs: StepInput) -> Any:
        time.sleep(0.3)
        yield [row | {"time": os.getpid()} for row in inputs]


def test_every_replica_of_the_first_step_has_a_batch(tmp_path: Path) -> None:
    """Also where a batch is as large as what a step may have."""
    size = rows_ahead.ROWS_AHEAD
    with FailFastPipeline("safe", cache_dir=tmp_path / "runs") as run:
        Numbers(rows=4 * size) >> NotesReplicas(
            name="notes", input_batch_size=size, resources=StepResources(replicas=2)
        )
    rows = run.run()["default"]["train"]
    assert rows["number"] == list(range(4 * size))
    assert Counter(rows["time"]).most_common(1)[0][1] == 2 * size
    first, second = sorted(run.tally.steps["notes"].worked)[:2]
    assert second[0] < first[1]
