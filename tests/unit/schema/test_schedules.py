"""Autoscaling schedules: what is valid, what is sent, and which ones mean the same."""

import sys
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from pulumi.output import Unknown

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
NOT_A_NAME = (
    'env_name: must contain only lowercase letters, digits and -, and start and end with a letter or digit, got "-"'
)
DAYS = "SUNDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY or SATURDAY"
NOT_AN_INSTANT = "must be an ISO 8601 time with a UTC offset, such as 2027-01-31T08:00:00+01:00"


def _daily(**changes: Any) -> dict[str, Any]:
    return inputs(**{"model_id": "abc123", **changes})


def _hourly(**changes: Any) -> dict[str, Any]:
    return _daily(**{"cadence": "HOURLY", "start_hour": None, "end_hour": None, **changes})


def _once(**changes: Any) -> dict[str, Any]:
    declared = one_time_inputs("abc123", **changes)
    return {name: value for name, value in declared.items() if value is not None}


def _failures(declared: dict[str, Any], *, is_new: bool = True) -> list[str]:
    checked, failures = validate_schedule(declared, {} if is_new else declared, NOW)
    if failures:
        assert checked == declared
    return [str(failure) for failure in failures]


# --- what is valid --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"schedule_name": None}, "schedule_name: is required"),
        ({"schedule_name": ""}, "schedule_name: is required"),
        ({"schedule_name": 7}, "schedule_name: must be a string of printable characters, got 7"),
        ({"schedule_name": "a\nb"}, 'schedule_name: must be a string of printable characters, got "a\\nb"'),
        ({"schedule_name": " peak"}, 'schedule_name: must not start or end with a space, got " peak"'),
        ({"schedule_name": "peak "}, 'schedule_name: must not start or end with a space, got "peak "'),
        ({"timezone": None}, "timezone: is required"),
        (
            {"timezone": "Europe/Berlyn"},
            'timezone: must be an IANA time zone name (did you mean "Europe/Berlin"?), got "Europe/Berlyn"',
        ),
        ({"timezone": "?"}, 'timezone: must be an IANA time zone name, got "?"'),
        ({"timezone": [7]}, "timezone: must be an IANA time zone name, got [7]"),
        ({"cadence": None}, "cadence: is required"),
        ({"cadence": "WEEKLY"}, 'cadence: must be DAILY, HOURLY or ONE_TIME, got "WEEKLY"'),
        ({"cadence": ["DAILY"]}, 'cadence: must be DAILY, HOURLY or ONE_TIME, got ["DAILY"]'),
        ({"enabled": "yes"}, 'enabled: must be true or false, got "yes"'),
        ({"start_hour": -1}, "start_hour: must be >= 0, got -1"),
        ({"start_hour": 24}, "start_hour: must be <= 23, got 24"),
        ({"end_hour": -1}, "end_hour: must be >= 0, got -1"),
        ({"end_hour": 24}, "end_hour: must be <= 23, got 24"),
        ({"end_hour": 9.5}, "end_hour: must be a whole number, got 9.5"),
        ({"start_minute": -1}, "start_minute: must be >= 0, got -1"),
        ({"start_minute": 60}, "start_minute: must be <= 59, got 60"),
        ({"end_minute": -1}, "end_minute: must be >= 0, got -1"),
        ({"end_minute": 60}, "end_minute: must be <= 59, got 60"),
        ({"end_minute": True}, "end_minute: must be a whole number, got true"),
        ({"weekdays": "MONDAY"}, 'weekdays: must be a list of at least one weekday, got "MONDAY"'),
        ({"weekdays": []}, "weekdays: must be a list of at least one weekday, got []"),
        ({"weekdays": ["MONDAY", "Friday"]}, f'weekdays[1]: must be {DAYS}, got "Friday"'),
        ({"weekdays": [UNKNOWN, ["FRIDAY"]]}, f'weekdays[1]: must be {DAYS}, got ["FRIDAY"]'),
        ({"weekdays": ["MONDAY", "FRIDAY", "MONDAY"]}, 'weekdays[2]: must not be repeated, got "MONDAY"'),
        ({"start_hours": 8}, 'start_hours: unknown property; did you mean "start_hour"?'),
        ({"env_name": "-"}, NOT_A_NAME),
        ({"autoscaling_settings": None}, "autoscaling_settings: is required"),
        ({"autoscaling_settings": 3}, "autoscaling_settings: must be an object, got 3"),
    ],
)
def test_property_is_refused_when_it_breaks_its_rule(changes: dict[str, Any], failure: str) -> None:
    """Path, rule and value; a name that is close to one that exists is suggested."""
    assert _failures(_daily(**changes)) == [failure]


@pytest.mark.parametrize(
    ("overrides", "failures"),
    [
        ({}, ["autoscaling_settings.min_replica: is required", "autoscaling_settings.max_replica: is required"]),
        ({"min_replica": 1, "max_replica": None}, ["autoscaling_settings.max_replica: is required"]),
        (
            {"min_replica": 9, "max_replica": 8},
            ["autoscaling_settings.min_replica: must be <= max_replica (8), got 9"],
        ),
        (
            {"min_replica": 1, "max_replica": 2, "max_replicas": 3},
            ['autoscaling_settings.max_replicas: unknown property; did you mean "max_replica"?'],
        ),
        ({"min_replica": 1, "max_replica": 0}, ["autoscaling_settings.max_replica: must be >= 1, got 0"]),
        (
            {"min_replica": 1, "max_replica": 2, "scale_down_delay": 3601},
            ["autoscaling_settings.scale_down_delay: must be <= 3600 s, got 3601"],
        ),
    ],
)
def test_overrides_are_refused_when_they_are_incomplete_or_out_of_range(
    overrides: dict[str, Any], failures: list[str]
) -> None:
    """They have the rules of an environment's settings, and both replica limits."""
    assert _failures(_daily(autoscaling_settings=overrides)) == failures


@pytest.mark.parametrize(
    ("declared", "failures"),
    [
        (
            _daily(weekdays=None, start_hour=None, end_hour=None),
            [f"{name}: is required with cadence DAILY" for name in ("weekdays", "start_hour", "end_hour")],
        ),
        (
            _hourly(weekdays=None, end_minute=None),
            [f"{name}: is required with cadence HOURLY" for name in ("weekdays", "end_minute")],
        ),
        (_hourly(start_hour=8), ["end_hour: is required with start_hour"]),
        (_hourly(end_hour=8), ["start_hour: is required with end_hour"]),
        (
            _once(start_at=None, end_at=None),
            [f"{name}: is required with cadence ONE_TIME" for name in ("start_at", "end_at")],
        ),
        (
            _once(weekdays=["MONDAY"], start_hour=1, end_hour=2, start_minute=3, end_minute=4),
            [
                'weekdays: must not be set with cadence ONE_TIME, got ["MONDAY"]',
                "start_hour: must not be set with cadence ONE_TIME, got 1",
                "end_hour: must not be set with cadence ONE_TIME, got 2",
                "start_minute: must not be set with cadence ONE_TIME, got 3",
                "end_minute: must not be set with cadence ONE_TIME, got 4",
            ],
        ),
        (
            _daily(start_at="2099-01-01T08:00:00Z", end_at="2099-01-01T10:00:00Z"),
            [
                'start_at: must not be set with cadence DAILY, got "2099-01-01T08:00:00Z"',
                'end_at: must not be set with cadence DAILY, got "2099-01-01T10:00:00Z"',
            ],
        ),
        (
            _hourly(end_at="2099-01-01T10:00:00Z"),
            ['end_at: must not be set with cadence HOURLY, got "2099-01-01T10:00:00Z"'],
        ),
    ],
)
def test_property_is_refused_when_the_cadence_needs_it_or_excludes_it(
    declared: dict[str, Any], failures: list[str]
) -> None:
    """Each cadence has properties of its own; HOURLY has both hours or none."""
    assert _failures(declared) == failures


@pytest.mark.parametrize(
    ("declared", "failure"),
    [
        (
            _daily(start_hour=22, end_hour=6, end_minute=None),
            "end_hour: must be later than the start on the same day (22:00), got 06:00",
        ),
        (
            _daily(start_hour=8, start_minute=30, end_hour=8, end_minute=30),
            "end_hour: must be later than the start on the same day (08:30), got 08:30",
        ),
        (_hourly(start_minute=30, end_minute=30), "end_minute: must be > start_minute (30), got 30"),
        (_hourly(start_minute=30, end_minute=5), "end_minute: must be > start_minute (30), got 5"),
        (_hourly(start_minute=None, end_minute=0), "end_minute: must be > start_minute (0), got 0"),
        (_hourly(start_hour=9, end_hour=8), "end_hour: must be >= start_hour (9), got 8"),
        (
            _once(end_at="2099-01-01T09:00:00+01:00"),
            "end_at: must be later than start_at (2099-01-01T08:00:00Z), got 2099-01-01T09:00:00+01:00",
        ),
        (
            _once(end_at="2098-01-01T09:00:00Z"),
            "end_at: must be later than start_at (2099-01-01T08:00:00Z), got 2098-01-01T09:00:00Z",
        ),
    ],
)
def test_window_is_refused_when_it_does_not_end_after_its_start(declared: dict[str, Any], failure: str) -> None:
    """Whatever the zones in which two instants are written."""
    assert [found.replace('"', "") for found in _failures(declared)] == [failure]


@pytest.mark.parametrize(
    "declared",
    [
        _daily(),
        _daily(start_minute=None, end_minute=None, enabled=False),
        _daily(start_hour=9, end_hour=10, start_minute=59),
        _daily(start_hour=0, end_hour=23, end_minute=59, weekdays=("SUNDAY",)),
        _hourly(),
        _hourly(start_hour=8, end_hour=8),
        _once(),
        _once(start_at="2030-01-01T00:00:01Z", end_at="2030-01-01T00:00:01.001000+00:00"),
        _once(start_at="2099-01-01T08:00+05:30"),
        _daily(zone="America/Argentina/Buenos_Aires", name="Peak ü"),
    ],
)
def test_schedule_is_valid_when_every_rule_holds(declared: dict[str, Any]) -> None:
    """The limits themselves included."""
    assert _failures(declared) == []


@pytest.mark.parametrize("name", ["start_at", "end_at"])
@pytest.mark.parametrize(
    "text",
    [
        "2099-01-01T08:00:00",
        "2099-01-01",
        "2099-01-01 08:00:00Z",
        "20990101T080000Z",
        "2099-02-30T08:00:00Z",
        "0001-01-01T00:00:00+01:00",
        4070937600,
        ["2099-01-01T08:00:00Z"],
    ],
)
def test_instant_is_refused_when_it_has_no_zone_or_is_not_iso_8601(text: Any, name: str) -> None:
    """Also where a later Python would read it."""
    (failure,) = _failures(_once(**{name: text}))
    assert failure.startswith(f"{name}: {NOT_AN_INSTANT}, got ")


def test_past_start_is_refused_when_a_one_time_schedule_is_new() -> None:
    """Baseten would refuse it; one that exists has begun, or is over, and stays."""
    declared = _once(start_at="2030-01-01T01:00:00+01:00", end_at="2030-01-01T08:00:00Z")
    assert _failures(declared, is_new=False) == []
    (failure,) = _failures(declared, is_new=True)
    assert failure == (
        "start_at: must be in the future for a new schedule (if you renamed or moved its resource, add an alias), "
        'got "2030-01-01T01:00:00+01:00"'
    )


def test_new_end_is_refused_when_it_is_in_the_past() -> None:
    """A schedule that has ended is not sent, so Baseten would keep the old end."""
    news = _once(start_at="2029-01-01T00:00:00Z", end_at="2029-12-31T00:00:00Z")
    olds = {**news, "end_at": "2099-01-01T00:00:00Z"}
    _, failures = validate_schedule(news, olds, NOW)
    assert [str(failure) for failure in failures] == [
        (
            "end_at: must be in the future (to end it now, set enabled=False or remove the resource), "
            'got "2029-12-31T00:00:00Z"'
        )
    ]
    assert validate_schedule(news, news, NOW)[1] == []


def test_every_failure_is_returned_when_several_rules_are_broken() -> None:
    """One preview is enough to correct a program."""
    declared = {"cadence": "DAYLY", "start_hour": 99, "weekday": [], "autoscaling_settings": {"min_replica": -1}}
    assert _failures(declared) == [
        'weekday: unknown property; did you mean "weekdays"?',
        "model_id: is required",
        "env_name: is required",
        "schedule_name: is required",
        "timezone: is required",
        'cadence: must be DAILY, HOURLY or ONE_TIME, got "DAYLY"',
        "start_hour: must be <= 23, got 99",
        "autoscaling_settings.min_replica: must be >= 0, got -1",
        "autoscaling_settings.max_replica: is required",
    ]


def test_cadence_is_judged_too_when_another_property_breaks_its_rule() -> None:
    """What a cadence needs does not depend on a name."""
    assert _failures(_daily(schedule_name=None, start_hour=None)) == [
        "schedule_name: is required",
        "start_hour: is required with cadence DAILY",
    ]


@pytest.fixture
def _no_zones(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a database of time zones, as a bare Windows."""
    monkeypatch.setitem(sys.modules, "tzdata", None)
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("_no_zones")
def test_any_zone_is_accepted_when_the_machine_knows_none() -> None:
    """Baseten judges it."""
    assert _failures(_daily(zone="Europe/Berlyn")) == []
    assert _failures(_daily(zone=7)) == ["timezone: must be an IANA time zone name, got 7"]


@pytest.mark.parametrize(
    "changes",
    [
        *({name: UNKNOWN} for name in inputs("abc123")),
        {"weekdays": ["MONDAY", UNKNOWN]},
        {"cadence": UNKNOWN, "start_at": "2099-01-01T08:00:00Z"},
        {"autoscaling_settings": {"min_replica": UNKNOWN, "max_replica": 3}},
        {"autoscaling_settings": {"min_replica": 4, "max_replica": UNKNOWN}},
        {"cadence": "HOURLY", "start_minute": UNKNOWN, "start_hour": None, "end_hour": None},
        {"cadence": "HOURLY", "end_minute": UNKNOWN},
        {"cadence": "ONE_TIME", "start_at": UNKNOWN, "end_at": UNKNOWN},
        {"cadence": "ONE_TIME", "start_at": UNKNOWN, "end_at": "2020-01-01T08:00:00Z"},
    ],
)
def test_unknown_is_passed_through_when_a_preview_validates(changes: dict[str, Any]) -> None:
    """At every depth; it is validated once it is known."""
    is_once = changes.get("cadence") == "ONE_TIME"
    declared = {**_once(), **changes} if is_once else _daily(**changes)
    checked, failures = validate_schedule(declared, {}, NOW)
    assert failures == []
    assert {name: checked[name] for name, value in changes.items() if value is not None} == {
        name: value for name, value in changes.items() if value is not None
    }


def test_inputs_are_normalized_when_they_come_from_the_engine() -> None:
    """Integers for floats, no nulls and no outputs; what was given is left alone."""
    own = {"__provider": "pickle", "in_force": None, "schedule_id": None, "start_at": None}
    overrides = {"min_replica": 2.0, "max_replica": 8.0, "scale_down_delay": None}
    declared = {**_daily(start_hour=8.0, end_hour=10.0), **own, "autoscaling_settings": overrides}
    checked, failures = validate_schedule(declared, {}, NOW)
    assert (checked, failures) == (_daily(), [])
    numbers = (checked["start_hour"], checked["end_hour"], *checked["autoscaling_settings"].values())
    assert {type(number) for number in numbers} == {int}
    assert declared["autoscaling_settings"] is overrides
    assert overrides["scale_down_delay"] is None


@pytest.mark.parametrize(
    ("declared", "defaults"),
    [
        (_daily(enabled=None, start_minute=None, end_minute=None), _daily(start_minute=0, end_minute=0)),
        (_hourly(enabled=None, start_minute=None), _hourly(start_minute=0)),
        (_once(enabled=None), _once()),
        (_daily(enabled=False), _daily(enabled=False)),
    ],
)
def test_defaults_are_filled_in_when_they_are_not_declared(declared: dict[str, Any], defaults: dict[str, Any]) -> None:
    """A schedule runs unless it is disabled; what a cadence does not need is not filled in."""
    checked, failures = validate_schedule(declared, {}, NOW)
    assert (checked, failures) == (defaults, [])


# --- what is sent ---------------------------------------------------------------------------------------------------

OVERRIDES = {"min_replica": 2, "max_replica": 8, **dict.fromkeys(NULLS)}


def test_every_override_is_sent_when_few_are_declared() -> None:
    """Baseten replaces a schedule as a whole: a null is as the environment has it. Model and zone are no part of it."""
    assert request_of({**_daily(start_hour=8.0), "in_force": True, "schedule_id": "s9"}, None) == {
        "name": "peak",
        "cadence": "DAILY",
        "enabled": True,
        "weekdays": ["MONDAY", "FRIDAY"],
        "start_hour": 8,
        "start_minute": 0,
        "end_hour": 10,
        "end_minute": 30,
        "autoscaling_settings": OVERRIDES,
    }
    assert request_of(_once(), "s1") == {
        "id": "s1",
        "name": "launch",
        "cadence": "ONE_TIME",
        "enabled": True,
        "start_at": "2099-01-01T08:00:00Z",
        "end_at": "2099-01-01T10:00:00Z",
        "autoscaling_settings": {**OVERRIDES, "min_replica": 4, "max_replica": 9},
    }


def test_outputs_are_left_out_when_the_inputs_of_a_resource_are_taken() -> None:
    """The state has floats, and outputs that no program declares."""
    outputs = {**_daily(start_hour=8.0), "in_force": True, "schedule_id": "s1", "weekdays": None}
    assert inputs_of(outputs) == {name: value for name, value in _daily().items() if name != "weekdays"}


# --- which schedules mean the same ----------------------------------------------------------------------------------


def _observed(declared: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a schedule as it is read from Baseten, with every null."""
    nulls = dict.fromkeys(("weekdays", "start_hour", "start_minute", "end_hour", "end_minute", "start_at", "end_at"))
    own = {name: value for name, value in declared.items() if name not in ("model_id", "env_name")}
    overrides = {**dict.fromkeys(NULLS), **declared["autoscaling_settings"]}
    return {**nulls, **own, "autoscaling_settings": overrides, **changes}


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
    assert as_declared(declared, found) == {
        name: value for name, value in declared.items() if name not in ("model_id", "env_name")
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schedule_name", "other"),
        ("timezone", "Europe/Berlin"),
        ("cadence", "HOURLY"),
        ("enabled", False),
        ("weekdays", ["MONDAY"]),
        ("start_hour", 7),
        ("start_minute", 1),
        ("end_hour", 11),
        ("end_minute", None),
        ("start_at", "2099-01-01T08:00:00Z"),
        ("end_at", "2099-01-01T08:00:00Z"),
        ("autoscaling_settings.min_replica", 3),
        ("autoscaling_settings.max_replica", None),
        *((f"autoscaling_settings.{name}", 20) for name in NULLS),
    ],
)
def test_schedules_differ_when_a_property_is_observed_with_another_value(path: str, value: Any) -> None:
    """Each of them is managed, also one that is not declared; it becomes what is observed."""
    group, _, name = path.rpartition(".")
    found = _observed(_daily())
    (found[group] if group else found)[name] = value
    (difference,) = schedule_differences(_daily(), found)
    declared = _daily().get(group, {}).get(name) if group else _daily().get(name)
    assert (difference.path, difference.desired, difference.observed) == (path, declared, value)
    drifted = as_declared(_daily(), found)
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
    assert Schedule("s1", {"schedule_name": None}).name == ""
    assert Schedule("s1", {"schedule_name": "peak"}).name == "peak"
