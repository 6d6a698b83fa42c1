import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from baseten_pulumi import errors
from baseten_pulumi.api import connection as connection_module
from baseten_pulumi.api.connection import Connection
from baseten_pulumi.api.failures import Request
from baseten_pulumi.api.pool import Endpoint
from tests.unit.api.talking import until

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock

REQUEST = Request("GET", "/v1/models", "Nothing was listed.", "key")
Step = Callable[[], object]


class ScriptedPool:
    """Lends clients whose every request is answered at once, and tells when an exchange is over."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.lent = 0
        self.on_end: Step = lambda: None
        self.never_answers = False
        self.swallows = 0

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        self.lent += 1
        try:
            async with httpx.AsyncClient(
                base_url="http://localhost", transport=httpx.MockTransport(self._answer), trust_env=False
            ) as client:
                yield client
        finally:
            self.lent -= 1
            self.on_end()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        while self.swallows:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            self.swallows -= 1
        if self.never_answers:
            await asyncio.get_running_loop().create_future()
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))


class Conversation:
    """One connection for one request at a time, over a scripted pool."""

    def __init__(self, clock: "FakeClock", monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection_module, "Pool", ScriptedPool)
        monkeypatch.setattr(connection_module, "MAX_CONNECTIONS", 1)
        self._connection = Connection(Endpoint("http://localhost", "key", is_loopback=True), clock)
        assert isinstance(self._connection._pool, ScriptedPool)
        self.pool = self._connection._pool

    def start(self) -> "asyncio.Task[bytes]":
        return asyncio.ensure_future(self._connection.send(REQUEST, bytes, 5.0))


@pytest.fixture
def conversation(clock: "FakeClock", monkeypatch: pytest.MonkeyPatch) -> Conversation:
    return Conversation(clock, monkeypatch)


def _after(iterations: int, step: Step) -> None:
    """Take a step that many iterations of the loop later, before whatever is added to that iteration from now on."""
    if iterations == 0:
        step()
    else:
        asyncio.get_running_loop().call_soon(_after, iterations - 1, step)


@pytest.mark.parametrize("iterations", [0, 1, 2])
def test_cancellation_comes_out_when_the_answer_came_in_the_same_iteration(
    iterations: int, conversation: Conversation
) -> None:
    """A cancellation is never lost, and its turn is free for the next."""

    async def work() -> None:
        task = conversation.start()
        conversation.pool.on_end = lambda: _after(iterations, task.cancel)
        await asyncio.wait({task})
        assert task.cancelled()
        conversation.pool.on_end = lambda: None
        assert await conversation.start() == b"{}"

    asyncio.run(work())


def test_exchange_is_over_when_a_cancellation_comes_out(conversation: Conversation) -> None:
    """Whoever cancelled finds nothing under way, and the turn is free for the next."""

    async def work() -> None:
        conversation.pool.never_answers = True
        task = conversation.start()
        await until(lambda: conversation.pool.lent == 1)
        task.cancel()
        await asyncio.wait({task})
        assert (task.cancelled(), conversation.pool.lent) == (True, 0)
        conversation.pool.never_answers = False
        assert await conversation.start() == b"{}"

    asyncio.run(work())


@pytest.mark.parametrize("again", [False, True])
def test_exchange_is_over_when_it_swallowed_a_cancellation(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """It is cancelled until it ends, also where whoever waits for that is cancelled once more."""
    monkeypatch.setattr(connection_module, "CANCEL_AGAIN_SECONDS", 0.01)

    async def work() -> None:
        conversation.pool.never_answers = True
        conversation.pool.swallows = 1
        task = conversation.start()
        await until(lambda: conversation.pool.lent == 1)
        task.cancel()
        await until(lambda: conversation.pool.swallows == 0)
        if again:
            task.cancel()
        await asyncio.wait({task})
        assert (task.cancelled(), conversation.pool.lent) == (True, 0)

    asyncio.run(work())


def test_exchange_is_ended_when_it_takes_too_long(conversation: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The HTTP library limits each read only; the whole has a limit too."""
    monkeypatch.setattr(connection_module, "LONGEST_ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(connection_module, "OVERRUN_SECONDS", 0.01)

    async def work() -> None:
        conversation.pool.never_answers = True
        with pytest.raises(errors.RequestTimeoutError, match="was not answered in time"):
            await conversation.start()
        assert conversation.pool.lent == 0

    asyncio.run(work())


def test_failure_is_not_reported_twice_when_its_request_is_cancelled(conversation: Conversation) -> None:
    """A failure in the same iteration as a cancellation is nobody's any more: the loop does not complain of it."""
    complaints: list[object] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        task = conversation.start()

        def fail() -> None:
            _after(1, task.cancel)
            raise httpx.ReadError("broken")

        conversation.pool.on_end = fail
        await asyncio.wait({task})
        assert task.cancelled()
        conversation.pool.on_end = lambda: None

    asyncio.run(work())
    gc.collect()
    assert complaints == []
