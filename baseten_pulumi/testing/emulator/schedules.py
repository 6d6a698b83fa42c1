"""Autoscaling schedules: what a request may say of them, and what it makes of those an environment has.

An environment's settings hold them as `{"timezone": …, "schedules": {id: schedule}}`, so that a change of them takes
its time, queues and fails like any other change. A deleted schedule stays as a null. A
schedule has a null for each part of another cadence, so that it replaces one of that cadence whole. None ever runs.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, Literal, TypeAlias, get_args
from zoneinfo import available_timezones

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.settings import Settings

REQUESTED = "autoscaling_schedule_settings"
HELD = "autoscaling_schedules"

Weekday: TypeAlias = Literal["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]

_CADENCE_PARTS = ("weekdays", "start_hour", "start_minute", "end_hour", "end_minute", "start_at", "end_at")
"""What only schedules of some cadence have."""


def _text(value: Any) -> Any:
    """Refuse what pydantic would take for seconds since 1970."""
    if not isinstance(value, str) or "T" not in value:
        raise PydanticCustomError("date_time", "Input should be a date and time in ISO 8601")
    return value


Instant: TypeAlias = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text)]


class Closed(BaseModel):
    """An object of a request whose description forbids unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Overrides(BaseModel):
    """What a schedule changes while it runs; null is as the environment has it."""

    min_replica: int
    max_replica: int
    autoscaling_window: int | None
    scale_down_delay: int | None
    concurrency_target: int | None
    target_utilization_percentage: int | None
    target_in_flight_tokens: int | None
    max_scale_down_rate: int | None


class Repeating(BaseModel):
    """What requests and answers say alike of a schedule that repeats."""

    name: str
    enabled: bool
    cadence: Literal["DAILY", "HOURLY"]
    weekdays: list[Weekday]
    start_hour: int | None = None
    start_minute: int
    end_hour: int | None = None
    end_minute: int


class OneTime(BaseModel):
    """What requests and answers share about a schedule that runs once."""

    name: str
    enabled: bool
    cadence: Literal["ONE_TIME"]
    start_at: Instant
    end_at: Instant


class _Overrides(Overrides, Closed):
    max_scale_down_rate: int | None = Field(ge=1, le=50)


class _Upsert(Repeating, Closed):
    id: str | None = None
    autoscaling_settings: _Overrides


class _OneTimeUpsert(OneTime, Closed):
    id: str | None = None
    autoscaling_settings: _Overrides


class ScheduleUpdate(Closed):
    """Part of a PATCH: a partial change of an environment's schedules."""

    timezone: str | None = None
    schedules: list[Annotated[_Upsert | _OneTimeUpsert, Field(discriminator="cadence")]] | None = None
    delete_schedules: list[str] | None = None

    def stated(self) -> Settings:
        """Return what was said: complete schedules with their nulls, and a timezone of null if so."""
        return {name: value for name, value in self.model_dump().items() if name in self.model_fields_set}


def resolved(changes: Settings, target: Settings, new_id: Callable[[], str], now: datetime) -> Settings:
    """Return changes of a PATCH in the shape that settings are held in.

    Args:
        changes: What the PATCH says.
        target: The settings the environment has, or will have once everything accepted is in force.
        new_id: Makes an id for a schedule.
        now: The time of day, with a zone; a new one-time schedule must start later.

    Raises:
        RefusalError: 400, the schedules break a rule.
    """
    if REQUESTED not in changes:
        return changes
    stated, held = changes[REQUESTED], target[HELD]
    upserts, deletions = stated.get("schedules") or [], stated.get("delete_schedules") or []
    known = {id_ for id_, schedule in held["schedules"].items() if schedule}
    _check_ids([schedule["id"] for schedule in upserts if schedule["id"]] + deletions, known)
    put = {schedule["id"] or new_id(): _checked(schedule, now) for schedule in upserts}
    changed = {**put, **dict.fromkeys(deletions)}
    remaining = any({**held["schedules"], **changed}.values())
    name = _timezone(stated, held["timezone"] if known else None, remaining=remaining)
    kept = {group: value for group, value in changes.items() if group != REQUESTED}
    return {**kept, HELD: {"timezone": name, "schedules": changed}}


def complete(schedule: Settings) -> Settings:
    """Return a schedule as it is held: with a null for each part that its cadence does not have."""
    return {**dict.fromkeys(_CADENCE_PARTS), **schedule}


def reported(held: Mapping[str, Any], baseline: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return EnvironmentAutoscalingSchedulesV1; None where the environment never had a schedule."""
    if not held["schedules"]:
        return None
    there = [
        {"id": id_, **{part: it for part, it in schedule.items() if it is not None or part not in _CADENCE_PARTS}}
        for id_, schedule in held["schedules"].items()
        if schedule and "name" in schedule
    ]
    zone = {"timezone": held["timezone"]} if there else {}
    state = {"schedule_id": None, "autoscaling_settings": dict(baseline)}
    return {**zone, "schedules": there, "applied_state": state}


def _check_ids(named: list[str], known: set[str]) -> None:
    for id_ in named:
        if id_ not in known:
            raise RefusalError(400, f"Schedule {id_} not found")
        if named.count(id_) > 1:
            raise RefusalError(400, f"Schedule {id_} is named more than once")


def _checked(schedule: Settings, now: datetime) -> Settings:
    """Check the parts of a schedule, and return it as it is held, without its id."""
    parts = {part: value for part, value in schedule.items() if part != "id"}
    parts["name"] = name = schedule["name"].strip()
    if not name:
        _refuse("a schedule's name must not be empty")
    if schedule["cadence"] == "ONE_TIME":
        parts.update(_window(name, schedule, now))
    else:
        _check_repeating(name, schedule)
        parts["weekdays"] = [day for day in get_args(Weekday) if day in schedule["weekdays"]]
    overrides = schedule["autoscaling_settings"]
    if overrides["min_replica"] > overrides["max_replica"]:
        _refuse(f"schedule {name}: min_replica ({overrides['min_replica']}) must not exceed max_replica")
    return complete(parts)


def _check_repeating(name: str, schedule: Settings) -> None:
    hours = [schedule["start_hour"], schedule["end_hour"]]
    if not schedule["weekdays"] or len(set(schedule["weekdays"])) < len(schedule["weekdays"]):
        _refuse(f"schedule {name}: weekdays must be distinct, and at least one")
    if hours.count(None) == 1 or (None in hours and schedule["cadence"] == "DAILY"):
        _refuse(f"schedule {name}: start_hour and end_hour belong together, and a DAILY schedule needs them")
    if any(hour is not None and not 0 <= hour <= 23 for hour in hours):  # noqa: PLR2004
        _refuse(f"schedule {name}: hours must be between 0 and 23")
    if not all(0 <= schedule[minute] <= 59 for minute in ("start_minute", "end_minute")):  # noqa: PLR2004
        _refuse(f"schedule {name}: minutes must be between 0 and 59")


def _window(name: str, schedule: Settings, now: datetime) -> Settings:
    """Return start and end of a one-time schedule as they are reported, in UTC."""
    start, end = schedule["start_at"], schedule["end_at"]
    if end <= start:
        _refuse(f"schedule {name}: end_at must be after start_at")
    if not schedule["id"] and start <= now:
        _refuse(f"schedule {name}: start_at of a new schedule must be in the future")
    try:
        return {"start_at": _in_utc(start), "end_at": _in_utc(end)}
    except OverflowError:
        raise RefusalError(400, f"schedule {name}: start_at and end_at must be in the years 1 to 9999") from None


def _in_utc(instant: datetime) -> str:
    return instant.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _timezone(stated: Settings, current: str | None, *, remaining: bool) -> str | None:
    """Return the timezone of the schedules there will be; None where there will be none."""
    if "timezone" not in stated:
        if remaining and current is None:
            _refuse("timezone is required with the first schedule")
        return current if remaining else None
    name = stated["timezone"]
    if name is None and remaining:
        _refuse("timezone must not be null while there are schedules")
    if name is not None and not remaining:
        _refuse("timezone must come with a schedule")
    # Without a time zone database, as on a bare Windows, nothing is known to be wrong.
    if name is not None and name not in (available_timezones() or {name}):
        _refuse(f"timezone must be the IANA name of one, got {name}")
    return str(name) if remaining else None


def _refuse(message: str) -> None:
    raise RefusalError(400, message)
