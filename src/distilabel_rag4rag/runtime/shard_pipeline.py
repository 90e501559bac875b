"""What runs in the Ray task of one shard: an ordinary FailFastPipeline on some of the rows."""

import io
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from distilabel.constants import STEP_ATTR_NAME, STEPS_OUTPUTS_PATH
from distilabel.steps import GeneratorStep
from distilabel.steps.base import _Step
from pydantic import PrivateAttr

from distilabel_rag4rag.errors import RunFailed
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from distilabel_rag4rag.runtime.sent_folder import SentFolder
from distilabel_rag4rag.runtime.shared_stores import SharedStore, relay
from distilabel_rag4rag.runtime.tally import PartTally, StepCount
from distilabel_rag4rag.runtime.worker_error import WorkerError

if TYPE_CHECKING:
    import networkx as nx
    from distilabel.typing import GeneratorStepOutput, StepColumns

REPORT_SECONDS = 0.5
KEPT_LOG_BYTES = 100_000

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """What all shards of a run have in common.

    Attributes:
        name: of the pipeline.
        graph: its steps; the generator has been replaced.
        generator: the name of the step that gives the shard's rows, and its rows per batch.
        columns: of the rows.
        load_groups: as distilabel's `run` takes them.
        max_failed: of the pipeline.
        stores: step and field of each LLM that has a store, in the order of the stores.
    """

    name: str
    graph: "nx.DiGraph"
    generator: tuple[str, int]
    columns: list[str]
    load_groups: list[list[str]]
    max_failed: float
    stores: list[tuple[str, str]]


@dataclass(frozen=True)
class ShardDone:
    """What a shard gave.

    Attributes:
        files: last step -> its rows as parquet; a step without rows is left out.
        steps: what each step counted; times are seconds since 1970.
        seconds: of all of it.
        log: the end of its log.
        node: where it ran.
    """

    files: dict[str, bytes]
    steps: dict[str, StepCount]
    seconds: float
    log: bytes
    node: str


@dataclass(frozen=True)
class ShardFailed:
    """Why a shard gave nothing.

    Attributes:
        reason: the message of the error.
        kind: its class.
        cause: what was behind it.
        node: where it ran, if it could say so.
    """

    reason: str
    kind: type[RunFailed]
    cause: WorkerError | None = None
    node: str | None = None


@dataclass
class News:
    """How far a shard is.

    Attributes:
        node: where it runs.
        rows: step -> rows that are done, those of unfinished batches included.
        steps: what its steps have counted.
    """

    node: str = "a node that is not known"
    rows: dict[str, int] = field(default_factory=dict)
    steps: dict[str, StepCount] = field(default_factory=dict)


class Board:
    """An actor on the driver's node: what shards report, and the stores that they share."""

    def __init__(self, stores: list[Any]) -> None:
        """Open the stores, each by calling what makes it."""
        self._stores = [make() for make in stores]
        self._news: dict[int, News] = {}

    def report(self, shard: int, news: News) -> None:
        """Take what a shard reports."""
        self._news[shard] = news

    def news(self) -> dict[int, News]:
        """What was reported since the last call."""
        found, self._news = self._news, {}
        return found

    def answer(self, store: int, method: str, *arguments: Any) -> Any:
        """Use a store."""
        return getattr(self._stores[store], method)(*arguments)


class ShardRows(GeneratorStep):
    """The rows of a shard, in the place of the pipeline's generator."""

    columns: list[str]

    _rows: Rows = PrivateAttr(default_factory=list)

    @property
    def outputs(self) -> "StepColumns":
        """The columns of all the rows of the run."""
        return self.columns

    def process(self, offset: int = 0) -> "GeneratorStepOutput":
        """Yields the rows in batches."""
        for start in range(offset, len(self._rows), self.batch_size):  # type: ignore[arg-type]
            end = start + self.batch_size  # type: ignore[operator]
            yield self._rows[start:end], end >= len(self._rows)


class ShardPipeline(FailFastPipeline):
    """A pipeline whose rows are a part of a run, and come back as parquet."""

    @classmethod
    def of(cls, plan: Plan, rows: Rows) -> "ShardPipeline":
        """The pipeline of a plan with these rows."""
        pipeline = cls(plan.name, max_failed=plan.max_failed)
        name, batch_size = plan.generator
        with pipeline:
            generator = ShardRows(name=name, columns=plan.columns, batch_size=batch_size)
        generator._rows = rows
        pipeline.dag.G = plan.graph
        pipeline.dag.set_step_attr(name, STEP_ATTR_NAME, generator)
        for model in _models(pipeline._steps()):
            if hasattr(model, "disable_cuda_device_placement"):
                model.disable_cuda_device_placement = True  # Ray has chosen the devices
        return pipeline

    def use(
        self, folders: Mapping[str, SentFolder], stores: Mapping[tuple[str, str], SharedStore]
    ) -> None:
        """Give the steps what the driver has for them."""
        for name, folder in folders.items():
            self.dag.get_step(name)[STEP_ATTR_NAME].use_folder(folder.here())
        for (name, attribute), store in stores.items():
            getattr(self.dag.get_step(name)[STEP_ATTR_NAME], attribute).use_store(store)

    def _new_tally(self) -> PartTally:
        return PartTally(self.max_failed)

    def _accept_no_rows(self, step: str) -> None:
        """The step may have left rows in other shards."""

    def _read_rows(self) -> dict[str, bytes]:
        files = {}
        for leaf in sorted(self.dag.leaf_steps):
            folder = self._cache_location["data"] / STEPS_OUTPUTS_PATH / leaf
            tables = [pq.read_table(file) for file in sorted(folder.iterdir())]
            if tables:
                buffer = io.BytesIO()
                pq.write_table(pa.concat_tables(tables), buffer)
                files[leaf] = buffer.getvalue()
        return files

    def take_log(self) -> bytes:
        """The end of the run's log; the folder of the run goes."""
        log = b""
        with suppress(OSError):
            log = Path(self._cache_location["log_file"]).read_bytes()[-KEPT_LOG_BYTES:]
        shutil.rmtree(self._run_folder, ignore_errors=True)
        return log


def run_shard(
    number: int, rows: Rows, plan: bytes, folders: dict[str, SentFolder], board: Any
) -> ShardDone | ShardFailed:
    """Run one shard, here.

    Args:
        number: of the shard.
        rows: its rows.
        plan: a `Plan`, pickled by Ray's cloudpickle.
        folders: step -> the folder that it gets.
        board: the handle of the run's `Board`.
    """
    begin = time.monotonic()
    news = News(_node())
    board.report.remote(number, news)

    def answer(store: int, method: str, *arguments: Any) -> Any:
        asked = board.answer.remote(store, method, *arguments)
        return None if method == "put" else ray.get(asked)

    try:
        with relay(answer) as store:
            shared: Plan = ray.cloudpickle.loads(plan)
            pipeline = ShardPipeline.of(shared, rows)
            pipeline.use(folders, {place: store(n) for n, place in enumerate(shared.stores)})
            pipeline.on_progress = _reporter(number, news, pipeline, board)
            files: Any = pipeline.run(load_groups=shared.load_groups or None)
        steps = pipeline.tally.steps
        seconds = time.monotonic() - begin
        return ShardDone(files, _since_1970(steps), seconds, pipeline.take_log(), news.node)
    except RunFailed as failure:
        cause = WorkerError.of(failure.__cause__) if failure.__cause__ is not None else None
        return ShardFailed(str(failure), type(failure), cause, news.node)
    except Exception as error:
        cause = WorkerError.of(error)
        return ShardFailed(cause.reason, RunFailed, cause, news.node)


def _reporter(number: int, news: News, pipeline: ShardPipeline, board: Any) -> Any:
    rows: dict[str, int] = {}
    next_time = 0.0

    def report(step: str, done: int) -> None:
        nonlocal next_time
        rows[step] = done
        if time.monotonic() >= next_time:
            next_time = time.monotonic() + REPORT_SECONDS
            counts = list(pipeline.tally.steps.items())  # another thread may add to it
            steps = {name: replace(count, worked=[]) for name, count in counts}
            board.report.remote(number, News(news.node, dict(rows), steps))

    return report


def _since_1970(steps: Mapping[str, StepCount]) -> dict[str, StepCount]:
    """With times that mean the same on another machine, and less of them."""
    shift = time.time() - time.monotonic()
    return {
        name: replace(count, worked=[(begin + shift, end + shift) for begin, end in count.spells()])
        for name, count in steps.items()
    }


def _models(steps: list[_Step]) -> Iterator[Any]:
    """The models of the steps, and those within them."""
    for step in steps:
        for name in type(step).model_fields:
            model = getattr(step, name)
            yield model
            yield getattr(model, "llm", None)


def _node() -> str:
    node = ray.get_runtime_context().get_node_id()
    return f"{socket.gethostname()} ({ray.util.get_node_ip_address()}, {node[:8]})"
