"""An error of a worker process, in a form that the main process can read."""

import pickle
import traceback

from distilabel.pipeline.step_wrapper import _StepWrapperException

from distilabel_rag4rag.errors import describe


class WorkerError(Exception):
    """What went wrong in a worker; it can always be pickled.

    Attributes:
        doing: what the step was doing: "load" or "process".
        reason: type and message of the exception.
        cause: the exception itself, or None where it cannot be pickled.
        trace: its formatted traceback, less the exception itself.
    """

    def __init__(self, doing: str, reason: str, cause: BaseException | None, trace: str) -> None:
        super().__init__(doing, reason, cause, trace)
        self.doing, self.reason, self.cause, self.trace = doing, reason, cause, trace

    def __str__(self) -> str:
        return self.reason

    @classmethod
    def of(cls, error: BaseException) -> "WorkerError":
        """Unwrap distilabel's wrapper and leave out what cannot be pickled."""
        doing = "process"
        if isinstance(error, _StepWrapperException):
            doing = "load" if error.is_load_error else "process"
            error = error.subprocess_exception
        trace = "".join(traceback.format_exception(error))
        trace = trace.removesuffix("".join(traceback.format_exception_only(error))).rstrip()
        return cls(doing, describe(error), error if _survives_pickling(error) else None, trace)

    def with_trace(self) -> BaseException:
        """The exception, or this error for it, with the worker's traceback as a note."""
        self.__cause__ = None  # the pool's note of where this one was raised
        error = self if self.cause is None else self.cause
        error.add_note(self.trace)
        return error


def _survives_pickling(error: BaseException) -> bool:
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), BaseException)
    except Exception:
        return False
