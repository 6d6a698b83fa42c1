import pytest

from baseten_pulumi.convergence.sighting import Sighting


@pytest.mark.parametrize(
    ("still", "status", "is_stuck"),
    [
        (59.9, "ACCEPTED", False),
        (60.0, "ACCEPTED", True),
        (60.0, "UNCHANGED", True),
        (60.0, None, True),
        (600.0, "QUEUED", False),
    ],
)
def test_baseten_is_stuck_when_it_stood_still_for_a_minute_with_nothing_queued(
    still: float, status: str | None, is_stuck: bool
) -> None:
    """Settings that are queued wait for something else."""
    assert Sighting(still_seconds=still).is_stuck(status) is is_stuck
