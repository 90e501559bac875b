"""How many requests an LLM server gets at once and how fast, and which of them are sent again."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from aiolimiter import AsyncLimiter

ResultT = TypeVar("ResultT")

#: Replies after which one more request may be in flight again. So many refusals are borne without
#: a slower pace: one for each of them.
REPLIES_PER_SLOT = 4
#: How often a request that timed out is sent again: a slow server may still be at work on it.
RETRIES_OF_TIMEOUTS = 2
#: Seconds between tries where the server names none: this much at first, twice as much each time.
FIRST_WAIT, LONGEST_BACKOFF = 0.5, 8.0
#: Seconds that a server may ask to wait, and that a request may be sent again and again.
LONGEST_WAIT, PATIENCE = 120.0, 600.0
#: Tokens that may be asked for at once, of those per minute.
BURST_TOKENS = 8_192

#: Refusals that do not pass.
_LASTING = ("insufficient_quota", "billing_hard_limit_reached")
_BROKEN = ("Timeout", "ConnectionError", "ConnectError", "ReadError", "ProtocolError")


class Throttle:
    """Sends requests, at most so many at once, fewer where the server refuses some.

    Each request that the server refuses, or breaks off, leaves one slot unused at once; every
    fourth reply gives one back. So a server that takes less than is sent is soon sent what it
    takes, and one that refuses a request now and then loses nothing. Refused requests are sent
    again as long as the server answers others. Once it answers nothing, one request at a time
    tries again; after so many tries as one request has, all others are sent once, and fail.

    Attributes:
        unused_slots: how many fewer requests are in flight than could be.
    """

    def __init__(
        self,
        max_concurrency: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        retries: int = 0,
    ) -> None:
        """Take the limits, and how often a request is sent again that failed for a time."""
        self._slots = asyncio.Semaphore(max_concurrency)
        self._max_concurrency = max_concurrency
        self._retries = retries
        self._replies = self._failures_in_last_slot = 0
        self.unused_slots = 0
        # One at a time and not a minute's requests at once, which servers refuse too.
        self._requests = AsyncLimiter(1, 60 / requests_per_minute) if requests_per_minute else None
        self._tokens = None
        if tokens_per_minute:
            burst = min(BURST_TOKENS, tokens_per_minute)
            self._tokens = AsyncLimiter(burst, 60 * burst / tokens_per_minute)
        self._in_turn = asyncio.Lock()  # the limiter would let the small ones pass

    async def send(self, request: Callable[[], Awaitable[ResultT]], tokens: float = 0) -> ResultT:
        """Sends a request, and again where it failed for a time.

        Args:
            request: sends it once.
            tokens: about how many it takes, for the limit of tokens.

        Raises:
            Exception: what the last try raised.
        """
        began, tries, replies = time.monotonic(), 0, self._replies
        while True:
            await self._slots.acquire()
            try:
                await self._keep_to_limits(tokens)
                result = await request()
            except Exception as error:
                if self._replies > replies and is_refusal(error):
                    tries, replies = 0, self._replies
                tries += 1
                wait = self._seconds_to_wait(error, tries, time.monotonic() - began)
                if await self._slow_down(error, wait) and wait is not None:
                    wait = 0.0
                if wait is None:
                    raise
            except BaseException:  # cancelled
                self._slots.release()
                raise
            else:
                self._count_reply()
                return result
            await asyncio.sleep(wait)

    async def _keep_to_limits(self, tokens: float) -> None:
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            async with self._in_turn:
                await self._tokens.acquire(min(tokens, self._tokens.max_rate))

    async def _slow_down(self, error: Exception, wait: float | None) -> bool:
        """One slot fewer after a failure that may pass; whether the wait is over already.

        The last slot is kept but held for the wait: a server that answers nothing is left alone.
        """
        if is_temporary(error) and not self._is_given_up(error):
            if self.unused_slots < self._max_concurrency - 1:
                self.unused_slots += 1
                return False
            self._failures_in_last_slot += 1
            if self._is_given_up(error):
                self._free_unused(self.unused_slots)
                wait = None
        elif not is_temporary(error):  # an answer, if not the one that was wanted
            self._failures_in_last_slot = 0
        try:
            await asyncio.sleep(wait or 0.0)
        finally:
            self._slots.release()
        return True

    def _count_reply(self) -> None:
        self._replies += 1
        self._failures_in_last_slot = 0
        self._slots.release()
        if self._replies % REPLIES_PER_SLOT == 0:
            self._free_unused(min(1, self.unused_slots))

    def _free_unused(self, count: int) -> None:
        self.unused_slots -= count
        for _ in range(count):
            self._slots.release()

    def _seconds_to_wait(self, error: Exception, tries: int, seconds: float) -> float | None:
        """What the server asks for, else longer from try to try; None where it is no use."""
        if not is_temporary(error) or self._is_given_up(error) or seconds > PATIENCE:
            return None
        if tries > self._retries_after(error):
            return None
        if (wanted := _retry_after(_headers(error))) is not None:
            return wanted + random.uniform(0.0, 0.1 + 0.1 * wanted)
        doubled = FIRST_WAIT * 2 ** min(max(tries - 1, self._failures_in_last_slot), 10)
        return min(LONGEST_BACKOFF, doubled) * random.uniform(0.75, 1.25)

    def _is_given_up(self, error: Exception) -> bool:
        """Whether the server has answered nothing for as long as it is tried."""
        return self._failures_in_last_slot > self._retries_after(error)

    def _retries_after(self, error: Exception) -> int:
        return min(self._retries, RETRIES_OF_TIMEOUTS) if is_timeout(error) else self._retries


def is_temporary(error: BaseException) -> bool:
    """Whether a request may be taken if it is sent again: busy, broken or unreachable servers."""
    headers = _headers(error)
    if (should_retry := headers.get("x-should-retry")) in ("true", "false"):
        return should_retry == "true"
    if (wait := _retry_after(headers)) is not None and wait > LONGEST_WAIT:
        return False
    body = getattr(error, "body", None)
    if isinstance(body, Mapping) and body.get("code") in _LASTING:
        return False
    status = _status(error)
    if status is not None:
        return status in (408, 409, 429) or status >= 500
    if isinstance(error, TimeoutError | ConnectionError):
        return True
    return any(word in cls.__name__ for cls in type(error).__mro__ for word in _BROKEN)


def is_refusal(error: BaseException) -> bool:
    """Whether the server has turned the request away for now, and has not worked on it."""
    return is_temporary(error) and _status(error) in (429, 503, 529)


def is_timeout(error: BaseException) -> bool:
    """Whether no answer came in time."""
    return _status(error) is None and any("Timeout" in cls.__name__ for cls in type(error).__mro__)


def _status(error: BaseException) -> int | None:
    """The status of HTTP, where clients keep it."""
    response = getattr(error, "response", None)
    for holder, name in ((error, "status_code"), (response, "status_code"), (error, "status")):
        if isinstance(value := getattr(holder, name, None), int):
            return value
    return None


def _headers(error: BaseException) -> Mapping[str, Any]:
    headers = getattr(getattr(error, "response", error), "headers", None)
    return headers if isinstance(headers, Mapping) else {}


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    """Seconds: given so, in milliseconds, or as a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with suppress(TypeError, ValueError):
            seconds = float(headers[name]) / unit if name in headers else -1.0
            if 0 <= seconds < float("inf"):
                return seconds
    with suppress(KeyError, TypeError, ValueError):
        date = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    return None
