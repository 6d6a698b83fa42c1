"""The lists of schedules as a program wrote them → one setting for each schedule, or what is wrong with them.

Offline, and calm about values a preview does not know yet: a schedule whose name is one of them stands under its place.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from pulumi.output import Unknown

from baseten_pulumi.provider.judging import Failure, judge, judge_choice, member, shown, stranger
from baseten_pulumi.schedule_fields import DAILY, OVERRIDDEN, PARTS, PLAIN_PARTS, REQUIRED, REQUIRED_OVERRIDES
from baseten_pulumi.schedules import ABSENT, DELETED_LIST, OVERRIDES, SCHEDULE_LIST, WEEKDAYS, canonical, path_of

Judged: TypeAlias = tuple[dict[str, Any], list[Failure]]

_HOURS = ("start_hour", "end_hour")


def judge_list(path: str, listed: Any) -> Judged:
    """Return the setting that each item of a list stands for, by path, and every failure found."""
    if not isinstance(listed, (list, tuple)):
        return {}, [Failure(path, f"must be a list, got {shown(listed)}")]
    settings: dict[str, Any] = {}
    failures: list[Failure] = []
    for index, item in enumerate(listed):
        place = f"{path}[{index}]"
        found, value = _item(path, place, item, failures)
        if found in settings:
            failures.append(Failure(place, f"must be there once, got {shown(_named(path, item))} again"))
        settings[found] = value
    return settings, failures


def both_listed(deleted: Mapping[str, Any], kept: Mapping[str, Any]) -> Iterator[Failure]:
    """Yield a failure for each schedule that a program both declares and wants deleted."""
    for path in deleted:
        if path in kept:
            yield Failure(DELETED_LIST, f"must not name what schedules holds, got {path[len(SCHEDULE_LIST) + 1 : -1]}")


def _item(path: str, place: str, item: Any, failures: list[Failure]) -> tuple[str, Any]:
    """Return path and value of an item, and add what is wrong with it."""
    if isinstance(item, Unknown):
        return place, item
    if path == SCHEDULE_LIST and not isinstance(item, Mapping):
        failures.append(Failure(place, f"must be an object, got {shown(item)}"))
        return place, item
    name = _named(path, item)
    is_known = isinstance(name, str) and name.strip() != ""
    where = path_of(name) if is_known else place
    if path == DELETED_LIST:
        failures += [] if is_known else [Failure(place, f"must be the name of a schedule, got {shown(item)}")]
        return where, ABSENT
    failures += _misnamed(place, name, is_known)
    failures += _failures(where, item)
    return where, canonical({**item, "enabled": True if item.get("enabled") is None else item["enabled"]})


def _named(path: str, item: Any) -> Any:
    return item.get("name") if path == SCHEDULE_LIST else item


def _misnamed(place: str, name: Any, is_known: bool) -> Iterator[Failure]:
    if name is None:
        yield Failure(f"{place}.name", "is required")
    elif not is_known and not isinstance(name, Unknown):
        yield Failure(f"{place}.name", f"must be a text that is not empty, got {shown(name)}")


def _failures(where: str, schedule: Mapping[str, Any]) -> Iterator[Failure]:
    """Yield everything wrong with a schedule but its name."""
    yield from _of_parts(where, schedule, PARTS, REQUIRED, _judge_part)
    overrides = schedule.get(OVERRIDES)
    if isinstance(overrides, Mapping):
        within = member(where, OVERRIDES)
        yield from _of_parts(within, overrides, tuple(OVERRIDDEN), REQUIRED_OVERRIDES, _judge_override)
        low, high = (_number(overrides.get(name)) for name in REQUIRED_OVERRIDES)
        if low is not None and high is not None and low > high:
            yield Failure(f"{within}.min_replica", f"must be at most max_replica ({shown(high)}), got {shown(low)}")
    yield from _of_hours(where, schedule)


def _of_parts(
    where: str,
    parts: Mapping[str, Any],
    known: tuple[str, ...],
    required: tuple[str, ...],
    judge_part: Callable[[str, Any], str | None],
) -> Iterator[Failure]:
    """Yield strangers, misfits and what is missing of an object."""
    for name, value in parts.items():
        if name not in known:
            yield Failure(member(where, name), stranger(name, known))
        elif value is not None and not isinstance(value, Unknown) and (reason := judge_part(name, value)):
            yield Failure(member(where, name), reason)
    for name in required:
        if parts.get(name) is None:
            yield Failure(member(where, name), "is required")


def _of_hours(where: str, schedule: Mapping[str, Any]) -> Iterator[Failure]:
    missing = [name for name in _HOURS if schedule.get(name) is None]
    if missing and schedule.get("cadence") == DAILY:
        yield from (Failure(member(where, name), "is required for a DAILY schedule") for name in missing)
    elif len(missing) == 1:
        (there,) = set(_HOURS) - set(missing)
        yield Failure(member(where, missing[0]), f"is required with {there}")


def _judge_part(name: str, value: Any) -> str | None:
    if name in PLAIN_PARTS:
        return judge(PLAIN_PARTS[name], value)
    if name == OVERRIDES:
        return None if isinstance(value, Mapping) else f"must be an object, got {shown(value)}"
    return _judge_weekdays(value) if name == "weekdays" else None


def _judge_override(name: str, value: Any) -> str | None:
    return judge(OVERRIDDEN[name], value)


def _judge_weekdays(value: Any) -> str | None:
    if not isinstance(value, (list, tuple)) or not value:
        return f"must be a list of at least one weekday, got {shown(value)}"
    known = [day for day in value if not isinstance(day, Unknown)]
    for day in known:
        reason = judge_choice(WEEKDAYS, day)
        if reason or known.count(day) > 1:
            return reason or f"must be distinct weekdays, got {shown(day)} twice"
    return None


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
