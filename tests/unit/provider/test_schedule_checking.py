from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi.provider import judging
from baseten_pulumi.provider.checking import check
from tests.schedules import SCHEDULES, path, schedule

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
PEAK = f'{SCHEDULES}.schedules["peak"]'
OVERRIDES = f"{PEAK}.autoscaling_settings"
RIGHT = {"min_replica": 2, "max_replica": 8}


def _check(lists: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    checked, failures = check({"model_id": "abc123", "env_name": "production", SCHEDULES: lists})
    return checked, [(failure.path, failure.reason) for failure in failures]


def _failures(*schedules: Any, **lists: Any) -> list[tuple[str, str]]:
    return _check({"timezone": "UTC", "schedules": list(schedules), **lists})[1]


def test_schedules_are_normalised_when_they_are_right() -> None:
    """`enabled` is filled in, floats are whole, weekdays in order; another round changes nothing."""
    declared = schedule(
        enabled=None, weekdays=["FRIDAY", "MONDAY"], start_hour=8.0, overrides={"scale_down_delay": None}
    )
    checked, failures = _check({"timezone": "UTC", "schedules": [declared], "delete_schedules": ["old"]})
    assert failures == []
    assert checked[SCHEDULES] == {"timezone": "UTC", "schedules": [schedule()], "delete_schedules": ["old"]}
    assert check(checked) == (checked, [])


@pytest.mark.parametrize("parts", [{}, {"start_hour": None, "end_hour": None}, {"start_hour": 22, "end_hour": 4}])
def test_hours_may_be_left_out_when_a_schedule_is_hourly(parts: dict[str, Any]) -> None:
    """Then it runs all day."""
    assert _failures(schedule(cadence="HOURLY", **parts)) == []


@pytest.mark.parametrize(
    ("parts", "where", "reason"),
    [
        ({"cadence": "WEEKLY"}, f"{PEAK}.cadence", 'must be DAILY or HOURLY, got "WEEKLY"'),
        ({"cadence": None}, f"{PEAK}.cadence", "is required"),
        ({"enabled": "yes"}, f"{PEAK}.enabled", 'must be true or false, got "yes"'),
        ({"weekdays": []}, f"{PEAK}.weekdays", "must be a list of at least one weekday, got []"),
        ({"weekdays": "MONDAY"}, f"{PEAK}.weekdays", 'must be a list of at least one weekday, got "MONDAY"'),
        ({"weekdays": None}, f"{PEAK}.weekdays", "is required"),
        ({"weekdays": ["MONDAY", "MONDAY"]}, f"{PEAK}.weekdays", 'must be distinct weekdays, got "MONDAY" twice'),
        ({"start_hour": 24}, f"{PEAK}.start_hour", "must be at most 23, got 24"),
        ({"start_hour": -1}, f"{PEAK}.start_hour", "must be at least 0, got -1"),
        ({"end_hour": 7.5}, f"{PEAK}.end_hour", "must be a whole number, got 7.5"),
        ({"start_hour": None}, f"{PEAK}.start_hour", "is required for a DAILY schedule"),
        ({"cadence": "HOURLY", "start_hour": None}, f"{PEAK}.start_hour", "is required with end_hour"),
        ({"cadence": "HOURLY", "end_hour": None}, f"{PEAK}.end_hour", "is required with start_hour"),
        ({"start_minute": 60}, f"{PEAK}.start_minute", "must be at most 59, got 60"),
        ({"start_minute": None}, f"{PEAK}.start_minute", "is required"),
        ({"end_minute": None}, f"{PEAK}.end_minute", "is required"),
        ({"end_minutes": 3}, f"{PEAK}.end_minutes", 'is not a known property; did you mean "end_minute"?'),
        ({"autoscaling_settings": None}, OVERRIDES, "is required"),
        ({"autoscaling_settings": 3}, OVERRIDES, "must be an object, got 3"),
        ({"autoscaling_settings": {"max_replica": 3}}, f"{OVERRIDES}.min_replica", "is required"),
        ({"autoscaling_settings": {"min_replica": 3}}, f"{OVERRIDES}.max_replica", "is required"),
        (
            {"autoscaling_settings": {**RIGHT, "scale_down_delay": 3601}},
            f"{OVERRIDES}.scale_down_delay",
            "must be at most 3600 s, got 3601",
        ),
        (
            {"autoscaling_settings": {**RIGHT, "min_replicas": 1}},
            f"{OVERRIDES}.min_replicas",
            'is not a known property; did you mean "min_replica"?',
        ),
        (
            {"autoscaling_settings": {"min_replica": 4, "max_replica": 3}},
            f"{OVERRIDES}.min_replica",
            "must be at most max_replica (3), got 4",
        ),
    ],
)
def test_schedule_is_refused_when_a_part_breaks_its_rule(parts: dict[str, Any], where: str, reason: str) -> None:
    """Property, rule and value; one rule broken is one failure."""
    assert _failures(schedule(**parts)) == [(where, reason)]


@pytest.mark.parametrize("name", ["", " ", 3])
def test_schedule_is_refused_when_its_name_is_no_text(name: Any) -> None:
    """It is known by its name and nothing else."""
    assert _failures(schedule(name))[0] == (
        f"{SCHEDULES}.schedules[0].name",
        f"must be a text that is not empty, got {judging.shown(name)}",
    )
    assert (f"{SCHEDULES}.schedules[0].name", "is required") in _failures(schedule(name=None))


def test_schedules_are_refused_when_a_name_is_there_twice() -> None:
    """One setting has one value."""
    again = f"{SCHEDULES}.schedules[1]"
    assert _failures(schedule(), schedule(end_hour=12)) == [(again, 'must be there once, got "peak" again')]
    again = f"{SCHEDULES}.delete_schedules[1]"
    assert _failures(schedule(), delete_schedules=["a", "a"]) == [(again, 'must be there once, got "a" again')]


@pytest.mark.parametrize("turned", [False, True])
def test_schedule_is_refused_when_it_is_to_be_there_and_gone(turned: bool) -> None:
    """Whichever list comes first."""
    lists: list[tuple[str, Any]] = [("schedules", [schedule()]), ("delete_schedules", ["peak"])]
    found = _check({"timezone": "UTC", **dict(reversed(lists) if turned else lists)})[1]
    assert found == [(f"{SCHEDULES}.delete_schedules", 'must not name what schedules holds, got "peak"')]


@pytest.mark.parametrize(
    ("lists", "failure"),
    [
        ({"schedules": 3}, ("schedules", "must be a list, got 3")),
        ({"schedules": [3]}, ("schedules[0]", "must be an object, got 3")),
        ({"delete_schedules": "old"}, ("delete_schedules", 'must be a list, got "old"')),
        ({"delete_schedules": [3]}, ("delete_schedules[0]", "must be the name of a schedule, got 3")),
        ({"schedule": []}, ("schedule", 'is not a known property; did you mean "schedules"?')),
    ],
)
def test_object_is_refused_when_its_lists_are_none(lists: dict[str, Any], failure: tuple[str, str]) -> None:
    """Where there is no name, the place in the list is told."""
    assert _check(lists)[1] == [(f"{SCHEDULES}.{failure[0]}", failure[1])]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", 3, "europe berlin"])
def test_timezone_is_refused_when_it_is_none(zone: Any) -> None:
    """An IANA name, out of this machine's database."""
    ((where, reason),) = _failures(schedule(), timezone=zone)
    assert where == f"{SCHEDULES}.timezone"
    assert reason.startswith('must be the IANA name of a timezone, such as "America/Los_Angeles", got ')


def test_near_timezone_is_offered_when_one_is_misspelt() -> None:
    """As near properties are."""
    ((_, reason),) = _failures(schedule(), timezone="Europe/Berln")
    assert reason.endswith('got "Europe/Berln"; did you mean "Europe/Berlin"?')


@pytest.mark.parametrize(("zone", "is_right"), [("Mars/Olympus", True), ("Mars Olympus", False), (3, False)])
def test_form_counts_when_the_machine_knows_no_timezones(
    zone: Any, is_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Baseten then has the last word."""
    monkeypatch.setattr(judging, "_timezones", frozenset)
    assert (_failures(schedule(), timezone=zone) == []) is is_right


@pytest.mark.parametrize("lists", [{}, {"schedules": []}, {"delete_schedules": ["old"]}])
def test_timezone_is_refused_when_it_comes_alone(lists: dict[str, Any]) -> None:
    """Baseten reports none without schedules: it would be waited for in vain."""
    assert _check({"timezone": "UTC", **lists})[1] == [
        (f"{SCHEDULES}.timezone", "must come with a schedule in schedules (leave it out when only deleting), got none")
    ]


@pytest.mark.parametrize(
    "lists",
    [
        {"schedules": UNKNOWN, "delete_schedules": UNKNOWN},
        {"schedules": [UNKNOWN]},
        {"schedules": [schedule(UNKNOWN), schedule()], "delete_schedules": [UNKNOWN]},
        {"schedules": [schedule(start_hour=UNKNOWN, cadence=UNKNOWN, weekdays=UNKNOWN, enabled=UNKNOWN)]},
        {"schedules": [schedule(weekdays=["MONDAY", UNKNOWN], autoscaling_settings=UNKNOWN)]},
        {"schedules": [schedule(overrides={"min_replica": UNKNOWN, "scale_down_delay": UNKNOWN})]},
    ],
)
def test_unknown_is_passed_on_when_it_is_in_a_schedule(lists: dict[str, Any]) -> None:
    """At every depth, in its place."""
    checked, failures = _check({"timezone": UNKNOWN, **lists})
    assert failures == []
    assert checked[SCHEDULES] == {"timezone": UNKNOWN, **lists}


def test_known_parts_are_judged_when_others_are_not_known() -> None:
    """A preview refuses what is wrong already, and names a schedule without a name by its place."""
    found = _failures(schedule(UNKNOWN, start_minute=77))
    assert found == [(f"{SCHEDULES}.schedules[0].start_minute", "must be at most 59, got 77")]


def test_deleting_is_enough_when_nothing_else_is_declared() -> None:
    """It is a setting."""
    assert _check({"delete_schedules": ["old"]})[1] == []
    assert _check({"schedules": []})[1] != []
    assert path("old").startswith(SCHEDULES)
