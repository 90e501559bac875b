"""The fault table: each fault really happens, and the run ends in time with an error that says so.

docs/faults.md lists the same faults with what the user sees.
"""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distilabel.models import OpenAILLM
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration
from helpers.fault_steps import Below, CannotBePickled, Double, Numbers, Oddities, Reports, Sum
from helpers.fork_server import Program
from helpers.fresh import programs_ready, start_program
from helpers.openai_server import OpenAIServer, random_faults

from distilabel_rag4rag.errors import RunFailed
from distilabel_rag4rag.models.llms.cached_llm import cached
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60, func_only=True)]
SECONDS = 10.0
SCRIPT = Path(__file__).parents[1] / "helpers" / "interrupted_run.py"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """After every fault: no process, handler or data of the run is left."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")
    root = logging.getLogger()
    programs_ready()
    before = psutil.Process().children(recursive=True)
    handlers, level = root.handlers[:], root.level
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [
        child for child in psutil.Process().children(recursive=True) if child not in before
    ] == []
    assert (root.handlers, root.level) == (handlers, level)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == signals


def pipeline(tmp_path: Path, **settings: Any) -> FailFastPipeline:
    return FailFastPipeline("faults", cache_dir=tmp_path / "cache", **settings)


def fails(run: FailFastPipeline, seconds: float = SECONDS) -> str:
    """Run; the message of the error that must come within `seconds`, with no data left over."""
    start = time.monotonic()
    with pytest.raises(RunFailed) as failure:
        run.run()
    assert time.monotonic() - start < seconds
    assert list(run._cache_dir.rglob("*.parquet")) == []
    return str(failure.value)


def gone(pid: int) -> bool:
    """Whether the process has ended; a container without init keeps its entry."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("kill", "its process was killed by SIGKILL (out of memory?)"),
        ("segfault", "its process was killed by SIGSEGV"),
        ("os_exit", "its process exited with 3"),
        ("sys_exit", "failed to process: SystemExit: a scripted exit"),
    ],
)
def test_worker_dies_in_process(tmp_path: Path, how: str, cause: str) -> None:
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> Double(name="double", how=how, input_batch_size=5)
    message = fails(run)
    assert message.startswith("step 'double'")
    assert cause in message
    assert "double 20" in message  # rows finished


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("kill", "step 'double': its process was killed by SIGKILL"),
        ("os_exit", "step 'double': its process exited with 3"),
        ("raise", "step 'double' failed to load: ValueError: a scripted error"),
        ("raise_unpicklable", "step 'double' failed to load: Unpicklable: the key is wrong"),
    ],
)
def test_worker_fails_in_load(tmp_path: Path, how: str, cause: str) -> None:
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> Double(name="double", in_load=how, input_batch_size=5)
    assert cause in fails(run)


def test_worker_fails_in_load_of_a_later_stage(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> Sum() >> Double(name="double", in_load="raise")
    assert "step 'double' failed to load: ValueError: a scripted error" in fails(run)


def test_out_of_memory(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> Double(name="double", how="memory", input_batch_size=5)
    message = fails(run)
    assert "step 'double': all 5 rows of a batch failed" in message
    assert "MemoryError" in message


def test_idle_worker_dies(tmp_path: Path) -> None:
    """A worker that waits for work may hold the pool's lock when it is killed."""
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> Sum(name="sum") >> Double(slow=60.0)

    def kill_idle() -> None:
        while not (hasattr(run, "_workers") and len(run._workers.step_of) >= 1):
            time.sleep(0.05)
        busy = run._workers.step_of.keys()
        for worker in run._workers.processes:
            if worker.pid not in busy:
                os.kill(worker.pid, signal.SIGKILL)
                return

    killer = threading.Thread(target=kill_idle)
    killer.start()
    assert "was killed by SIGKILL" in fails(run)
    killer.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_queue_process_dies(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> Double(slow=60.0)

    def kill_manager() -> None:
        while not (hasattr(run, "_workers") and len(run._workers.step_of) == 2):
            time.sleep(0.05)
        os.kill(run._manager._process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_manager)
    killer.start()
    fails(run)
    killer.join()


def test_generator_raises(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(name="numbers", batch_size=5, how="raise") >> Double()
    message = fails(run)
    assert "step 'numbers' failed to process: ValueError: a scripted error" in message
    assert "numbers 20" in message


@pytest.mark.parametrize("last", [True, False])
def test_global_step_raises(tmp_path: Path, last: bool) -> None:
    with pipeline(tmp_path) as run:
        steps = Numbers(batch_size=5) >> Sum(name="sum", how="raise")
        if not last:
            steps >> Double()
    assert "step 'sum' failed to process: ValueError: a scripted error" in fails(run)


def test_step_cannot_be_pickled(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers() >> CannotBePickled(name="double")
    message = fails(run)
    assert "step 'double' cannot be sent to its process" in message
    assert "cannot pickle '_thread.lock' object" in message


def test_coordinator_raises(tmp_path: Path) -> None:
    def progress(step: str, rows: int) -> None:
        raise ArithmeticError("a scripted error")

    with pipeline(tmp_path, on_progress=progress) as run:
        Numbers() >> Double()
    assert "the pipeline failed: ArithmeticError: a scripted error" in fails(run)


def test_progress_inside_a_batch_raises(tmp_path: Path) -> None:
    def progress(step: str, rows: int) -> None:
        if step == "double" and rows == 1:
            raise ArithmeticError("a scripted error")

    with pipeline(tmp_path, on_progress=progress) as run:
        Numbers() >> Reports(name="double", slow=0.05)
    assert "the pipeline failed: ArithmeticError: a scripted error" in fails(run)


def test_rows_cannot_be_written(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(rows=120) >> Oddities(name="odd", kind="text_then_int")
    assert "cannot be stored: TypeError: column 'value' of step 'odd' has no Arrow type" in fails(
        run
    )


def test_generator_without_rows(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(name="numbers", rows=0) >> Double()
    assert "step 'numbers' failed to process: ValueError: the generator yielded no rows" in fails(
        run
    )


def test_generator_without_an_end(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers(name="numbers", forget_last=True) >> Double()
    assert "step 'numbers' failed to process: ValueError: the generator ended without" in fails(run)


def test_no_rows_into_a_global_step(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        Numbers() >> Below(name="below", limit=0) >> Sum()
    assert "step 'below' left no rows" in fails(run)


def test_one_batch_of_many_raises(tmp_path: Path) -> None:
    """Up to max_failed the rows are there, with None, and the count and the cause with them."""
    with pipeline(tmp_path) as run:
        Numbers(rows=100, batch_size=4) >> Double(name="double", how="raise", input_batch_size=4)
    rows = run.run()["default"]["train"].to_list()
    failed = range(20, 24)
    assert rows == [{"number": n, "double": None if n in failed else 2 * n} for n in range(100)]
    assert run.tally.steps["double"].failed == 4
    assert run.tally.steps["double"].first_error == "ValueError: a scripted error"


def test_too_many_rows_fail(tmp_path: Path) -> None:
    with pipeline(tmp_path, max_failed=0.03) as run:
        Numbers(rows=100, batch_size=4) >> Double(name="double", how="raise", input_batch_size=4)
    message = fails(run)
    assert "step 'double': 4 of 24 rows failed; max_failed allows 3%" in message
    assert "First error: ValueError: a scripted error" in message


def test_children_of_a_worker_end(tmp_path: Path) -> None:
    """What a step starts, a model server say, ends with the run, though its worker was killed."""
    pid_file = tmp_path / "child.pid"
    with pipeline(tmp_path) as run:
        Numbers(batch_size=5) >> Double(
            how="kill", input_batch_size=5, child_pid_file=str(pid_file)
        )
    fails(run)
    assert gone(int(pid_file.read_text()))


# --- signals to the main process ------------------------------------------------------------


def started(tmp_path: Path, *settings: str) -> Program:
    """interrupted_run.py in a process of its own, after its LLM has given ten replies."""
    main = start_program(SCRIPT, tmp_path, *settings, out=tmp_path)
    wait_for(lambda: len(replies(tmp_path)) >= 10, main)
    return main


def wait_for(condition: Callable[[], bool], main: Program) -> None:
    deadline = time.monotonic() + 40.0
    while not condition():
        assert main.poll() is None, "the run ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def replies(tmp_path: Path) -> list[str]:
    history = tmp_path / "history.jsonl"
    return history.read_text().splitlines() if history.exists() else []


@pytest.mark.parametrize("stuck", ["", "stuck"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)]
)
def test_interrupted(tmp_path: Path, number: signal.Signals, code: int, stuck: str) -> None:
    """Python ends itself by SIGINT on KeyboardInterrupt: a shell shows 130."""
    main = started(tmp_path, stuck)
    children = psutil.Process(main.pid).children(recursive=True)
    start = time.monotonic()
    main.send_signal(number)
    assert main.wait(timeout=SECONDS) == code
    assert time.monotonic() - start < SECONDS
    assert [child for child in children if not gone(child.pid)] == []
    if stuck:
        return
    assert start_program(SCRIPT, tmp_path, out=tmp_path).wait(60) == 0
    assert len(replies(tmp_path)) <= 60 + 1  # one was in flight
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["instruction"] for row in rows] == [f"question {n}" for n in range(60)]
    assert None not in [row["generation"] for row in rows]


def test_main_process_killed(tmp_path: Path) -> None:
    main = started(tmp_path)
    children = psutil.Process(main.pid).children(recursive=True)
    assert len(children) >= 3
    main.send_signal(signal.SIGKILL)
    main.wait()
    start = time.monotonic()
    while not all(gone(child.pid) for child in children):
        assert time.monotonic() - start < SECONDS
        time.sleep(0.05)


# --- the LLM's server -----------------------------------------------------------------------


def ask(tmp_path: Path, base_url: str, key: str = "right", rows: int = 20, **settings: Any) -> Any:
    llm = OpenAILLM(
        model="known", base_url=base_url, api_key=key, **settings.pop("llm", {"max_retries": 6})
    )
    with pipeline(tmp_path, **settings) as run:
        LoadDataFromDicts(data=[{"instruction": f"question {n}"} for n in range(rows)]) >> (
            TextGeneration(name="ask", llm=cached(llm, folder=str(tmp_path / "generations")))
        )
    return run


@pytest.mark.parametrize(
    ("server", "cause"),
    [
        ({"api_key": "other"}, "Error code: 401 - Incorrect API key provided."),
        ({"models": ("other",)}, "Error code: 404 - The model `known` does not exist."),
    ],
)
def test_wrong_key_or_model(tmp_path: Path, server: dict[str, Any], cause: str) -> None:
    with OpenAIServer(**server) as openai:
        message = fails(ask(tmp_path, openai.base_url))
    assert "step 'ask': all 20 rows of a batch failed" in message
    assert cause in message


def test_server_cannot_be_reached(tmp_path: Path) -> None:
    with OpenAIServer() as openai:
        url = openai.base_url
    message = fails(ask(tmp_path, url), seconds=60.0)
    assert "step 'ask': all 20 rows of a batch failed" in message
    assert "APIConnectionError" in message
    assert f"({url.removesuffix('/v1')})" in message
    assert message.count("All connection attempts failed") == 1


def test_server_slowed_by_429(tmp_path: Path) -> None:
    """The client tries again, with growing pauses, until every row has its answer."""
    faults = random_faults(0.5, ["429"], seed=1)
    with OpenAIServer(reply=lambda messages: messages[-1]["content"], faults=faults) as openai:
        rows = ask(tmp_path, openai.base_url, rows=40).run()["default"]["train"].to_list()
        refused = [request for request in openai.history if request["fault"]]
    assert [row["generation"] for row in rows] == [f"question {n}" for n in range(40)]
    assert len(refused) > 10


def test_server_with_every_fault(tmp_path: Path) -> None:
    """30% of the requests fail in six ways: each row comes out, answered or None, in order."""
    kinds = ["429", "500", "drop", "empty_choice", "invalid_json", "delay"]
    faults = random_faults(0.3, kinds, seed=2)
    with OpenAIServer(reply=lambda m: m[-1]["content"], faults=faults, delay=20.0) as openai:
        run = ask(tmp_path, openai.base_url, rows=100, max_failed=0.3, llm={"timeout": 2})
        rows = run.run()["default"]["train"].to_list()
        met = {request["fault"] for request in openai.history}
    assert met == {None, *kinds}
    assert [row["instruction"] for row in rows] == [f"question {n}" for n in range(100)]
    failed = [row for row in rows if row["generation"] is None]
    assert [row for row in rows if row["generation"] not in (None, row["instruction"])] == []
    assert 1 <= len(failed) == run.tally.steps["ask"].failed <= 20
