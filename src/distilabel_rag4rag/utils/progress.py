"""How many rows of its batch a step has done, reported before the batch has ended.

Whatever takes long over a batch (an LLM, a judge) calls `report_rows` as it goes. Where nothing
receives the reports, in distilabel's own Pipeline or in a step that is used alone, the call does
nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_receive: Callable[[int], None] | None = None


def report_rows(done: int) -> None:
    """Report how many rows of the batch are done, all together and not since the last report.

    May be called from any thread of the process, as often as wanted; a smaller number than
    before is ignored, so that an LLM and a wrapper around it may both report.

    Args:
        done: rows of the current batch that are done.
    """
    receive = _receive
    if receive is not None:
        receive(done)


@contextmanager
def receive_rows(receive: Callable[[int], None]) -> Iterator[None]:
    """Pass each report of this process to a function while the `with` block lasts."""
    global _receive
    _receive = receive
    try:
        yield
    finally:
        _receive = None
