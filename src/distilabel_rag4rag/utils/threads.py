"""A thread of a step's own, for whatever uses OpenMP (torch, faiss).

A process that is forked from one that has used OpenMP hangs in its first parallel region, unless
that begins in a new thread.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")


def one_ahead(source: Iterator[T]) -> Iterator[T]:
    """What the source yields; the next is made in a thread while one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(list[T], islice(source, 1))
        while item := coming.result():
            coming = pool.submit(list[T], islice(source, 1))
            yield item[0]


class OwnThread:
    """Runs functions in one thread, which begins with the first of them.

    A copy or a pickle of it is a new one: the step that holds it can be sent to a worker.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """What the function returns or raises."""
        self._pool = self._pool or ThreadPoolExecutor(1)
        return self._pool.submit(function, *arguments).result()

    def end(self) -> None:
        """End the thread; `run` begins another."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None

    def __reduce__(self) -> tuple[type["OwnThread"], tuple[()]]:
        return OwnThread, ()
