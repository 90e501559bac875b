"""Logging while a run lasts: what it shows, and how it is put back afterwards."""

import logging
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import ClassVar

from distilabel.utils import logging as distilabel_logging
from rich.logging import RichHandler

LIBRARIES = sysconfig.get_paths()["purelib"]
KEPT_TEXTS = 1000
#: Attribute of a record that is too long for the terminal.
IN_FILE_ONLY = "rag4rag_in_file_only"


class _LoggingBefore:
    """Handlers and levels as they were before the first of the runs that this process has."""

    lock = threading.Lock()
    runs = 0
    handlers: ClassVar[list[logging.Handler]] = []
    levels: ClassVar[dict[str | None, int]] = {}

    @classmethod
    def remember(cls) -> None:
        with cls.lock:
            if cls.runs == 0:
                names = (None, *distilabel_logging._SILENT_LOGGERS)
                cls.handlers = logging.getLogger().handlers[:]
                cls.levels = {name: logging.getLogger(name).level for name in names}
            cls.runs += 1

    @classmethod
    def restore(cls) -> None:
        with cls.lock:
            cls.runs -= 1
            if cls.runs == 0:
                logging.getLogger().handlers[:] = cls.handlers
                for name, level in cls.levels.items():
                    logging.getLogger(name).setLevel(level)


@contextmanager
def restored_logging() -> Iterator[None]:
    """Undo what distilabel does to the root logger, and end its log thread and file."""
    _LoggingBefore.remember()
    try:
        yield
    finally:
        listener = distilabel_logging.queue_listener
        with suppress(Exception):  # its queue may be gone with its process
            distilabel_logging.stop_logging()
        distilabel_logging.queue_listener = None
        for handler in listener.handlers if listener is not None else ():
            if isinstance(handler, logging.FileHandler) and handler not in _LoggingBefore.handlers:
                handler.close()
        _LoggingBefore.restore()


class WithoutNoise(logging.Filter):
    """Leaves out what libraries log of each request, and a warning that has been given before.

    distilabel has a list of libraries that it silences, in which today's HTTP clients are not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._given: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        if record.levelno < logging.WARNING:
            return record.name.startswith("distilabel") or not record.pathname.startswith(LIBRARIES)
        text = record.getMessage()
        if text in self._given:
            return False
        if len(self._given) < KEPT_TEXTS:
            self._given.add(text)
        return True


def log_without_noise() -> None:
    """Filter what this process logs, unless the user asked for everything."""
    root = logging.getLogger()
    if root.level <= logging.DEBUG:
        return
    for handler in root.handlers:
        handler.addFilter(WithoutNoise())
    listener = distilabel_logging.queue_listener  # in the main process alone
    for handler in listener.handlers if listener is not None else ():
        if isinstance(handler, RichHandler):
            handler.addFilter(lambda record: not hasattr(record, IN_FILE_ONLY))


class FirstWarning(logging.Handler):
    """Remembers the first warning of distilabel's loggers: the error of an LLM or of a parser.

    Batches that a step works on at the same time have one each.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._texts: ContextVar[list[str] | None] = ContextVar("_texts", default=None)

    def begin(self) -> list[str]:
        """The list that gets the first warning of what this thread does from now on."""
        texts: list[str] = []
        self._texts.set(texts)
        return texts

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first message."""
        texts = self._texts.get()
        if texts is not None and not texts:
            texts.append(record.getMessage())

    def listen(self) -> None:
        """Receive warnings even where the user's log level is higher."""
        level = logging.getLogger().getEffectiveLevel()
        for handler in logging.getLogger().handlers:
            handler.setLevel(max(handler.level, level))
        logger = logging.getLogger("distilabel")
        logger.setLevel(min(level, logging.WARNING))
        logger.addHandler(self)
