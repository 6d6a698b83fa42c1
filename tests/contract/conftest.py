"""The client against the emulator: two readings of Baseten's API that share no code."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest
from jsonschema_rs import Draft202012Validator

from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.api.models import Environment
from baseten_pulumi.clock import SystemClock
from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.emulator.openapi import description
from baseten_pulumi.testing.emulator.operations import ENVIRONMENT
from tests.contract.shapes import closed, request

KEY = "k-contract-4711"
_Result = TypeVar("_Result")


class HurriedClock(SystemClock):
    """The machine's clock, on which every sleep is remembered and over at once."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return super().now() + sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Account:
    """What the emulator holds, as the client sees it."""

    key = KEY

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.clock = HurriedClock()
        emulator.add_model("abc123", "model", ["staging", "production"])
        emulator.faults.clear()
        emulator.clear_requests()

    def ask(self, ask: Callable[[BasetenClient], Awaitable[_Result]], key: str = KEY) -> _Result:
        """Ask with a client of its own, on a loop of its own."""

        async def asking() -> _Result:
            client = BasetenClient(Endpoint(self.emulator.url, key, is_loopback=True), self.clock)
            try:
                return await ask(client)
            finally:
                await client.close()

        return asyncio.run(asking())

    def read(self, model_id: str = "abc123", env_name: str = "production", within: float = 5.0) -> Environment:
        return self.ask(lambda it: it.read_environment(model_id, env_name, within_seconds=within))

    def list_all(self, model_id: str = "abc123") -> dict[str, Environment]:
        return self.ask(lambda it: it.read_environments(model_id, within_seconds=5.0))

    def update(
        self, settings: dict[str, Any], model_id: str = "abc123", env_name: str = "production", within: float = 5.0
    ) -> str | None:
        return self.ask(lambda it: it.update_environment(model_id, env_name, settings, within_seconds=within))


@pytest.fixture(scope="session", params=["founding", "current"])
def baseten(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Baseten as of the founding page and as of today: the client works with both."""
    with Emulator(api=request.param, api_key=KEY) as running:
        yield running


@pytest.fixture
def account(baseten: Emulator) -> Iterator[Account]:
    """A model as new, on an emulator that is shared: starting one takes longer than most tests.

    Whatever the client sent in the test has to be what the API's description allows.
    """
    yield Account(baseten)
    allowed = Draft202012Validator(closed(request(description("current"), ENVIRONMENT, "patch")))
    for sent in baseten.requests:
        if sent.method == "PATCH":
            allowed.validate(sent.body)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator of the test's own."""
    with Emulator() as running:
        yield running


@pytest.fixture
def client(emulator: Emulator) -> Iterator[httpx.Client]:
    """Somebody with a key who speaks plain HTTP to it."""
    with httpx.Client(base_url=emulator.url, headers={"Authorization": "Api-Key k1"}, trust_env=False) as client:
        yield client
