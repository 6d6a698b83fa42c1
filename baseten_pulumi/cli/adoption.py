"""What of an environment a program can declare without changing anything, and why not the rest.

Whatever the resource's own check refuses is left out: Baseten may report more than a program may declare.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from baseten_pulumi.fields import FIELDS, MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT, Settings, members, nest
from baseten_pulumi.provider.checking import check, misnamed
from baseten_pulumi.provider.judging import Failure
from baseten_pulumi.schedules import DELETED_LIST, ONE_TIME, SCHEDULE_LIST, SCHEDULES, TIMEZONE, is_schedule, short

_PERCENTAGES = (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT)
NOT_REPORTED = "not reported"


@dataclass(frozen=True, slots=True)
class Omission:
    """A setting, or an object of settings, that is left out.

    Attributes:
        name: Its name.
        reason: Why.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Declaration:
    """A setting to declare."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Declarations:
    """An object of settings, of which at least one is to be declared."""

    name: str
    entries: "tuple[Entry, ...]"


Entry: TypeAlias = Omission | Declaration | Declarations


def adopted(model_id: str, env_name: str, reported: Settings) -> tuple[Entry, ...]:
    """Return what to declare of an environment, object by object in the order of the table.

    Returns:
        Omissions alone where nothing of the environment can be declared.
    """
    identity = {"model_id": model_id, "env_name": env_name}
    if unusable := misnamed(identity):
        return tuple(Omission(failure.path, failure.reason) for failure in unusable)
    settings, reasons = dict(reported), dict[str, str]()
    reasons |= _undeclarable(settings)
    settings = {path: value for path, value in settings.items() if path not in reasons}
    while settings and (failures := check({**identity, **nest(settings)})[1]):
        for failure in failures:
            reasons |= _left_out(failure, settings)
        settings = {path: value for path, value in settings.items() if path not in reasons}
    return tuple(_entries("", settings, reasons))


def is_empty(entries: Iterable[Entry]) -> bool:
    """Tell whether nothing is declared."""
    return all(isinstance(entry, Omission) for entry in entries)


def _left_out(failure: Failure, settings: Settings) -> dict[str, str]:
    """Return the settings to leave out for a failure, with its reason.

    Of the two percentages one alone would make the other a declared 0. A part of a schedule takes all of it out, and is
    named in the reason.
    """
    if failure.path.startswith(SCHEDULE_LIST):
        schedules = [path for path in settings if is_schedule(path)]
        of_part = [path for path in schedules if failure.path.startswith(f"{path}.")]
        part = failure.path.removeprefix(f"{of_part[0]}.") if of_part else short(failure.path)
        return dict.fromkeys(of_part or schedules, f"left out, {part} {failure.reason}")
    together = _PERCENTAGES if failure.path in _PERCENTAGES else (failure.path,)
    return dict.fromkeys(together, f"left out, {failure.reason}")


def _undeclarable(settings: Settings) -> dict[str, str]:
    """Return the schedules that no program can declare, with the reason."""
    reasons: dict[str, str] = {}
    for path in filter(is_schedule, settings):
        schedule = settings[path]
        if isinstance(schedule, list):
            reasons[path] = f"left out, {len(schedule)} schedules have this name"
        elif isinstance(schedule, dict) and schedule.get("cadence") == ONE_TIME:
            reasons[path] = "left out, it runs once"
    return reasons


def _entries(group: str, settings: Settings, reasons: Mapping[str, str]) -> Iterator[Entry]:
    for name in members(group):
        path = f"{group}.{name}" if group else name
        if path == SCHEDULES and not any(it.startswith(f"{SCHEDULES}.") for it in (*settings, *reasons)):
            continue  # to have none is no setting
        if path == SCHEDULE_LIST:
            yield from _schedules(settings, reasons)
        elif path == DELETED_LIST:
            continue
        elif path in FIELDS or path == TIMEZONE:
            value = settings.get(path)
            yield Omission(name, reasons.get(path, NOT_REPORTED)) if value is None else Declaration(name, value)
        else:
            inner = tuple(_entries(path, settings, reasons))
            yield from _omissions(name, inner) if is_empty(inner) else (Declarations(name, inner),)


def _schedules(settings: Settings, reasons: Mapping[str, str]) -> Iterator[Entry]:
    declared = [value for path, value in settings.items() if is_schedule(path)]
    if declared:
        yield Declaration("schedules", declared)
    yield from (Omission(short(path), reason) for path, reason in reasons.items() if is_schedule(path))


def _omissions(name: str, inner: Iterable[Entry]) -> Iterator[Omission]:
    """Yield why an object is left out: what was refused in it, or that nothing of it is reported."""
    refused = [it for it in inner if isinstance(it, Omission) and it.reason != NOT_REPORTED]
    if not refused:
        yield Omission(name, NOT_REPORTED)
    for omission in refused:
        yield Omission(f"{name}.{omission.name}", omission.reason)
