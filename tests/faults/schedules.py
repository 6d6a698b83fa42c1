"""Autoscaling schedules as the model knows them: each one setting by its name, in whichever shape it is told.

There are few names, so that of each it is known whether it is there.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.schedules import NULLS

PREFIX = "autoscaling_schedule_settings."
TIMEZONE = f"{PREFIX}timezone"
ABSENT = "absent"
"""The value of a schedule that is not there."""
NAMES = ("peak", "night")
OVERRIDES = "autoscaling_settings"
_WORDS = ("name", "cadence")


def path(name: str) -> str:
    """Return the path of a schedule."""
    return f"{PREFIX}schedules.{name}"


PATHS = tuple(path(name) for name in NAMES)


def schedule(name: str, start_hour: int | None, max_replica: int, **overrides: int) -> dict[str, Any]:
    """Return a complete schedule without nulls; without an hour it is one that runs every hour."""
    hours = {} if start_hour is None else {"start_hour": start_hour, "end_hour": 20}
    return {
        "name": name,
        "enabled": True,
        "cadence": "HOURLY" if start_hour is None else "DAILY",
        "weekdays": ["MONDAY", "FRIDAY"],
        **hours,
        "start_minute": 0,
        "end_minute": 30,
        OVERRIDES: {"min_replica": 1, "max_replica": max_replica, **overrides},
    }


VALUES: Mapping[str, tuple[Any, ...]] = {
    path("peak"): (schedule("peak", 8, 6), schedule("peak", 7, 6), ABSENT),
    path("night"): (schedule("night", None, 3), schedule("night", None, 3, concurrency_target=8), ABSENT),
}
TIMEZONES = ("Europe/Berlin", "Asia/Tokyo")


def held(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schedule as the API holds it, with every null."""
    return {**value, OVERRIDES: {**dict.fromkeys(NULLS), **value[OVERRIDES]}}


def declared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a program registers of its schedules; nothing where it has none."""
    named = {name: settings[path(name)] for name in NAMES if path(name) in settings}
    lists = {
        "timezone": settings.get(TIMEZONE),
        "schedules": [it for it in named.values() if it != ABSENT],
        "delete_schedules": [name for name, it in named.items() if it == ABSENT],
    }
    told = {name: it for name, it in lists.items() if it}
    return {PREFIX[:-1]: told} if told else {}


def settings_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a program, a state, a request or an answer tells of schedules; an answer tells of every name."""
    found = dict(_declared(properties.get(PREFIX[:-1])))
    if "autoscaling_schedules" in properties:
        found.update(_reported(properties["autoscaling_schedules"]))
    return found


def named(body: Any, names: Mapping[str, str]) -> Any:
    """Return a request with the names of what it deletes in place of Baseten's ids."""
    lists = body.get(PREFIX[:-1]) if isinstance(body, Mapping) else None
    if not lists:
        return body
    return {**body, PREFIX[:-1]: {**lists, "delete_schedules": [names[it] for it in lists.get("delete_schedules", ())]}}


def ids(answer: Any) -> list[tuple[str, str]]:
    """Return id and name of each schedule that an environment has."""
    there = (answer or {}).get("autoscaling_schedules") or {}
    return [(it["id"], it["name"]) for it in there.get("schedules", ())]


def _declared(lists: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(lists, Mapping):
        return
    if lists.get("timezone"):
        yield TIMEZONE, lists["timezone"]
    for each in lists.get("schedules") or ():
        yield path(each["name"]), _canonical(each)
    for name in lists.get("delete_schedules") or ():
        yield path(name), ABSENT


def _reported(told: Any) -> Iterator[tuple[str, Any]]:
    """Yield every name of the campaign; one that is there twice has no value that could be declared."""
    listed = told.get("schedules", ()) if isinstance(told, Mapping) else ()
    if told is not None and not (isinstance(told, Mapping) and isinstance(listed, (list, tuple))):
        return
    if isinstance(told, Mapping) and told.get("timezone"):
        yield TIMEZONE, told["timezone"]
    for name in NAMES:
        values = [_canonical(it) for it in listed if isinstance(it, Mapping) and it.get("name") == name]
        yield path(name), ABSENT if not values else values[0] if len(values) == 1 else values


def _canonical(each: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out nulls, the id, texts where a number should be, and an object of which nothing is left."""
    kept = {part: it for part, it in each.items() if it is not None and part != "id"}
    plain = {part: it for part, it in kept.items() if part in _WORDS or not isinstance(it, str)}
    told = {part: _canonical(it) if isinstance(it, Mapping) else it for part, it in plain.items()}
    return {part: it for part, it in told.items() if it != {}}
