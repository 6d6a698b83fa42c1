"""Sessions: one client for each endpoint, closed when nobody uses it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from baseten_pulumi.api import background
from baseten_pulumi.testing import Emulator, Fault
from tests.programs import until
from tests.unit.provider.servicer import Servicer

TABLE = Path("/proc/self/net/tcp")
ESTABLISHED = "01"
KEYS = 20

pytestmark = pytest.mark.skipif(not TABLE.exists(), reason="sockets are counted in /proc")


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


def test_connections_are_closed_when_many_keys_were_used(baseten: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that runs many stacks must not keep a client for each."""
    monkeypatch.setattr(background, "IDLE_SECONDS", 0.0)
    for number in range(KEYS):
        _read(baseten, f"key-{number}")
    assert len(baseten.requests) == KEYS
    until(lambda: _connections(baseten) == 0)


def test_one_connection_is_used_when_operations_follow_each_other(baseten: Emulator) -> None:
    """Whichever instance of the provider sends them."""
    for _ in range(5):
        _read(baseten, "key")
    assert _connections(baseten) == 1
    _read(baseten, "another-key")
    assert _connections(baseten) == 2


def test_one_client_is_made_when_the_first_operations_come_together(baseten: Emulator) -> None:
    """Pulumi's host calls from several threads: they share a client, which has at most 16 connections."""
    baseten.faults.add(Fault.delay(0.5))
    together = threading.Barrier(24)

    def read(_: int) -> None:
        together.wait(60.0)
        _read(baseten, "key")

    with ThreadPoolExecutor(24) as threads:
        reads = [threads.submit(read, number) for number in range(24)]
        until(lambda: _connections(baseten) == 16)
        for each in reads:
            each.result(60.0)
    assert _connections(baseten) == 16
