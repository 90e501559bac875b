"""The processes of a run, which end with it whatever happens.

Each leads a process group, so that whatever a step starts (a model server, say) ends as well.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from multiprocessing.process import BaseProcess
from typing import Any

from distilabel.pipeline.local import _init_worker, _NoDaemonPool

from distilabel_rag4rag.runtime.log_handlers import log_without_noise
from distilabel_rag4rag.runtime.signals import Signals

PARENT_POLL_SECONDS = 0.5
END_SECONDS = 2.0


@contextmanager
def queue_manager(signals: Signals) -> Iterator[SyncManager]:
    """The process that holds the queues between the others."""
    manager = SyncManager(ctx=get_context())
    with ExitStack() as stack:
        with signals.held():
            manager.start(initializer=end_with_parent)
            stack.callback(manager.shutdown)
        yield manager


class Workers:
    """A pool with a process for every replica of a step.

    Attributes:
        processes: those that it began with; the pool replaces one that dies.
        step_of: process id -> name of the step that it runs, or ran last.
    """

    def __init__(self, count: int, manager: SyncManager, *init_arguments: Any) -> None:
        self.step_of: MutableMapping[int, str] = manager.dict()
        self._manager: BaseProcess = manager._process  # type: ignore[attr-defined]
        self._pool: Any = _NoDaemonPool(count, initializer=_init, initargs=init_arguments)
        self.processes: list[BaseProcess] = list(self._pool._pool)

    def submit(
        self, function: Callable[[], Any], on_error: Callable[[BaseException], None]
    ) -> None:
        """Call a function in a process that is free; an exception goes to `on_error`."""
        self._pool.apply_async(function, error_callback=on_error)

    def death(self) -> str | None:
        """How a process has died, and of what step; None while all live."""
        for process in (*self.processes, self._manager):
            if process.exitcode is not None:
                with suppress(OSError, EOFError):  # the manager may be the one that died
                    if step := self.step_of.get(process.pid or 0):
                        return f"step '{step}': its process {how_it_ended(process.exitcode)}"
                return f"a process of the run, {process.name}, {how_it_ended(process.exitcode)}"
        return None

    def end(self) -> None:
        """End the processes and whatever they started.

        `Pool.terminate` alone waits for ever for a lock that a killed worker held.
        """
        ending = threading.Thread(target=self._pool.terminate, daemon=True)
        ending.start()
        ending.join(END_SECONDS)
        # What a worker started may have outlived it.
        processes = {*self.processes, *self._pool._pool}
        for process in processes:
            kill_group(process)
        for process in processes:
            process.join(END_SECONDS)


def how_it_ended(code: int) -> str:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
    return f"{how} (out of memory?)" if code == -signal.SIGKILL else how


def kill_group(process: BaseProcess) -> None:
    if hasattr(os, "killpg") and process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(ValueError):  # closed
        process.kill()


def _init(log_queue: Any, pipeline_name: str, pipeline_cache_id: str) -> None:
    """distilabel's own start of a worker, and what it lacks."""
    end_with_parent()
    _init_worker(log_queue, pipeline_name, pipeline_cache_id)
    log_without_noise()


def end_with_parent() -> None:
    """Lead a process group, and kill it when the parent process is gone.

    Ctrl-C in a terminal no longer reaches a process of another group: the main process ends it.
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
