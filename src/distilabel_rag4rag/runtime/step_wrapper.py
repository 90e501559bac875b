"""What runs in the process of one step: distilabel's loop, except that nothing ends in silence.

The main process's side is `failfast`.
"""

import logging
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import MutableMapping
from itertools import chain
from typing import Any

from distilabel.constants import LAST_BATCH_SENT_FLAG
from distilabel.pipeline.batch import _Batch
from distilabel.pipeline.local import _init_worker
from distilabel.pipeline.step_wrapper import _StepWrapper, _StepWrapperException
from distilabel.steps.tasks.base import _Task

from distilabel_rag4rag.errors import describe
from distilabel_rag4rag.schema import NOT_ASKED

PARENT_POLL_SECONDS = 0.5


def end_with_parent() -> None:
    """Lead a process group of one's own, and kill it when the parent process is gone.

    The group holds whatever a step starts (a model server, say), also after the worker itself
    was killed. Ctrl-C in a terminal no longer reaches the worker: the main process ends it.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if not hasattr(os, "setpgid"):
        return  # Windows
    if os.getpgid(0) != os.getpid():
        os.setpgid(0, 0)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_SECONDS)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="end_with_parent").start()


def init_worker(log_queue: Any, pipeline_name: str, pipeline_cache_id: str) -> None:
    """distilabel's own start of a worker, and `end_with_parent`."""
    end_with_parent()
    _init_worker(log_queue, pipeline_name, pipeline_cache_id)


class WorkerError(Exception):
    """What went wrong in a worker, in a form that always survives the way to the main process.

    Attributes:
        doing: what the step was doing: "load" or "process".
        reason: type and message of the exception.
        cause: the exception itself, or None where it cannot be pickled.
        trace: its formatted traceback.
    """

    def __init__(self, doing: str, reason: str, cause: BaseException | None, trace: str) -> None:
        super().__init__(doing, reason, cause, trace)
        self.doing, self.reason, self.cause, self.trace = doing, reason, cause, trace

    @classmethod
    def of(cls, error: BaseException) -> "WorkerError":
        """Unwrap distilabel's wrapper and leave out what cannot be pickled."""
        doing = "process"
        if isinstance(error, _StepWrapperException):
            doing = "load" if error.is_load_error else "process"
            error = error.subprocess_exception
        trace = "".join(traceback.format_exception(error))
        return cls(doing, describe(error), error if _survives_pickling(error) else None, trace)


def _survives_pickling(error: BaseException) -> bool:
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), BaseException)
    except Exception:
        return False


class FirstWarning(logging.Handler):
    """Remembers the first warning that distilabel's loggers give: an LLM's or a parser's error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first message."""
        self.text = self.text or record.getMessage()

    def listen(self) -> None:
        """Hear warnings even where the user shows only errors."""
        shown = logging.getLogger().getEffectiveLevel()
        for handler in logging.getLogger().handlers:
            handler.setLevel(max(handler.level, shown))
        logger = logging.getLogger("distilabel")
        logger.setLevel(min(shown, logging.WARNING))
        logger.addHandler(self)


class ReportingStepWrapper(_StepWrapper):
    """distilabel's step wrapper, with every end reported and every failed row counted.

    Each batch that it sends carries `failed_rows` and `first_error` besides its rows.
    """

    assigned: MutableMapping[int, str]

    def run(self) -> str:
        """Run the step; whatever it raises, `SystemExit` too, leaves as a `WorkerError`."""
        self.assigned[os.getpid()] = self.step.name
        self.warning = FirstWarning()
        self.warning.listen()
        try:
            return super().run()
        except BaseException as error:
            raise WorkerError.of(error) from None
        finally:
            logging.getLogger("distilabel").removeHandler(self.warning)

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
        """distilabel's loop, which keeps only what `process` yields first."""
        while (batch := self.input_queue.get()) is not None and batch != LAST_BATCH_SENT_FLAG:
            self.step._logger.info(f"📦 Processing batch {batch.seq_no} in '{self.step.name}'")
            if batch.data_path is not None:
                batch.read_batch_data_from_fs()
            self.warning.text = None
            try:
                rows = self._process(batch.data)
                failed = self._count_failed(rows)
            except Exception as error:
                if self.step.is_global:
                    raise
                rows = self._impute_step_outputs(batch)
                failed = len(rows)
                self.warning.text = describe(error)
                trace = traceback.format_exc()
                self.step._logger.warning(f"⚠️ Batch {batch.seq_no} failed:\n\n{trace}")
            batch.failed_rows = failed  # type: ignore[attr-defined]
            batch.first_error = self.warning.text if failed else None  # type: ignore[attr-defined]
            batch.set_data([rows])
            self._send_batch(batch)
            if batch.last_batch:
                return

    def _process(self, inputs: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """The rows of all that `process` yields; it is not called for an empty last batch."""
        if not any(inputs):
            return []
        return list(chain.from_iterable(self.step.process_applying_mappings(*inputs)))

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
