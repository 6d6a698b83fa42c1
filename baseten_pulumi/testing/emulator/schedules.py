"""Autoscaling schedules: their rules, and how they are stored and reported.

They are part of an environment's settings, as `{"timezone": …, "schedules": {id: schedule}}`, so that changes of them
are delayed, queued and dropped like any other. A deleted schedule is stored as null. A schedule has a null for each
part of another cadence, so that it replaces one of that cadence whole.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, get_args
from zoneinfo import available_timezones

from baseten_pulumi.testing.emulator.errors import ApiError
from baseten_pulumi.testing.emulator.schemas import Weekday
from baseten_pulumi.testing.emulator.settings import Settings

REQUESTED = "autoscaling_schedule_settings"
STORED = "autoscaling_schedules"

_CADENCE_PARTS = ("weekdays", "start_hour", "start_minute", "end_hour", "end_minute", "start_at", "end_at")
"""Parts that only schedules of some cadence have."""


def resolved(changes: Settings, settings: Settings, new_id: Callable[[], str], now: datetime) -> Settings:
    """Return changes of a request in the shape in which settings are stored.

    Args:
        changes: The settings of the request.
        settings: The environment's, with everything accepted.
        new_id: Makes an id for a schedule.
        now: The time of day, with a zone; a new one-time schedule must start later.

    Raises:
        ApiError: 400, the schedules break a rule.
    """
    if REQUESTED not in changes:
        return changes
    requested, stored = changes[REQUESTED], settings[STORED]
    upserts, deletions = requested.get("schedules") or [], requested.get("delete_schedules") or []
    known = {id_ for id_, schedule in stored["schedules"].items() if schedule}
    _check_ids([schedule["id"] for schedule in upserts if schedule["id"]] + deletions, known)
    put = {schedule["id"] or new_id(): _checked(schedule, now) for schedule in upserts}
    changed = {**put, **dict.fromkeys(deletions)}
    remaining = any({**stored["schedules"], **changed}.values())
    zone = _timezone(requested, stored["timezone"] if known else None, remaining=remaining)
    rest = {group: value for group, value in changes.items() if group != REQUESTED}
    return {**rest, STORED: {"timezone": zone, "schedules": changed}}


def complete(schedule: Settings) -> Settings:
    """Return a schedule as it is stored, with a null for each part that its cadence does not have."""
    return {**dict.fromkeys(_CADENCE_PARTS), **schedule}


def reported(
    stored: Mapping[str, Any], serving: Mapping[str, Any] | None, active: str | None = None
) -> dict[str, Any] | None:
    """Return EnvironmentAutoscalingSchedulesV1; None if the environment never had a schedule.

    Args:
        stored: Its schedules.
        serving: Autoscaling of its current deployment; None if it has none.
        active: Id of the schedule that is active; None for none.
    """
    if not stored["schedules"]:
        return None
    listed = [
        {"id": id_, **{part: it for part, it in schedule.items() if it is not None or part not in _CADENCE_PARTS}}
        for id_, schedule in stored["schedules"].items()
        if schedule and "name" in schedule
    ]
    found = next((each for each in listed if each["id"] == active), None)
    overrides = {} if found is None else found["autoscaling_settings"]
    applied = {**(serving or {}), **{name: value for name, value in overrides.items() if value is not None}}
    state = {"schedule_id": None if found is None else active, "autoscaling_settings": applied}
    zone = {"timezone": stored["timezone"]} if listed else {}
    return {**zone, "schedules": listed, "applied_state": state if serving else None}


def _check_ids(named: list[str], known: set[str]) -> None:
    for id_ in named:
        if id_ not in known:
            raise ApiError(400, f"Schedule {id_} not found")
        if named.count(id_) > 1:
            raise ApiError(400, f"Schedule {id_} is named more than once")


def _checked(schedule: Settings, now: datetime) -> Settings:
    """Check the parts of a schedule, and return it as it is stored, without its id."""
    parts = {part: value for part, value in schedule.items() if part != "id"}
    parts["name"] = name = schedule["name"].strip()
    if not name:
        _reject("a schedule's name must not be empty")
    if schedule["cadence"] == "ONE_TIME":
        parts.update(_window(name, schedule, now))
    else:
        _check_recurring(name, schedule)
        parts["weekdays"] = [day for day in get_args(Weekday) if day in schedule["weekdays"]]
    overrides = schedule["autoscaling_settings"]
    if overrides["min_replica"] > overrides["max_replica"]:
        _reject(f"schedule {name}: min_replica ({overrides['min_replica']}) must not exceed max_replica")
    return complete(parts)


def _check_recurring(name: str, schedule: Settings) -> None:
    hours = [schedule["start_hour"], schedule["end_hour"]]
    if not schedule["weekdays"] or len(set(schedule["weekdays"])) < len(schedule["weekdays"]):
        _reject(f"schedule {name}: weekdays must be distinct, and at least one")
    if hours.count(None) == 1 or (None in hours and schedule["cadence"] == "DAILY"):
        _reject(f"schedule {name}: start_hour and end_hour belong together, and a DAILY schedule needs them")
    if any(hour is not None and not 0 <= hour <= 23 for hour in hours):  # noqa: PLR2004
        _reject(f"schedule {name}: hours must be between 0 and 23")
    if not all(0 <= schedule[minute] <= 59 for minute in ("start_minute", "end_minute")):  # noqa: PLR2004
        _reject(f"schedule {name}: minutes must be between 0 and 59")


def _window(name: str, schedule: Settings, now: datetime) -> Settings:
    """Return start and end of a one-time schedule as they are reported, in UTC."""
    start, end = schedule["start_at"], schedule["end_at"]
    if end <= start:
        _reject(f"schedule {name}: end_at must be after start_at")
    if not schedule["id"] and start <= now:
        _reject(f"schedule {name}: start_at of a new schedule must be in the future")
    try:
        return {"start_at": _in_utc(start), "end_at": _in_utc(end)}
    except OverflowError:
        raise ApiError(400, f"schedule {name}: start_at and end_at must be in the years 1 to 9999") from None


def _in_utc(instant: datetime) -> str:
    return instant.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _timezone(requested: Settings, current: str | None, *, remaining: bool) -> str | None:
    """Return the timezone of the schedules after the change; None if none remain."""
    if "timezone" not in requested:
        if remaining and current is None:
            _reject("timezone is required with the first schedule")
        return current if remaining else None
    name = requested["timezone"]
    if name is None and remaining:
        _reject("timezone must not be null while there are schedules")
    if name is not None and not remaining:
        _reject("timezone must come with a schedule")
    # Without a time zone database, as on a bare Windows, every name is accepted.
    if name is not None and name not in (available_timezones() or {name}):
        _reject(f"timezone must be an IANA name, got {name}")
    return str(name) if remaining else None


def _reject(message: str) -> None:
    raise ApiError(400, message)
