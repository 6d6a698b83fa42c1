from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi.provider.diffing import changes
from baseten_pulumi.provider.schedule_diffing import dropped
from tests.schedules import SCHEDULES, schedule

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
PEAK, NIGHT = schedule("peak"), schedule("night")
FIRST = f"{SCHEDULES}.schedules[0]"
LIST, DELETED = f"{SCHEDULES}.schedules", f"{SCHEDULES}.delete_schedules"


def _props(*schedules: Any, **more: Any) -> dict[str, Any]:
    lists = {"timezone": "UTC", "schedules": list(schedules), **more}
    return {"model_id": "abc123", "env_name": "production", "in_force": True, "status": "ACCEPTED", SCHEDULES: lists}


def _changes(olds: dict[str, Any], news: dict[str, Any]) -> dict[str, str]:
    return dict(changes(olds, news, is_waiting=True))


def test_nothing_changes_when_only_the_order_does() -> None:
    """Of schedules, of weekdays, of names; floats are whole numbers."""
    olds = _props(PEAK, {**NIGHT, "end_hour": 10.0}, delete_schedules=["a", "b"])
    news = _props(NIGHT, {**PEAK, "weekdays": ["FRIDAY", "MONDAY"]}, delete_schedules=["b", "a"])
    assert _changes(olds, news) == {}


@pytest.mark.parametrize(
    ("olds", "news", "expected"),
    [
        (_props(PEAK), _props(schedule(end_hour=12)), {f"{FIRST}.end_hour": "UPDATE"}),
        (
            _props(PEAK),
            _props(schedule(overrides={"max_replica": 9, "scale_down_delay": 60})),
            {
                f"{FIRST}.autoscaling_settings.max_replica": "UPDATE",
                f"{FIRST}.autoscaling_settings.scale_down_delay": "ADD",
            },
        ),
        (
            _props(PEAK),
            _props(schedule(cadence="HOURLY", start_hour=None, end_hour=None, weekdays=["SUNDAY"])),
            {
                f"{FIRST}.cadence": "UPDATE",
                f"{FIRST}.start_hour": "DELETE",
                f"{FIRST}.end_hour": "DELETE",
                f"{FIRST}.weekdays": "UPDATE",
            },
        ),
        (_props(PEAK), _props(PEAK, NIGHT), {f"{LIST}[1]": "ADD"}),
        (_props(PEAK, NIGHT), _props(PEAK), {f"{LIST}[1]": "DELETE"}),
        (_props(PEAK, NIGHT), _props(NIGHT), {LIST: "UPDATE"}),
        (_props(PEAK), _props(NIGHT, PEAK), {LIST: "UPDATE"}),
        (_props(PEAK), _props(PEAK, timezone="Europe/Berlin"), {f"{SCHEDULES}.timezone": "UPDATE"}),
        (_props(PEAK), _props(PEAK, delete_schedules=["old"]), {DELETED: "ADD"}),
        (_props(PEAK, delete_schedules=["old"]), _props(PEAK), {DELETED: "DELETE"}),
        (_props(PEAK, delete_schedules=["a"]), _props(PEAK, delete_schedules=["b"]), {DELETED: "UPDATE"}),
    ],
)
def test_each_part_is_named_by_its_place_when_schedules_change(
    olds: dict[str, Any], news: dict[str, Any], expected: dict[str, str]
) -> None:
    """Pulumi shows a change at its place in the list; where schedules move, the list as a whole."""
    assert _changes(olds, news) == expected


def test_list_is_named_when_a_schedule_is_there_twice_in_state() -> None:
    """A refresh may have found that; the program's one is something else."""
    assert _changes(_props(PEAK, PEAK), _props(PEAK)) != {}


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ({**_props(), SCHEDULES: UNKNOWN}, {SCHEDULES: "UPDATE"}),
        (_props(timezone="UTC", schedules=UNKNOWN), {LIST: "UPDATE"}),
        (_props(schedule(start_hour=UNKNOWN)), {f"{FIRST}.start_hour": "UPDATE"}),
        (_props(schedule(UNKNOWN)), {f"{FIRST}.name": "UPDATE"}),
        (_props(UNKNOWN), {FIRST: "UPDATE"}),
        (_props(PEAK, UNKNOWN), {f"{LIST}[1]": "ADD"}),
        (_props(PEAK, delete_schedules=[UNKNOWN]), {DELETED: "ADD"}),
    ],
)
def test_unknown_is_a_change_when_it_is_in_a_schedule(news: dict[str, Any], expected: dict[str, str]) -> None:
    """At every depth, without a comparison."""
    assert _changes(_props(PEAK), news) == expected


@pytest.mark.parametrize(
    ("olds", "news", "expected"),
    [
        (_props(PEAK, NIGHT), _props(NIGHT), ["peak"]),
        (_props(PEAK), {}, ["peak"]),
        (_props(PEAK), _props(delete_schedules=["peak"]), []),
        (_props(PEAK, delete_schedules=["old"]), _props(PEAK), []),
        (_props(PEAK), _props(schedule(UNKNOWN)), []),
        (_props(PEAK), {SCHEDULES: UNKNOWN}, []),
        ({}, _props(PEAK), []),
    ],
)
def test_schedule_is_dropped_when_no_list_names_it(
    olds: dict[str, Any], news: dict[str, Any], expected: list[str]
) -> None:
    """One that is to be deleted is still managed, and an unknown name may still be it."""
    assert dropped(olds.get(SCHEDULES), news.get(SCHEDULES)) == expected
