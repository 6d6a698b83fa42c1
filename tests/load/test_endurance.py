import pytest

from tests.load.endurance import endurance
from tests.load.footprint import Footprint

# Each request opens a socket and keeps it.
_LEAK = """
import httpx, socket

kept, stream = [], httpx.AsyncClient.stream

def leaking(self, *arguments, **options):
    kept.append(socket.socket())
    return stream(self, *arguments, **options)

httpx.AsyncClient.stream = leaking
"""


def test_process_holds_no_more_when_it_has_worked_for_long() -> None:
    """A slice of `make load`: not one thread, socket or file more, though requests fail all the time."""
    with endurance(share=0.15) as process:
        first = process.go_on(24)
        last = process.go_on(24)
    assert process.storm.injected.total() > 0
    assert last[1:] == first[1:]


def test_growth_is_seen_when_every_request_keeps_its_connection() -> None:
    """A planted leak: the slice above finds it."""
    with endurance(share=0.0, site=_LEAK) as process:
        first, last = process.go_on(0), process.go_on(0)
    assert last.sockets > first.sockets + 40
    assert "sockets" in first.growth(last)


@pytest.mark.parametrize(
    ("last", "grown"),
    [
        (Footprint(100, 40, 20, 8), []),
        (Footprint(104, 39, 20, 8), []),
        (Footprint(106, 40, 20, 8), ["kib"]),
        (Footprint(90, 41, 21, 9), ["threads", "sockets", "files"]),
    ],
)
def test_growth_is_reported_when_anything_grew(last: Footprint, grown: list[str]) -> None:
    """Memory has its allowance, nothing else has."""
    assert Footprint(100, 40, 20, 8).growth(last) == grown
