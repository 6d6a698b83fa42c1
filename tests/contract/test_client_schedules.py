"""Schedules between client and emulator: known by name on one side, by id on the other, and made once."""

from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.sending import SETTLING_SECONDS, SentBefore
from baseten_pulumi.schedules import ABSENT
from baseten_pulumi.testing import Fault
from tests.schedules import SCHEDULES, TIMEZONE, one_time, path, reported, schedule

if TYPE_CHECKING:
    from tests.contract.conftest import Account

pytestmark = pytest.mark.parametrize("baseten", ["current"], indirect=True)
ADDRESS = ("abc123", "production")
PEAK: dict[str, Any] = {TIMEZONE: "Europe/Berlin", path("peak"): schedule()}


def _asked(account: "Account") -> list[str]:
    return [request.method for request in account.emulator.requests]


def _sent(account: "Account") -> list[Any]:
    return [it.body for it in account.emulator.requests if it.method == "PATCH"]


def _names(account: "Account") -> list[str]:
    held = account.emulator.reported(*ADDRESS)["autoscaling_schedules"] or {"schedules": []}
    return [it["name"] for it in held["schedules"]]


def _sent_before(account: "Account", *, is_in_doubt: bool = True) -> str:
    """Send a schedule that an earlier run may have sent."""
    before = SentBefore(frozenset({"peak"}), is_in_doubt=is_in_doubt)
    return account.ask(lambda it: it.update_environment(*ADDRESS, dict(PEAK), within_seconds=60.0, sent_before=before))


def _put(account: "Account", declared: dict[str, Any]) -> str:
    return account.emulator.put_schedule(*ADDRESS, declared, "Europe/Berlin")


def test_schedule_is_made_without_an_id_when_it_is_new(account: "Account") -> None:
    """A look, then one PATCH with the complete schedule, each override that is left out as an explicit null."""
    assert account.update({**PEAK, path("old"): ABSENT}) == "ACCEPTED"
    assert _asked(account) == ["GET", "PATCH"]
    assert _sent(account) == [{SCHEDULES: {"timezone": "Europe/Berlin", "schedules": [reported(schedule())]}}]
    assert account.read().settings.items() >= PEAK.items()


def test_schedule_is_sent_under_its_id_when_baseten_has_its_name(account: "Account") -> None:
    """And one that is to go is deleted by its id, a one-time schedule too."""
    ids = [_put(account, reported(schedule(end_hour=20))), _put(account, reported(schedule("old")))]
    ids.append(_put(account, one_time()))
    account.update({path("peak"): schedule(), path("old"): ABSENT, path("launch"): ABSENT})
    assert _sent(account) == [{SCHEDULES: {"schedules": [reported(schedule(), ids[0])], "delete_schedules": ids[1:]}}]
    assert account.update({path("peak"): schedule()}) == "UNCHANGED"
    assert _names(account) == ["peak"]


def test_hours_are_left_out_when_a_schedule_runs_all_day(account: "Account") -> None:
    """As the API's description says; read back they are not there."""
    hourly = {name: value for name, value in schedule(cadence="HOURLY").items() if not name.endswith("_hour")}
    account.update({TIMEZONE: "UTC", path("peak"): hourly})
    assert not {"start_hour", "end_hour"} & set(_sent(account)[0][SCHEDULES]["schedules"][0])
    assert account.read().settings[path("peak")] == hourly


def test_nothing_is_sent_when_all_to_be_deleted_is_gone(account: "Account") -> None:
    """It is in force already."""
    assert account.update({path("old"): ABSENT}) == "UNCHANGED"
    assert _asked(account) == ["GET"]


def test_nobody_looks_first_when_there_is_no_schedule_to_send(account: "Account") -> None:
    """Other settings need no ids."""
    account.update({"autoscaling_settings.min_replica": 1})
    assert _asked(account) == ["PATCH"]


@pytest.mark.parametrize("wanted", [schedule(), ABSENT])
def test_name_is_refused_when_baseten_has_it_twice(account: "Account", wanted: Any) -> None:
    """Nobody knows which one is meant; nothing is sent."""
    for _ in range(2):
        _put(account, reported(schedule()))
    assert isinstance(account.read().settings[path("peak")], list)
    with pytest.raises(errors.ScheduleNameError) as caught:
        account.update({path("peak"): wanted})
    assert str(caught.value) == (
        'Settings of environment "production" of model "abc123" were not put in force.\n'
        'Baseten has 2 schedules called "peak", and a schedule is known by its name. Nothing was changed.\n'
        "Rename one at Baseten, then run `pulumi up` again."
    )
    assert _sent(account) == []


def test_name_is_refused_when_a_one_time_schedule_has_it(account: "Account") -> None:
    """One-time schedules stay as they are."""
    _put(account, one_time("peak"))
    with pytest.raises(errors.ScheduleNameError, match=r'one-time schedule "peak", which stays as it is\. Nothing was'):
        account.update(dict(PEAK))
    assert _sent(account) == []


@pytest.mark.parametrize("fault", [Fault.dropped, lambda **match: Fault.status(502, **match)], ids=["reset", "502"])
def test_schedule_is_made_once_when_the_attempt_before_took_effect(account: "Account", fault: Any) -> None:
    """It is found under its id before it is sent again."""
    account.emulator.faults.add(fault(takes_effect=True, method="PATCH", times=1))
    assert account.update(dict(PEAK), within=60.0) == "UNCHANGED"
    assert _asked(account) == ["GET", "PATCH", "GET", "PATCH"]
    assert _names(account) == ["peak"]


def test_schedule_is_made_once_when_it_shows_only_later(account: "Account") -> None:
    """What Baseten has accepted it may report some seconds after."""
    account.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    account.emulator.faults.add(Fault.stale(method="GET", skip=1, times=4))
    account.update(dict(PEAK), within=60.0)
    assert _names(account) == ["peak"]
    assert _asked(account).count("GET") == 6


def test_schedule_is_sent_again_when_it_does_not_show(account: "Account") -> None:
    """The attempt was lost: after a while with no sign of it, it is made."""
    account.emulator.faults.add(Fault.dropped(method="PATCH", times=1))
    assert account.update(dict(PEAK), within=60.0) == "ACCEPTED"
    assert _names(account) == ["peak"]
    assert SETTLING_SECONDS - 3 < sum(account.clock.slept) < SETTLING_SECONDS + 3


def test_schedule_is_not_sent_again_when_a_promotion_may_hold_it_back(account: "Account") -> None:
    """It may be queued: until the promotion has ended nobody knows, and the error leaves that open."""
    account.emulator.start_promotion(*ADDRESS)
    account.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    with pytest.raises(errors.ConnectionBrokenError) as caught:
        account.update(dict(PEAK), within=200.0)
    assert caught.value.may_have_taken_effect
    assert len(_sent(account)) == 1
    account.emulator.finish_promotion(*ADDRESS)
    assert _names(account) == ["peak"]


def test_refusal_leaves_no_doubt_when_nothing_was_made(account: "Account") -> None:
    """A 429 was not carried out: there is nothing to look for."""
    account.emulator.faults.add(Fault.status(429, {"retry_after": 1}, method="PATCH", times=1))
    account.update(dict(PEAK), within=60.0)
    assert _asked(account) == ["GET", "PATCH", "GET", "PATCH"]


def test_schedule_is_looked_for_longer_when_it_was_sent_before(account: "Account") -> None:
    """By an earlier run, say: it is made once nothing of it can still be on its way, and at once where it is there."""
    assert _sent_before(account) == "ACCEPTED"
    assert SETTLING_SECONDS - 3 < sum(account.clock.slept) < SETTLING_SECONDS + 3
    account.clock.slept.clear()
    assert _sent_before(account) == "UNCHANGED"
    assert account.clock.slept == []


def test_promotion_holds_nothing_up_when_what_was_sent_before_was_seen(account: "Account") -> None:
    """Somebody has deleted it since: it is looked for a little longer, and then queues as anything else does."""
    account.emulator.start_promotion(*ADDRESS)
    assert _sent_before(account, is_in_doubt=False) == "QUEUED"
    assert SETTLING_SECONDS - 3 < sum(account.clock.slept) < SETTLING_SECONDS + 3


def test_time_runs_out_when_what_was_sent_before_never_shows(account: "Account") -> None:
    """Behind a promotion, say; the error says why nothing was sent."""
    account.emulator.start_promotion(*ADDRESS)
    with pytest.raises(errors.RequestTimeoutError) as caught:
        _sent_before(account)
    assert caught.value.statements.seen == 'Schedule "peak" was sent before and is not reported yet.'
    assert not caught.value.may_have_taken_effect
    assert _sent(account) == []


def test_missing_environment_is_named_when_it_is_looked_for(account: "Account") -> None:
    """As where there is nothing to look up; the PATCH is not sent."""
    with pytest.raises(errors.EnvironmentNotFoundError, match="were not put in force"):
        account.update(dict(PEAK), env_name="nowhere")
    assert _sent(account) == []
