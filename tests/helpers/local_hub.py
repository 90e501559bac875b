"""A Hugging Face Hub on 127.0.0.1, and the fixture `local_hub` that starts it.

It serves the endpoints of data sets over real HTTP, keeps every byte that reaches it, and fails
by rule. The clients (huggingface_hub, datasets, distilabel) run unpatched in a process of their
own that differs by its environment only; everything addressed to another host comes to this
server as to a proxy, which writes it down and refuses it.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from helpers.fork_server import ForkServer
from helpers.fresh import RAG4RAG
from helpers.local_hub_server import Server

#: user -> token; `ann` may write in `ann` and `lab`, `eve` may read only.
TOKENS = {"ann": "hf_" + "W" * 34, "eve": "hf_" + "R" * 34}

#: Where the client process went, as its audit hook saw it.
_went: list[str] = []


def environment(server: Server, home: Path) -> dict[str, str]:
    """What the clients need to know to take this server for the Hub."""
    return {
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(home),
        "HF_TOKEN": TOKENS["ann"],
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "HTTP_PROXY": server.url,
        "HTTPS_PROXY": server.url,
        "NO_PROXY": "127.0.0.1",
        "COLUMNS": "200",
    }


class LocalHub(Server):
    """The server, and ways to run clients against it.

    Attributes:
        home: the clients' HF_HOME.
        programs: runs programs in the clients' environment.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(TOKENS)
        self.home = home
        self.environment = environment(self, home)
        self.programs = ForkServer(self.environment)
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:  # the process starts, and takes its environment, with the first task
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=_watch)
            self._pool.submit(int).result()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the function returns or raises, in the clients' process."""
        return self._pool.submit(_call, function, args, kwargs).result()

    def went(self) -> set[str]:
        """Every host that the clients' process has looked up or connected to."""
        return set(self.call(_where))

    def rag4rag(self, *arguments: Any) -> subprocess.CompletedProcess[str]:
        """Runs the command."""
        return self.programs.run(RAG4RAG, *arguments)

    def close(self) -> None:
        """Ends the clients and the server."""
        self._pool.shutdown()
        self.programs.close()
        super().close()


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except Exception as error:
        try:  # many of the clients' errors cannot travel between processes
            pickle.loads(pickle.dumps(error))
        except Exception:
            raise RuntimeError(f"{type(error).__name__}: {error}") from None
        raise


def _watch() -> None:
    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            _went.append(str(args[0]))
        elif event == "socket.connect" and isinstance(args[1], tuple):
            _went.append(str(args[1][0]))

    sys.addaudithook(hook)


def _where() -> list[str]:
    return _went


@pytest.fixture(scope="session")
def local_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """A Hub for the whole session; each test takes a repository name of its own."""
    hub = LocalHub(tmp_path_factory.mktemp("hf-home"))
    yield hub
    hub.close()
