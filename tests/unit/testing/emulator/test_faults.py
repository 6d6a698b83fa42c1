import re

import pytest

from baseten_pulumi.testing.emulator.environment import Application
from baseten_pulumi.testing.emulator.faults import Answer, Arrival, Delay, Drop, Ending, Fault, Faults, StaleRead

PATCH = Arrival("PATCH", "/v1/models/m1/environments/production", "m1", "production")
GET = Arrival("GET", "/v1/models/m1/environments/production", "m1", "production")
LIST = Arrival("GET", "/v1/models/m1/environments", "m1", None)


def _statuses(faults: Faults, count: int, arrival: Arrival = PATCH) -> list[int | None]:
    taken = [faults.take(Ending, arrival) for _ in range(count)]
    return [each.status if isinstance(each, Answer) else None for each in taken]


def test_nothing_goes_wrong_when_no_fault_is_added() -> None:
    """Faults are opted into."""
    assert Faults().take(Delay, PATCH) is None


def test_a_fault_always_happens_when_no_number_of_times_is_given() -> None:
    """Until it is removed."""
    faults = Faults()
    fault = faults.add(Fault.status(503))
    faults.add(Fault.status(500))
    assert _statuses(faults, 3) == [503, 503, 503]
    faults.remove(fault)
    assert _statuses(faults, 1) == [500]
    faults.clear()
    assert _statuses(faults, 1) == [None]


def test_a_fault_stops_when_its_times_are_used_up() -> None:
    """It counts the requests it hits."""
    faults = Faults()
    faults.add(Fault.status(503, times=2))
    assert _statuses(faults, 3) == [503, 503, None]


def test_a_fault_tells_how_many_requests_it_hit_when_asked() -> None:
    """Requests it let through do not count, nor does one that is no longer there."""
    faults = Faults()
    fault = faults.add(Fault.status(503, times=2, skip=1))
    assert faults.hits(fault) == 0
    _statuses(faults, 2)
    assert faults.hits(fault) == 1
    faults.clear()
    assert faults.hits(fault) == 0


def test_a_fault_begins_later_when_it_skips_requests() -> None:
    """It counts the requests that fit, not others."""
    faults = Faults()
    faults.add(Fault.status(503, method="PATCH", skip=1, times=1))
    assert _statuses(faults, 2, GET) == [None, None]
    assert _statuses(faults, 3) == [None, 503, None]


def test_faults_play_one_after_another_when_several_fit() -> None:
    """The first added that is not used up is taken, one of a kind for each request."""
    faults = Faults()
    faults.add(Fault.status(503, times=1))
    faults.add(Fault.status(429, times=1))
    faults.add(Fault.delay(2, times=1))
    assert _statuses(faults, 3) == [503, 429, None]
    assert faults.take(Delay, PATCH) == Delay(2)


@pytest.mark.parametrize(
    ("fault", "fits"),
    [
        (Fault.status(500), True),
        (Fault.status(500, method="PATCH"), True),
        (Fault.status(500, method="GET"), False),
        (Fault.status(500, path=r"/environments/prod"), True),
        (Fault.status(500, path=r"/environments$"), False),
        (Fault.status(500, model_id="m1"), True),
        (Fault.status(500, model_id="m2"), False),
        (Fault.status(500, env_name="production"), True),
        (Fault.status(500, env_name="staging"), False),
    ],
)
def test_a_fault_fits_when_everything_it_names_is_so(fault: Fault, fits: bool) -> None:
    """Method, path, model and environment narrow a fault down."""
    assert fault.fits(PATCH) is fits


def test_a_stale_read_fits_a_list_when_it_names_an_environment_of_it() -> None:
    """A list reads its environments; another fault of one environment leaves lists alone."""
    assert Fault.stale(env_name="production").fits(LIST)
    assert Fault.stale(env_name="production").action == StaleRead(None, "production")
    assert not Fault.stale(env_name="production").fits(Arrival("GET", "/x", "m1", "staging"))
    assert not Fault.status(500, env_name="production").fits(LIST)


def test_the_default_body_names_the_status_when_none_is_given() -> None:
    """A person reading a log sees that it was scripted."""
    action = Fault.status(503).action
    assert action == Answer(
        takes_effect=False, status=503, content=b'{"message": "scripted fault: status 503"}', headers=()
    )


@pytest.mark.parametrize(("body", "content"), [("text", b"text"), ([1], b"[1]"), (b"\xff", b"\xff")])
def test_a_body_goes_out_as_it_is_when_it_is_text(body: object, content: bytes) -> None:
    """Text and bytes are sent as they are, anything else as JSON."""
    action = Fault.body(body, status=201).action
    assert action == Answer(takes_effect=True, status=201, content=content, headers=())


def test_the_other_kinds_hold_what_they_are_told_when_made() -> None:
    """Each maker says one thing."""
    assert Fault.dropped(takes_effect=True).action == Drop(takes_effect=True)
    assert Fault.never_applies().action == Application(fields=())
    assert Fault.applies_only("max_replica").action == Application(fields=("max_replica",))
    assert Fault.reverts(2).action == Application(reverts_after_seconds=2)
    assert Fault.stale(3).action == StaleRead(3, None)
    assert Fault.status(429, headers={"retry-after": "1"}).action == Answer(
        takes_effect=False,
        status=429,
        content=b'{"message": "scripted fault: status 429"}',
        headers=(("retry-after", "1"),),
    )


def test_a_fault_is_refused_when_its_script_makes_no_sense() -> None:
    """A mistake shows where it is made, not as a test that passes."""
    with pytest.raises(ValueError, match="times at least 1"):
        Fault.status(500, times=0)
    with pytest.raises(ValueError, match="skip must be at least 0"):
        Fault.status(500, skip=-1)
    with pytest.raises(re.error):
        Fault.status(500, path="(")
