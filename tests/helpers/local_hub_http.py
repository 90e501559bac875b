"""The HTTP of the local Hub: requests in, answers, refusals and broken connections out."""

import json
import re
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol


@dataclass
class Request:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    endpoint: str


class Fail(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Answers(Protocol):
    """What the handler asks."""

    lock: threading.RLock
    requests: list[Request]

    def answer(self, request: Request) -> tuple[Any, dict[str, str]]:
        """The answer to a request: JSON data or bytes, and headers."""


def handler(server: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

        def body(self) -> bytes:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def serve(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            request = Request(self.command, self.path, headers, self.body(), "")
            try:
                with server.lock:
                    server.requests.append(request)
                    data, more = server.answer(request)
                self.reply(200, data, more)
            except Fail as fail:
                if fail.status == 0:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.refuse(fail)

        def refuse(self, fail: Fail) -> None:
            if fail.code == "errors":
                return self.reply(fail.status, {"errors": json.loads(str(fail))}, {})
            code, _, commit = fail.code.partition(" ")
            more = {"X-Error-Message": str(fail)}
            more |= {"X-Error-Code": code} if code else {}
            more |= {"X-Repo-Commit": commit} if commit else {}
            self.reply(fail.status, {"error": str(fail)}, more)

        def reply(self, status: int, data: Any, headers: dict[str, str]) -> None:
            content = data if isinstance(data, bytes) else json.dumps(data).encode()
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if asked and status == 200:
                first, last = int(asked[1]), int(asked[2] or len(content) - 1)
                headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
                status, content = 206, content[first : last + 1]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_CONNECT = serve

    return Handler
