"""What runs in the process of one step: distilabel's loop, except that nothing ends in silence.

`FailFastPipeline` is the main process's side.
"""

import logging
import os
import queue
import time
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from itertools import chain
from typing import Any

from distilabel.constants import LAST_BATCH_SENT_FLAG
from distilabel.pipeline.batch import _Batch
from distilabel.pipeline.step_wrapper import _StepWrapper
from distilabel.steps.tasks.base import _Task

from distilabel_rag4rag.errors import describe
from distilabel_rag4rag.runtime.batch_threads import BatchThreads
from distilabel_rag4rag.runtime.log_handlers import IN_FILE_ONLY, FirstWarning
from distilabel_rag4rag.runtime.worker_error import WorkerError
from distilabel_rag4rag.schema import NOT_ASKED
from distilabel_rag4rag.utils.progress import receive_rows

#: The status of a report that some rows of a batch are done; distilabel's are about loading.
ROWS_DONE = "rows_done"
REPORT_EVERY_SECONDS = 0.2
#: How often a step that waits for a batch looks whether one that it works on has failed.
LOOK_SECONDS = 0.5


class ReportingStepWrapper(_StepWrapper):
    """distilabel's step wrapper, with every end reported and every failed row counted.

    Each batch that it sends carries `failed_rows`, `first_error`, `worked` and `loading_seconds`
    besides its rows.

    Attributes:
        step_of: process id -> name of the step that it runs, shared with the main process.
        batches_at_once: how many batches to work on at the same time, in threads; 1 needs none.
    """

    step_of: MutableMapping[int, str]
    batches_at_once: int = 1

    def run(self) -> str:
        """Run the step; whatever it raises, `SystemExit` too, leaves as a `WorkerError`."""
        self.step_of[os.getpid()] = self.step.name
        self.begun, self.loading_seconds = time.monotonic(), 0.0
        self.warning = FirstWarning()
        self.warning.listen()
        try:
            return super().run()
        except BaseException as error:
            raise WorkerError.of(error) from None
        finally:
            logging.getLogger("distilabel").removeHandler(self.warning)

    def _notify_load(self) -> None:
        self.loading_seconds = time.monotonic() - self.begun
        super()._notify_load()

    def _generator_step_process_loop(self) -> None:
        """distilabel's loop, and an error where it would wait for a last batch for ever."""
        request = self.input_queue.get()
        if request is None:
            return
        offset = request.seq_no * self.step.batch_size
        for rows, last_batch in self.step.process_applying_mappings(offset=offset):
            request.set_data([rows])
            request.last_batch = self.dry_run or last_batch
            self._send_batch(request)
            if request.last_batch or (request := self.input_queue.get()) is None:
                return
        raise ValueError(
            "the generator yielded no rows"
            if request.seq_no == 0
            else "the generator ended without saying which batch was the last"
        )

    def _non_generator_process_loop(self) -> None:
        """distilabel's loop, in which batches may be worked on at the same time.

        They leave as they are done; the main process puts them in order.
        """
        if self.batches_at_once == 1:
            for batch in self._batches(self.input_queue.get):
                self._work_on(batch)
            return
        with BatchThreads(self.batches_at_once) as threads:
            for batch in self._batches(lambda: self._next_for(threads)):
                threads.start(self._work_on, batch)

    def _batches(self, get: Callable[[], Any]) -> Iterator[_Batch]:
        """The batches for this replica, up to the last one or the message that there is none."""
        while (batch := get()) is not None and batch != LAST_BATCH_SENT_FLAG:
            yield batch
            if batch.last_batch:
                return

    def _next_for(self, threads: BatchThreads) -> Any:
        """The next batch, once a thread can work on it; other replicas get it sooner."""
        threads.wait_for_one()
        while True:
            try:
                return self.input_queue.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                threads.raise_error()

    def _work_on(self, batch: _Batch) -> None:
        """Process a batch and send it; what fails is its rows, all that `process` yields counts."""
        self.step._logger.info(f"📦 Processing batch {batch.seq_no} in '{self.step.name}'")
        if batch.data_path is not None:
            batch.read_batch_data_from_fs()
        warnings, begun = self.warning.begin(), time.monotonic()
        report = self._reporter_of(batch)
        try:
            with receive_rows(report):
                rows = self._process(batch.data)
            failed = self._count_failed(rows)
            first_error = warnings[0] if failed and warnings else None
        except Exception as error:
            if self.step.is_global:
                raise
            rows = self._impute_step_outputs(batch)
            failed, first_error = len(rows), describe(error)
            self.step._logger.warning(f"⚠️ Batch {batch.seq_no} failed: {first_error}")
            self.step._logger.warning(traceback.format_exc(), extra={IN_FILE_ONLY: True})
        if self.batches_at_once > 1:  # it may wait for others before it counts as finished
            report(len(batch.data[0]), at_once=True)
        batch.worked = (begun, time.monotonic())  # type: ignore[attr-defined]
        batch.loading_seconds = self.loading_seconds  # type: ignore[attr-defined]
        batch.failed_rows = failed  # type: ignore[attr-defined]
        batch.first_error = first_error if failed else None  # type: ignore[attr-defined]
        batch.set_data([rows])
        self._send_batch(batch)

    def _process(self, inputs: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """The rows of all that `process` yields; it is not called for an empty last batch."""
        if not any(inputs):
            return []
        return list(chain.from_iterable(self.step.process_applying_mappings(*inputs)))

    def _reporter_of(self, batch: _Batch) -> Callable[..., None]:
        """A function that sends how many of the batch's rows are done, some times a second."""
        most = len(batch.data[0])
        reported, next_time = 0, 0.0

        def report(done: int, at_once: bool = False) -> None:
            nonlocal reported, next_time
            done = min(done, most)
            if done <= reported or (time.monotonic() < next_time and not at_once):
                return
            reported, next_time = done, time.monotonic() + REPORT_EVERY_SECONDS
            self.load_queue.put(
                {
                    "name": self.step.name,
                    "status": ROWS_DONE,
                    "batch": batch.seq_no,
                    "rows": done,
                }  # type: ignore[typeddict-item]
            )

        return report

    def _count_failed(self, rows: list[dict[str, Any]]) -> int:
        """Rows for which the LLM gave nothing: a task's first output column is what it is for.

        An abstention is an answer that is None on purpose, and a row without a question was never
        asked: neither is a failure.
        """
        if not isinstance(self.step, _Task):
            return 0
        product = next(iter(self.step.get_outputs()))
        return sum(
            _is_nothing(row.get(product))
            and not row.get("abstained")
            and row.get("answer_reason") not in NOT_ASKED
            for row in rows
        )


def _is_nothing(value: Any) -> bool:
    if isinstance(value, list):  # grouped generations
        return all(item is None for item in value)
    return value is None


def failed_rows(batch: _Batch) -> tuple[int, str | None]:
    """How many of a batch's rows failed in the step that sent it, and the first cause known."""
    return getattr(batch, "failed_rows", 0), getattr(batch, "first_error", None)


def time_of(batch: _Batch) -> tuple[tuple[float, float] | None, float]:
    """When the step worked on a batch, None for a generator's, and how long it took to load."""
    return getattr(batch, "worked", None), getattr(batch, "loading_seconds", 0.0)
