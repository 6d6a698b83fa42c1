import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi.convergence.pacing import (
    SHORTEST_SECONDS,
    jitter,
    phase,
    seconds_until_first_look,
    seconds_until_next_look,
    shortest_pause,
)


@pytest.mark.parametrize(
    ("waited", "pause"), [(0.0, 0.7), (4.0, 0.7), (10.0, 1.5), (60.0, 9.0), (100.0, 15.0), (1800.0, 15.0)]
)
def test_pause_is_a_share_of_the_wait_when_within_its_bounds(waited: float, pause: float) -> None:
    """15 % of the time waited, at least 0.7 seconds, at most 15."""
    assert seconds_until_next_look(waited, 1.0, SHORTEST_SECONDS) == pytest.approx(pause)


@pytest.mark.parametrize(
    ("models", "most", "pause"),
    [(1, 1, 0.7), (50, 50, 0.7), (25, 50, 0.35), (10, 50, 0.3), (250, 1000, 0.7), (35, 1000, 0.49), (1, 1000, 0.3)],
)
def test_pause_is_shorter_when_most_models_are_done_with(models: int, most: int, pause: float) -> None:
    """The same number of looks a second, fifty models at most for it, each every 0.3 s at most."""
    assert shortest_pause(models, most) == pytest.approx(pause)
    assert seconds_until_next_look(1.0, 1.0, pause) == pytest.approx(pause)
    assert seconds_until_next_look(10.0, 1.0, pause) == pytest.approx(1.5)


@given(st.floats(min_value=0, max_value=1e6))
def test_pause_is_spread_by_a_tenth_when_nobody_fixes_it(waited: float) -> None:
    """Ten percent less to ten percent more, so that models are not looked at together for ever."""
    exact = seconds_until_next_look(waited, 1.0, SHORTEST_SECONDS)
    assert 0.9 * exact <= seconds_until_next_look(waited, jitter(), SHORTEST_SECONDS) <= 1.1 * exact


def test_bounds_of_the_spread_are_asked_for_when_a_test_gives_it() -> None:
    """A tenth around one for every pause, all of it for the phase."""
    assert (jitter(lambda low, high: low), jitter(lambda low, high: high)) == (0.9, 1.1)
    assert (phase(lambda low, high: low), phase(lambda low, high: high)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("status", "seconds"), [("ACCEPTED", 0.5), ("QUEUED", 0.5), ("LATER", 0.5), ("UNCHANGED", 0.0), (None, 0.0)]
)
def test_first_look_comes_at_once_when_nothing_was_changed(status: str | None, seconds: float) -> None:
    """Half a second is left to Baseten where it has something to do."""
    assert seconds_until_first_look(status) == seconds


def test_change_is_seen_in_time_when_looks_follow_each_other() -> None:
    """A change after 10 s is seen at most 1.7 s late, with at most 14 looks before."""
    waited, looks = 0.0, 0
    while waited < 10.0:
        waited += seconds_until_next_look(waited, 1.1, SHORTEST_SECONDS)
        looks += 1
    assert waited - 10.0 <= 1.7
    assert looks <= 14
