"""Autoscaling schedules: what a request may say of them, and what it makes of those an environment has.

An environment's settings hold them as `{"timezone": …, "schedules": {id: schedule}}`, so that a change of them takes
its time, queues and fails like any other change. A deleted schedule stays as a null. None of them ever runs here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field

from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.settings import Settings

REQUESTED = "autoscaling_schedule_settings"
HELD = "autoscaling_schedules"


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
    weekdays: list[Literal["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]]
    start_hour: int | None = None
    start_minute: int
    end_hour: int | None = None
    end_minute: int


class _Overrides(Overrides, Closed):
    max_scale_down_rate: int | None = Field(ge=1, le=50)


class _Upsert(Repeating, Closed):
    id: str | None = None
    autoscaling_settings: _Overrides


class ScheduleUpdate(Closed):
    """Part of a PATCH: a partial change of an environment's schedules."""

    timezone: str | None = None
    schedules: list[_Upsert] = []
    delete_schedules: list[str] = []

    def stated(self) -> Settings:
        """Return what was said: complete schedules with their nulls, and a timezone of null if so."""
        return {name: value for name, value in self.model_dump().items() if name in self.model_fields_set}


def resolved(changes: Settings, target: Settings, new_id: Callable[[], str]) -> Settings:
    """Return changes of a PATCH in the shape that settings are held in.

    Args:
        changes: What the PATCH says.
        target: The settings the environment has, or will have once everything accepted is in force.
        new_id: Makes an id for a schedule.

    Raises:
        RefusalError: 400, the schedules break a rule.
    """
    if REQUESTED not in changes:
        return changes
    stated, held = changes[REQUESTED], target[HELD]
    stated = {"schedules": [], "delete_schedules": [], **stated}
    ids = [schedule["id"] or new_id() for schedule in stated["schedules"]]
    _check_ids(stated, {id_ for id_, schedule in held["schedules"].items() if schedule})
    upserts = {id_: _checked(schedule) for id_, schedule in zip(ids, stated["schedules"], strict=True)}
    for id_ in upserts:
        if (held["schedules"].get(id_) or {}).get("cadence") == "ONE_TIME":
            raise RefusalError(400, f"Schedule {id_} runs once and cannot be replaced")
    changed = {**upserts, **dict.fromkeys(stated["delete_schedules"])}
    remaining = any({**held["schedules"], **changed}.values())
    timezone = _timezone(stated, held["timezone"], remaining=remaining)
    kept = {name: value for name, value in changes.items() if name != REQUESTED}
    return {**kept, HELD: {"timezone": timezone, "schedules": changed}}


def reported(held: Mapping[str, Any], baseline: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return EnvironmentAutoscalingSchedulesV1; None where the environment never had a schedule."""
    if not held["schedules"]:
        return None
    there = [{"id": id_, **schedule} for id_, schedule in held["schedules"].items() if schedule and "name" in schedule]
    timezone = {"timezone": held["timezone"]} if there else {}
    state = {"schedule_id": None, "autoscaling_settings": dict(baseline)}
    return {**timezone, "schedules": there, "applied_state": state}


def _check_ids(stated: Settings, known: set[str]) -> None:
    named = [schedule["id"] for schedule in stated["schedules"] if schedule["id"]] + stated["delete_schedules"]
    for id_ in named:
        if id_ not in known:
            raise RefusalError(400, f"Schedule {id_} not found")
        if named.count(id_) > 1:
            raise RefusalError(400, f"Schedule {id_} is named more than once")


def _checked(schedule: Settings) -> Settings:
    """Hold a schedule to the rules of its parts, and return it without its id and without hours that are null."""
    name = schedule["name"]
    hours = [schedule["start_hour"], schedule["end_hour"]]
    if not name.strip():
        _refuse("a schedule's name must not be empty")
    if not schedule["weekdays"] or len(set(schedule["weekdays"])) < len(schedule["weekdays"]):
        _refuse(f"schedule {name}: weekdays must be distinct, and at least one")
    if hours.count(None) == 1 or (None in hours and schedule["cadence"] == "DAILY"):
        _refuse(f"schedule {name}: start_hour and end_hour belong together, and a DAILY schedule needs them")
    if any(hour is not None and not 0 <= hour <= 23 for hour in hours):  # noqa: PLR2004
        _refuse(f"schedule {name}: hours must be between 0 and 23")
    if not all(0 <= schedule[minute] <= 59 for minute in ("start_minute", "end_minute")):  # noqa: PLR2004
        _refuse(f"schedule {name}: minutes must be between 0 and 59")
    overrides = schedule["autoscaling_settings"]
    if overrides["min_replica"] > overrides["max_replica"]:
        _refuse(f"schedule {name}: min_replica ({overrides['min_replica']}) must not exceed max_replica")
    return {part: value for part, value in schedule.items() if part != "id"}


def _timezone(stated: Settings, current: str | None, *, remaining: bool) -> str | None:
    """Return the timezone of the schedules there will be; None where there will be none."""
    if "timezone" not in stated:
        if remaining and current is None:
            _refuse("timezone is required with the first schedule")
        return current if remaining else None
    timezone = stated["timezone"]
    if timezone is None and remaining:
        _refuse("timezone must not be null while there are schedules")
    if timezone is not None and not remaining:
        _refuse("timezone must come with a schedule")
    if timezone is not None and timezone not in available_timezones():
        _refuse(f"timezone must be the IANA name of one, got {timezone}")
    return str(timezone) if remaining else None


def _refuse(message: str) -> None:
    raise RefusalError(400, message)
