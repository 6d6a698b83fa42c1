import json
import sys
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi.testing.emulator.account import FictionalModel
from baseten_pulumi.testing.emulator.contract import read_update
from baseten_pulumi.testing.emulator.faults import Arrival, Faults
from baseten_pulumi.testing.emulator.operations import Operations
from baseten_pulumi.testing.emulator.promotions import Promotion
from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.store import Behaviour, Store
from tests.schedules import one_time, reported, schedule

if TYPE_CHECKING:
    from tests.unit.testing.emulator.conftest import HandClock

ADDRESS = ("m1", "production")


def _upsert(declared: dict[str, Any], schedule_id: str | None = None) -> dict[str, Any]:
    return {**reported(declared), "id": schedule_id}


def _body(*schedules: dict[str, Any], **said: Any) -> bytes:
    changes = {"schedules": list(schedules), "delete_schedules": [], **said}
    return json.dumps({"autoscaling_schedule_settings": changes}).encode()


def _update(store: Store, *schedules: dict[str, Any], **said: Any) -> str:
    return store.update(*ADDRESS, read_update(_body(*schedules, **said)))


def _told(store: Store) -> Any:
    return store.environment(*ADDRESS)["autoscaling_schedules"]


def _refused(store: Store, *schedules: dict[str, Any], **said: Any) -> str:
    before = _told(store)
    with pytest.raises(RefusalError) as caught:
        _update(store, *schedules, **said)
    assert (caught.value.status, _told(store)) == (400, before)
    return caught.value.message


def test_nothing_is_told_when_there_never_was_a_schedule(store: Store) -> None:
    """The whole object is null."""
    assert _told(store) is None


def test_schedules_come_change_and_go_when_their_time_has_passed(store: Store, clock: "HandClock") -> None:
    """Made with an id and a timezone, replaced under it, deleted by it; each takes as long as every other setting."""
    assert _update(store, _upsert(schedule()), timezone="UTC") == "ACCEPTED"
    assert _told(store) is None
    clock.seconds += 10
    (made,) = _told(store)["schedules"]
    assert made == reported(schedule(), made["id"])
    assert (_told(store)["timezone"], _told(store)["applied_state"]["schedule_id"]) == ("UTC", None)
    assert _update(store, _upsert(schedule(), made["id"])) == "UNCHANGED"
    assert _update(store, _upsert(schedule(end_hour=12), made["id"])) == "ACCEPTED"
    clock.seconds += 10
    assert [it["end_hour"] for it in _told(store)["schedules"]] == [12]
    assert _update(store, delete_schedules=[made["id"]]) == "ACCEPTED"
    clock.seconds += 10
    assert _told(store) == {"schedules": [], "applied_state": _told(store)["applied_state"]}


def test_second_schedule_is_made_when_one_is_sent_again_without_an_id(store: Store, clock: "HandClock") -> None:
    """The API takes names twice: whoever repeats a request has two."""
    for _ in range(2):
        _update(store, _upsert(schedule()), timezone="UTC")
    clock.seconds += 10
    assert [it["name"] for it in _told(store)["schedules"]] == ["peak", "peak"]


def test_change_queues_when_a_promotion_runs(store: Store, clock: "HandClock") -> None:
    """Like every other change, it comes into force after the promotion."""
    store.start_promotion(*ADDRESS, Promotion(1000.0))
    assert _update(store, _upsert(one_time()), timezone="UTC") == "QUEUED"
    clock.seconds += 60
    assert _told(store) is None
    store.finish_promotion(*ADDRESS, "SUCCEEDED")
    clock.seconds += 10
    assert [it["name"] for it in _told(store)["schedules"]] == ["launch"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"name": " "}, "name must not be empty"),
        ({"weekdays": []}, "weekdays must be distinct, and at least one"),
        ({"weekdays": ["MONDAY", "MONDAY"]}, "weekdays must be distinct, and at least one"),
        ({"start_hour": None}, "start_hour and end_hour belong together"),
        ({"start_hour": None, "end_hour": None}, "a DAILY schedule needs them"),
        ({"start_hour": 24}, "hours must be between 0 and 23"),
        ({"end_minute": 60}, "minutes must be between 0 and 59"),
        ({"overrides": {"min_replica": 9}}, "min_replica (9) must not exceed max_replica"),
        ({"overrides": {"scale_down_delay": 3601}}, "scale_down_delay must be between 0 and 3600, got 3601"),
    ],
)
def test_schedule_is_refused_when_a_part_breaks_its_rule(store: Store, parts: dict[str, Any], message: str) -> None:
    """With 400, without any effect."""
    assert message in _refused(store, _upsert(schedule(**parts)), timezone="UTC")


@pytest.mark.parametrize("empty", [{}, {"schedules": None, "delete_schedules": None}])
def test_schedules_stay_when_the_lists_of_a_request_are_absent_or_null(store: Store, empty: dict[str, None]) -> None:
    """Both mean that there is nothing to put and nothing to delete."""
    store.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    body = json.dumps({"autoscaling_schedule_settings": {"timezone": "UTC", **empty}}).encode()
    assert store.update(*ADDRESS, read_update(body)) == "UNCHANGED"


def test_ids_are_refused_when_they_are_unknown_or_named_twice(store: Store) -> None:
    """An id stands for a schedule that is there, once."""
    id_ = store.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    assert _refused(store, _upsert(schedule(), "sched99")) == "Schedule sched99 not found"
    assert _refused(store, delete_schedules=["sched99"]) == "Schedule sched99 not found"
    assert (
        _refused(store, _upsert(schedule(), id_), delete_schedules=[id_]) == f"Schedule {id_} is named more than once"
    )


def test_one_time_schedule_is_reported_in_utc_when_it_was_sent_with_an_offset(store: Store, clock: "HandClock") -> None:
    """Start and end are instants, whatever the request's text."""
    sent = one_time(start_at="2099-06-01T08:00:00+02:00", end_at="2099-06-01T10:00:00.500-0500")
    assert _update(store, _upsert(sent), timezone="Europe/Berlin") == "ACCEPTED"
    clock.seconds += 10
    (told,) = _told(store)["schedules"]
    assert told == one_time(id=told["id"], start_at="2099-06-01T06:00:00Z", end_at="2099-06-01T15:00:00.500000Z")
    same = one_time(start_at="2099-06-01T06:00:00+00:00", end_at="2099-06-01T17:00:00.5+02:00")
    assert _update(store, _upsert(same, told["id"])) == "UNCHANGED"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"end_at": "2099-01-01T10:00:00+02:00"}, "schedule launch: end_at must be after start_at"),
        ({"start_at": "2026-01-01T08:00:00Z"}, "schedule launch: start_at of a new schedule must be in the future"),
        (
            {"end_at": "9999-12-31T23:59:59-01:00"},
            "schedule launch: start_at and end_at must be in the years 1 to 9999",
        ),
        ({"name": " "}, "a schedule's name must not be empty"),
        ({"overrides": {"min_replica": 10}}, "schedule launch: min_replica (10) must not exceed max_replica"),
    ],
)
def test_one_time_schedule_is_refused_when_a_part_breaks_its_rule(
    store: Store, parts: dict[str, Any], message: str
) -> None:
    """With 400, without any effect."""
    assert _refused(store, _upsert(one_time(**parts)), timezone="UTC") == message


@pytest.mark.parametrize(("minutes", "accepted"), [(-1, False), (1, True)])
def test_start_is_compared_with_the_time_of_day_when_a_one_time_schedule_is_new(
    store: Store, minutes: int, accepted: bool
) -> None:
    """A minute ago is too late, a minute from now is not."""
    sent = one_time(start_at=(datetime.now(timezone.utc) + timedelta(minutes=minutes)).isoformat())
    if accepted:
        assert _update(store, _upsert(sent), timezone="UTC") == "ACCEPTED"
    else:
        assert "must be in the future" in _refused(store, _upsert(sent), timezone="UTC")


def test_one_time_schedule_is_replaced_when_it_has_started(store: Store, clock: "HandClock") -> None:
    """It keeps its id, and may end later or have started otherwise."""
    id_ = store.put_schedule(*ADDRESS, one_time(start_at="2026-01-01T08:00:00Z"), "UTC")
    later = one_time(start_at="2026-01-02T08:00:00Z", end_at="2099-01-02T08:00:00Z")
    assert _update(store, _upsert(later, id_)) == "ACCEPTED"
    clock.seconds += 10
    assert _told(store)["schedules"] == [{"id": id_, **later}]


def test_schedule_has_only_its_own_parts_when_it_replaces_one_of_another_cadence(
    store: Store, clock: "HandClock"
) -> None:
    """Under the same id, there and back, by a request and by hand."""
    hourly = reported(schedule(cadence="HOURLY"))
    del hourly["start_hour"], hourly["end_hour"]
    id_ = store.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    for sent in (one_time(), hourly, reported(schedule()), hourly, one_time()):
        assert _update(store, _upsert(sent, id_)) == "ACCEPTED"
        clock.seconds += 10
        assert _told(store)["schedules"] == [{"id": id_, **sent}]
    for put in (hourly, one_time()):
        store.put_schedule(*ADDRESS, {"id": id_, **put}, None)
        assert _told(store)["schedules"] == [{"id": id_, **put}]


def test_weekdays_are_reported_from_sunday_on_when_they_are_sent_in_another_order(
    store: Store, clock: "HandClock"
) -> None:
    """They are a set, and another order is no change."""
    sent = ["SATURDAY", "WEDNESDAY", "MONDAY", "SUNDAY"]
    _update(store, _upsert(schedule(weekdays=sent)), timezone="UTC")
    clock.seconds += 10
    (told,) = _told(store)["schedules"]
    assert told["weekdays"] == ["SUNDAY", "MONDAY", "WEDNESDAY", "SATURDAY"]
    assert _update(store, _upsert(schedule(weekdays=sent[::-1]), told["id"])) == "UNCHANGED"


@pytest.mark.parametrize("make", [schedule, one_time])
def test_name_loses_its_outer_blanks_when_it_is_sent(store: Store, clock: "HandClock", make: Any) -> None:
    """Inner ones stay."""
    _update(store, _upsert(make("\t the  launch\n")), timezone="UTC")
    clock.seconds += 10
    assert [it["name"] for it in _told(store)["schedules"]] == ["the  launch"]


@pytest.mark.parametrize(("apply_seconds", "names"), [(0, ["peak", "launch"]), (5, [])])
def test_answer_to_a_patch_lists_a_new_schedule_when_it_is_in_force(
    clock: "HandClock", apply_seconds: int, names: list[str]
) -> None:
    """With its id at once where nothing takes time, and otherwise not before it has applied."""
    store = Store([FictionalModel("m1", "chat")], Behaviour(apply_seconds=apply_seconds, clock=clock))
    arrival = Arrival("PATCH", "/v1/models/m1/environments/production", *ADDRESS)
    body = _body(_upsert(schedule()), _upsert(one_time()), timezone="UTC")
    answer = Operations(store, Faults()).update_environment(arrival, body)
    told = answer["environment"]["autoscaling_schedules"]
    assert [it["name"] for it in (told or {"schedules": []})["schedules"]] == names
    clock.seconds += apply_seconds
    assert [(it["id"], it["name"]) for it in _told(store)["schedules"]] == [("sched1", "peak"), ("sched2", "launch")]


def test_timezone_is_held_to_the_schedules_when_it_is_sent(store: Store) -> None:
    """Needed with the first, never null while there are some, none without any."""
    assert _refused(store, _upsert(schedule())) == "timezone is required with the first schedule"
    assert _refused(store, _upsert(schedule()), timezone="Mars") == "timezone must be the IANA name of one, got Mars"
    assert _refused(store, timezone="UTC") == "timezone must come with a schedule"
    id_ = store.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    assert _refused(store, timezone=None) == "timezone must not be null while there are schedules"
    assert _update(store, timezone="Europe/Berlin") == "ACCEPTED"
    assert _update(store, timezone=None, delete_schedules=[id_]) == "ACCEPTED"
    assert _refused(store, _upsert(schedule())) == "timezone is required with the first schedule"


@pytest.fixture
def no_time_zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a time zone database."""
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "tzdata", None)
        zoneinfo.reset_tzpath(to=())
        yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("no_time_zones")
def test_every_timezone_is_taken_when_the_machine_has_no_time_zone_database(store: Store) -> None:
    """What cannot be checked is not refused."""
    assert not zoneinfo.available_timezones()
    assert _update(store, _upsert(schedule()), timezone="Mars/Olympus") == "ACCEPTED"


def test_schedules_change_at_once_when_somebody_does_it_by_hand(store: Store) -> None:
    """Put under an id or a new one, and removed."""
    id_ = store.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    assert store.put_schedule(*ADDRESS, {**reported(schedule(end_hour=12)), "id": id_}, None) == id_
    assert (_told(store)["timezone"], _told(store)["schedules"][0]["end_hour"]) == ("UTC", 12)
    store.remove_schedule(*ADDRESS, id_)
    assert _told(store)["schedules"] == []
    assert _refused(store, _upsert(schedule())) == "timezone is required with the first schedule"


def test_schedule_is_reported_as_given_when_somebody_puts_it_by_hand(store: Store) -> None:
    """No rule is applied to it, and its weekdays and name stay as they are."""
    given = reported(schedule(" peak ", weekdays=["FRIDAY", "MONDAY"], color=None))
    id_ = store.put_schedule(*ADDRESS, given, "UTC")
    assert _told(store)["schedules"] == [{"id": id_, **given}]
