"""Runs a function in a process of its own, which has imported and computed nothing yet.

A pipeline forks its workers. Where the parent has already computed with torch's or faiss's
threads, the forked ones may hang; a test session has, a user's script usually has not.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def fresh(function: Callable[..., Any], *args: Any) -> Any:
    """What the function returns, from a new process."""
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_fork_workers) as pool:
        return pool.submit(function, *args).result()


def _fork_workers() -> None:
    """A spawned process would spawn its own in turn, and each would import everything anew."""
    multiprocessing.set_start_method("fork", force=True)
