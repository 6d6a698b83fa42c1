"""Sessions: one client for each endpoint, closed when nobody uses it."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from baseten_pulumi.api import background
from baseten_pulumi.config import Config
from baseten_pulumi.errors import RequestTimeoutError
from baseten_pulumi.provider.session import Session
from baseten_pulumi.testing import Emulator, Fault
from tests import virtual_time
from tests.programs import until
from tests.unit.provider.servicer import Servicer

TABLE = Path("/proc/self/net/tcp")
ESTABLISHED = "01"

counts_sockets = pytest.mark.skipif(not TABLE.exists(), reason="sockets are counted in /proc")


@pytest.fixture
def baseten() -> Iterator[Emulator]:
    """An emulator whose port nobody else connects to."""
    with Emulator() as running:
        yield running


def _connections(baseten: Emulator) -> int:
    """Return how many sockets of this process are connected to the emulator."""
    port = f":{int(baseten.url.rpartition(':')[2]):04X}"
    rows = [line.split() for line in TABLE.read_text().splitlines()[1:]]
    return sum(row[2].endswith(port) and row[3] == ESTABLISHED for row in rows)


def _read(baseten: Emulator, key: str) -> None:
    provider = Servicer({"apiKey": key, "baseUrl": baseten.url})
    assert provider.read("lm4chat8/production", {}).id == "lm4chat8/production"


@counts_sockets
def test_connections_are_closed_when_many_keys_were_used(baseten: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that runs many stacks must not keep a client for each."""
    monkeypatch.setattr(background, "IDLE_SECONDS", 0.0)
    for number in range(5):
        _read(baseten, f"key-{number}")
    until(lambda: _connections(baseten) == 0)


@counts_sockets
def test_one_connection_is_used_when_operations_follow_each_other(baseten: Emulator) -> None:
    """Whichever instance of the provider sends them."""
    for key, connections in (("key", 1), ("key", 1), ("another-key", 2)):
        _read(baseten, key)
        assert _connections(baseten) == connections


@counts_sockets
def test_one_client_is_made_when_the_first_operations_come_together(baseten: Emulator) -> None:
    """Pulumi's host calls from several threads: they share a client, which has at most 16 connections."""
    baseten.faults.add(Fault.delay(0.3))
    together = threading.Barrier(24)

    def read(_: int) -> None:
        together.wait(60.0)
        _read(baseten, "key")

    with ThreadPoolExecutor(24) as threads:
        assert len([*threads.map(read, range(24))]) == 24
    assert _connections(baseten) == 16


def test_changes_wait_for_each_other_when_they_are_for_one_environment() -> None:
    """Each gets what is left of its timeout; one whose time is over changes nothing, and blocks nobody."""

    async def work() -> list[Any]:
        session = Session(Config({"baseten:apiKey": "k"}.get, {}).endpoint())
        now = asyncio.get_running_loop().time

        async def change(env_name: str, timeout: float = 300.0) -> tuple[float, float]:
            async with session.exclusive("abc123", env_name, timeout, "Failed.") as left:
                began = now()
                await asyncio.sleep(4.0)
            return began, left

        changes = change("production"), change("production", 3.0), change("production"), change("staging")
        return [*await asyncio.gather(*changes, return_exceptions=True)]

    first, late, second, other = virtual_time.run(work())
    assert (first, second, other) == ((0.0, 300.0), (4.0, 296.0), (0.0, 300.0))
    assert type(late) is RequestTimeoutError
    observed = "Another request that changes the environment did not finish within 3 s."
    assert str(late) == f"Failed.\n{observed} Nothing was changed.\nTry again."
