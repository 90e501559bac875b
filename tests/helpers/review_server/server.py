"""Starts the server once per test session, from its own environment, and stops it at the end."""

import atexit
import json
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from helpers.review_server.environment import HERE, ensure

WORKSPACE, OTHER_WORKSPACE = "reviews", "archive"
ANNOTATORS = ("ann", "bob", "cyd")
#: Name, role, key, workspaces; the password of each is `NAME-password`.
USERS = [
    ["olga", "owner", "olga-api-key", [WORKSPACE, OTHER_WORKSPACE]],
    ["adam", "admin", "adam-api-key", [WORKSPACE]],
    *([name, "annotator", f"{name}-api-key", [WORKSPACE]] for name in ANNOTATORS),
]


@dataclass(frozen=True)
class Server:
    """A running server; its holder can act as any of its users."""

    url: str

    def key(self, user: str) -> str:
        """The API key of a user."""
        return f"{user}-api-key"

    def as_user(self, user: str) -> httpx.Client:
        """HTTP in the name of a user."""
        return _client(f"{self.url}/api/v1", self.key(user))

    def answer(
        self, user: str, record: str, values: dict[str, Any] | None, status: str = "submitted"
    ) -> None:
        """A user's response to a record (its id on the server), as the web page would send it."""
        given = None if values is None else {name: {"value": v} for name, v in values.items()}
        sent = self.as_user(user).post(
            f"/records/{record}/responses", json={"values": given, "status": status}
        )
        assert sent.status_code == 201, sent.text

    def records(self, dataset: str) -> list[dict[str, Any]]:
        """All records of a dataset as the owner sees them, by external id."""
        http = self.as_user("olga")
        (found,) = [d for d in http.get("/me/datasets").json()["items"] if d["name"] == dataset]
        listed = http.get(
            f"/datasets/{found['id']}/records",
            params={"limit": 1000, "include": ["responses", "suggestions"]},
        ).json()
        return sorted(listed["items"], key=lambda record: record["external_id"])


@cache
def _client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"X-Argilla-Api-Key": key}, timeout=60)


@cache
def running_server() -> Server:
    """The session's server; it ends with this process, however that ends."""
    python = ensure()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process)
    process = subprocess.Popen(
        [python, HERE / "launch.py", str(port), json.dumps(USERS)],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd=HERE,
    )
    atexit.register(_stop, process)
    server = Server(f"http://127.0.0.1:{port}")
    for _ in range(600):
        if process.poll() is not None:
            log.seek(0)
            said = log.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"the Argilla server ended with {process.returncode}:\n{said}")
        try:
            httpx.get(f"{server.url}/api/v1/version", timeout=5).raise_for_status()
            return server
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError("the Argilla server did not answer within a minute")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout=10)
