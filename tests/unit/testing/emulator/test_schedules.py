from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.store import Store
from tests.schedules import one_time, reported, schedule

if TYPE_CHECKING:
    from tests.unit.testing.emulator.conftest import HandClock

ADDRESS = ("m1", "production")


def _upsert(declared: dict[str, Any], schedule_id: str | None = None) -> dict[str, Any]:
    return {**reported(declared), "id": schedule_id}


def _update(store: Store, *schedules: dict[str, Any], **said: Any) -> str:
    changes = {"schedules": list(schedules), "delete_schedules": [], **said}
    return store.update(*ADDRESS, {"autoscaling_schedule_settings": changes})


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


def test_change_queues_when_a_promotion_runs(store: Store) -> None:
    """Like every other change."""
    from baseten_pulumi.testing.emulator.promotions import Promotion

    store.start_promotion(*ADDRESS, Promotion(1000.0))
    assert _update(store, _upsert(schedule()), timezone="UTC") == "QUEUED"


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


def test_ids_are_refused_when_they_are_unknown_or_named_twice(store: Store) -> None:
    """An id stands for a schedule that is there, once."""
    id_ = store.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    assert _refused(store, _upsert(schedule(), "sched99")) == "Schedule sched99 not found"
    assert _refused(store, delete_schedules=["sched99"]) == "Schedule sched99 not found"
    assert (
        _refused(store, _upsert(schedule(), id_), delete_schedules=[id_]) == f"Schedule {id_} is named more than once"
    )


def test_one_time_schedule_is_refused_when_it_is_to_be_replaced(store: Store) -> None:
    """It can be deleted, and is told as it is."""
    id_ = store.put_schedule(*ADDRESS, one_time(), "UTC")
    assert _told(store)["schedules"] == [{"id": id_, **one_time()}]
    assert "cannot be replaced" in _refused(store, _upsert(schedule("launch"), id_))
    assert _update(store, delete_schedules=[id_]) == "ACCEPTED"


def test_timezone_is_held_to_the_schedules_when_it_is_sent(store: Store) -> None:
    """Needed with the first, never null while there are some, none without any."""
    assert _refused(store, _upsert(schedule())) == "timezone is required with the first schedule"
    assert _refused(store, _upsert(schedule()), timezone="Mars") == "timezone must be the IANA name of one, got Mars"
    assert _refused(store, timezone="UTC") == "timezone must come with a schedule"
    id_ = store.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    assert _refused(store, timezone=None) == "timezone must not be null while there are schedules"
    assert _update(store, timezone="Europe/Berlin") == "ACCEPTED"
    assert _update(store, timezone=None, delete_schedules=[id_]) == "ACCEPTED"


def test_schedules_change_at_once_when_somebody_does_it_by_hand(store: Store) -> None:
    """Put under an id or a new one, and removed."""
    id_ = store.put_schedule(*ADDRESS, reported(schedule()), "UTC")
    assert store.put_schedule(*ADDRESS, {**reported(schedule(end_hour=12)), "id": id_}, None) == id_
    assert (_told(store)["timezone"], _told(store)["schedules"][0]["end_hour"]) == ("UTC", 12)
    store.remove_schedule(*ADDRESS, id_)
    assert _told(store)["schedules"] == []
