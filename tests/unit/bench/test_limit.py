import pytest

from bench.fleet import Fleet
from bench.limit import Pace


def test_models_have_four_environments_when_there_are_enough() -> None:
    """The last model has what is left."""
    assert [len(members) for members in Fleet(10).by_model().values()] == [4, 4, 2]
    assert len({member.name for member in Fleet(1000)}) == 1000


def test_turns_come_at_the_rate_when_those_of_a_burst_are_taken() -> None:
    """As many as a second allows come at once, the others one after another, and a pause gives them back."""
    pace = Pace(10)
    assert [pace.take(100.0) for _ in range(13)] == [*[0.0] * 9, *map(pytest.approx, (0.1, 0.2, 0.3, 0.4))]
    assert [pace.take(200.0) for _ in range(10)] == [*[0.0] * 9, pytest.approx(0.1)]
