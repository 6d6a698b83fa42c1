"""Autoscaling schedules: what is valid, what is sent, and which ones mean the same."""

import copy
import json
import sys
import zoneinfo
from datetime import datetime, timezone
from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi.schema.compare import Difference
from baseten_pulumi.schema.schedules import (
    Schedule,
    as_declared,
    inputs_of,
    is_over,
    request_of,
    schedule_differences,
    validate_schedule,
)
from tests.schedules import NULLS, inputs, one_time_inputs

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
NAME_RULE = "must contain only lowercase letters, digits and -, and start and end with a letter or digit"
DAYS = "SUNDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY or SATURDAY"
INSTANT_RULE = "must be an ISO 8601 time with a UTC offset, such as 2027-01-31T08:00:00+01:00"
DAY_RULE = "must be later than the start on the same day"
ZONE_RULE = "must be an IANA time zone name"
AUTOSCALING = "autoscaling_settings"


PATHS = (
    *("schedule_name", "timezone", "cadence", "enabled", "weekdays", "start_at", "end_at"),
    *("start_hour", "start_minute", "end_hour", "end_minute"),
    *(f"{AUTOSCALING}.{name}" for name in ("min_replica", "max_replica", *NULLS)),
)


def _daily(**changes: Any) -> dict[str, Any]:
    return inputs(**{"model_id": "abc123", **changes})


def _hourly(**changes: Any) -> dict[str, Any]:
    return _daily(**{"cadence": "HOURLY", "start_hour": None, "end_hour": None, **changes})


def _once(**changes: Any) -> dict[str, Any]:
    declared = one_time_inputs("abc123", **changes)
    return {name: value for name, value in declared.items() if value is not None}


def _scaling(**overrides: Any) -> dict[str, Any]:
    return _daily(autoscaling_settings={"min_replica": 1, "max_replica": 8, **overrides})


def _failures(declared: dict[str, Any]) -> list[str]:
    """Return the failures of a new schedule, whose inputs must stay as they are."""
    checked, failures = validate_schedule(declared, {}, NOW)
    assert not failures or checked == declared
    return [str(failure) for failure in failures]


# --- what is valid --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "failure"),
    [
        (_daily(schedule_name=None), "schedule_name: is required"),
        (_daily(schedule_name=""), "schedule_name: is required"),
        (_daily(schedule_name=7), "schedule_name: must be a string of printable characters, got 7"),
        (_daily(schedule_name="a\nb"), 'schedule_name: must be a string of printable characters, got "a\\nb"'),
        (_daily(schedule_name=" peak"), 'schedule_name: must not start or end with a space, got " peak"'),
        (_daily(schedule_name="peak "), 'schedule_name: must not start or end with a space, got "peak "'),
        (_daily(zone=None), "timezone: is required"),
        (_daily(zone="?"), f'timezone: {ZONE_RULE}, got "?"'),
        (_daily(zone="Europe/Berlyn"), f'timezone: {ZONE_RULE} (did you mean "Europe/Berlin"?), got "Europe/Berlyn"'),
        (_daily(zone=[7]), f"timezone: {ZONE_RULE}, got [7]"),
        (_daily(cadence=None), "cadence: is required"),
        (_daily(cadence="WEEKLY"), 'cadence: must be DAILY, HOURLY or ONE_TIME, got "WEEKLY"'),
        (_daily(cadence=["DAILY"]), 'cadence: must be DAILY, HOURLY or ONE_TIME, got ["DAILY"]'),
        (_daily(enabled="yes"), 'enabled: must be true or false, got "yes"'),
        (_daily(start_hour=-1), "start_hour: must be >= 0, got -1"),
        (_daily(start_hour=24), "start_hour: must be <= 23, got 24"),
        (_daily(end_hour=-1), "end_hour: must be >= 0, got -1"),
        (_daily(end_hour=24), "end_hour: must be <= 23, got 24"),
        (_daily(end_hour=9.5), "end_hour: must be a whole number, got 9.5"),
        (_daily(start_minute=-1), "start_minute: must be >= 0, got -1"),
        (_daily(start_minute=60), "start_minute: must be <= 59, got 60"),
        (_daily(end_minute=-1), "end_minute: must be >= 0, got -1"),
        (_daily(end_minute=60), "end_minute: must be <= 59, got 60"),
        (_daily(weekdays="MONDAY"), 'weekdays: must be a list of at least one weekday, got "MONDAY"'),
        (_daily(weekdays=[]), "weekdays: must be a list of at least one weekday, got []"),
        (_daily(weekdays=["MONDAY", "Friday"]), f'weekdays[1]: must be {DAYS} (did you mean "FRIDAY"?), got "Friday"'),
        (_daily(weekdays=[UNKNOWN, ["FRIDAY"]]), f'weekdays[1]: must be {DAYS}, got ["FRIDAY"]'),
        (_daily(weekdays=["MONDAY", "FRIDAY", "MONDAY"]), 'weekdays[2]: must not be repeated, got "MONDAY"'),
        (_daily(start_hours=8), 'start_hours: unknown property; did you mean "start_hour"?'),
        (_daily(env_name="-"), f'env_name: {NAME_RULE}, got "-"'),
        (_daily(autoscaling_settings=None), f"{AUTOSCALING}: is required"),
        (_daily(autoscaling_settings=3), f"{AUTOSCALING}: must be an object, got 3"),
        (_scaling(max_replica=None), f"{AUTOSCALING}.max_replica: is required"),
        (_scaling(min_replica=9), f"{AUTOSCALING}.min_replica: must be <= max_replica (8), got 9"),
        (_scaling(max_replicas=3), f'{AUTOSCALING}.max_replicas: unknown property; did you mean "max_replica"?'),
        (_scaling(scale_down_delay=3601), f"{AUTOSCALING}.scale_down_delay: must be <= 3600 s, got 3601"),
        # What a cadence needs or excludes.
        (_daily(end_hour=None), "end_hour: is required with cadence DAILY"),
        (_hourly(end_minute=None), "end_minute: is required with cadence HOURLY"),
        (_hourly(start_hour=8), "end_hour: is required with start_hour"),
        (_hourly(end_hour=8), "start_hour: is required with end_hour"),
        (_hourly(end_at="2099-01-01T10:00Z"), 'end_at: must not be set with cadence HOURLY, got "2099-01-01T10:00Z"'),
        # The end is after the start, whatever the zones in which two instants are written.
        (_daily(start_hour=22, end_hour=6, end_minute=None), f'end_hour: {DAY_RULE} ("22:00"), got "06:00"'),
        (_daily(start_minute=30, end_hour=8), f'end_hour: {DAY_RULE} ("08:30"), got "08:30"'),
        (_hourly(start_minute=30, end_minute=30), "end_minute: must be > start_minute (30), got 30"),
        (_hourly(start_minute=None, end_minute=0), "end_minute: must be > start_minute (0), got 0"),
        (_hourly(start_hour=9, end_hour=8), "end_hour: must be >= start_hour (9), got 8"),
        (
            _once(end_at="2099-01-01T09:00:00+01:00"),
            'end_at: must be later than start_at ("2099-01-01T08:00:00Z"), got "2099-01-01T09:00:00+01:00"',
        ),
    ],
)
def test_schedule_is_refused_when_it_breaks_a_rule(declared: dict[str, Any], failure: str) -> None:
    assert _failures(declared) == [failure]


@pytest.mark.parametrize(
    ("declared", "failures"),
    [
        (
            _daily(schedule_name=None, weekdays=None, start_hour=None),
            [
                "schedule_name: is required",
                "weekdays: is required with cadence DAILY",
                "start_hour: is required with cadence DAILY",
            ],
        ),
        (
            _once(
                start_at=None, end_at=None, weekdays=["MONDAY"], start_hour=1, end_hour=2, start_minute=3, end_minute=4
            ),
            [
                "start_at: is required with cadence ONE_TIME",
                "end_at: is required with cadence ONE_TIME",
                'weekdays: must not be set with cadence ONE_TIME, got ["MONDAY"]',
                "start_hour: must not be set with cadence ONE_TIME, got 1",
                "end_hour: must not be set with cadence ONE_TIME, got 2",
                "start_minute: must not be set with cadence ONE_TIME, got 3",
                "end_minute: must not be set with cadence ONE_TIME, got 4",
            ],
        ),
        (
            {"cadence": "DAYLY", "start_hour": 99, "weekday": [], AUTOSCALING: {"min_replica": -1}},
            [
                'weekday: unknown property; did you mean "weekdays"?',
                "model_id: is required",
                "env_name: is required",
                "schedule_name: is required",
                "timezone: is required",
                'cadence: must be DAILY, HOURLY or ONE_TIME (did you mean "DAILY"?), got "DAYLY"',
                "start_hour: must be <= 23, got 99",
                f"{AUTOSCALING}.min_replica: must be >= 0, got -1",
                f"{AUTOSCALING}.max_replica: is required",
            ],
        ),
    ],
)
def test_every_failure_is_returned_when_several_rules_are_broken(declared: dict[str, Any], failures: list[str]) -> None:
    assert _failures(declared) == failures


@pytest.mark.parametrize(
    "declared",
    [
        _daily(start_hour=9, end_hour=10, start_minute=59),
        _daily(start_hour=0, end_hour=23, end_minute=59, weekdays=("SUNDAY",)),
        _hourly(),
        _hourly(start_hour=8, end_hour=8),
        _once(start_at="2030-01-01T00:00:01Z", end_at="2030-01-01T00:00:01.0000019+00:00"),
        _once(start_at="2099-01-01T08:00+05:30"),
        _daily(zone="America/Argentina/Buenos_Aires", name="Peak ü"),
    ],
)
def test_schedule_is_valid_when_every_rule_holds(declared: dict[str, Any]) -> None:
    """The limits themselves included."""
    assert _failures(declared) == []


@pytest.mark.parametrize(
    "text",
    [
        "2099-01-01T08:00:00",
        "2099-01-01",
        "2099-01-01 08:00:00Z",
        "20990101T080000Z",
        "2099-02-30T08:00:00Z",
        "2099-01-01T08:00:00Z ",
        "0001-01-01T00:00:00+01:00",
        4070937600,
        ["2099-01-01T08:00:00Z"],
    ],
)
def test_instant_is_refused_when_it_has_no_zone_or_is_not_iso_8601(text: Any) -> None:
    """Also where a later Python would read it."""
    assert _failures(_once(start_at=text, end_at=text)) == [
        f"{name}: {INSTANT_RULE}, got {json.dumps(text)}" for name in ("start_at", "end_at")
    ]


def test_past_instant_is_refused_when_it_would_never_be_sent() -> None:
    """Baseten refuses a new schedule in the past, and one that has ended is not sent: it would keep its old end."""
    begun = _once(start_at="2030-01-01T01:00:00+01:00")
    ended = _once(start_at="2029-01-01T00:00:00Z", end_at="2030-01-01T00:00:00Z")
    rewritten = {**ended, "end_at": "2030-01-01T01:00:00+01:00"}
    start_rule = "must be in the future for a new schedule (if you renamed or moved its resource, add an alias)"
    end_rule = "must be in the future (to end it now, set enabled=False or remove the resource)"
    for news, olds, failures in (
        (begun, {}, [f'start_at: {start_rule}, got "2030-01-01T01:00:00+01:00"']),
        (begun, _once(), []),
        (ended, _once(), [f'end_at: {end_rule}, got "2030-01-01T00:00:00Z"']),
        (ended, rewritten, []),
    ):
        assert [str(failure) for failure in validate_schedule(news, olds, NOW)[1]] == failures


def test_any_zone_is_accepted_when_the_machine_knows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare Windows has no database of time zones; Baseten validates the name."""
    monkeypatch.setitem(sys.modules, "tzdata", None)
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    try:
        assert _failures(_daily(zone="Europe/Berlyn")) == []
        assert _failures(_daily(zone=7)) == [f"timezone: {ZONE_RULE}, got 7"]
    finally:
        zoneinfo.reset_tzpath()


@pytest.mark.parametrize(
    "declared",
    [
        *(_daily(**{"zone" if name == "timezone" else name: UNKNOWN}) for name in _daily()),
        _daily(weekdays=["MONDAY", UNKNOWN]),
        _daily(cadence=UNKNOWN, start_at="2099-01-01T08:00:00Z"),
        _scaling(min_replica=UNKNOWN, max_replica=3),
        _scaling(min_replica=4, max_replica=UNKNOWN),
        _hourly(start_minute=UNKNOWN),
        _hourly(start_hour=8, end_hour=10, end_minute=UNKNOWN),
        _once(start_at=UNKNOWN, end_at=UNKNOWN),
        _once(start_at=UNKNOWN, end_at="2020-01-01T08:00:00Z"),
    ],
)
def test_unknown_is_passed_through_when_a_preview_validates(declared: dict[str, Any]) -> None:
    """At every depth; it is validated once it is known."""
    assert validate_schedule(declared, {}, NOW) == (declared, [])


@pytest.mark.parametrize(
    ("declared", "normalized"),
    [
        (_daily(enabled=None, start_minute=None, end_minute=None), _daily(start_minute=0, end_minute=0)),
        (_daily(enabled=False), _daily(enabled=False)),
        (_hourly(enabled=None, start_minute=None), _hourly(start_minute=0)),
        (_once(enabled=None), _once()),
        (
            {
                **_daily(start_hour=8.0, end_hour=10.0),
                "__provider": "pickle",
                "schedule_id": None,
                "start_at": None,
                AUTOSCALING: {"min_replica": 2.0, "max_replica": 8.0, "scale_down_delay": None},
            },
            _daily(),
        ),
    ],
)
def test_inputs_are_normalized_when_they_are_valid(declared: dict[str, Any], normalized: dict[str, Any]) -> None:
    """Defaults that the cadence needs, integers for floats, no nulls and no outputs; what was given is left alone."""
    before = copy.deepcopy(declared)
    checked, failures = validate_schedule(declared, {}, NOW)
    assert failures == []
    assert json.dumps(checked, sort_keys=True) == json.dumps(normalized, sort_keys=True)  # 8.0 is not 8
    assert declared == before


# --- what is sent ---------------------------------------------------------------------------------------------------


def test_every_override_is_sent_when_few_are_declared() -> None:
    """Baseten replaces a schedule as a whole: a null is as the environment has it. Model and zone are no part of it."""
    overrides = {"min_replica": 2, "max_replica": 8, **dict.fromkeys(NULLS)}
    daily = {name: value for name, value in _daily().items() if name not in ("model_id", "env_name", "timezone")}
    assert request_of({**_daily(start_hour=8.0), "in_force": True, "schedule_id": "s9"}, None) == {
        **{"name" if name == "schedule_name" else name: value for name, value in daily.items()},
        AUTOSCALING: overrides,
    }
    assert request_of(_once(), "s1") == {
        "id": "s1",
        "name": "launch",
        "cadence": "ONE_TIME",
        "enabled": True,
        "start_at": "2099-01-01T08:00:00Z",
        "end_at": "2099-01-01T10:00:00Z",
        AUTOSCALING: {**overrides, "min_replica": 4, "max_replica": 9},
    }


def test_outputs_are_left_out_when_the_inputs_of_a_resource_are_taken() -> None:
    """The state has floats, and outputs that no program declares."""
    outputs = {**_daily(start_hour=8.0), "in_force": True, "schedule_id": "s1", "weekdays": None}
    assert json.dumps(inputs_of(outputs), sort_keys=True) == json.dumps(_daily(weekdays=None), sort_keys=True)


# --- which schedules mean the same ----------------------------------------------------------------------------------


def _observed(declared: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a schedule as it is read from Baseten, with every null."""
    nulls = dict.fromkeys(("weekdays", "start_hour", "start_minute", "end_hour", "end_minute", "start_at", "end_at"))
    own = {name: value for name, value in declared.items() if name not in ("model_id", "env_name")}
    return {**nulls, **own, AUTOSCALING: {**dict.fromkeys(NULLS), **declared[AUTOSCALING]}, **changes}


@pytest.mark.parametrize(
    ("declared", "observed"),
    [
        (_daily(), {}),
        (_daily(weekdays=["FRIDAY", "MONDAY"]), {"weekdays": ["MONDAY", "FRIDAY"]}),
        (_once(start_at="2099-01-01T09:00:00+01:00"), {"start_at": "2099-01-01T08:00:00Z"}),
        (_once(end_at="2099-01-01T10:00Z"), {"end_at": "2099-01-01T05:00:00.000-05:00"}),
    ],
)
def test_schedules_are_equal_when_they_are_only_written_differently(
    declared: dict[str, Any], observed: dict[str, Any]
) -> None:
    """Weekdays have no order, and an instant has many notations. What is declared keeps its text."""
    found = _observed(declared, **observed)
    assert schedule_differences(declared, found) == ()
    assert {"model_id": "abc123", "env_name": "production", **as_declared(declared, found)} == declared


@pytest.mark.parametrize("value", [None, "2099-01-01T08:00:00Z"])
@pytest.mark.parametrize("path", PATHS)
def test_schedules_differ_when_a_property_is_observed_with_another_value(path: str, value: Any) -> None:
    """Each of them is managed, also one that is not declared; it becomes what is observed."""
    group, _, name = path.rpartition(".")
    declared, found = _daily(), _observed(_daily())
    (found[group] if group else found)[name] = value
    desired: Any = (declared[group] if group else declared).get(name)
    assert schedule_differences(declared, found) == ((Difference(path, desired, value),) if value != desired else ())
    drifted = as_declared(declared, found)
    assert (drifted[group] if group else drifted).get(name) == value


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"end_at": "2030-01-01T01:00:00+01:00"}, True),
        ({"end_at": "2030-01-01T00:00:01Z"}, False),
        ({"end_at": UNKNOWN}, False),
        ({"end_at": None}, False),
        ({"cadence": "DAILY", "end_at": "2020-01-01T00:00:00Z"}, False),
    ],
)
def test_schedule_is_over_when_its_one_time_has_ended(changes: dict[str, Any], expected: bool) -> None:
    """At its end itself; no other cadence ends."""
    assert is_over({**_once(), **changes}, NOW) is expected


def test_name_is_empty_when_none_is_reported() -> None:
    """It is compared with declared names, which never are."""
    assert [Schedule("s1", {"schedule_name": name}).name for name in (None, "peak")] == ["", "peak"]
