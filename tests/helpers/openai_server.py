"""A real HTTP server that speaks OpenAI's chat completions, with scripted faults."""

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal

Fault = Literal["429", "500", "drop", "empty_choice", "invalid_json", "delay"]


@dataclass(frozen=True)
class Odd:
    """A reply that is not a text with its usage.

    Attributes:
        content: of the message: any JSON.
        finish_reason: why the reply ended.
        choices: how many replies the list holds; None is as many as were asked for.
        usage: whether the tokens are counted.
        status: of an error instead of a reply.
        error: the error's body.
    """

    content: Any = None
    finish_reason: str = "stop"
    choices: int | None = None
    usage: bool = True
    status: int = 200
    error: dict[str, Any] = field(default_factory=dict)


Reply = Callable[[list[dict[str, Any]]], "str | Odd | None"]


def random_faults(share: float, kinds: Iterable[Fault], seed: int = 0) -> Iterator[Fault | None]:
    """An endless script in which `share` of the requests meet one of `kinds`."""
    chance = random.Random(seed)
    kinds = list(kinds)
    while True:
        yield chance.choice(kinds) if chance.random() < share else None


class OpenAIServer:
    """Answers `POST {base_url}/chat/completions` from a script while the `with` block lasts.

    Attributes:
        history: the body of every request, in order of arrival, with its fault as `fault`.
        base_url: what `OpenAILLM(base_url=…)` takes.
        listed: how often the models were asked for.
    """

    def __init__(
        self,
        reply: str | Reply = "An answer.",
        faults: Iterable[Fault | None] = (),
        *,
        api_key: str | None = None,
        models: tuple[str, ...] = (),
        delay: float = 20.0,
        latency: float = 0.0,
        list_status: int = 200,
    ) -> None:
        """Script the server.

        Args:
            reply: the text of every reply, or a function from the messages to the text.
            faults: one entry per request, in order of arrival; None, or the script's end, is a
                good answer.
            api_key: the only key accepted (others get 401); None accepts all.
            models: the only models known (others get 404); empty accepts all.
            delay: how long the fault `delay` takes, in seconds.
            latency: how long a good answer takes, in seconds.
            list_status: of the answer to `GET {base_url}/models`.
        """
        self.reply: Reply = reply if callable(reply) else lambda messages: reply
        self.api_key, self.models, self.delay, self.latency = api_key, models, delay, latency
        self.list_status, self.listed = list_status, 0
        self.history: list[dict[str, Any]] = []
        self._faults = iter(faults)
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> "OpenAIServer":
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def next_fault(self, body: dict[str, Any]) -> Fault | None:
        """Note a request down and say what is to go wrong with it."""
        with self._lock:
            fault = next(self._faults, None)
            self.history.append({**body, "fault": fault})
            return fault

    def refusal(self, body: dict[str, Any], key: str) -> tuple[int, str] | None:
        """Status and message where the key or the model is wrong."""
        if self.api_key is not None and key != f"Bearer {self.api_key}":
            return 401, "Incorrect API key provided."
        if self.models and body["model"] not in self.models:
            return 404, f"The model `{body['model']}` does not exist."
        return None

    def completion(self, body: dict[str, Any], odd: Odd) -> dict[str, Any]:
        """The JSON of a good answer; tokens are whitespace words."""
        count = (body.get("n") or 1) if odd.choices is None else odd.choices
        prompt = sum(len(str(message["content"]).split()) for message in body["messages"])
        words = len(str(odd.content or "").split()) * count
        answer = {
            "id": "chatcmpl-test",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [
                {
                    "index": index,
                    "message": {"role": "assistant", "content": odd.content},
                    "finish_reason": odd.finish_reason,
                    "logprobs": None,
                }
                for index in range(count)
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": words,
                "total_tokens": prompt + words,
            },
        }
        if not odd.usage:
            del answer["usage"]
        return answer

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: Any) -> None:
                """Stay silent."""

            def send(self, status: int, body: str) -> None:
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def send_error_json(self, status: int, message: str) -> None:
                self.send(status, json.dumps({"error": {"message": message, "code": status}}))

            def do_GET(self) -> None:
                server.listed += 1
                key = self.headers.get("Authorization", "")
                if refusal := server.refusal({"model": next(iter(server.models), "")}, key):
                    return self.send_error_json(*refusal)
                models = [{"id": name, "object": "model"} for name in server.models]
                self.send(server.list_status, json.dumps({"object": "list", "data": models}))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fault = server.next_fault(body)
                if refusal := server.refusal(body, self.headers.get("Authorization", "")):
                    return self.send_error_json(*refusal)
                if fault in ("429", "500"):
                    return self.send_error_json(int(fault), f"scripted {fault}")
                if fault == "drop":
                    self.close_connection = True
                    return self.connection.shutdown(socket.SHUT_RDWR)
                if fault == "invalid_json":
                    return self.send(200, '{"choices": [{"message": ')
                time.sleep(server.delay if fault == "delay" else server.latency)
                reply = server.reply(body["messages"])
                odd = reply if isinstance(reply, Odd) else Odd(reply)
                if odd.status != 200:
                    return self.send(odd.status, json.dumps({"error": odd.error}))
                answer = server.completion(body, odd)
                if fault == "empty_choice":
                    answer["choices"] = []
                try:
                    self.send(200, json.dumps(answer))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client gave up waiting

        return Handler
