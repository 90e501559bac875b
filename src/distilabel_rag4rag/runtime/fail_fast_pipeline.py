"""A distilabel Pipeline that ends with all its rows or with an error, never otherwise.

distilabel 1.5.3 hangs when a worker dies, and returns empty or partial data when a step fails or
the user stops it. The causes lie in its private methods, so this subclass is written for that
version alone. In the order of a run:

- runs are kept apart (`isolated`): distilabel's step cache is neither read nor written (what is
  worth keeping, the LLM's answers, `generation_cache` keeps);
- the main thread watches: the first error of a worker or of the coordinator thread, a signal,
  or the first process that dies ends the run within seconds;
- failed rows are counted as they pass, and too many of them end the run (`failures.Tally`);
- workers are killed with whatever they started, and end by themselves when the main process is
  killed; log and signal handlers are then as they were before (`surroundings`).
"""
# ruff: noqa: E402

import distilabel

from distilabel_rag4rag.utils.public import public

WRITTEN_FOR = "1.5.3"
if distilabel.__version__ != WRITTEN_FOR:
    raise ImportError(
        f"FailFastPipeline overrides private methods of distilabel {WRITTEN_FOR}, found "
        f"{distilabel.__version__}: pip install 'distilabel=={WRITTEN_FOR}', or run the steps in "
        "distilabel's own Pipeline"
    )

import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from distilabel.errors import DistilabelUserError
from distilabel.pipeline.base import BasePipeline
from distilabel.pipeline.local import _NoDaemonPool
from distilabel.utils.ray import script_executed_in_ray_cluster

from distilabel_rag4rag.errors import RunFailed, describe
from distilabel_rag4rag.runtime.flow import InOrder
from distilabel_rag4rag.runtime.isolated import IsolatedPipeline
from distilabel_rag4rag.runtime.process_state import Signals, end_pool, kept_logging
from distilabel_rag4rag.runtime.step_wrapper import (
    ReportingStepWrapper,
    WorkerError,
    end_with_parent,
    failed_rows,
    init_worker,
)
from distilabel_rag4rag.runtime.tally import Tally

if TYPE_CHECKING:
    from distilabel.distiset import Distiset
    from distilabel.pipeline.batch import _Batch
    from distilabel.steps.base import _Step

WATCH_SECONDS = 0.1
REPORT_SECONDS = 5.0


@public
class FailFastPipeline(IsolatedPipeline):
    """distilabel's `Pipeline` for long and costly runs: all the rows, or an error, in time.

    A drop-in: the same constructor and `run`, the same files from `save`. A saved pipeline loads
    as this class with `FailFastPipeline.from_yaml` and as distilabel's with `Pipeline.from_yaml`.

    `run` raises `failures.RunFailed` where distilabel hangs or returns less, KeyboardInterrupt on
    Ctrl-C, and its subclass `surroundings.Terminated` on SIGTERM. `use_cache` is accepted and
    ignored: `generation_cache.cached` keeps what an LLM said. The `distilabel_metadata` column
    is left out unless `enable_metadata=True`. A step that leaves no row at all is an error, unless
    no batch was routed to it. Runs on one machine: `ray()` is refused.

    Attributes:
        max_failed: the share of a step's rows that may fail: an LLM that gave nothing, an
            exception in a batch. More end the run, as does a batch (of five rows or more, or
            the first) that fails as a whole. 1.0 lets all fail.
        on_progress: called with a step's name and its number of finished rows, in a thread of
            the main process, whenever a step has finished a batch.
        tally: rows, failed rows and the first error of every step of the last run.

    Examples:
        Count the rows of a run as they pass:

        ```python
        from distilabel.steps import KeepColumns, LoadDataFromDicts

        from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline

        with FailFastPipeline("short", on_progress=print) as pipeline:
            LoadDataFromDicts(data=[{"id": "a", "draft": "x"}]) >> KeepColumns(columns=["id"])

        if __name__ == "__main__":
            assert pipeline.run()["default"]["train"].to_list() == [{"id": "a"}]
        ```
    """

    _pool: Any = None
    _manager: Any = None
    _assigned: Any = None
    _exception: Any = None
    _load_failed = False

    def __init__(
        self,
        *args: Any,
        max_failed: float = 0.05,
        on_progress: Callable[[str, int], None] | None = None,
        **kwargs: Any,
    ) -> None:
        """Take distilabel's arguments and two of our own, which `save` does not write."""
        super().__init__(*args, **kwargs)
        if not 0.0 <= max_failed <= 1.0:
            raise DistilabelUserError(f"max_failed is a share from 0.0 to 1.0, found {max_failed}")
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
        if script_executed_in_ray_cluster():
            self.ray()
        self.tally = Tally(self.max_failed)
        self._load_failed = self._stop_called = False
        with Signals() as signals, self._isolated(), ExitStack() as processes:
            manager = SyncManager(ctx=get_context())
            with signals.held():
                manager.start(initializer=end_with_parent)
                processes.callback(manager.shutdown)
            with kept_logging():
                self._log_queue: Any = manager.Queue()
                handlers = list(logging_handlers or ())
                BasePipeline.run(self, *args, use_cache=False, logging_handlers=handlers, **kwargs)
                self._run_all_stages(manager, signals)
                return self._create_distiset()

    def _run_all_stages(self, manager: SyncManager, signals: Signals) -> None:
        """Start the workers and two threads, watch until one of them fails or all is done, end
        them all."""
        self._manager, self._assigned = manager, manager.dict()
        self._output_queue, self._load_queue = InOrder(manager.Queue()), manager.Queue()
        with signals.held():
            self._pool = _NoDaemonPool(
                self.dag.get_total_replica_count(),
                initializer=init_worker,
                initargs=(self._log_queue, self.name, self.signature),
            )
        workers: list[BaseProcess] = list(self._pool._pool)
        threads = [
            threading.Thread(target=self._keep_error_of, args=(loop,), daemon=True)
            for loop in (self._output_queue_loop, self._run_load_queue_loop)
        ]
        try:
            for thread in threads:
                thread.start()
            self._watch(threads[0], [*workers, manager._process])  # type: ignore[attr-defined]
        except BaseException as error:
            self._fail(error)
        with signals.held():
            self._stop_called = True  # ends the coordinator's waiting loops
            with suppress(OSError, EOFError):  # the manager may be the process that died
                self._stop_output_queue_loop()
                self._stop_load_queue_loop()
            end_pool(self._pool, set(workers))
            for thread in threads:
                thread.join(REPORT_SECONDS)
            self._pool = self._manager = None
        if self._exception is not None:
            raise self._exception
        try:
            self._write_buffer.close()
        except Exception as error:
            raise self._failure(f"the rows cannot be stored: {describe(error)}", error) from error
        self.tally.raise_if_exceeded()

    def _watch(self, coordinator: threading.Thread, processes: list[BaseProcess]) -> None:
        """Wait for the coordinator's end, an error, or the death of a process."""
        while coordinator.is_alive() and self._exception is None:
            coordinator.join(WATCH_SECONDS)
            for process in processes:
                if process.exitcode is not None:
                    self._fail(self._death(process))
        deadline = time.monotonic() + REPORT_SECONDS
        while self._load_failed and self._exception is None:  # its cause is on the way
            time.sleep(WATCH_SECONDS)
            if time.monotonic() > deadline:
                self._fail(self._failure("a step could not be loaded"))

    # --- failures: the first one of a run is the one that it raises -------------------------

    def _fail(self, error: BaseException) -> None:
        self._exception = self._exception or error

    def _failure(self, what: str, cause: BaseException | None = None) -> RunFailed:
        failure = RunFailed(f"{what}. Rows finished: {self.tally}. Log: {self._run_folder}")
        failure.__cause__ = cause
        return failure

    def _death(self, process: BaseProcess) -> RunFailed:
        code = process.exitcode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        if code == -signal.SIGKILL:
            how += " (out of memory?)"
        with suppress(OSError, EOFError):
            if step := self._assigned.get(process.pid):
                return self._failure(f"step '{step}': its process {how}")
        return self._failure(f"a process of the run, {process.name}, {how}")

    def _worker_failed(self, step: str, error: BaseException) -> None:
        if not isinstance(error, WorkerError):
            what = f"step '{step}' cannot be sent to its process: {describe(error)}"
            self._fail(self._failure(what, error))
            return
        failure = self._failure(
            f"step '{step}' failed to {error.doing}: {error.reason}", error.cause
        )
        failure.add_note(error.trace)
        self._fail(failure)

    def _keep_error_of(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except RunFailed as failure:
            self._fail(failure)
        except BaseException as error:
            self._fail(self._failure(f"the pipeline failed: {describe(error)}", error))

    # --- overrides of distilabel's private methods ----------------------------------------

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
        wrapper.assigned = self._assigned
        self._pool.apply_async(wrapper.run, error_callback=partial(self._worker_failed, step.name))

    def _set_steps_not_loaded_exception(self) -> None:
        """The worker's own report says more; `_watch` waits for it."""
        self._load_failed = True

    def _handle_stop(self) -> None:
        """Nothing is drained: finished answers are in the generation cache already."""

    def _process_batch(self, batch: "_Batch", send_last_batch_flag: bool = True) -> None:
        """Count, report, and refuse too many failed rows and a step that leaves none."""
        super()._process_batch(batch, send_last_batch_flag)
        failed, first_error = failed_rows(batch)
        self.tally.add(batch.step_name, len(batch.data[0]), failed, first_error)
        if batch.last_batch and self.tally.rows(batch.step_name) == 0:
            if not self._is_routed(batch.step_name):
                raise self._failure(f"step '{batch.step_name}' left no rows")
            self._logger.warning(f"⚠️ No rows were routed to step '{batch.step_name}'")
        if self.on_progress is not None:
            self.on_progress(batch.step_name, self.tally.rows(batch.step_name))
