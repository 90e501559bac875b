"""What a run borrows from its surroundings and gives back: signals, log handlers, a folder,
processes."""

import logging
import os
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.pool import Pool
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import portalocker
from distilabel.utils import logging as distilabel_logging

END_SECONDS = 2.0


class Terminated(KeyboardInterrupt):
    """SIGTERM, as Ctrl-C is KeyboardInterrupt; a command line exits with 143."""


class Signals:
    """While the `with` block lasts, the first SIGINT or SIGTERM raises in the main thread.

    A second one is ignored: the run is ending by then, within seconds. Off the main thread,
    where Python allows no handlers, nothing changes.
    """

    def __init__(self) -> None:
        self._held = False
        self._received: KeyboardInterrupt | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received is None:
            self._received = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
            if not self._held:
                raise self._received

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let processes be started or ended undisturbed; a signal raises after that."""
        before, self._held = self._received, True
        try:
            yield
        finally:
            self._held = False
        if self._received is not before:
            assert self._received is not None
            raise self._received


class _Logging:
    """What logging was before the first of the runs that are under way in this process."""

    lock = threading.Lock()
    runs = 0
    handlers: ClassVar[list[logging.Handler]] = []
    levels: ClassVar[dict[str | None, int]] = {}

    @classmethod
    def begin(cls) -> None:
        with cls.lock:
            if cls.runs == 0:
                names = (None, *distilabel_logging._SILENT_LOGGERS)
                cls.handlers = logging.getLogger().handlers[:]
                cls.levels = {name: logging.getLogger(name).level for name in names}
            cls.runs += 1

    @classmethod
    def end(cls) -> None:
        with cls.lock:
            cls.runs -= 1
            if cls.runs == 0:
                logging.getLogger().handlers[:] = cls.handlers
                for name, level in cls.levels.items():
                    logging.getLogger(name).setLevel(level)


@contextmanager
def kept_logging() -> Iterator[None]:
    """Undo what distilabel does to the root logger, and end its log thread and file."""
    _Logging.begin()
    try:
        yield
    finally:
        listener = distilabel_logging.queue_listener
        with suppress(Exception):  # its queue may be gone with its process
            distilabel_logging.stop_logging()
        distilabel_logging.queue_listener = None
        for handler in listener.handlers if listener is not None else ():
            if isinstance(handler, logging.FileHandler) and handler not in _Logging.handlers:
                handler.close()
        _Logging.end()


@contextmanager
def run_folder(base: Path) -> Iterator[Path]:
    """A new folder below `base`; where the run fails only its log and pipeline file stay.

    What runs left behind whose process was killed is removed first.
    """
    base.mkdir(parents=True, exist_ok=True)
    for lock in base.glob("*/running"):
        with suppress(portalocker.LockException, OSError), portalocker.Lock(lock, timeout=0):
            shutil.rmtree(lock.parent, ignore_errors=True)
    folder = base / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
    folder.mkdir()
    lock = folder / "running"
    try:
        with portalocker.Lock(lock, "w", timeout=0):
            yield folder
    except BaseException:
        for child in folder.iterdir():
            if child.is_dir():
                shutil.rmtree(child, ignore_errors=True)
        raise
    finally:
        lock.unlink(missing_ok=True)


def end_pool(pool: Pool, workers: set[BaseProcess]) -> None:
    """End the pool's workers and whatever they started.

    `Pool.terminate` alone waits for ever for a lock that a killed worker held.

    Args:
        pool: the pool.
        workers: those that it began with; one that died is no longer in it, but what it started
            may live.
    """
    ending = threading.Thread(target=pool.terminate, daemon=True)
    ending.start()
    ending.join(END_SECONDS)
    workers.update(pool._pool)  # type: ignore[attr-defined]
    for worker in workers:
        kill_group(worker)
    for worker in workers:
        worker.join(END_SECONDS)


def kill_group(process: BaseProcess) -> None:
    """Kill a process and the group it leads; the group may outlive it."""
    if hasattr(os, "killpg") and process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(ValueError):  # closed
        process.kill()
