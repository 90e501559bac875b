"""A distilabel Pipeline that ends with all its rows or with an error, never otherwise.

distilabel 1.5.3 hangs when a worker dies, and returns empty or partial data when a step fails or
the user stops it. The causes lie in its private methods, which this class overrides; it was
written for that version alone. The modules beside it hold what the overrides need.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.managers import SyncManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import distilabel
from distilabel.constants import (
    RECEIVES_ROUTED_BATCHES_ATTR_NAME,
    ROUTING_BATCH_FUNCTION_ATTR_NAME,
    STEP_ATTR_NAME,
    STEPS_OUTPUTS_PATH,
)
from distilabel.pipeline import Pipeline
from distilabel.pipeline.base import BasePipeline
from distilabel.pipeline.batch import _Batch

from distilabel_rag4rag.errors import ConfigError, ProcessDied, RunFailed, describe
from distilabel_rag4rag.runtime.last_batches import LastBatches
from distilabel_rag4rag.runtime.log_handlers import log_without_noise, restored_logging
from distilabel_rag4rag.runtime.ordered_queue import OrderedQueue
from distilabel_rag4rag.runtime.processes import Workers, queue_manager
from distilabel_rag4rag.runtime.read_distiset import read_distiset
from distilabel_rag4rag.runtime.replica_counts import ReplicaCounts
from distilabel_rag4rag.runtime.row_progress import RowProgress
from distilabel_rag4rag.runtime.rows_ahead import RowsAhead
from distilabel_rag4rag.runtime.run_folder import FILES, run_folder
from distilabel_rag4rag.runtime.signals import Signals
from distilabel_rag4rag.runtime.step_wrapper import (
    ROWS_DONE,
    ReportingStepWrapper,
    failed_rows,
    time_of,
)
from distilabel_rag4rag.runtime.tally import Tally
from distilabel_rag4rag.runtime.worker_error import WorkerError
from distilabel_rag4rag.runtime.write_buffer import ParquetBuffer
from distilabel_rag4rag.utils.public import public

if TYPE_CHECKING:
    from distilabel.distiset import Distiset
    from distilabel.pipeline.batch_manager import _BatchManager
    from distilabel.steps.base import _Step

    from distilabel_rag4rag.runtime.ray_shards import RayShards

WRITTEN_FOR = "1.5.3"
WATCH_SECONDS = 0.1
POLL_SECONDS = 0.02
REPORT_SECONDS = 5.0
JOINED = "; steps whose routes are joined again must leave as many rows as they get"


@public
class FailFastPipeline(Pipeline):
    """distilabel's `Pipeline` for long and costly runs: all the rows, or an error, in time.

    A drop-in: the same constructor and `run`, the same files from `save`. A saved pipeline loads
    as this class with `FailFastPipeline.from_yaml` and as distilabel's with `Pipeline.from_yaml`.

    `run` raises `RunFailed` where distilabel hangs or returns less, KeyboardInterrupt on Ctrl-C,
    and its subclass `Terminated` on SIGTERM. Runs are kept apart: distilabel's step cache is
    neither read nor written, and `use_cache` is accepted and ignored; `cached` keeps the replies
    of an LLM. A task whose LLM is on a server and `cached` works on several batches at once, in
    threads, so that a request starts when another ends; they leave it in order. Generators wait
    while a step has many rows to work on. The `distilabel_metadata` column is left out unless
    `enable_metadata=True`. A step that leaves no row at all is an error, unless no batch was
    routed to it. Runs on one machine; `ray()` gives a pipeline that runs on several.

    Attributes:
        max_failed: the share of a step's rows that may fail: an LLM that gave nothing, an
            exception in a batch. More end the run, as does a batch (of five rows or more, or
            the first) that fails as a whole. 1.0 lets all fail.
        on_progress: called with a step's name and its number of finished rows, in a thread of
            the main process, whenever a step has finished a batch, and inside a batch where the
            step reports its rows.
        tally: rows, failed rows, the first error and the time of every step of the last run.

    Examples:
        Count the rows of a run as they pass:

        ```python
        from distilabel.steps import KeepColumns, LoadDataFromDicts

        from distilabel_rag4rag import FailFastPipeline

        with FailFastPipeline("short", on_progress=print) as pipeline:
            LoadDataFromDicts(data=[{"id": "a", "draft": "x"}]) >> KeepColumns(columns=["id"])

        if __name__ == "__main__":
            assert pipeline.run()["default"]["train"].to_list() == [{"id": "a"}]
        ```
    """

    _batch_manager: "_BatchManager"
    _exception: BaseException | None  # type: ignore[assignment]
    _manager: SyncManager
    _workers: Workers
    _run_folder: Path
    _load_failed: bool

    def __init__(
        self,
        *args: Any,
        max_failed: float = 0.05,
        on_progress: Callable[[str, int], None] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take distilabel's arguments and two of our own, which `save` does not write.

        Raises:
            ImportError: if distilabel has another version than the one this was written for.
        """
        if distilabel.__version__ != WRITTEN_FOR:
            raise ImportError(
                f"FailFastPipeline overrides private methods of distilabel {WRITTEN_FOR}, found "
                f"{distilabel.__version__}: pip install 'distilabel=={WRITTEN_FOR}', or run the "
                "steps in distilabel's own Pipeline"
            )
        super().__init__(*args, **kwargs)
        if not 0.0 <= max_failed <= 1.0:
            raise ConfigError("max_failed", max_failed, "a share from 0.0 to 1.0")
        self.max_failed, self.on_progress = max_failed, on_progress
        self.tally = Tally(max_failed)

    def run(  # type: ignore[override]
        self, *args: Any, use_cache: bool = True, logging_handlers: Any = None, **kwargs: Any
    ) -> "Distiset":
        """Run all the steps; distilabel's arguments, `parameters`, `dataset` and all.

        Returns:
            The rows of the last steps, complete and in order.

        Raises:
            RunFailed: if any step, process or thread of the run fails.
            KeyboardInterrupt: on Ctrl-C, and `Terminated` on SIGTERM.
        """
        self.tally = self._new_tally()
        self._load_failed = self._stop_called = False
        with (
            Signals() as signals,
            self._isolated(),
            queue_manager(signals) as self._manager,
            restored_logging(),
        ):
            self._log_queue: Any = self._manager.Queue()
            handlers = list(logging_handlers or ())
            BasePipeline.run(self, *args, use_cache=False, logging_handlers=handlers, **kwargs)
            log_without_noise()
            self._run_steps_to_end(signals)
            return self._read_rows()

    def dry_run(self, *args: Any, **kwargs: Any) -> "Distiset":
        """As distilabel, leaving the batch sizes and the pipeline's mode as they were."""
        generators: list[Any] = [step for step in self._steps() if step.is_generator]
        sizes = [step.batch_size for step in generators]
        try:
            return super().dry_run(*args, **kwargs)
        finally:
            self._dry_run = False
            for step, size in zip(generators, sizes, strict=True):
                step.batch_size = size

    def ray(  # type: ignore[override]
        self,
        address: str | None = None,
        *,
        out: str | Path,
        shards: int | Literal["auto"] = "auto",
        cpus: float = 1,
        gpus: float = 0,
    ) -> "RayShards":
        """The same steps, to be run in shards of the rows on the nodes of a Ray cluster.

        Args:
            address: of a cluster that this machine is a node of, such as `"auto"`; None is the
                environment's `RAY_ADDRESS`, else a cluster of this machine alone.
            out: where finished shards are kept: a folder, or a URL that fsspec writes to.
            shards: how many; `"auto"` makes them so long that loading models is a small part.
            cpus: CPUs that a shard holds while it runs.
            gpus: GPUs that a shard holds.

        Raises:
            ImportError: if Ray is not installed.
            ConfigError: if a step cannot be run in shards, or a setting is out of bounds.
        """
        try:
            from distilabel_rag4rag.runtime.ray_shards import RayShards
        except ModuleNotFoundError as error:
            if error.name != "ray":
                raise
            raise ImportError(
                "Ray is not installed: pip install 'distilabel-rag4rag[ray]'"
            ) from error
        return RayShards(self, address, out=out, shards=shards, cpus=cpus, gpus=gpus)

    def _new_tally(self) -> Tally:
        return Tally(self.max_failed)

    def _read_rows(self) -> Any:
        """The rows of a run that has ended."""
        rows = {step: self.tally.rows(step) for step in self.dag.leaf_steps}
        return read_distiset(
            self._cache_location, self._steps(), rows, enable_metadata=self._enable_metadata
        )

    def _steps(self) -> "list[_Step]":
        return [self.dag.get_step(name)[STEP_ATTR_NAME] for name in self.dag]

    @contextmanager
    def _isolated(self) -> "Iterator[None]":
        """A folder for one run; a generator step that `run(dataset=…)` adds goes with it."""
        self._set_pipeline_name()
        steps = set(self.dag)
        try:
            with run_folder(self._cache_dir / self.name) as self._run_folder:
                yield
        finally:
            for added in set(self.dag) - steps:
                self.dag.G.remove_node(added)
            for cached in ("root_steps", "leaf_steps"):
                self.dag.__dict__.pop(cached, None)

    def _run_steps_to_end(self, signals: Signals) -> None:
        """Start the workers and two threads, watch until one of them fails or all is done, end
        them all."""
        self._output_queue: Any = OrderedQueue(self._manager.Queue())
        self._load_queue = self._manager.Queue()
        with signals.held():
            self._workers = Workers(
                self.dag.get_total_replica_count(),
                self._manager,
                self._log_queue,
                self.name,
                self.signature,
            )
        threads = [
            threading.Thread(target=self._keep_error_of, args=(loop,), daemon=True)
            for loop in (self._output_queue_loop, self._run_load_queue_loop)
        ]
        try:
            for thread in threads:
                thread.start()
            self._watch(threads[0])
        except BaseException as error:
            self._fail(error)
        with signals.held():
            self._stop_called = True  # ends the coordinator's waiting loops
            with suppress(OSError, EOFError):  # the manager may be the process that died
                self._stop_output_queue_loop()
                self._stop_load_queue_loop()
            self._workers.end()
            for thread in threads:
                thread.join(REPORT_SECONDS)
        if self._exception is None:
            self._keep_error_of(self._store_rows)
        if self._exception is not None:
            raise self._exception.with_traceback(None)

    def _watch(self, coordinator: threading.Thread) -> None:
        """Wait for the coordinator's end, an error, or the death of a process."""
        while coordinator.is_alive() and self._exception is None:
            coordinator.join(WATCH_SECONDS)
            if death := self._workers.death():
                self._fail(ProcessDied(death))
        deadline = time.monotonic() + REPORT_SECONDS
        while self._load_failed and self._exception is None:  # its cause is on the way
            time.sleep(WATCH_SECONDS)
            if time.monotonic() > deadline:
                self._fail(RunFailed("a step could not be loaded"))

    def _store_rows(self) -> None:
        try:
            self._write_buffer.close()
        except Exception as error:
            raise RunFailed(f"the rows cannot be stored: {describe(error)}") from error
        self.tally.raise_if_exceeded()

    # --- failures: the first one of a run is the one that it raises -------------------------

    def _fail(self, error: BaseException, cause: BaseException | None = None) -> None:
        if self._exception is not None:
            return
        if isinstance(error, RunFailed):
            what = " ".join(str(error).split()).rstrip(".")  # one line, the last of a traceback
            error.args = (f"{what}. Rows finished: {self.tally}. Log: {self._run_folder}",)
            error.__cause__ = cause or error.__cause__
        self._exception = error

    def _keep_error_of(self, function: Callable[[], None]) -> None:
        try:
            function()
        except RunFailed as failure:
            self._fail(failure)
        except BaseException as error:
            self._fail(RunFailed(f"the pipeline failed: {describe(error)}"), error)

    def _worker_failed(self, step: str, error: BaseException) -> None:
        if isinstance(error, WorkerError):
            failure = RunFailed(f"step '{step}' failed to {error.doing}: {error.reason}")
            self._fail(failure, error.with_trace())
        else:
            what = f"step '{step}' cannot be sent to its process: {describe(error)}"
            self._fail(RunFailed(what), error)

    # --- overrides: files -------------------------------------------------------------------

    @property
    def _cache_location(self) -> Any:
        """All of a run's files in the run's own folder."""
        return {key: self._run_folder / name for key, name in FILES.items()}

    def _cache(self) -> None:
        """Save what is run, once, but no state for a later run to go on from."""
        location: Path = self._cache_location["pipeline"]
        if not location.exists():
            self.save(location, format="yaml")

    # --- overrides: steps are loaded in stages, each when the one before has ended ------------

    def _init_steps_load_status(self) -> None:
        self._replicas = ReplicaCounts()

    def _run_step(self, step: "_Step", input_queue: Any, replica: int) -> None:
        """Errors come back with the step's name, those of sending it included."""
        wrapper = ReportingStepWrapper(
            step=step,
            replica=replica,
            input_queue=input_queue,
            output_queue=self._output_queue.queue,
            load_queue=self._load_queue,
            dry_run=self._dry_run,
        )
        wrapper.step_of = self._workers.step_of
        wrapper.batches_at_once = self._ahead.batches_at_once(step.name)
        self._workers.submit(wrapper.run, on_error=partial(self._worker_failed, step.name))

    def _run_load_queue_loop(self) -> None:
        """Receive what the workers report besides batches."""
        while (event := self._load_queue.get()) is not None:
            if event["status"] == ROWS_DONE:
                self._progress.add_rows(event["name"], event["batch"], event["rows"])
            else:
                self._replicas.add(event["name"], event["status"])

    def _is_step_running(self, step_name: str) -> bool:
        """Whether a replica of it is loaded; no step of a failed run is waited for."""
        return self._exception is None and self._replicas.is_running(step_name)

    def _run_stage_steps_and_wait(self, stage: int) -> bool:
        """Whether all the replicas of a stage were loaded; distilabel looks every 2.5 s."""
        steps = self._steps_to_be_loaded_in_stage(stage)
        self._run_steps(steps)
        wanted = {step: self.dag.get_step_replica_count(step) for step in steps}
        while not self._stop_called:
            if self._replicas.any_failed(steps):
                return False
            if self._replicas.have_loaded(wanted):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _set_steps_not_loaded_exception(self) -> None:
        """The worker's own report says more; `_watch` waits for it."""
        self._load_failed = True

    def _update_stage(self) -> bool:
        """Load the next stage, and ask its generators for their first rows."""
        loaded = super()._update_stage()
        if loaded:
            self._request_initial_batches()
        return loaded

    def _wait_current_stage_to_finish(self) -> None:
        """End all the replicas of a stage: a last batch ends only the one that gets it."""
        stages, _ = self._get_steps_load_stages()
        steps = stages[self._current_stage]
        self._end_steps(steps)
        while not self._stop_called and any(map(self._is_step_running, steps)):
            time.sleep(POLL_SECONDS)

    def _notify_steps_to_stop(self) -> None:
        """End whatever still waits for rows at the end of a run."""
        self._end_steps(self.dag)

    def _finalize_pipeline_execution(self) -> None:
        """As distilabel, which looks every half second whether the steps have ended."""
        self._notify_steps_to_stop()
        while any(map(self._is_step_running, self.dag)):
            time.sleep(POLL_SECONDS)
        super()._finalize_pipeline_execution()

    def _end_steps(self, steps: Iterable[str]) -> None:
        for step in filter(self._is_step_running, steps):
            for _ in range(self.dag.get_step_replica_count(step)):
                self._send_to_step(step, None)

    def _handle_stop(self) -> None:
        """Nothing is drained: finished answers are in the generation cache already."""

    # --- overrides: batches on their way from step to step -----------------------------------

    def _setup_write_buffer(self, use_cache: bool = True) -> None:
        """What a run needs once its steps and their batches are known."""
        folder = self._cache_location["data"] / STEPS_OUTPUTS_PATH
        self._write_buffer: Any = ParquetBuffer(folder, self.dag.leaf_steps)
        self._last_batches = LastBatches(self.dag, self._batch_manager)
        self._progress = RowProgress(self.on_progress)
        self._ahead = RowsAhead(self.dag, self._batch_manager)

    def _register_batch(self, batch: _Batch) -> None:
        """As distilabel, less the copy of the rows for later runs."""
        self._batch_manager.register_batch(batch)

    def _send_batch_to_step(self, batch: _Batch) -> None:
        """Pass a GlobalStep's rows as they are: by way of parquet they would change types."""
        if self._use_fs_to_pass_data:
            super()._send_batch_to_step(batch)
        else:
            self._batch_manager.set_last_batch_sent(batch)
            self._send_to_step(batch.step_name, batch)

    def _send_to_step(self, step_name: str, to_send: Any) -> None:
        """Count the batches that a step has; each comes back once."""
        if isinstance(to_send, _Batch):
            self._ahead.send(to_send)
        super()._send_to_step(step_name, to_send)

    def _process_batch(self, batch: _Batch, send_last_batch_flag: bool = True) -> None:
        """Count, report, and refuse too many failed rows and a step that leaves none."""
        step = batch.step_name
        self._ahead.take_back(batch)
        super()._process_batch(batch, send_last_batch_flag)
        failed, first_error = failed_rows(batch)
        self.tally.add_time(step, *time_of(batch))
        self.tally.add(step, len(batch.data[0]), failed, first_error)
        if batch.last_batch and self.tally.rows(step) == 0:
            self._accept_no_rows(step)
        self._progress.finish_batch(step, batch.seq_no, self.tally.rows(step))

    def _accept_no_rows(self, step: str) -> None:
        """What is done about a step that has ended without any row."""
        if not self.dag.get_step(step).get(RECEIVES_ROUTED_BATCHES_ATTR_NAME):
            raise RunFailed(f"step '{step}' left no rows")
        self._logger.warning(f"⚠️ No rows were routed to step '{step}'")

    def _get_successors(self, batch: _Batch) -> tuple[list[str], list[str], bool]:
        """As distilabel, which takes a batch that is routed to all the steps for not routed."""
        route_to, others, _ = super()._get_successors(batch)
        routed = ROUTING_BATCH_FUNCTION_ATTR_NAME in self.dag.get_step(batch.step_name)
        return route_to, others, routed

    def _manage_batch_flow(self, batch: _Batch) -> None:
        """As distilabel, and then what it forgets.

        Raises:
            RunFailed: if steps have not ended and no batch is out that could wake them.
        """
        if self._last_batches.ends_route(batch):
            self._register_batch(batch)
        else:
            super()._manage_batch_flow(batch)
        for last in self._last_batches.after(batch.step_name):
            self._send_batch_to_step(last)
        for generator in self._ahead.generators_to_ask(self._is_step_running):
            self._request_batch_from_generator(generator)
        if self._batch_manager.can_generate() and self._is_idle():
            waiting = [name for name in self.dag if self._is_step_running(name)]
            raise RunFailed(
                f"the steps {waiting} wait for rows that no step will send"
                + (JOINED if any(map(self._last_batches.joins_routes, self.dag)) else "")
            )

    def _request_more_batches_if_needed(self, step: "_Step") -> None:
        """Generators are asked by `_manage_batch_flow`, ahead of need but not without limit."""

    def _is_idle(self) -> bool:
        """No loaded step has a batch to work on, and none has sent one that is yet to be read."""
        at_work = any(self._ahead.rows(name) for name in self.dag if self._is_step_running(name))
        return not at_work and self._output_queue.empty()
