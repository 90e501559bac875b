"""How many rows of its batch a step has done, reported before the batch has ended.

Whatever takes long over a batch (an LLM, a judge) calls `report_rows` as it goes. Where nothing
receives the reports, in distilabel's own Pipeline or in a step that is used alone, the call does
nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Of this thread or asyncio task: a process may work on several batches at the same time.
_receive: ContextVar[Callable[[int], None] | None] = ContextVar("_receive", default=None)


def report_rows(done: int) -> None:
    """Report how many rows of the batch are done, all together and not since the last report.

    May be called from the thread that works on the batch and from the asyncio tasks that it
    starts, as often as wanted; a smaller number than before is ignored, so that an LLM and a
    wrapper around it may both report.

    Args:
        done: rows of the current batch that are done.
    """
    receive = _receive.get()
    if receive is not None:
        receive(done)


@contextmanager
def receive_rows(receive: Callable[[int], None]) -> Iterator[None]:
    """Pass each report of this thread to a function while the `with` block lasts."""
    token = _receive.set(receive)
    try:
        yield
    finally:
        _receive.reset(token)
