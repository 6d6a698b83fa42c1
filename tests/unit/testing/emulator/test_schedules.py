import sys
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.schedules import one_time, reported, schedule
from tests.unit.testing.emulator.conftest import Served

ADDRESS = ("m1", "production")


@pytest.fixture
def served() -> Served:
    """Settings are applied at once."""
    return Served(apply_seconds=0)


def _update(served: Served, *schedules: dict[str, Any], **settings: Any) -> str:
    changes = {"schedules": list(schedules), "delete_schedules": [], **settings}
    return served.update(autoscaling_schedule_settings=changes)


def _put(served: Served, declared: dict[str, Any], schedule_id: str | None = None, zone: str = "UTC") -> str:
    return _update(served, {**reported(declared), "id": schedule_id}, timezone=zone)


def _listed(served: Served) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = served.read()["autoscaling_schedules"]["schedules"]
    return listed


def test_schedule_is_created_replaced_and_deleted_when_requests_say_so(served: Served) -> None:
    assert served.read()["autoscaling_schedules"] is None
    assert _put(served, schedule()) == "ACCEPTED"
    (created,) = _listed(served)
    assert created == reported(schedule(), created["id"])
    assert served.read()["autoscaling_schedules"]["timezone"] == "UTC"
    assert _put(served, schedule(), created["id"]) == "UNCHANGED"
    assert _put(served, schedule(end_hour=12), created["id"]) == "ACCEPTED"
    assert [each["end_hour"] for each in _listed(served)] == [12]
    assert _update(served, delete_schedules=[created["id"]]) == "ACCEPTED"
    found = served.read()["autoscaling_schedules"]
    assert found == {"schedules": [], "applied_state": found["applied_state"]}


def test_second_schedule_is_created_when_one_is_sent_again_without_an_id(served: Served) -> None:
    """The API accepts a name twice, so that a repeated request creates two."""
    assert [_put(served, schedule()) for _ in range(2)] == ["ACCEPTED", "ACCEPTED"]
    assert [each["name"] for each in _listed(served)] == ["peak", "peak"]


def test_schedule_is_listed_when_it_is_applied() -> None:
    sent = {"autoscaling_schedule_settings": {"timezone": "UTC", "schedules": [one_time()]}}
    for apply_seconds, expected in ((0, ["launch"]), (5, None)):
        response = Served(apply_seconds=apply_seconds).send("PATCH", json=sent).json()
        found = response["environment"]["autoscaling_schedules"]
        assert (found and [each["name"] for each in found["schedules"]]) == expected
    served = Served(apply_seconds=0)
    served.emulator.start_promotion(*ADDRESS)
    assert _put(served, one_time()) == "QUEUED"
    assert served.read()["autoscaling_schedules"] is None
    served.emulator.finish_promotion(*ADDRESS)
    assert [each["name"] for each in _listed(served)] == ["launch"]


WHERE = "autoscaling_schedule_settings.schedules.0"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (schedule(color="red"), f"{WHERE}.DAILY.color: unknown field"),
        (schedule(overrides={"min_replicas": 1}), f"{WHERE}.DAILY.autoscaling_settings.min_replicas: unknown field"),
        (schedule(overrides={"max_scale_down_rate": 51}), f"{WHERE}.DAILY.autoscaling_settings.max_scale_down_rate: "),
        (schedule(cadence="WEEKLY"), f"{WHERE}: Input tag 'WEEKLY' found using 'cadence' does not match"),
        (schedule(cadence="ONE_TIME"), f"{WHERE}.ONE_TIME.start_at: Field required"),
        (one_time(weekdays=["MONDAY"]), f"{WHERE}.ONE_TIME.weekdays: unknown field"),
        (one_time(start_at="2099-01-01T08:00:00"), f"{WHERE}.ONE_TIME.start_at: Input should have timezone info"),
        (one_time(end_at="2099-01-01"), f"{WHERE}.ONE_TIME.end_at: Input should be a date and time in ISO 8601"),
        (one_time(end_at=4070908800), f"{WHERE}.ONE_TIME.end_at: Input should be a date and time in ISO 8601"),
        (one_time(end_at="Two o'clock"), f"{WHERE}.ONE_TIME.end_at: Input should be a valid datetime"),
        (schedule(" "), "a schedule's name must not be empty"),
        (schedule(weekdays=[]), "schedule peak: weekdays must be distinct, and at least one"),
        (schedule(weekdays=["MONDAY", "MONDAY"]), "schedule peak: weekdays must be distinct, and at least one"),
        (schedule(start_hour=None), "schedule peak: start_hour and end_hour belong together"),
        (schedule(start_hour=None, end_hour=None), "schedule peak: start_hour and end_hour belong together"),
        (schedule(start_hour=24), "schedule peak: hours must be between 0 and 23"),
        (schedule(end_minute=60), "schedule peak: minutes must be between 0 and 59"),
        (schedule(overrides={"min_replica": 9}), "schedule peak: min_replica (9) must not exceed max_replica"),
        (one_time(overrides={"min_replica": 10}), "schedule launch: min_replica (10) must not exceed max_replica"),
        (one_time(end_at="2099-01-01T10:00:00+02:00"), "schedule launch: end_at must be after start_at"),
        (one_time(end_at="9999-12-31T23:59:59-01:00"), "schedule launch: start_at and end_at must be in the years"),
        (one_time(start_at="2026-01-01T08:00:00Z"), "schedule launch: start_at of a new schedule must be in the fut"),
    ],
)
def test_schedule_is_rejected_when_it_breaks_the_description_or_a_rule(
    sent: dict[str, Any], message: str, served: Served
) -> None:
    assert _put(served, sent).startswith(message)
    assert served.read()["autoscaling_schedules"] is None


def test_values_of_a_schedule_have_the_ranges_of_settings_when_they_are_sent(served: Served) -> None:
    message = _put(served, schedule(overrides={"scale_down_delay": 3601}))
    assert message.endswith("scale_down_delay must be between 0 and 3600, got 3601")


def test_schedules_are_unchanged_when_the_lists_of_a_request_are_absent_or_null(served: Served) -> None:
    """Both mean that there is nothing to put and nothing to delete."""
    served.emulator.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    for empty in ({}, {"schedules": None, "delete_schedules": None}):
        assert served.update(autoscaling_schedule_settings={"timezone": "UTC", **empty}) == "UNCHANGED"


def test_ids_are_rejected_when_they_are_unknown_or_named_twice(served: Served) -> None:
    id_ = served.emulator.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    assert _put(served, schedule(), "sched99") == "Schedule sched99 not found"
    assert _update(served, delete_schedules=["sched99"]) == "Schedule sched99 not found"
    twice = _update(served, {**reported(schedule()), "id": id_}, delete_schedules=[id_])
    assert twice == f"Schedule {id_} is named more than once"


def test_times_are_reported_in_utc_when_they_were_sent_with_an_offset(served: Served) -> None:
    sent = one_time(start_at="2099-06-01T08:00:00+02:00", end_at="2099-06-01T10:00:00.500-0500")
    assert _put(served, sent, zone="Europe/Berlin") == "ACCEPTED"
    (listed,) = _listed(served)
    assert listed == one_time(id=listed["id"], start_at="2099-06-01T06:00:00Z", end_at="2099-06-01T15:00:00.500000Z")
    same = one_time(start_at="2099-06-01T06:00:00+00:00", end_at="2099-06-01T17:00:00.5+02:00")
    assert _put(served, same, listed["id"], "Europe/Berlin") == "UNCHANGED"


@pytest.mark.parametrize(("minutes", "accepted"), [(-1, False), (1, True)])
def test_start_is_compared_with_the_time_of_day_when_a_one_time_schedule_is_new(
    minutes: int, accepted: bool, served: Served
) -> None:
    sent = one_time(start_at=(datetime.now(timezone.utc) + timedelta(minutes=minutes)).isoformat())
    assert (_put(served, sent) == "ACCEPTED") is accepted
    id_ = served.emulator.put_schedule(*ADDRESS, one_time(), "UTC")
    assert _put(served, sent, id_) == "ACCEPTED"


def test_schedule_has_only_its_own_parts_when_it_replaces_one_of_another_cadence(served: Served) -> None:
    hourly = reported(schedule(cadence="HOURLY"))
    del hourly["start_hour"], hourly["end_hour"]
    id_ = served.emulator.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    for sent in (one_time(), hourly, reported(schedule()), hourly, one_time()):
        assert _put(served, sent, id_) == "ACCEPTED"
        assert _listed(served) == [{"id": id_, **sent}]
    for put in (hourly, one_time()):
        served.emulator.put_schedule(*ADDRESS, {"id": id_, **put})
        assert _listed(served) == [{"id": id_, **put}]


def test_weekdays_are_a_set_when_they_are_sent_in_any_order(served: Served) -> None:
    sent = ["SATURDAY", "WEDNESDAY", "MONDAY", "SUNDAY"]
    _put(served, schedule("\t the  peak\n", weekdays=sent))
    (listed,) = _listed(served)
    assert listed["weekdays"] == ["SUNDAY", "MONDAY", "WEDNESDAY", "SATURDAY"]
    assert listed["name"] == "the  peak"
    assert _put(served, schedule("the  peak", weekdays=sent[::-1]), listed["id"]) == "UNCHANGED"


def test_timezone_belongs_to_schedules_when_it_is_sent(served: Served) -> None:
    first = reported(schedule())
    assert _update(served, first) == "timezone is required with the first schedule"
    assert _put(served, schedule(), zone="Mars") == "timezone must be an IANA name, got Mars"
    assert _update(served, timezone="UTC") == "timezone must come with a schedule"
    id_ = served.emulator.put_schedule(*ADDRESS, first, "UTC")
    assert _update(served, timezone=None) == "timezone must not be null while there are schedules"
    assert _update(served, timezone="Europe/Berlin") == "ACCEPTED"
    assert _update(served, timezone=None, delete_schedules=[id_]) == "ACCEPTED"
    assert _update(served, first) == "timezone is required with the first schedule"


@pytest.fixture
def no_time_zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a time zone database."""
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "tzdata", None)
        zoneinfo.reset_tzpath(to=())
        yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("no_time_zones")
def test_every_timezone_is_accepted_when_the_machine_has_no_time_zone_database(served: Served) -> None:
    assert _put(served, schedule(), zone="Mars/Olympus") == "ACCEPTED"


def test_schedule_is_reported_as_given_when_it_is_put_by_hand(served: Served) -> None:
    given = reported(schedule(" peak ", weekdays=["FRIDAY", "MONDAY"], color=None))
    id_ = served.emulator.put_schedule(*ADDRESS, given, "UTC")
    assert _listed(served) == [{"id": id_, **given}]
    assert served.emulator.put_schedule(*ADDRESS, {**given, "id": id_, "end_hour": 12}) == id_
    assert [each["end_hour"] for each in _listed(served)] == [12]
    served.emulator.remove_schedule(*ADDRESS, id_)
    assert _listed(served) == []
