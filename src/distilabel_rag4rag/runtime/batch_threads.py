"""Several batches of a step at the same time, in threads: for steps that wait for a server."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any


class BatchThreads:
    """Calls a function for several batches at once; the block ends when all have ended.

    An error of one of them is raised where the next is begun, or at the end.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)
        self._free = threading.Semaphore(count)
        self._error: BaseException | None = None

    def __enter__(self) -> "BatchThreads":
        return self

    def wait_for_one(self) -> None:
        """Wait until a thread is free.

        Raises:
            BaseException: what a thread has raised meanwhile.
        """
        self._free.acquire()
        self._free.release()  # only the caller begins more
        self.raise_error()

    def start(self, function: Callable[[Any], None], batch: Any) -> None:
        """Call the function in a thread; one must be free."""
        self._free.acquire()
        context = contextvars.copy_context()
        self._pool.submit(context.run, function, batch).add_done_callback(self._ended)

    def raise_error(self) -> None:
        """Raise the first error of a thread."""
        if self._error is not None:
            raise self._error

    def _ended(self, future: "Future[None]") -> None:
        self._error = self._error or future.exception()
        self._free.release()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=error is None, cancel_futures=error is not None)
        if error is None:
            self.raise_error()
