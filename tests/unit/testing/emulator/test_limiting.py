from typing import TYPE_CHECKING

import pytest

from baseten_pulumi.testing.emulator.limiting import RateLimit

if TYPE_CHECKING:
    from tests.unit.testing.emulator.conftest import HandClock


def _asked(limit: RateLimit, times: int, key: str = "k", endpoint: str = "GET /") -> list[int | None]:
    return [limit.retry_after_seconds(key, endpoint) for _ in range(times)]


def test_everything_is_let_in_when_there_is_no_limit(clock: "HandClock") -> None:
    """The limit is opted into."""
    assert _asked(RateLimit(None, clock), 1000) == [None] * 1000


def test_a_seconds_worth_is_let_in_when_it_comes_at_once(clock: "HandClock") -> None:
    """The burst is the rate; then requests are refused until tokens have grown again."""
    limit = RateLimit(3, clock)
    assert _asked(limit, 4) == [None, None, None, 1]
    clock.seconds += 0.34
    assert _asked(limit, 2) == [None, 1]
    clock.seconds += 3600
    assert _asked(limit, 4) == [None, None, None, 1]


@pytest.mark.parametrize("burst", [1, 20])
def test_the_burst_is_let_in_when_it_is_told_apart_from_the_rate(burst: int, clock: "HandClock") -> None:
    """A limit may be stricter or laxer with a burst than a second of its rate."""
    limit = RateLimit(4, clock, burst)
    assert _asked(limit, burst + 1) == [None] * burst + [1]
    clock.seconds += 0.25
    assert _asked(limit, 2) == [None, 1]
    clock.seconds += 3600
    assert _asked(limit, burst + 1) == [None] * burst + [1]


def test_keys_and_endpoints_are_counted_apart_when_both_are_busy(clock: "HandClock") -> None:
    """One key's haste does not slow another's, nor one endpoint another."""
    limit = RateLimit(1, clock)
    assert _asked(limit, 2) == [None, 1]
    assert _asked(limit, 1, key="other") == [None]
    assert _asked(limit, 1, endpoint="PATCH /") == [None]


def test_the_wait_is_in_whole_seconds_when_the_rate_is_slow(clock: "HandClock") -> None:
    """Waiting that long is enough."""
    limit = RateLimit(0.25, clock)
    assert _asked(limit, 2) == [None, 4]
    clock.seconds += 4
    assert _asked(limit, 1) == [None]
