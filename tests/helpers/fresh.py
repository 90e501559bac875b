"""Runs a function in a process of its own, which has imported and computed nothing yet.

A pipeline forks its workers. Where the parent has already computed with torch's or faiss's
threads, the forked ones may hang; a test session has, a user's script usually has not.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def fresh(function: Callable[..., Any], *args: Any) -> Any:
    """What the function returns, from a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()
