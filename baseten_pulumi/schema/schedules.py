"""What an autoscaling schedule is: its properties, what is valid, its form in the API and what is compared.

Baseten replaces a schedule as a whole, so every property is managed. An autoscaling setting that is absent is sent as
null, which means "as the environment has it".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from pulumi.output import Unknown

from baseten_pulumi.schema.compare import Difference
from baseten_pulumi.schema.settings import AUTOSCALING, FIELDS, MAX_REPLICA, MIN_REPLICA, Field, to_int
from baseten_pulumi.schema.validate import (
    IDENTITY,
    IGNORED,
    Failure,
    broken_rule,
    did_you_mean,
    one_of,
    unknown_property,
    validate_names,
    validate_settings,
    validate_together,
)

WEEKDAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
CADENCES = DAILY, HOURLY, ONE_TIME = ("DAILY", "HOURLY", "ONE_TIME")

_HOURS, _MINUTES = ("start_hour", "end_hour"), ("start_minute", "end_minute")
_INSTANTS = ("start_at", "end_at")
_RECURRING = ("weekdays", *_HOURS, *_MINUTES)
_TABLE = (
    Field("cadence", "enum", "How often it runs.", choices=CADENCES),
    Field("enabled", "boolean", "Whether it runs.", default=True),
    Field("start_hour", "integer", "The hour at which it starts.", minimum=0, maximum=23),
    Field("start_minute", "integer", "The minute at which it starts.", minimum=0, maximum=59),
    Field("end_hour", "integer", "The hour at which it ends.", minimum=0, maximum=23),
    Field("end_minute", "integer", "The minute at which it ends.", minimum=0, maximum=59),
)
_SIMPLE = {field.path: field for field in _TABLE}
_PROPERTIES = ("schedule_name", "timezone", "cadence", "enabled", *_RECURRING, *_INSTANTS)
_OVERRIDES = tuple(path for path, field in FIELDS.items() if field.group == AUTOSCALING)
# RFC 3339; fromisoformat accepts more, depending on the version of Python.
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as Baseten reports it.

    Attributes:
        id: Baseten's id.
        properties: What a resource that declares it has as inputs, without model and environment.
    """

    id: str
    properties: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The schedule's name; "" if it is not reported."""
        return self.properties.get("schedule_name") or ""


def validate_schedule(
    news: Mapping[str, Any], olds: Mapping[str, Any], now: datetime
) -> tuple[dict[str, Any], list[Failure]]:
    """Normalize and validate the inputs of a schedule.

    Nulls are dropped, whole floats become integers, `enabled` becomes True if it is absent, and the minutes that a
    cadence does not require become 0.

    Args:
        news: The inputs.
        olds: The inputs it has; empty if it is created. A new schedule must start in the future, and a new end must be
            in the future.
        now: The current time.

    Returns:
        The normalized inputs and every failure; with a failure the inputs are those given.
    """
    given = {name: to_int(value) for name, value in news.items() if value is not None and name not in IGNORED}
    known = (*IDENTITY, *_PROPERTIES, AUTOSCALING)
    failures = [Failure(name, unknown_property(name, known)) for name in given if name not in known]
    failures += validate_names({name: given.get(name) for name in IDENTITY})
    failures += _name_failures(given.get("schedule_name"))
    failures += _timezone_failures(given.get("timezone"))
    for name, field in _SIMPLE.items():
        if name in given and not isinstance(given[name], Unknown) and (rule := broken_rule(field, given[name])):
            failures.append(Failure(name, rule, given[name]))
    failures += _weekdays_failures(given.get("weekdays"))
    failures += _instant_failures(given)
    if "cadence" not in given:
        failures.append(Failure("cadence", "is required"))
    given = {**_defaults(given.get("cadence")), **given}
    invalid = {failure.path for failure in failures}
    failures += _missing_or_foreign(given)
    failures += _order_failures({name: value for name, value in given.items() if name not in invalid})
    failures += _past_failures(given, olds, now)
    failures += _override_failures(given.get(AUTOSCALING))
    if failures:
        return dict(news), failures
    overrides = given[AUTOSCALING]
    return {**given, AUTOSCALING: overrides if isinstance(overrides, Unknown) else _without_nulls(overrides)}, []


def inputs_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs among the properties of a resource; whole floats become integers."""
    names = (*IDENTITY, *_PROPERTIES)
    own = _without_nulls({name: properties.get(name) for name in names})
    return {**own, AUTOSCALING: _without_nulls(properties.get(AUTOSCALING) or {})}


def fields(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return every property by path in a form in which equal schedules are equal; None if it is absent.

    Times are instants, and weekdays have no order. What is not known yet stays unknown.
    """
    found = {name: _comparable(name, properties.get(name)) for name in _PROPERTIES}
    overrides = properties.get(AUTOSCALING)
    if isinstance(overrides, Unknown):
        return {**found, AUTOSCALING: overrides}
    overrides = overrides if isinstance(overrides, Mapping) else {}
    return {**found, **{path: to_int(overrides.get(FIELDS[path].name)) for path in _OVERRIDES}}


def schedule_differences(desired: Mapping[str, Any], observed: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return every property of a schedule that is observed with another value than the desired one."""
    before = fields(observed)
    return tuple(
        Difference(path, _value_at(desired, path), _value_at(observed, path))
        for path, value in fields(desired).items()
        if value != before[path]
    )


def request_of(properties: Mapping[str, Any], schedule_id: str | None) -> dict[str, Any]:
    """Return the schedule as a PATCH contains it; without an id it is created."""
    inputs = inputs_of(properties)
    own = {name: inputs[name] for name in ("cadence", "enabled", *_RECURRING, *_INSTANTS) if name in inputs}
    overrides = {FIELDS[path].name: inputs[AUTOSCALING].get(FIELDS[path].name) for path in _OVERRIDES}
    known_id = {} if schedule_id is None else {"id": schedule_id}
    return {**known_id, "name": inputs["schedule_name"], **own, AUTOSCALING: overrides}


def as_declared(declared: Mapping[str, Any], observed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the observed properties without nulls, each written as it is declared if it means the same."""
    same = (
        name for name in _PROPERTIES if _comparable(name, declared.get(name)) == _comparable(name, observed.get(name))
    )
    as_written = {name: declared[name] for name in same if declared.get(name) is not None}
    return {**_without_nulls(observed), **as_written, AUTOSCALING: _without_nulls(observed.get(AUTOSCALING) or {})}


def is_over(properties: Mapping[str, Any], now: datetime) -> bool:
    """Return whether it is a one-time schedule whose end has passed."""
    end = _comparable("end_at", properties.get("end_at"))
    return properties.get("cadence") == ONE_TIME and isinstance(end, datetime) and end <= now


def _name_failures(name: Any) -> Iterator[Failure]:
    if name is None or name == "":
        yield Failure("schedule_name", "is required")
    elif isinstance(name, Unknown):
        return
    elif not isinstance(name, str) or not name.isprintable():
        yield Failure("schedule_name", "must be a string of printable characters", name)
    elif name != name.strip():
        yield Failure("schedule_name", "must not start or end with a space", name)


def _timezone_failures(name: Any) -> Iterator[Failure]:
    if name is None:
        yield Failure("timezone", "is required")
    elif not isinstance(name, Unknown) and not _is_timezone(name):
        hint = did_you_mean(str(name), available_timezones())
        yield Failure("timezone", f"must be an IANA time zone name{hint}", name)


def _is_timezone(name: Any) -> bool:
    """Return whether a time zone exists; without a database of time zones, every name counts as one."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, TypeError, ValueError):
        return not available_timezones() and isinstance(name, str)
    return True


def _weekdays_failures(weekdays: Any) -> Iterator[Failure]:
    if weekdays is None or isinstance(weekdays, Unknown):
        return
    if not isinstance(weekdays, (list, tuple)) or not weekdays:
        yield Failure("weekdays", "must be a list of at least one weekday", weekdays)
        return
    for index, day in enumerate(weekdays):
        if isinstance(day, Unknown):
            continue
        if day not in WEEKDAYS:
            yield Failure(f"weekdays[{index}]", one_of(day, WEEKDAYS), day)
        elif weekdays.index(day) < index:
            yield Failure(f"weekdays[{index}]", "must not be repeated", day)


def _instant_failures(given: Mapping[str, Any]) -> Iterator[Failure]:
    for name in _INSTANTS:
        value = given.get(name)
        if value is not None and _comparable(name, value) is None:
            yield Failure(name, "must be an ISO 8601 time with a UTC offset, such as 2027-01-31T08:00:00+01:00", value)


def _defaults(cadence: Any) -> dict[str, Any]:
    return {
        DAILY: {"enabled": True, "start_minute": 0, "end_minute": 0},
        HOURLY: {"enabled": True, "start_minute": 0},
    }.get(cadence if isinstance(cadence, str) else "", {"enabled": True})


def _missing_or_foreign(given: Mapping[str, Any]) -> Iterator[Failure]:
    """Yield what a cadence requires and what does not belong to it."""
    cadence = given.get("cadence")
    requires: dict[Any, tuple[str, ...]] = {
        DAILY: ("weekdays", *_HOURS),
        HOURLY: ("weekdays", "end_minute"),
        ONE_TIME: _INSTANTS,
    }
    if not isinstance(cadence, str) or cadence not in requires:
        return
    for name in requires[cadence]:
        if name not in given:
            yield Failure(name, f"is required with cadence {cadence}")
    for name in _RECURRING if cadence == ONE_TIME else _INSTANTS:
        if name in given:
            yield Failure(name, f"must not be set with cadence {cadence}", given[name])
    hours = [name for name in _HOURS if name in given]
    if cadence == HOURLY and len(hours) == 1:
        (missing,) = set(_HOURS) - set(hours)
        yield Failure(missing, f"is required with {hours[0]}")


def _order_failures(valid: Mapping[str, Any]) -> Iterator[Failure]:
    """Yield a failure if a schedule ends before it starts; what is invalid by itself, or not known yet, passes."""
    known = {name: value for name, value in valid.items() if not isinstance(value, Unknown)}
    start_at, end_at = (_comparable(name, known.get(name)) for name in _INSTANTS)
    if start_at is not None and end_at is not None and end_at <= start_at:
        yield Failure("end_at", "must be later than start_at", known["end_at"], limit=known["start_at"])
    times: list[Any] = [known.get(name) for name in (*_HOURS, *_MINUTES)]
    start_hour, end_hour, start_minute, end_minute = times
    has_hours, has_minutes = None not in (start_hour, end_hour), None not in (start_minute, end_minute)
    if known.get("cadence") == DAILY and has_hours and has_minutes:
        start, end = f"{start_hour:02}:{start_minute:02}", f"{end_hour:02}:{end_minute:02}"
        if end <= start:
            yield Failure("end_hour", "must be later than the start on the same day", end, limit=start)
    elif known.get("cadence") == HOURLY:
        if has_minutes and end_minute <= start_minute:
            yield Failure("end_minute", "must be > start_minute", end_minute, limit=start_minute)
        if has_hours and end_hour < start_hour:
            yield Failure("end_hour", "must be >= start_hour", end_hour, limit=start_hour)


def _past_failures(given: Mapping[str, Any], olds: Mapping[str, Any], now: datetime) -> Iterator[Failure]:
    start, end, old_end = (
        _comparable(name, it.get(name)) for name, it in (("start_at", given), ("end_at", given), ("end_at", olds))
    )
    if not olds and isinstance(start, datetime) and start <= now:
        rule = "must be in the future for a new schedule (if you renamed or moved its resource, add an alias)"
        yield Failure("start_at", rule, given["start_at"])
    if olds and isinstance(end, datetime) and end <= now and end != old_end:
        rule = "must be in the future (to end it now, set enabled=False or remove the resource)"
        yield Failure("end_at", rule, given["end_at"])


def _override_failures(overrides: Any) -> list[Failure]:
    if overrides is None:
        return [Failure(AUTOSCALING, "is required")]
    if isinstance(overrides, Unknown):
        return []
    settings, failures = validate_settings({AUTOSCALING: overrides}, hint="")
    if isinstance(overrides, Mapping):
        missing = [path for path in (MIN_REPLICA, MAX_REPLICA) if overrides.get(FIELDS[path].name) is None]
        failures += [Failure(path, "is required") for path in missing]
    return failures + validate_together(settings)


def _without_nulls(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_int(value) for name, value in properties.items() if value is not None}


def _comparable(name: str, value: Any) -> Any:
    """Return a property so that values that mean the same are equal; None for an instant that is not one."""
    if isinstance(value, Unknown) or value is None:
        return value
    if name in _INSTANTS:
        return _instant(value)
    if name == "weekdays" and isinstance(value, (list, tuple)):
        return value if any(isinstance(day, Unknown) for day in value) else tuple(sorted(map(str, value)))
    return to_int(value)


def _instant(text: Any) -> datetime | None:
    """Read an ISO 8601 time with a zone; None if it is none."""
    parts = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        return None
    time, fraction, offset = parts[1], parts[2] or "", parts[3].replace("Z", "+00:00")
    if fraction:
        fraction = fraction[:7].ljust(7, "0")  # Python 3.10 reads six digits
    try:
        return datetime.fromisoformat(f"{time}{fraction}{offset}").astimezone(timezone.utc)
    except (OverflowError, ValueError):
        return None


def _value_at(properties: Mapping[str, Any], path: str) -> Any:
    group, _, name = path.rpartition(".")
    return (properties.get(group) or {} if group else properties).get(name)
