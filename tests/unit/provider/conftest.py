import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from baseten_pulumi.api.client import Endpoint
from baseten_pulumi.provider import engine as engines
from baseten_pulumi.provider import planning, progress
from baseten_pulumi.provider import session as sessions
from baseten_pulumi.provider.session import Session
from baseten_pulumi.testing import Emulator
from tests.unit.provider.listening import Engine

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock

APPLY_SECONDS = 5.0


def forget_engine() -> None:
    """Have the command line of this process read anew."""
    engines.address.cache_clear()
    engines.stub.cache_clear()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine whose address this process was started with, as Pulumi's host is."""
    running = Engine()
    monkeypatch.setattr(sys, "argv", ["pulumi.dynamic", running.address])
    monkeypatch.setattr(progress, "_SECONDS_TO_ARRIVE", 60.0)  # a busy machine loses no line
    forget_engine()
    yield running
    forget_engine()
    running.stop()


@pytest.fixture(scope="module")
def shown() -> Iterator[Engine]:
    """An engine for processes that are given its address."""
    running = Engine()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fixture above, this process was started by no engine."""
    monkeypatch.setattr(sys, "argv", ["pytest"])
    forget_engine()


@pytest.fixture(scope="session")
def served(emulator_clock: "FakeClock") -> Iterator[Emulator]:
    """Settings are in force five seconds of the fake clock after they were sent."""
    with Emulator(clock=emulator_clock.now, apply_seconds=APPLY_SECONDS) as running:
        yield running


def _standing_still(
    clock: "FakeClock", exchange: Callable[..., Awaitable[httpx.Response]]
) -> Callable[..., Awaitable[httpx.Response]]:
    """Take no fake time for a real answer."""

    async def timeless(*args: Any) -> httpx.Response:
        with clock.standing_still():
            return await exchange(*args)

    return timeless


@pytest.fixture
def session(baseten: Emulator, emulator_clock: "FakeClock", monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session with the emulator on the same fake clock, which is the one that planning opens."""
    monkeypatch.setattr(sessions, "SystemClock", lambda: emulator_clock)
    opened = Session(Endpoint(baseten.url, "k-4711", is_loopback=True))
    wire = opened.client._connection
    monkeypatch.setattr(wire, "_exchange", _standing_still(emulator_clock, wire._exchange))
    monkeypatch.setattr(planning, "open_session", lambda configuration: opened)
    yield opened
    opened.run(opened.client.close())
