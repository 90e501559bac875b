"""SIGINT and SIGTERM while a run lasts."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


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
