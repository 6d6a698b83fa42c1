"""Autoscaling schedules, each as one setting.

The API keeps the schedules of an environment in a list. A program names the ones it manages, and each of those is one
setting as a whole: its path holds its name, `autoscaling_schedule_settings.schedules["weekday-peak"]`, and its value is
the complete schedule, a plain object without nulls, or `ABSENT` where the program wants it deleted. Where several
schedules have one name, which only Baseten's list can have, the value is the list of them. Nothing here judges a value,
and one of another type than expected is passed through.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

Schedule: TypeAlias = dict[str, Any]
"""A schedule as the API describes it; a part left out is null: it is as the environment has it."""

SCHEDULES = "autoscaling_schedule_settings"
SCHEDULE_LIST = f"{SCHEDULES}.schedules"
DELETED_LIST = f"{SCHEDULES}.delete_schedules"
LISTS = (SCHEDULE_LIST, DELETED_LIST)
TIMEZONE = f"{SCHEDULES}.timezone"

ABSENT = "absent"
"""The value of a schedule that is to be deleted."""

ONE_TIME = "ONE_TIME"
"""The cadence of schedules that only Baseten's own pages make; the API reports and deletes them."""

WEEKDAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
OVERRIDES = "autoscaling_settings"
"""The part that holds what a schedule changes while it runs."""


class Part(NamedTuple):
    """One part of a schedule that is not as wanted; None where it is left out."""

    name: str
    wanted: Any
    reported: Any


def path_of(name: str) -> str:
    """Return the path of a schedule."""
    return f"{SCHEDULE_LIST}[{json.dumps(name, ensure_ascii=False)}]"


def is_schedule(path: str) -> bool:
    """Tell whether a path is that of a schedule."""
    return path.startswith(f'{SCHEDULE_LIST}["')


def name_of(path: str) -> str:
    """Return the name of the schedule that a path is of."""
    return str(json.loads(path[len(SCHEDULE_LIST) + 1 : -1]))


def names(settings: Iterable[str]) -> frozenset[str]:
    """Return the names of the schedules among settings."""
    return frozenset(name_of(path) for path in settings if is_schedule(path))


def wanted_names(settings: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the schedules among settings that are to be there."""
    return names(path for path, value in settings.items() if value != ABSENT)


def short(path: str) -> str:
    """Return how a row and an error name a schedule: `schedules["weekday-peak"]`."""
    return path.removeprefix(f"{SCHEDULES}.")


def flatten(lists: Any) -> dict[str, Any]:
    """Return the timezone and every schedule of an object that has a name, by path, in the order of its lists."""
    if not isinstance(lists, Mapping):
        return {}
    found: dict[str, Any] = {TIMEZONE: lists["timezone"]} if lists.get("timezone") is not None else {}
    for schedule in _items(lists.get("schedules")):
        if isinstance(schedule, Mapping) and isinstance(schedule.get("name"), str):
            _put(found, path_of(schedule["name"]), canonical(schedule))
    for name in _items(lists.get("delete_schedules")):
        if isinstance(name, str):
            found.setdefault(path_of(name), ABSENT)
    return found


def nest(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Build an object from paths; the opposite of `flatten`.

    What is not known yet stands under the path of its place, as a list does of which nothing is known.
    """
    whole = {path.rpartition(".")[2]: value for path, value in settings.items() if path in (TIMEZONE, *LISTS)}
    lists: dict[str, list[Any]] = {"schedules": [], "delete_schedules": []}
    for path, value in [it for it in settings.items() if it[0] not in (TIMEZONE, *LISTS)]:
        if path.startswith(DELETED_LIST):
            lists["delete_schedules"].append(value)
        elif isinstance(value, str):
            lists["delete_schedules"].append(name_of(path))
        else:
            lists["schedules"] += value if isinstance(value, list) else [value]
    return {**whole, **{name: held for name, held in lists.items() if held}}


def canonical(schedule: Mapping[str, Any]) -> Schedule:
    """Write a schedule in the one way that can be compared.

    Nulls are left out, whole floats become integers, and weekdays come in the order of the week.
    """
    plain = {name: _plain(name, value) for name, value in schedule.items() if value is not None}
    return {name: value for name, value in plain.items() if value is not None}


def differing_parts(wanted: Schedule, reported: Schedule) -> Iterator[Part]:
    """Yield what differs between two schedules, part by part; overrides are named like the settings they override."""
    for name in {**wanted, **reported}:
        before, after = reported.get(name), wanted.get(name)
        if name == OVERRIDES and isinstance(before, dict) and isinstance(after, dict):
            yield from differing_parts(after, before)
        elif before != after:
            yield Part(name, after, before)


def _put(found: dict[str, Any], path: str, schedule: Schedule) -> None:
    before = found.get(path)
    if before is None:
        found[path] = schedule
    else:
        found[path] = [*before, schedule] if isinstance(before, list) else [before, schedule]


def _plain(name: str, value: Any) -> Any:
    if name == OVERRIDES and isinstance(value, Mapping):
        return canonical(value) or None
    if name == "weekdays" and isinstance(value, Sequence) and not isinstance(value, str):
        return _in_order(list(value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _in_order(weekdays: list[Any]) -> list[Any]:
    """Sort what is a weekday before what is not; that may be anything, a value not known yet too."""
    places = {day: place for place, day in enumerate(WEEKDAYS)}
    return sorted(weekdays, key=lambda it: places.get(it, len(places)) if isinstance(it, str) else len(places))


def _items(listed: Any) -> Sequence[Any]:
    return listed if isinstance(listed, Sequence) and not isinstance(listed, str) else ()
