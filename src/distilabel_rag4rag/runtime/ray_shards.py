"""A pipeline that runs in shards of its rows, on the nodes of a Ray cluster."""

import re
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ray
from distilabel.constants import (
    INPUT_QUEUE_ATTR_NAME,
    ROUTING_BATCH_FUNCTION_ATTR_NAME,
    STEP_ATTR_NAME,
    STEPS_OUTPUTS_PATH,
)
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from distilabel_rag4rag.errors import ConfigError, ProcessDied, RunFailed, describe
from distilabel_rag4rag.runtime.cut import FIRST_ROWS, Cut
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from distilabel_rag4rag.runtime.ray_cluster import check_resources, connected, slots
from distilabel_rag4rag.runtime.sent_folder import SentFolder
from distilabel_rag4rag.runtime.shard_folder import CUT_FILE, DamagedShardError, ShardFolder
from distilabel_rag4rag.runtime.shard_key import digest, key_of
from distilabel_rag4rag.runtime.shard_pipeline import (
    Board,
    News,
    Plan,
    Rows,
    ShardDone,
    ShardFailed,
    run_shard,
)
from distilabel_rag4rag.runtime.signals import Signals
from distilabel_rag4rag.runtime.tally import EARLY_ROWS, StepCount, Tally
from distilabel_rag4rag.runtime.write_buffer import unify_files

if TYPE_CHECKING:
    from distilabel.distiset import Distiset
    from distilabel.steps import GeneratorStep

LOOK_SECONDS = 0.5
#: How often a shard is begun whose process, or node, dies.
TRIES = 3
#: Ray counts no smaller parts of a CPU or a GPU.
LEAST_HELD = 0.0001
#: Shards that are handed to Ray for each that can run: one that runs and one that waits.
HANDED_OVER = 2


@dataclass
class Shard:
    """Rows of the run, under a name that says which.

    Attributes:
        number: its place among the shards.
        rows: the rows' places.
        name: of its files.
        tries: how often it was begun.
        facts: what is kept of it once it is done.
    """

    number: int
    rows: range
    name: str
    tries: int = 0
    facts: dict[str, Any] | None = None


class RayShards(FailFastPipeline):
    """The steps of a `FailFastPipeline`, run in shards of its rows on the nodes of a Ray cluster.

    `FailFastPipeline.ray` makes it. The generator runs here. Its rows are cut into shards, each of
    which an ordinary `FailFastPipeline` works on, in a Ray task on any node. Finished shards are
    kept as parquet in `out`, under names made from the steps, their settings and models and the
    rows, and are not run again. `run` gives the rows of one machine's run, in order.

    A shard whose process or node dies is begun again, three times at most; what the LLM had
    replied to it is in the cache of replies on this machine. Any other error of a shard ends the
    run, and names the shard, its node, the step and the cause. `max_failed` counts over all the
    shards. An index that `FaissRetrieve` searches is made here and sent to the nodes.

    Every node needs the same Python packages, and the files of models that are named by a path.
    A step that needs all the rows (a GlobalStep) is refused.

    Attributes:
        address, out, shards, cpus, gpus: as `FailFastPipeline.ray` takes them.
        max_failed, on_progress, tally: as in `FailFastPipeline`, over all the shards.
    """

    def __init__(
        self,
        pipeline: FailFastPipeline,
        address: str | None,
        *,
        out: str | Path,
        shards: int | Literal["auto"],
        cpus: float,
        gpus: float,
    ) -> None:
        """Take the steps of a pipeline, which stays as it is."""
        super().__init__(
            name=pipeline.name,
            description=pipeline.description,
            cache_dir=pipeline._cache_dir,
            enable_metadata=pipeline._enable_metadata,
            requirements=pipeline.requirements,
            max_failed=pipeline.max_failed,
            on_progress=pipeline.on_progress,
        )
        self.dag = pipeline.dag
        self.address, self.out, self.shards = address, out, shards
        self.cpus, self.gpus = cpus, gpus
        if shards != "auto" and not (type(shards) is int and shards >= 1):
            raise ConfigError("shards", shards, "'auto' or a number of shards, at least 1")
        _check_held(cpus, gpus)
        for step in self._steps():
            if getattr(step, "is_global", False):
                raise ConfigError(
                    None,
                    f"step '{step.name}', a {type(step).__name__} (GlobalStep)",
                    "steps that need no other rows than their own",
                    "A shard holds a part of the rows: run this step in a pipeline of its own on "
                    "the rows of all shards (to retrieve from a corpus, use FaissRetrieve)",
                )

    def run(  # type: ignore[override]
        self,
        parameters: dict[str, dict[str, Any]] | None = None,
        load_groups: Any = None,
        dataset: Any = None,
        dataset_batch_size: int = 50,
        use_cache: bool = True,
    ) -> "Distiset":
        """Run the shards that are not finished, and join all of them.

        Args:
            parameters, load_groups, dataset, dataset_batch_size: as distilabel's `run` takes them.
            use_cache: accepted and ignored, as in `FailFastPipeline`.

        Raises:
            RunFailed: if a shard fails, or cannot be run on any node.
            ConfigError: if there is no such cluster, or no node that has what a shard holds.
            KeyboardInterrupt: on Ctrl-C, and `Terminated` on SIGTERM; no shard runs on.
        """
        self.tally = Tally(self.max_failed)
        with self._isolated():
            self._set_runtime_parameters(parameters or {})
            if dataset is not None:
                self._add_dataset_generator_step(dataset, dataset_batch_size)
            self._load_groups = self._built_load_groups(load_groups)
            self._validate()
            generator = self._generator()
            rows = _rows_of(self.dag.get_step(generator)[STEP_ATTR_NAME])
            kept = self._kept(generator)
            with suppress(DamagedShardError):  # it is not found again, and run
                return self._joined(kept, _Run(self, generator, rows, kept).to_end())
            try:
                return self._joined(kept, _Run(self, generator, rows, kept).to_end())
            except DamagedShardError as error:
                raise RunFailed(f"a finished shard cannot be read again: {error}") from error

    def check_rows(self, step: str) -> None:
        """Whether a step that has ended has left rows.

        Raises:
            RunFailed: if it has left none, in no shard.
        """
        if self.tally.rows(step) == 0:
            self._accept_no_rows(step)

    def _generator(self) -> str:
        if len(self.dag.root_steps) != 1:
            raise ConfigError(
                None, f"the generators {sorted(self.dag.root_steps)}", "one, whose rows are cut"
            )
        (name,) = self.dag.root_steps
        return str(name)

    def _kept(self, generator: str) -> ShardFolder:
        if not str(self.out).strip():
            raise ConfigError("out", self.out, "a folder or a URL that can be written to")
        try:
            name = re.sub(r"\W+", "-", self.name)
            return ShardFolder(self.out, f"{name}-{key_of(self.dag, generator)[:16]}")
        except (OSError, ValueError, ImportError) as error:
            raise ConfigError(
                "out", str(self.out), "a folder or a URL that can be written to",
                f"{describe(error)}.",
            ) from error  # fmt: skip

    def _joined(self, kept: ShardFolder, shards: Iterable[Shard]) -> "Distiset":
        for leaf in self.dag.leaf_steps:
            folder = self._cache_location["data"] / STEPS_OUTPUTS_PATH / leaf
            folder.mkdir(parents=True, exist_ok=True)
            files = []
            for shard in shards:
                if shard.facts is not None and leaf in shard.facts["sizes"]:
                    files.append(folder / f"{shard.number:07d}.parquet")
                    kept.fetch(shard.name, shard.facts, leaf, files[-1])
            try:
                unify_files(files, leaf)
            except TypeError as error:
                raise RunFailed(f"the rows of the shards cannot be joined: {error}") from error
        self._cache_location["log_file"].touch()
        self._cache()
        return self._read_rows()  # type: ignore[no-any-return]

    def plan(self, generator: str, columns: list[str], stores: list[tuple[str, str]]) -> bytes:
        """What every shard needs of this pipeline, pickled.

        Raises:
            RunFailed: if a step cannot be pickled.
        """
        batch_size = 0
        graph = self.dag.G.copy()
        for name, node in graph.nodes(data=True):
            node.pop(INPUT_QUEUE_ATTR_NAME, None)
            node[STEP_ATTR_NAME] = step = node[STEP_ATTR_NAME].model_copy()
            step.__dict__["pipeline"] = None
            if (routing := node.get(ROUTING_BATCH_FUNCTION_ATTR_NAME)) is not None:
                node[ROUTING_BATCH_FUNCTION_ATTR_NAME] = routing = routing.model_copy()
                routing._step = None
            if name == generator:
                batch_size = step.batch_size
                del node[STEP_ATTR_NAME]
                continue
            try:
                ray.cloudpickle.dumps(step)
            except Exception as error:
                raise RunFailed(
                    f"step '{name}' cannot be sent to a node: {describe(error)}"
                ) from error
        return ray.cloudpickle.dumps(  # type: ignore[no-any-return]
            Plan(
                self.name,
                graph,
                (generator, batch_size),
                columns,
                self._load_groups,
                self.max_failed,
                stores,
            )
        )

    def stores(self) -> dict[tuple[str, str], Any]:
        """Step and field of each LLM with a store -> what opens the store, on this machine."""
        found = {}
        for step in self._steps():
            for name in type(step).model_fields:
                model = getattr(step, name)
                if hasattr(model, "store_to_share") and (opens := model.store_to_share()):
                    found[str(step.name), name] = opens
        return found

    def folders(self) -> dict[str, SentFolder]:
        """Step -> the folder that it has made here, for steps that have one."""
        found = {}
        for step in self._steps():
            if hasattr(step, "folder_to_send"):
                try:
                    found[str(step.name)] = SentFolder(step.folder_to_send())
                except ConfigError:
                    raise
                except Exception as error:
                    raise RunFailed(
                        f"step '{step.name}' failed to load: {describe(error)}"
                    ) from error
        return found


class _Run:
    """One run of all the shards that are not finished."""

    def __init__(self, pipeline: RayShards, generator: str, rows: Rows, kept: ShardFolder) -> None:
        self.pipeline, self.generator, self.rows, self.kept = pipeline, generator, rows, kept
        self.resources = pipeline.cpus, pipeline.gpus
        self.shards: list[Shard] = []
        self.todo: deque[Shard] = deque()
        self.running: dict[Any, Shard] = {}
        self.news: dict[int, News] = {}  # of those that run
        self.finished = Tally()
        self.told: dict[str, int] = {}
        self.task: Any
        self.board: Any
        self.arguments: list[Any]
        self.cut: Cut | None = None
        if pipeline.shards != "auto":
            self.cut = Cut.even(len(rows), pipeline.shards)
        elif found := kept.read(CUT_FILE):  # the names of finished shards depend on it
            self.cut = Cut(**found)
        self._add_shards()

    def to_end(self) -> list[Shard]:
        """Run until all the shards are finished; none runs on after an error."""
        if self.cut is None or self.todo:
            with connected(self.pipeline.address), Signals():
                check_resources(*self.resources)
                self._check_out()
                if self.cut is None:
                    self.cut = Cut(FIRST_ROWS, slots(*self.resources), None)
                    self._add_shards()
                self._run()
        self._count(at_least=0)
        for step in self.pipeline.dag:
            self.pipeline.check_rows(step)
        return self.shards

    def _add_shards(self) -> None:
        """The shards that the cut says, as far as it is known."""
        if self.cut is None:
            return
        added = [
            Shard(number, rows, f"{number:06d}-{digest(self.rows[rows.start : rows.stop])[:16]}")
            for number, rows in enumerate(
                self.cut.ranges(len(self.rows), known=len(self.shards)), start=len(self.shards)
            )
        ]
        self.shards += added
        for shard in added:
            if (facts := self.kept.find(shard.name)) is None:
                self.todo.append(shard)
            else:
                steps = {name: StepCount(**counts) for name, counts in facts["steps"].items()}
                self._finish(shard, facts, steps)

    def _check_out(self) -> None:
        try:
            self.kept.check_writable()
        except OSError as error:
            raise ConfigError(
                "out", str(self.pipeline.out), "a folder or a URL that can be written to",
                f"{describe(error)}.",
            ) from error  # fmt: skip

    def _run(self) -> None:
        pipeline = self.pipeline
        stores = pipeline.stores()
        self.arguments = [
            ray.put(pipeline.plan(self.generator, _columns(self.rows), list(stores))),
            pipeline.folders(),
        ]
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        make_board: Any = ray.remote(Board).options(num_cpus=0, scheduling_strategy=here)
        self.task = ray.remote(run_shard).options(
            num_cpus=pipeline.cpus,
            num_gpus=pipeline.gpus,
            max_retries=0,  # Ray would try without end where memory is short
            scheduling_strategy="SPREAD",
        )
        try:
            for opens in stores.values():
                opens().close()  # what is wrong with a store is said here
            self.board = make_board.remote(list(stores.values()))
            self._work_on_shards()
        except (RunFailed, ConfigError):
            raise
        except Exception as error:
            raise self._failed(f"the run failed: {describe(error)}") from error
        finally:
            for task in self.running:
                with suppress(Exception):
                    ray.cancel(task, force=True)
            with suppress(Exception):
                ray.kill(self.board)

    def _work_on_shards(self) -> None:
        while self.todo or self.running:
            self._hand_over()
            ready, _ = ray.wait(list(self.running), timeout=LOOK_SECONDS)
            for number, news in ray.get(self.board.news.remote()).items():
                if any(shard.number == number for shard in self.running.values()):
                    self.news[number] = news
            for task in ready:
                self._end(task)
            # Shards end in any order: one with many failed rows may be the first of several.
            begun = sum(len(shard.rows) for shard in self.shards if shard.tries or shard.facts)
            self._count(at_least=max(EARLY_ROWS, begun))
            self._tell()

    def _hand_over(self) -> None:
        """Give Ray as many shards as can run, and some that wait for a place."""
        places = slots(*self.resources)
        if not places:
            raise self._failed("no node is left that has what a shard holds")
        while self.todo and len(self.running) < HANDED_OVER * places:
            shard = self.todo.popleft()
            shard.tries += 1
            rows = self.rows[shard.rows.start : shard.rows.stop]
            sent = self.task.remote(shard.number, rows, *self.arguments, self.board)
            self.running[sent] = shard

    def _end(self, task: Any) -> None:
        shard = self.running.pop(task)
        try:
            outcome = ray.get(task)
        except RayTaskError as error:  # before the shard's own code could catch it
            outcome = ShardFailed(describe(error.cause), RunFailed)
        except RayError as error:
            outcome = ShardFailed(_in_short(error), ProcessDied)
        if outcome.node is not None:  # what it reported to the board may not have come yet
            self.news.setdefault(shard.number, News()).node = outcome.node
        if isinstance(outcome, ShardDone):
            self._keep(shard, outcome)
        elif not issubclass(outcome.kind, ProcessDied):
            cause = outcome.cause.with_trace() if outcome.cause is not None else None
            raise self._failed(outcome.reason, shard, outcome.kind) from cause
        elif shard.tries >= TRIES:
            reason = outcome.reason.rstrip(".")
            raise self._failed(f"{reason}. It was begun {TRIES} times", shard)
        else:
            self.news.pop(shard.number, None)
            self.todo.appendleft(shard)

    def _keep(self, shard: Shard, done: ShardDone) -> None:
        with open(self.pipeline._cache_location["log_file"], "ab") as log:
            log.write(done.log)
        facts = {
            "rows": [shard.rows.start, shard.rows.stop],
            "node": self.news.get(shard.number, News()).node,
            "steps": {name: count.counts() for name, count in done.steps.items()},
            "seconds": done.seconds,
            "working": _working(done.steps),
        }
        try:
            facts = self.kept.keep(shard.name, done.files, facts)
        except Exception as error:
            raise self._failed(f"its rows cannot be kept: {describe(error)}", shard) from error
        self._finish(shard, facts, _by_our_clock(done.steps))

    def _finish(self, shard: Shard, facts: dict[str, Any], steps: dict[str, StepCount]) -> None:
        """Count a shard that is done; the first one shows how long the others should be."""
        shard.facts = facts
        self.finished.add_part(steps)
        self.news.pop(shard.number, None)
        assert self.cut is not None
        if self.cut.then is None:
            left = len(self.rows) - self.cut.first * self.cut.count
            places = max(1, slots(*self.resources))
            loading = facts["seconds"] - facts["working"]
            length = self.cut.length(len(shard.rows), loading, facts["working"], places, left)
            self.cut = replace(self.cut, then=length)
            self.kept.write(CUT_FILE, vars(self.cut))
            self._add_shards()

    def _count(self, at_least: int) -> None:
        """What all the shards have counted, and whether too many rows have failed."""
        tally = Tally(self.pipeline.max_failed)
        tally.add_part(self.finished.steps)
        for _, news in sorted(self.news.items()):
            tally.add_part(news.steps)
        self.pipeline.tally = tally
        try:
            tally.raise_if_exceeded(at_least)
        except RunFailed as error:
            raise self._failed(str(error), kind=type(error)) from None

    def _tell(self) -> None:
        """Pass on how many rows each step has done in all the shards."""
        if self.pipeline.on_progress is None:
            return
        rows = Counter({step: count.rows for step, count in self.finished.steps.items()})
        for news in self.news.values():
            rows.update(news.rows)
        for step, done in rows.items():
            if self.told.get(step) != done:
                self.told[step] = done
                self.pipeline.on_progress(step, done)

    def _failed(
        self, what: str, shard: Shard | None = None, kind: type[RunFailed] = RunFailed
    ) -> RunFailed:
        where = ""
        if shard is not None:
            node = self.news.get(shard.number, News()).node
            rows = f"rows {shard.rows.start} to {shard.rows.stop - 1}"
            where = f"shard {shard.number} ({rows}) on {node}: "
        what = " ".join(what.split()).rstrip(".")
        return kind(
            f"{where}{what}. Rows finished in all shards: {self.pipeline.tally}. Finished shards "
            f"are kept in {self.kept.path}: run again to go on from them"
        )


def _rows_of(generator: "GeneratorStep") -> Rows:
    """All the rows of a generator, which is left as it was."""
    step = generator.model_copy()
    rows: Rows = []
    doing = "load"
    try:
        step.load()
        doing = "process"
        for batch, last in step.process_applying_mappings(offset=0):
            rows += batch
            if last:
                break
    except Exception as error:
        raise RunFailed(f"step '{step.name}' failed to {doing}: {describe(error)}") from error
    finally:
        step.unload()
    if not rows:
        raise RunFailed(f"step '{step.name}' failed to process: the generator yielded no rows")
    return rows


def _check_held(cpus: float, gpus: float) -> None:
    """What a shard holds, as far as it can be told without a cluster."""
    for field, value in (("cpus", cpus), ("gpus", gpus)):
        if isinstance(value, bool) or not isinstance(value, Real) or not value >= 0:
            raise ConfigError(field, value, "a number, at least 0")
        if 0 < value < LEAST_HELD:
            raise ConfigError(field, value, f"0, or at least {LEAST_HELD}")
    if gpus > 1 and gpus % 1:
        raise ConfigError("gpus", gpus, "a whole number, or a part of one GPU")
    if not cpus and not gpus:
        raise ConfigError(
            "cpus", cpus, "more than 0, or GPUs",
            "What a shard holds decides how many run on a node at the same time.",
        )  # fmt: skip


def _columns(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _working(steps: Mapping[str, StepCount]) -> float:
    """Seconds from the first batch of a step to the end of the last."""
    spells = [spell for count in steps.values() for spell in count.worked]
    return max(e for _, e in spells) - min(b for b, _ in spells) if spells else 0.0


def _by_our_clock(steps: Mapping[str, StepCount]) -> dict[str, StepCount]:
    """With times by the monotonic clock of this machine."""
    shift = time.monotonic() - time.time()
    return {
        name: replace(count, worked=[(begin + shift, end + shift) for begin, end in count.worked])
        for name, count in steps.items()
    }


def _in_short(error: RayError) -> str:
    """Ray's message without its advice, which fills a page."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
