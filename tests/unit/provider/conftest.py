import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent import futures
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from baseten_pulumi.api.client import Endpoint
from baseten_pulumi.provider import engine as engines
from baseten_pulumi.provider import planning
from baseten_pulumi.provider import session as sessions
from baseten_pulumi.provider.session import Session
from baseten_pulumi.testing import Emulator

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock

APPLY_SECONDS = 5.0


class Engine(engine_pb2_grpc.EngineServicer):
    """Pulumi's engine, as far as it shows what providers log."""

    def __init__(self) -> None:
        self.lines: list[engine_pb2.LogRequest] = []
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
        engine_pb2_grpc.add_EngineServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        self.lines.append(request)
        return empty_pb2.Empty()

    @property
    def texts(self) -> list[str]:
        return [line.message for line in self.lines]

    def await_lines(self, enough: Callable[[list[str]], bool]) -> list[str]:
        """Return what was logged once that is enough; lines arrive in their own time."""
        deadline = time.monotonic() + 10.0
        while not enough(self.texts):
            assert time.monotonic() < deadline, self.texts
            time.sleep(0.01)
        return self.texts

    def stop(self) -> None:
        self._server.stop(None).wait()


def forget_engine() -> None:
    """Have the command line of this process read anew."""
    engines.address.cache_clear()
    engines.stub.cache_clear()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine whose address this process was started with, as Pulumi's host is."""
    running = Engine()
    monkeypatch.setattr(sys, "argv", ["pulumi.dynamic", running.address])
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
    with Emulator(clock=emulator_clock.now, apply_seconds=APPLY_SECONDS) as running:
        yield running


@pytest.fixture
def baseten(served: Emulator) -> Emulator:
    """Baseten with model abc123 as new; settings are in force five seconds of the fake clock after they were sent."""
    served.faults.clear()
    served.add_model("abc123", "model", ["staging", "production"])
    served.clear_requests()
    return served


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
