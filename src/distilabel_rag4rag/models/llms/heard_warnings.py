"""What an LLM logs while it is asked: clients say there, and only there, why a reply is None."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from distilabel.models.llms import LLM

_HEARD: ContextVar[list[str] | None] = ContextVar("_HEARD", default=None)


class _Logger(logging.LoggerAdapter):  # type: ignore[type-arg]
    """Passes everything on to the LLM's own logger."""

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        if level >= logging.WARNING and (heard := _HEARD.get()) is not None:
            heard.append(str(msg) % args if args else str(msg))
        super().log(level, msg, *args, **kwargs)


def listen_to(llm: LLM) -> None:
    """Make the warnings of a loaded LLM heard by `warnings`."""
    if isinstance(llm._logger, logging.Logger):
        llm._logger = _Logger(llm._logger, {})


@contextmanager
def warnings() -> Iterator[list[str]]:
    """The warnings that are logged in the block, also in the asyncio tasks that it starts."""
    heard: list[str] = []
    token = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(token)
