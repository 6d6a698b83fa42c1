import pytest

from tests.load.endurance import Measured, endurance
from tests.load.footprint import Footprint
from tests.load.report import growth

# Each request opens a socket and keeps it.
_LEAK = """
import httpx, socket

kept, stream = [], httpx.AsyncClient.stream

def leaking(self, *arguments, **options):
    kept.append(socket.socket())
    return stream(self, *arguments, **options)

httpx.AsyncClient.stream = leaking
"""
_MIB = 1024 * 1024


def test_process_holds_no_more_when_it_has_worked_for_long() -> None:
    """A slice of `make load`: not one thread, socket or file more, though requests fail all the time."""
    with endurance() as process:
        first = process.go_on(24)
        last = process.go_on(150)
    assert (last.cycles, process.storm.injected.total() > 0) == (174, True)
    assert last.footprint.counts == first.footprint.counts


def test_growth_is_seen_when_every_request_keeps_its_connection() -> None:
    """A planted leak: the slice above finds it."""
    with endurance(share=0.0, site=_LEAK) as process:
        first, last = process.go_on(0), process.go_on(0)
    assert last.footprint.sockets > first.footprint.sockets + 40
    assert "sockets" in growth(first, last)


@pytest.mark.parametrize(
    ("held", "grown"),
    [
        (Footprint(100 * _MIB, 40, 20, 8), []),
        (Footprint(104 * _MIB, 39, 20, 8), []),
        (Footprint(106 * _MIB, 40, 20, 8), ["memory"]),
        (Footprint(90 * _MIB, 41, 21, 9), ["threads", "sockets", "other files"]),
    ],
)
def test_growth_is_reported_when_anything_grew(held: Footprint, grown: list[str]) -> None:
    """Memory has its allowance, nothing else has."""
    assert growth(Measured(500, Footprint(100 * _MIB, 40, 20, 8)), Measured(5000, held)) == grown
