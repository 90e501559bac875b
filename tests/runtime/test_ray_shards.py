"""Shards on a real cluster of two nodes: the rows of one machine's run, whatever happens.

The second node has none of the driver's folders. Every fault really happens, and has its limit.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration
from helpers.fault_steps import (
    Below,
    CannotBePickled,
    Double,
    DoubleOnce,
    Fails,
    HashEmbeddings,
    HashLLM,
    Numbers,
    Oddities,
    OnceLLM,
    Sum,
)
from helpers.ray_nodes import (
    LOOPBACK,
    add_second,
    addresses_listened_on,
    connect,
    ray_nodes,
    workers,
)
from helpers.ray_run import ROWS
from helpers.ray_run import pipeline as interrupted

from distilabel_rag4rag import LettuceDetectJudge, pipelines
from distilabel_rag4rag.errors import ConfigError, RunFailed, TooManyFailed
from distilabel_rag4rag.models.llms.cached_llm import cached
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from distilabel_rag4rag.testing import VerbatimDetector

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]

SCRIPT = Path(__file__).parents[1] / "helpers" / "ray_run.py"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_nodes() as nodes:
        connect(nodes.address)
        try:
            yield nodes
        finally:
            ray.shutdown()


@pytest.fixture(autouse=True)
def _surroundings(
    cluster: Any, own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """After every test no shard runs, on any node."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")
    yield
    wait_until(lambda: not workers(), 10)


def pipeline(tmp_path: Path, **settings: Any) -> FailFastPipeline:
    return FailFastPipeline("shards", cache_dir=tmp_path / "runs", **settings)


def rows_of(run: FailFastPipeline) -> list[dict[str, Any]]:
    return run.run()["default"]["train"].to_list()  # type: ignore[no-any-return]


def fails(run: FailFastPipeline, seconds: float, kind: type[RunFailed] = RunFailed) -> str:
    begin = time.monotonic()
    with pytest.raises(kind) as failure:
        run.run()
    assert time.monotonic() - begin < seconds
    return str(failure.value)


def wait_until(condition: Callable[[], Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def asked(folder: Path) -> list[str]:
    """What the LLM was asked, in all processes."""
    history = folder / "history.jsonl"
    lines = history.read_text().splitlines() if history.exists() else []
    return [json.loads(line)["messages"][-1]["content"] for line in lines]


def asking(tmp_path: Path, llm: HashLLM, rows: int) -> FailFastPipeline:
    kept = cached(llm, folder=str(tmp_path / "generations"), inputs_per_call=1)
    with pipeline(tmp_path) as run:
        LoadDataFromDicts(
            data=[{"instruction": f"question {n}"} for n in range(rows)], batch_size=5
        ) >> TextGeneration(name="ask", llm=kept, input_batch_size=5)
    return run


def doubles(rows: int) -> list[dict[str, int]]:
    return [{"number": n, "double": 2 * n} for n in range(rows)]


# --- the rows --------------------------------------------------------------------------------


def arm(tmp_path: Path) -> FailFastPipeline:
    """Retrieval, an LLM and a judge, on sixty questions."""
    rows = [
        {
            "id": f"q{n}",
            "passage_id": f"p{n % 20}",
            "context": f"Passage {n % 20} says that {n % 20} is a number.",
            "question": f"What does passage {n % 20} say, asked for the {n}th time?",
        }
        for n in range(60)
    ]
    llm = HashLLM(history_path=str(tmp_path / "history.jsonl"))
    made = pipelines.rag4rag(
        rows,
        llm=cached(llm, folder=str(tmp_path / "generations")),
        judge=LettuceDetectJudge(model=VerbatimDetector()),
        embeddings=HashEmbeddings(),
        corpus=rows,
        k=2,
        batch_size=10,
        pipeline_class=FailFastPipeline,
    )
    made._cache_dir = tmp_path / "runs"
    return made  # type: ignore[return-value]


def test_an_arm_on_two_nodes_is_that_of_one_machine(cluster: Any, tmp_path: Path) -> None:
    """The index is sent, replies reach the driver's cache, and a second run begins no shard."""
    run = arm(tmp_path).ray(out=tmp_path / "out", shards=4)
    progress: list[tuple[str, int]] = []
    run.on_progress = lambda step, rows: progress.append((step, rows))
    found = rows_of(run)
    assert addresses_listened_on() == {LOOPBACK}
    assert {node["Alive"] for node in ray.nodes()} == {True}
    assert len(asked(tmp_path)) == 60
    assert ("judge", 60) in progress
    assert run.tally.rows("answer") == 60
    [received] = (cluster.other_cache / "received").glob("*/index.faiss")
    assert received.stat().st_size > 0
    nodes = {json.loads(f.read_text())["node"] for f in (tmp_path / "out").rglob("0*.json")}
    assert len(nodes) == 2

    again = arm(tmp_path).ray(out=tmp_path / "out", shards=4)
    begin = time.monotonic()
    assert rows_of(again) == found
    assert time.monotonic() - begin < 5
    assert again.tally.rows("answer") == 60

    one_machine = rows_of(arm(tmp_path))  # with the replies that the shards' LLM gave
    assert one_machine == found
    assert len(asked(tmp_path)) == 60


def test_shards_are_as_long_as_loading_is_worth(cluster: Any, tmp_path: Path) -> None:
    """Short shards first, one for each place; then what is left in as many as can run."""
    with pipeline(tmp_path) as run:
        Numbers(rows=400) >> Double()
    assert rows_of(run.ray(out=tmp_path / "out")) == doubles(400)
    [cut] = (tmp_path / "out").rglob("cut.json")
    found = json.loads(cut.read_text())
    assert (found["first"], found["count"], found["then"]) == (128, 2, 128)


def test_columns_have_one_type_in_all_the_shards(cluster: Any, tmp_path: Path) -> None:
    """None in the first shards and text in the last; a file that is cut short is made again."""
    with pipeline(tmp_path) as run:
        Numbers(rows=120) >> Oddities(kind="none_then_text")
    expected = [{"number": n, "value": "text" if n >= 60 else None} for n in range(120)]
    out = (tmp_path / "out").as_uri()
    assert rows_of(run.ray(out=out, shards=3)) == expected
    first, *_ = sorted((tmp_path / "out").rglob("*.parquet"))
    whole = first.read_bytes()
    first.write_bytes(whole[:20])
    assert rows_of(run.ray(out=out, shards=3)) == expected
    assert first.read_bytes() == whole


def test_a_filter_may_leave_nothing_of_a_shard(cluster: Any, tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(rows=40) >> Below(name="below", limit=5) >> Double()
    assert rows_of(run.ray(out=tmp_path / "out", shards=2)) == doubles(5)
    with pipeline(tmp_path) as run:
        Numbers(rows=40) >> Below(name="below", limit=0)
    assert "step 'below' left no rows" in fails(run.ray(out=tmp_path / "out", shards=2), 30)


# --- what can be wrong with the rows -----------------------------------------------------------


def failing(tmp_path: Path, numbers: list[int]) -> FailFastPipeline:
    with pipeline(tmp_path, max_failed=0.05) as run:
        Numbers(rows=200) >> Fails(name="check", numbers=numbers, input_batch_size=1)
    return run


def test_failed_rows_count_over_all_the_shards(cluster: Any, tmp_path: Path) -> None:
    """Eight in the last shard are many of its 50 rows, and few of all 200."""
    numbers = list(range(151, 167, 2))
    run = failing(tmp_path, numbers).ray(out=tmp_path / "out", shards=4)
    checked = [None if n in numbers else True for n in range(200)]
    assert [row["checked"] for row in rows_of(run)] == checked
    assert run.tally.steps["check"].failed == 8
    run = failing(tmp_path, list(range(1, 200, 15))).ray(out=tmp_path / "out", shards=4)
    message = fails(run, 30, TooManyFailed)
    assert "rows failed; max_failed allows 5%" in message
    assert "ValueError: a scripted error" in message


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"in_load": "raise"}, "step 'double' failed to load: ValueError: a scripted error"),
        ({"how": "raise"}, "step 'double': all 5 rows of a batch failed"),
        ({"how": "sys_exit"}, "step 'double' failed to process: SystemExit: a scripted exit"),
    ],
)
def test_a_step_raises(cluster: Any, tmp_path: Path, settings: Any, cause: str) -> None:
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> Double(name="double", input_batch_size=5, **settings)
    message = fails(run.ray(out=tmp_path / "out", shards=2), 30)
    assert message.startswith("shard ")
    assert "(127.0.0." in message  # the node
    assert cause in message


def test_mistakes_are_found_at_once(cluster: Any, tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers() >> CannotBePickled(name="double")
    message = fails(run.ray(out=tmp_path / "out"), 10)
    assert "step 'double' cannot be sent to a node: TypeError: cannot pickle" in message
    with pipeline(tmp_path) as run:
        Numbers(how="raise", at=0) >> Double()
    assert "failed to process: ValueError: a scripted error" in fails(run.ray(out=tmp_path), 10)
    with pipeline(tmp_path) as run:
        Numbers() >> Double()
    begin = time.monotonic()
    for settings, message in (
        ({"cpus": 64}, "cpus: found 64, expected at most 1, the most that a node"),
        ({"gpus": 1}, "gpus: found 1, expected at most 0, the most that a node"),
        ({"shards": 0}, "shards: found 0, expected 'auto' or a number of shards, at least 1"),
        ({"shards": True}, "shards: found True, expected 'auto' or a number of shards"),
        ({"cpus": -1}, "cpus: found -1, expected a number, at least 0"),
        ({"cpus": float("nan")}, "cpus: found nan, expected a number, at least 0"),
        ({"cpus": "2"}, "cpus: found '2', expected a number, at least 0"),
        ({"cpus": 1e-5}, "cpus: found 1e-05, expected 0, or at least 0.0001"),
        ({"cpus": 0}, "cpus: found 0, expected more than 0, or GPUs"),
        ({"gpus": 1.5}, "gpus: found 1.5, expected a whole number, or a part of one GPU"),
        ({"out": " "}, "out: found ' ', expected a folder or a URL"),
        ({"out": "nowhere://x"}, "out: found 'nowhere://x', expected a folder or a URL"),
    ):
        with pytest.raises(ConfigError) as mistake:
            run.ray(**{"out": tmp_path / "out", **settings}).run()
        assert message in str(mistake.value)
    with pipeline(tmp_path) as run:
        Numbers() >> Sum(name="sum")
    with pytest.raises(ConfigError, match=r"Found \"step 'sum', a Sum \(GlobalStep\)\""):
        run.ray(out=tmp_path / "out")
    assert time.monotonic() - begin < 10


# --- what is kept ------------------------------------------------------------------------------


DAMAGES: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("000000-*.parquet", lambda data: data[:8] + bytes(32) + data[40:]),
    ("000000-*.parquet", lambda data: data.replace(b"\0\3\r", b"\0\7\r")),  # a 7 for a 3
    ("000000-*.json", lambda data: b'{"sizes": {}}'),
    ("000000-*.json", lambda data: data.replace(b'"rows": 10', b'"rows": 19')),
)


def test_what_is_damaged_is_made_anew(cluster: Any, tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(rows=20, batch_size=5) >> Double(name="double")
    assert rows_of(run.ray(out=tmp_path / "out", shards=2)) == doubles(20)
    for pattern, damage in DAMAGES:
        [file] = (tmp_path / "out").rglob(pattern)
        whole = file.read_bytes()
        file.write_bytes(damage(whole))
        assert file.read_bytes() != whole
        assert rows_of(run.ray(out=tmp_path / "out", shards=2)) == doubles(20)
        assert file.read_bytes() != damage(whole)


def test_a_cut_that_is_damaged_is_made_anew(cluster: Any, tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(rows=20, batch_size=5) >> Double(name="double")
    folder = run.ray(out=tmp_path / "out")
    assert rows_of(folder) == doubles(20)
    [cut] = (tmp_path / "out").rglob("cut.json")
    for damaged in ('{"first": 1}', '{"first": 0, "count": 0, "then": 0}'):
        cut.write_text(damaged)
        assert rows_of(run.ray(out=tmp_path / "out")) == doubles(20)


def test_a_folder_that_cannot_be_written_to_is_found_before_the_first_shard(
    cluster: Any, tmp_path: Path
) -> None:
    with pipeline(tmp_path) as run:
        Numbers(rows=20, batch_size=5) >> Double(name="double")
    assert rows_of(run.ray(out=tmp_path / "out", shards=2)) == doubles(20)
    [begun] = (tmp_path / "out").rglob("begun")
    begun.unlink()
    begun.mkdir()  # permissions do not stop a root user
    assert rows_of(run.ray(out=tmp_path / "out", shards=2)) == doubles(20)  # nothing is to be done
    with pytest.raises(ConfigError, match=r"out: found '.*out', expected .* IsADirectoryError"):
        run.ray(out=tmp_path / "out", shards=3).run()
    assert list((tmp_path / "out").rglob("000002-*")) == []


# --- processes that die ------------------------------------------------------------------------


def test_a_worker_is_killed_once(
    cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shard is begun again; what its LLM had said is not asked again."""
    llm = OnceLLM(
        history_path=str(tmp_path / "history.jsonl"),
        marker=str(tmp_path / "marker"),
        at="question 17",
        delay=0.05,
    )
    run = asking(tmp_path, llm, 40).ray(out=tmp_path / "out", shards=2)
    found = rows_of(run)
    assert [row["instruction"] for row in found] == [f"question {n}" for n in range(40)]
    assert None not in [row["generation"] for row in found]
    assert (tmp_path / "marker").exists()
    twice = len(asked(tmp_path)) - 40
    with capsys.disabled():
        print(f"\na worker killed: {twice} of 40 asked twice")
    assert 0 <= twice <= 1  # the one that had not arrived


def test_a_step_is_killed_once(cluster: Any, tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> DoubleOnce(
            how="kill", marker=str(tmp_path / "marker"), input_batch_size=5
        )
    assert rows_of(run.ray(out=tmp_path / "out", shards=2)) == doubles(40)
    assert (tmp_path / "marker").exists()


def test_a_step_is_killed_at_every_try(cluster: Any, tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> Double(name="double", how="kill", input_batch_size=5)
    message = fails(run.ray(out=tmp_path / "out", shards=2), 60)
    assert message.startswith("shard 1 (rows 20 to 39) on ")
    assert "step 'double': its process was killed by SIGKILL" in message
    assert "It was begun 3 times" in message
    assert len(list((tmp_path / "out").rglob("000000-*.json"))) == 1  # the other one is kept


def test_a_node_is_killed(cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    llm = HashLLM(history_path=str(tmp_path / "history.jsonl"), delay=0.1)
    run = asking(tmp_path, llm, 80).ray(out=tmp_path / "out", shards=4)

    def kill() -> None:
        wait_until(lambda: len(asked(tmp_path)) >= 25, 60)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        found = rows_of(run)
    finally:
        killer.join()
        add_second(cluster)
    assert [row["instruction"] for row in found] == [f"question {n}" for n in range(80)]
    assert None not in [row["generation"] for row in found]
    twice = len(asked(tmp_path)) - 80
    with capsys.disabled():
        print(f"\na node killed: {twice} of 80 asked twice")
    assert 0 <= twice <= 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_the_driver_ends(cluster: Any, tmp_path: Path, number: signal.Signals, code: int) -> None:
    """No process of a shard lives on; a second run asks only for what is missing."""
    command = [sys.executable, str(SCRIPT), cluster.address, str(tmp_path)]
    environment = {**os.environ, "DISTILABEL_LOG_LEVEL": "ERROR"}
    driver = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    wait_until(lambda: len(asked(tmp_path)) >= 60, 60)
    at_work = workers()
    steps = [child for worker in at_work for child in worker.children(recursive=True)]
    assert steps
    begin = time.monotonic()
    driver.send_signal(number)
    assert driver.wait(10) == code
    wait_until(lambda: not any(map(is_alive, [*at_work, *steps])), 10)
    assert time.monotonic() - begin < 10
    if number == signal.SIGINT:
        found = rows_of(interrupted(tmp_path))
        assert [row["instruction"] for row in found] == [f"question {n}" for n in range(ROWS)]
        assert len(asked(tmp_path)) <= ROWS + 2  # one was in flight on each node


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
