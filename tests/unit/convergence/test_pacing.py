import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi.convergence.pacing import seconds_until_next_poll


@pytest.mark.parametrize(
    ("waited", "pause"), [(0.0, 0.5), (3.0, 0.5), (10.0, 1.5), (60.0, 9.0), (100.0, 15.0), (1800.0, 15.0)]
)
def test_pause_is_a_share_of_the_wait_when_within_its_bounds(waited: float, pause: float) -> None:
    """15 % of the time waited, at least half a second, at most 15."""
    assert seconds_until_next_poll(waited, lambda low, high: 1.0) == pytest.approx(pause)


@given(st.floats(min_value=0, max_value=1e6))
def test_pause_is_spread_by_a_tenth_when_nobody_fixes_it(waited: float) -> None:
    """Ten percent less to ten percent more, so that resources do not poll together for ever."""
    exact = seconds_until_next_poll(waited, lambda low, high: 1.0)
    assert 0.9 * exact <= seconds_until_next_poll(waited) <= 1.1 * exact


def test_spread_is_asked_for_a_tenth_when_a_test_gives_it() -> None:
    """The bounds of the spread are the documented ones."""
    assert seconds_until_next_poll(0.0, lambda low, high: low) == pytest.approx(0.45)
    assert seconds_until_next_poll(0.0, lambda low, high: high) == pytest.approx(0.55)


def test_change_is_seen_in_time_when_polls_follow_each_other() -> None:
    """A change after 10 s is seen at most 1.7 s late, with at most 20 polls before."""
    waited, polls = 0.0, 0
    while waited < 10.0:
        waited += seconds_until_next_poll(waited, lambda low, high: high)
        polls += 1
    assert waited - 10.0 <= 1.7
    assert polls <= 20
