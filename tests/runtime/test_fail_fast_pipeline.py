"""FailFastPipeline where nothing fails: the same rows as distilabel, whatever was run before."""

import inspect
import logging
import runpy
import threading
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from distilabel.errors import DistilabelUserError
from distilabel.pipeline import Pipeline, routing_batch_function, sample_n_steps
from helpers.fault_steps import (
    Below,
    Double,
    DoubleTwice,
    Joined,
    LoadsInTurns,
    Numbers,
    Odd,
    Oddities,
    Reports,
    Slowest,
    Sum,
    Together,
)

from distilabel_rag4rag.errors import RunFailed
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(30)]


@routing_batch_function()
def only_the_first(steps: list[str]) -> list[str]:
    return steps[:1]


@pytest.fixture(autouse=True)
def _own_datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")


def pipeline(tmp_path: Path, **settings: Any) -> FailFastPipeline:
    return FailFastPipeline("safe", cache_dir=tmp_path / "cache", **settings)


def rows(run: Pipeline, **arguments: Any) -> list[dict[str, Any]]:
    return run.run(**arguments)["default"]["train"].to_list()


def doubles(count: int, factor: int = 2) -> list[dict[str, Any]]:
    return [{"number": n, "double": factor * n} for n in range(count)]


def test_rows_progress_and_tally(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []
    with pipeline(tmp_path, on_progress=lambda step, count: seen.append((step, count))) as run:
        Numbers(name="numbers", rows=23, batch_size=10) >> Double(name="double", input_batch_size=7)
    assert rows(run) == doubles(23)
    assert [count for step, count in seen if step == "numbers"] == [10, 20, 23]
    assert [count for step, count in seen if step == "double"] == [7, 14, 21, 23]
    assert {step: count.rows for step, count in run.tally.steps.items()} == {
        "numbers": 23,
        "double": 23,
    }


def test_progress_by_row(tmp_path: Path) -> None:
    """A step that reports its rows is followed inside a batch; each takes longer than the pause
    between two reports."""
    seen: list[tuple[str, int]] = []
    with pipeline(tmp_path, on_progress=lambda step, count: seen.append((step, count))) as run:
        Numbers(rows=7, batch_size=10) >> Reports(name="double", input_batch_size=4, slow=0.25)
    assert rows(run) == doubles(7)
    counts = [count for step, count in seen if step == "double"]
    assert list(dict.fromkeys(counts)) == [1, 2, 3, 4, 5, 6, 7]
    assert counts == sorted(counts)
    assert 7 * 0.25 <= run.tally.steps["double"].seconds < 7 * 0.25 + 2


def test_progress_by_row_of_replicas(tmp_path: Path) -> None:
    """Batches that are under way at the same time are added up, and no row counts twice."""
    seen: list[int] = []
    with pipeline(tmp_path, on_progress=lambda step, n: seen.append(n)) as run:
        Numbers(name="numbers", rows=24, batch_size=24) >> Reports(
            name="double", input_batch_size=4, slow=0.1, resources={"replicas": 3}
        )
    assert rows(run) == doubles(24)
    counts = seen[seen.index(24) + 1 :]
    assert counts == sorted(counts)
    assert counts[-1] == 24
    assert any(count % 4 for count in counts)


def test_a_step_that_reports_rows_runs_in_distilabels_pipeline(tmp_path: Path) -> None:
    with Pipeline("stock", cache_dir=tmp_path / "cache") as run:
        Numbers(rows=5) >> Reports()
    assert rows(run) == doubles(5)


def test_another_version_of_distilabel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The module, the steps and saved pipelines still load; only the pipeline itself is refused."""
    with pipeline(tmp_path) as run:
        Numbers(rows=5) >> Double()
    run.save(tmp_path / "pipeline.yaml", format="yaml")
    monkeypatch.setattr("distilabel.__version__", "1.6.0")
    runpy.run_path(inspect.getfile(FailFastPipeline.run))
    with pytest.raises(ImportError, match=r"private methods of distilabel 1\.5\.3, found 1\.6\.0"):
        pipeline(tmp_path)
    with pytest.raises(ImportError, match=r"found 1\.6\.0"):
        FailFastPipeline.from_yaml(tmp_path / "pipeline.yaml")
    assert list(Pipeline.from_yaml(tmp_path / "pipeline.yaml").dag) == ["numbers_0", "double_0"]


@pytest.mark.parametrize("kind", [Slowest, DoubleTwice])
def test_no_row_is_lost_or_moved(tmp_path: Path, kind: type[Double]) -> None:
    """Replicas that finish out of order; a step that yields a batch in parts."""
    with pipeline(tmp_path) as run:
        Numbers(rows=100, batch_size=10) >> kind(
            input_batch_size=10, resources={"replicas": 2 if kind is Slowest else 1}
        )
    assert rows(run) == doubles(100)


@pytest.mark.parametrize("limit", [1, 12, 47, 50])
@pytest.mark.parametrize("size", [1, 4, 5, 50])
def test_after_a_filter(tmp_path: Path, limit: int, size: int) -> None:
    """Batches that a filter leaves empty, the last ones among them, stop distilabel for ever."""
    with pipeline(tmp_path) as run:
        numbers = Numbers(rows=50, batch_size=5)
        below = Below(limit=limit, input_batch_size=5, resources={"replicas": 2})
        numbers >> below >> [Double(name="double", input_batch_size=size), Sum(name="sum")]
    found = run.run()
    assert found["double"]["train"].to_list() == doubles(limit)
    assert found["sum"]["train"]["sum"] == [sum(range(limit))] * limit


def test_routed_rows(tmp_path: Path) -> None:
    """Batches that go to one step of two come together again."""
    with pipeline(tmp_path) as run:
        numbers = Numbers(rows=40, batch_size=5)
        doubles = [Double(name=name, input_batch_size=5) for name in ("a", "b", "c")]
        numbers >> sample_n_steps(1) >> doubles >> Joined(input_batch_size=5)
    assert sorted(row["number"] for row in rows(run)) == list(range(40))


@pytest.mark.parametrize("follower", [True, False])
def test_rows_routed_to_last_steps(tmp_path: Path, follower: bool) -> None:
    """Steps that are not joined again, so that only one of them gets the last batch."""
    turns = cycle([0, 1])

    @routing_batch_function()
    def by_turns(steps: list[str]) -> list[str]:
        return [sorted(steps)[next(turns)]]

    with pipeline(tmp_path) as run:
        numbers = Numbers(rows=44, batch_size=5)
        doubles = [Double(name=name, input_batch_size=5) for name in ("a", "b")]
        numbers >> by_turns >> doubles
        if follower:
            doubles[0] >> Double(name="again", input_batch_size=5)
    found = run.run()
    first = found["again" if follower else "a"]["train"]["number"]
    assert first == [n for n in range(44) if n // 5 % 2 == 0]
    assert found["b"]["train"]["number"] == [n for n in range(44) if n // 5 % 2]


@pytest.mark.parametrize("route_to", [lambda steps: steps, lambda steps: steps[::-1]])
@pytest.mark.parametrize("slow", [0.0, 0.1])
def test_rows_routed_to_all_steps(tmp_path: Path, route_to: Any, slow: float) -> None:
    """They are joined, also where a route is slower than the other."""
    to_all = routing_batch_function()(route_to)
    with pipeline(tmp_path) as run:
        doubles = [
            Double(name=name, input_batch_size=10, slow=slow)
            for name, slow in (("a", 0), ("b", slow))
        ]
        Numbers(rows=100, batch_size=10) >> to_all >> doubles >> Together(input_batch_size=10)
    assert rows(run) == [{"number": n, "double": 2 * n, "from": 2} for n in range(100)]


@pytest.mark.parametrize("batches", [(10, 10), (2, 2), (10, 5)])
def test_rows_routed_after_a_filter(tmp_path: Path, batches: tuple[int, int]) -> None:
    """Batches of the filter do not fit those of the steps that they are routed to."""
    turns = cycle([0, 1])

    @routing_batch_function()
    def by_turns(steps: list[str]) -> list[str]:
        return [sorted(steps)[next(turns)]]

    with pipeline(tmp_path) as run:
        doubles = [Double(name=name, input_batch_size=batches[1]) for name in ("a", "b")]
        odd = Odd(input_batch_size=batches[0])
        Numbers(rows=101, batch_size=10) >> odd >> by_turns >> doubles
    found = run.run()
    numbers = [found[name]["train"]["number"] for name in ("a", "b")]
    assert sorted([*numbers[0], *numbers[1]]) == list(range(1, 101, 2))
    assert all(list(some) == sorted(some) for some in numbers)


def test_routes_joined_beside_a_global_step(tmp_path: Path) -> None:
    """The join belongs to a later stage than the steps that the batches are routed to."""
    with pipeline(tmp_path) as run:
        numbers, first, second, before, *routes = (
            Numbers(rows=100, batch_size=10),
            *(Double(name=name, input_batch_size=10) for name in ("x", "y", "z", "a", "b")),
        )
        numbers >> first >> second >> Sum(name="sum")
        numbers >> before >> sample_n_steps(1) >> routes >> Joined(name="j", input_batch_size=10)
    found = run.run()
    assert sorted(found["j"]["train"]["number"]) == list(range(100))
    assert found["sum"]["train"]["sum"] == [4950] * 100


def test_joined_routes_that_filter_rows(tmp_path: Path) -> None:
    """distilabel cannot join them; the run ends and says what such steps must keep to."""
    with pipeline(tmp_path) as run:
        odd = [Odd(name=name, input_batch_size=1) for name in ("a", "b")]
        Numbers(rows=40, batch_size=1) >> sample_n_steps(1) >> odd >> Joined(input_batch_size=1)
    with pytest.raises(RunFailed, match="must leave as many rows as they get"):
        run.run()


def test_a_generator_of_a_later_stage(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        first, second = (Numbers(name=name, rows=40, batch_size=5) for name in ("one", "two"))
        [first >> Double(name="double", input_batch_size=5), second] >> Together(
            name="join", input_batch_size=5
        )
    found = rows(run, load_groups="sequential_step_execution")
    assert found == [{"number": n, "double": 2 * n, "from": 2} for n in range(40)]


def test_a_replica_that_is_done_before_the_others_have_loaded(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        slow_to_load = LoadsInTurns(folder=str(tmp_path), resources={"replicas": 3})
        Numbers(rows=5, batch_size=5) >> slow_to_load
    assert rows(run, load_groups=[["loads_in_turns_0"]]) == doubles(5)


def test_no_row_is_routed_to_a_step(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        doubles = [Double(name=name, input_batch_size=5) for name in ("a", "b")]
        Numbers(rows=40, batch_size=5) >> only_the_first >> doubles
    assert run.run()["a"]["train"]["number"] == list(range(40))


LOAD_GROUPS = [[["one"], ["two"], ["three"]], "sequential_step_execution", [["one", "two"]]]


@pytest.mark.parametrize("load_groups", LOAD_GROUPS)
@pytest.mark.parametrize("replicas", [1, 3])
def test_steps_loaded_in_groups(tmp_path: Path, load_groups: Any, replicas: int) -> None:
    """A generator whose rows are for a later stage is asked for all of them."""
    with pipeline(tmp_path) as run:
        steps = [
            Slowest(name=name, input_batch_size=7, resources={"replicas": replicas})
            for name in ("one", "two", "three")
        ]
        Numbers(rows=100, batch_size=10) >> steps[0] >> steps[1] >> steps[2] >> Sum()
    assert [row["double"] for row in rows(run, load_groups=load_groups)] == [
        2 * n for n in range(100)
    ]


def test_replicas_that_finish_after_the_last_batch(tmp_path: Path) -> None:
    """The last batch of a stage comes first; a GlobalStep still gets the rows of all of them."""
    with pipeline(tmp_path) as run:
        slowest = Slowest(input_batch_size=50, resources={"replicas": 3})
        Numbers(rows=101, batch_size=10) >> slowest >> Sum()
    assert [row["sum"] for row in rows(run)] == [5050] * 101


def test_unequal_rows_to_join(tmp_path: Path) -> None:
    with pipeline(tmp_path) as run:
        numbers = Numbers(rows=40, batch_size=5)
        steps = [Double(input_batch_size=5), Below(limit=12, input_batch_size=5)]
        numbers >> steps >> Joined(name="joined", input_batch_size=5)
    with pytest.raises(RunFailed, match="step 'joined' gets unequal numbers of rows"):
        run.run()


def test_nothing_old_is_answered(tmp_path: Path) -> None:
    """Runs of one name, one after the other, with everything changed that may change."""

    def changed(count: int = 30, factor: int = 2, **arguments: Any) -> list[dict[str, Any]]:
        with pipeline(tmp_path) as run:
            (
                Numbers(name="numbers", rows=count, batch_size=10)
                >> Double(name="double", factor=factor)
                >> Sum(name="sum")
            )
        return [(row["double"], row["sum"]) for row in rows(run, **arguments)]

    assert changed() == [(2 * n, 435) for n in range(30)]
    assert changed(factor=3) == [(3 * n, 435) for n in range(30)]
    assert changed(count=20) == [(2 * n, 190) for n in range(20)]
    assert changed(parameters={"numbers": {"batch_size": 4}}) == [(2 * n, 435) for n in range(30)]


def test_one_pipeline_runs_again(tmp_path: Path) -> None:
    """A dry run, a run, other datasets: each has its own rows, and the pipeline stays as it was."""
    with pipeline(tmp_path) as run:
        Numbers(rows=30, batch_size=10) >> Double()
    assert len(run.dry_run()["default"]["train"]) == 1
    assert run.dag.get_step("numbers_0")["step"].batch_size == 10
    assert rows(run) == doubles(30)
    assert rows(run) == doubles(30)

    with pipeline(tmp_path) as no_source:
        Double()
    for count in (5, 3):
        dataset = Dataset.from_list([{"number": n} for n in range(count)])
        assert rows(no_source, dataset=dataset) == doubles(count)
    assert list(no_source.dag) == ["double_0"]


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        ("none_then_text", None, "text"),
        ("empty_then_dicts", [], [{"k": 1}]),
        ("int_then_float", 1.0, 0.5),
        ("empty_dict", None, None),
        ("late_key", {"a": 1, "b": None}, {"a": 1, "b": 2}),
        ("surrogate", "x", "\ufffd\x00"),
        ("set", [0], [119]),
    ],
)
def test_schemas(tmp_path: Path, kind: str, first: Any, last: Any) -> None:
    """What ends distilabel's run, or loses a column, when a buffer of 50 rows is written."""
    with pipeline(tmp_path) as run:
        Numbers(rows=120, batch_size=20) >> Oddities(kind=kind) >> Sum()
    values = [row["value"] for row in rows(run)]
    assert (values[0], values[-1], len(values)) == (first, last, 120)


def test_saved_and_loaded(tmp_path: Path) -> None:
    """The file is one that distilabel's own Pipeline reads too."""
    with pipeline(tmp_path) as run:
        Numbers(rows=5) >> Double()
    run.save(tmp_path / "pipeline.yaml", format="yaml")
    loaded = FailFastPipeline.from_yaml(tmp_path / "pipeline.yaml")
    loaded._cache_dir = tmp_path / "cache"
    assert rows(loaded) == doubles(5)
    assert type(Pipeline.from_yaml(tmp_path / "pipeline.yaml")) is Pipeline
    assert (
        Pipeline.from_yaml(tmp_path / "pipeline.yaml").dump()["pipeline"]["steps"]
        == (loaded.dump()["pipeline"]["steps"])
    )


def test_user_log_handler_and_thread(tmp_path: Path) -> None:
    """Off the main thread, with a handler of the user's that hears the run and stays his."""
    heard: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    handlers = [Handler(logging.ERROR)]
    with pipeline(tmp_path) as run:
        Numbers(rows=100, batch_size=2) >> Double(how="raise", input_batch_size=2)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(rows(run, logging_handlers=handlers)))
    thread.start()
    thread.join(30)
    assert len(found[0]) == 100
    assert len(handlers) == 1


def test_metadata_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    from distilabel_rag4rag.testing import ScriptedLLM

    for wanted in (False, True):
        with pipeline(tmp_path, enable_metadata=wanted) as run:
            LoadDataFromDicts(data=[{"instruction": "say"}]) >> TextGeneration(
                llm=ScriptedLLM(default="yes")
            )
        found = rows(run)
        assert [row["generation"] for row in found] == ["yes"]
        assert ("distilabel_metadata" in found[0]) is wanted


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(
        DistilabelUserError, match=r"max_failed: found 5, expected a share from 0.0 to 1.0"
    ):
        pipeline(tmp_path, max_failed=5)


def test_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    abandoned = tmp_path / "cache" / "safe" / "20200101-000000-00000000"
    (abandoned / "data").mkdir(parents=True)
    (abandoned / "running").touch()
    with pipeline(tmp_path) as run:
        Numbers(rows=5) >> Double()
    assert rows(run) == doubles(5)
    assert not abandoned.exists()
