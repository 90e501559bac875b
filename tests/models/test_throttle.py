"""Throttle: as many requests as the server takes, and no storm where it takes fewer."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from distilabel_rag4rag.models.llms import throttle as module
from distilabel_rag4rag.models.llms.throttle import Throttle, is_temporary

pytestmark = pytest.mark.timeout(30)


class ServerError(Exception):
    """As clients raise it."""

    def __init__(self, status: int, headers: dict[str, str] | None = None, code: str = "") -> None:
        super().__init__(f"Error code: {status}")
        self.status_code = status
        self.body = {"code": code}
        self.response = SimpleNamespace(status_code=status, headers=headers or {})


class ScriptedTimeout(Exception):
    """A client's, by its name."""


class Server:
    """Answers after `seconds`; refuses what is more than it takes at once."""

    def __init__(self, takes: float = float("inf"), seconds: float = 0.02) -> None:
        self.takes, self.seconds = takes, seconds
        self.at_work = self.most = self.sent = self.refused = self.answered = 0

    async def request(self) -> str:
        self.sent += 1
        if self.at_work >= self.takes:
            self.refused += 1
            raise ServerError(429)
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        await asyncio.sleep(self.seconds)
        self.at_work -= 1
        self.answered += 1
        return "yes"


async def gather(
    throttle: Throttle, request: Callable[[], Awaitable[Any]], count: int, tokens: float = 0
) -> list[Any]:
    sent = [throttle.send(request, tokens) for _ in range(count)]
    return await asyncio.gather(*sent, return_exceptions=True)


def send_all(*arguments: Any, **keywords: Any) -> list[Any]:
    return asyncio.run(gather(*arguments, **keywords))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(module, "LONGEST_BACKOFF", 0.1)


def test_so_many_at_once_and_all_the_time() -> None:
    server = Server(seconds=0.05)
    start = time.monotonic()
    assert send_all(Throttle(8), server.request, 80) == ["yes"] * 80
    assert server.most == 8
    assert 0.5 <= time.monotonic() - start < 0.9  # ten rounds of 0.05 s


def test_a_server_that_takes_fewer_is_sent_fewer() -> None:
    """At once: of 32 sent, 26 are refused once, and then about one in five."""
    server, throttle = Server(takes=6), Throttle(32, retries=6)
    assert send_all(throttle, server.request, 300) == ["yes"] * 300
    assert server.most == 6
    assert server.refused < 26 + 300 / 3


def test_slots_come_back_slowly() -> None:
    throttle, server = Throttle(10, retries=6), Server()

    async def refused_once() -> str:
        if server.sent < 4:
            server.sent += 1
            raise ServerError(429)
        return await server.request()

    assert send_all(throttle, refused_once, 8) == ["yes"] * 8
    assert throttle.unused_slots == 4 - 8 // module.REPLIES_PER_SLOT
    send_all(throttle, server.request, 9)
    assert throttle.unused_slots == 0


def test_a_refusal_now_and_then_costs_no_pace() -> None:
    server, throttle = Server(), Throttle(16, retries=6)

    async def request() -> str:
        if server.sent % 10 == 9:
            server.sent += 1
            raise ServerError(429)
        return await server.request()

    assert send_all(throttle, request, 400) == ["yes"] * 400
    assert throttle.unused_slots <= 2


@pytest.mark.parametrize("headers", [{"retry-after": "0.3"}, {"retry-after-ms": "300"}])
def test_the_server_says_when(headers: dict[str, str]) -> None:
    times: list[float] = []

    async def request() -> str:
        times.append(time.monotonic())
        if len(times) == 1:
            raise ServerError(429, headers)
        return "yes"

    assert send_all(Throttle(4, retries=1), request, 1) == ["yes"]
    assert 0.3 <= times[1] - times[0] < 0.6


def test_a_server_that_refuses_everything_is_left_alone() -> None:
    """Of many requests one tries again; none is lost when the server is back."""
    times: list[float] = []
    begin = time.monotonic()

    async def request() -> str:
        times.append(time.monotonic() - begin)
        if times[-1] < 0.5:
            raise ServerError(429, {"retry-after": "0.1"})
        return "yes"

    assert send_all(Throttle(20, retries=6), request, 200) == ["yes"] * 200
    assert len([moment for moment in times if 0.15 < moment < 0.5]) <= 5


@pytest.mark.parametrize("error", [ServerError(503), ConnectionError("gone"), ServerError(429)])
def test_a_server_that_is_gone_is_given_up(error: Exception) -> None:
    """Every request fails, after few tries, and with the server's words."""
    tries = Counter[str]()

    async def request() -> str:
        tries["all"] += 1
        raise error

    async def send() -> None:
        throttle, start = Throttle(10, retries=3), time.monotonic()
        assert await gather(throttle, request, 100) == [error] * 100
        assert tries["all"] <= 100 + 10 * 4
        assert time.monotonic() - start < 2.0
        server = Server()  # it is back: again all at once
        assert await gather(throttle, server.request, 20) == ["yes"] * 20
        assert server.most == 10

    asyncio.run(send())


def test_a_slow_server_is_not_asked_more() -> None:
    """What timed out is sent twice more at most, by fewer and fewer at once."""
    server = Server()

    async def request() -> str:
        server.sent += 1
        server.at_work += 1
        server.most = max(server.most, server.at_work)
        await asyncio.sleep(0.02)
        server.at_work -= 1
        if server.sent > 30:
            return "yes"
        raise ScriptedTimeout

    found = send_all(Throttle(16, retries=6), request, 40)
    assert server.most == 16
    assert server.sent <= 3 * 40
    assert found.count("yes") >= 20


def test_a_slow_reply_is_waited_for() -> None:
    server = Server(seconds=0.5)
    assert send_all(Throttle(4, retries=6), server.request, 8) == ["yes"] * 8
    assert server.sent == 8


@pytest.mark.parametrize(
    ("error", "temporary"),
    [
        (ServerError(400), False),
        (ServerError(401), False),
        (ServerError(429), True),
        (ServerError(500), True),
        (ServerError(529), True),
        (ServerError(429, code="insufficient_quota"), False),
        (ServerError(429, {"retry-after": "86400"}), False),
        (ServerError(429, {"retry-after": "Wed, 21 Oct 2125 07:28:00 GMT"}), False),
        (ServerError(429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}), True),
        (ServerError(429, {"x-should-retry": "false"}), False),
        (ServerError(400, {"x-should-retry": "true"}), True),
        (ScriptedTimeout(), True),
        (ConnectionResetError(), True),
        (ValueError("no JSON"), False),
    ],
)
def test_what_is_sent_again(error: Exception, temporary: bool) -> None:
    assert is_temporary(error) is temporary


def test_what_cannot_pass_is_sent_once() -> None:
    sent: list[int] = []

    async def request() -> str:
        sent.append(1)
        raise ServerError(400)

    throttle = Throttle(4, retries=6)
    assert [error.status_code for error in send_all(throttle, request, 9)] == [400] * 9
    assert (len(sent), throttle.unused_slots) == (9, 0)


def test_requests_per_minute() -> None:
    start = time.monotonic()
    assert send_all(Throttle(32, requests_per_minute=1200), Server(seconds=0).request, 21)
    assert 1.0 <= time.monotonic() - start < 1.6  # the first is free, then 20 a second


def test_tokens_per_minute() -> None:
    """So many may be asked for at once, then as many as the minute gives."""
    start = time.monotonic()
    throttle = Throttle(32, tokens_per_minute=600_000)  # 10,000 a second
    assert send_all(throttle, Server(seconds=0).request, 18, tokens=1_000)
    assert 0.8 <= time.monotonic() - start < 1.5


def test_a_request_larger_than_the_limit_is_sent() -> None:
    throttle = Throttle(4, tokens_per_minute=600)
    assert send_all(throttle, Server(seconds=0).request, 1, tokens=5_000) == ["yes"]
