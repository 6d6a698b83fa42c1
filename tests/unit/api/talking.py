"""A client's conversation with scripted answers, and what most tests of the client ask."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.api.models import Environment

if TYPE_CHECKING:
    from tests.unit.api.conftest import Trickle, Wire
    from tests.unit.conftest import FakeClock

KEY = "sk-secret-123"
PATH = "/v1/models/abc123/environments/production"
LIST = "/v1/models/abc123/environments"
MODELS = "/v1/models"
SETTINGS = {"autoscaling_settings.min_replica": 3}
SECONDS_TO_END = 60.0
"""After which what was asked counts as never ending; nothing here is meant to take a second."""
DOUBT = "Baseten may have taken the settings all the same."
_Result = TypeVar("_Result")
Ask = Callable[[BasetenClient], Awaitable[_Result]]


class Talk:
    """One conversation of a client with scripted answers."""

    def __init__(self, wire: "type[Wire]", clock: "FakeClock") -> None:
        self._wire = wire
        self._clock = clock
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.agents: list[str] = []

    def ask(self, ask: Ask[_Result], *answers: "bytes | Trickle") -> _Result:
        return asyncio.run(self._ask(ask, *answers))

    def fail(self, ask: Ask[Any], *answers: "bytes | Trickle") -> errors.RequestError:
        with pytest.raises(errors.RequestError) as caught:
            self.ask(ask, *answers)
        return caught.value

    async def _ask(self, ask: Ask[_Result], *answers: "bytes | Trickle") -> _Result:
        async with self._wire(*answers) as server:
            client = BasetenClient(Endpoint(server.url, KEY, is_loopback=True), self._clock)
            try:
                return await asyncio.wait_for(ask(client), SECONDS_TO_END)
            finally:
                self.asked = server.asked
                self.bodies = [json.loads(it.body) for it in server.received if it.body]
                self.agents = [it.headers["user-agent"] for it in server.received]
                await client.close()


async def read(client: BasetenClient) -> Environment:
    return await client.read_environment("abc123", "production", within_seconds=5.0)


async def read_now(client: BasetenClient) -> Environment:
    return await client.read_environment_now("abc123", "production", within_seconds=5.0)


async def update(client: BasetenClient) -> str | None:
    return await client.update_environment("abc123", "production", dict(SETTINGS), within_seconds=5.0)


async def until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds that work on the same loop brings about; one that never does fails the test."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen")
