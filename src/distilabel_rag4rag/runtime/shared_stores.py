"""Stores on the driver's node, such as a cache of replies, that the steps of all shards use.

A step runs in a process that was forked, which cannot speak to Ray: the process of its shard
passes on what it says.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from distilabel_rag4rag.errors import describe

#: Answers a request: the number of a store, the name of a method, its arguments.
Answer = Callable[..., Any]


class SharedStore:
    """A store that lies elsewhere: `get` waits for an answer, `put` does not.

    It can be pickled, connects when it is used first, and can be used by several threads.
    """

    def __init__(self, address: Any, key: bytes, number: int) -> None:
        self._address, self._key, self._number = address, key, number
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values that are known, by key.

        Raises:
            OSError: if the store cannot be reached or read.
        """
        with self._lock:
            connection = self._connected()
            connection.send((self._number, "get", list(keys)))
            found, error = connection.recv()
        if error is not None:
            raise OSError(error)
        return found  # type: ignore[no-any-return]

    def put(self, key: str, value: Any) -> None:
        """Keep a value."""
        with self._lock:
            self._connected().send((self._number, "put", key, value))

    def close(self) -> None:
        """Close the connection; the store's next use begins another."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Client(self._address, authkey=self._key)
        return self._connection

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedStore, (self._address, self._key, self._number)


@contextmanager
def relay(answer: Answer) -> Iterator[Callable[[int], SharedStore]]:
    """While the block lasts, a function of this process answers for the stores of others.

    Args:
        answer: called in several threads; what it returns for a "put" is not sent back.

    Yields:
        A function that makes the store of a number.
    """
    key = os.urandom(32)
    with Listener(authkey=key) as listener:
        threading.Thread(target=_accept, args=(listener, answer), daemon=True).start()
        yield lambda number: SharedStore(listener.address, key, number)
        with suppress(OSError, AuthenticationError):  # wakes the thread, which a close does not
            Client(listener.address, authkey=b"end")


def _accept(listener: Listener, answer: Answer) -> None:
    while True:
        try:
            connection = listener.accept()
        except (OSError, EOFError, AuthenticationError):
            return
        threading.Thread(target=_serve, args=(connection, answer), daemon=True).start()


def _serve(connection: Connection, answer: Answer) -> None:
    with connection, suppress(EOFError, OSError):
        while True:
            number, method, *arguments = connection.recv()
            if method == "put":
                answer(number, method, *arguments)
                continue
            reply: tuple[Any, str | None]
            try:
                reply = answer(number, method, *arguments), None
            except Exception as error:
                reply = None, describe(error)
            connection.send(reply)
