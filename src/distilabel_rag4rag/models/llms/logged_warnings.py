"""What an LLM logs while it is asked: clients say there, and only there, why a reply is None."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from distilabel.models.llms import LLM

_LOGGED: ContextVar[list[str] | None] = ContextVar("_LOGGED", default=None)


class _Logger(logging.LoggerAdapter):  # type: ignore[type-arg]
    """Passes everything on to the LLM's own logger."""

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        if level >= logging.WARNING and (logged := _LOGGED.get()) is not None:
            logged.append(str(msg) % args if args else str(msg))
        super().log(level, msg, *args, **kwargs)


def collect_warnings_of(llm: LLM) -> None:
    """Let `logged_warnings` collect the warnings of a loaded LLM."""
    if isinstance(llm._logger, logging.Logger):
        llm._logger = _Logger(llm._logger, {})


@contextmanager
def logged_warnings() -> Iterator[list[str]]:
    """The warnings that are logged in the block, also in the asyncio tasks that it starts."""
    logged: list[str] = []
    token = _LOGGED.set(logged)
    try:
        yield logged
    finally:
        _LOGGED.reset(token)
