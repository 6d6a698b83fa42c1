"""One connection to Baseten: a request in its turn, and its answer as something typed or as an error.

It tries nothing twice.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx
import pydantic

from baseten_pulumi.api import bodies, failures
from baseten_pulumi.api.limiting import NoTurnError, RateLimiter, endpoint_of
from baseten_pulumi.api.pool import Endpoint, Pool
from baseten_pulumi.clock import Clock
from baseten_pulumi.errors import RateLimitedError

# More requests under way are slower: measured with 200 environments, 3.5 s with 10 to 20 connections, 5.8 s with 200.
MAX_CONNECTIONS = 16
CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 30.0
# A body that trickles in is given up, so that one poll cannot use up the time of a whole wait.
LONGEST_ANSWER_SECONDS = 60.0
LARGEST_ANSWER_BYTES = 4 * 1024 * 1024
# A request at the very end of the time still gets long enough to be answered.
SHORTEST_TIMEOUT_SECONDS = 0.1
# The HTTP library limits each read, not their sum: an answer that trickles in would never end. Its own limits, which
# know whether the request was sent, come first.
OVERRUN_SECONDS = 0.5
CANCEL_AGAIN_SECONDS = 0.2
_OF_THE_TRANSFER = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})

_Answer = TypeVar("_Answer")


class Connection:
    """Send requests to one endpoint, no faster than Baseten lets them in; to be used on one event loop.

    Raises:
        ConfigurationError: the proxy or certificate variables of the environment cannot be used.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._clock = clock
        self._limiter = RateLimiter(clock, MAX_CONNECTIONS)
        self._pool = Pool(endpoint)

    async def send(
        self,
        request: failures.Request,
        read: Callable[[bytes], _Answer],
        within_seconds: float,
        body: dict[str, Any] | None = None,
        on_turn: Callable[[], None] = lambda: None,
    ) -> _Answer:
        """Take a turn, send a request and return what `read` makes of its answer.

        Args:
            request: What to send.
            read: Reads the body of a success; a `pydantic.ValidationError` of it becomes an error with words.
            within_seconds: How long it may take, the time in line included.
            body: Sent as JSON; None for none.
            on_turn: Called before it is sent: until then Baseten knows nothing of it.

        Raises:
            RequestError: the answer was no success, could not be read, or none came in time.
        """
        response = await self._answered(request, body, within_seconds, on_turn)
        try:
            return read(response.content)
        except pydantic.ValidationError as reason:
            raise failures.from_unreadable(request, response, reason) from None

    async def _answered(
        self,
        request: failures.Request,
        body: dict[str, Any] | None,
        within_seconds: float,
        on_turn: Callable[[], None],
    ) -> httpx.Response:
        """Return the answer to a request, which is a success."""
        deadline = self._clock.now() + within_seconds
        endpoint = endpoint_of(request.method, request.path)
        try:
            async with self._limiter.turn(endpoint, within_seconds=within_seconds) as turn:
                on_turn()
                response = await self._sent(request, body, deadline - self._clock.now())
                error = None if response.is_success else failures.from_response(request, response)
                if isinstance(error, RateLimitedError):
                    self._limiter.refused(turn, error.retry_after_seconds)
                else:
                    self._limiter.let_in(turn)
        except NoTurnError as reason:
            raise failures.not_sent(request, within_seconds, reason) from None
        if error is not None:
            raise error
        return response

    async def _sent(
        self, request: failures.Request, body: dict[str, Any] | None, within_seconds: float
    ) -> httpx.Response:
        """Send a request at once and return its answer, whatever it is."""
        total = min(max(within_seconds, SHORTEST_TIMEOUT_SECONDS), LONGEST_ANSWER_SECONDS)
        phase = min(READ_TIMEOUT_SECONDS, total)
        timeout = httpx.Timeout(phase, connect=min(CONNECT_TIMEOUT_SECONDS, phase))
        try:
            return await _at_most(total + OVERRUN_SECONDS, self._exchange(request, body, timeout))
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, asyncio.TimeoutError) as exception:
            raise failures.from_exception(request, exception) from None

    async def _exchange(
        self, request: failures.Request, body: dict[str, Any] | None, timeout: httpx.Timeout
    ) -> httpx.Response:
        """Send a request and read its answer, up to a size that no answer of the API comes near."""
        async with (
            self._pool.client() as http,
            http.stream(request.method, request.path, json=body, timeout=timeout) as streamed,
        ):
            content = await bodies.read(streamed, LARGEST_ANSWER_BYTES)
            if content is None:
                raise failures.too_large(request, streamed.status_code, LARGEST_ANSWER_BYTES)
            # As bytes: as text, a header that is not ASCII would be refused.
            kept = [(name, value) for name, value in streamed.headers.raw if name.lower() not in _OF_THE_TRANSFER]
            return httpx.Response(streamed.status_code, headers=kept, content=content)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()


async def _at_most(seconds: float, work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Return what comes of some work, which is over when this is.

    `asyncio.wait_for` loses a cancellation that comes together with the result, before Python 3.12.

    Raises:
        asyncio.TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        await _ended(task)
    if task.cancelled():
        raise asyncio.TimeoutError
    return task.result()


async def _ended(task: "asyncio.Future[Any]") -> None:
    """Cancel a task until it is over: a library in it may swallow one cancellation.

    Raises:
        asyncio.CancelledError: this wait was cancelled meanwhile; the task is over all the same.
    """
    try:
        while task.cancel():
            await asyncio.wait({task}, timeout=CANCEL_AGAIN_SECONDS)
    except asyncio.CancelledError:
        await _ended(task)
        raise
