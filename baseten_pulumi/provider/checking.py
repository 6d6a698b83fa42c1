"""Inputs as a program wrote them → the inputs this resource keeps, or what is wrong with them.

Offline, and calm about values a preview does not know yet: those are passed through and judged when they are known.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.fields import (
    ENVIRONMENT_NAME_PATTERN,
    FIELDS,
    GROUPS,
    MAX_REPLICA,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    MIN_REPLICA,
    MODEL_ID_PATTERN,
    ROLLING_DEPLOY,
    members,
    nest,
)
from baseten_pulumi.provider.judging import Failure, judge, member, shown, stranger
from baseten_pulumi.provider.schedule_checking import both_listed, judge_list
from baseten_pulumi.schedule_fields import TIMEZONE_FIELD
from baseten_pulumi.schedules import ABSENT, LISTS, SCHEDULE_LIST, SCHEDULES, TIMEZONE

_OWN_PROPERTIES = ("model_id", "env_name", "wait")
_NAMES = {
    "model_id": (MODEL_ID_PATTERN, "letters, digits, - and _"),
    "env_name": (ENVIRONMENT_NAME_PATTERN, "lower-case letters, digits and inner -"),
}
# The host's own entry, and outputs, which a program's resource names without a value.
_PASSED_OVER = frozenset({"__provider", "status", "in_force", "requests", "incarnation"})
_SURGE_RULE = "exactly one of max_surge_percent and max_unavailable_percent must be above 0"


def check(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """Normalise inputs and judge them.

    Nulls are dropped, the engine's floats become integers again, `wait` becomes true where it is absent, and where one
    of max_surge_percent and max_unavailable_percent is declared above 0 the other becomes a declared 0.

    Returns:
        The normalised inputs, and every failure found; with a failure the inputs are those given.
    """
    declared = {key: value for key, value in news.items() if key not in _PASSED_OVER and key not in _OWN_PROPERTIES}
    settings, failures = _settings(declared, _OWN_PROPERTIES)
    failures += _own_failures(news)
    if not failures:
        settings |= _counterpart(settings)
        failures += [*_combination_failures(settings), *_nothing_declared(settings)]
    if failures:
        return dict(news), failures
    wait = news.get("wait")
    own = {"model_id": news["model_id"], "env_name": news["env_name"], "wait": True if wait is None else wait}
    return {**own, **nest(settings)}, []


def strangers(settings: Mapping[str, Any]) -> Iterator[Failure]:
    """Yield a failure for each key of an environment's settings, at any depth, that is no setting."""
    for group, key, _ in _walk("", settings):
        if key not in members(group):
            yield Failure(member(group, key), _stranger(group, key))


def object_failures(value: Any) -> list[Failure]:
    """Judge whether a value is an object; what is in it is not looked at."""
    return [] if isinstance(value, Mapping) else [Failure("", _no_object(value))]


def misfits(settings: Any) -> list[Failure]:
    """Judge an environment's settings, every key and value by itself; what is no object has the path ""."""
    return object_failures(settings) or _settings(settings)[1]


def conflicts(settings: Mapping[str, Any]) -> list[Failure]:
    """Judge settings of an environment that are no misfits against each other."""
    return list(_combination_failures(_settings(settings)[0]))


def opposed(settings: Mapping[str, Any]) -> Iterator[Failure]:
    """Judge values against each other: settings by dotted path that are no misfits, whoever declares them."""
    low, high = _known_number(settings, MIN_REPLICA), _known_number(settings, MAX_REPLICA)
    if low is not None and high is not None and low > high:
        yield Failure(MIN_REPLICA, f"must be at most max_replica ({high}), got {low}")
    surge, unavailable = (_known_number(settings, path) for path in (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT))
    if surge is None or unavailable is None:
        return
    if surge > 0 and unavailable > 0:
        yield Failure(MAX_SURGE_PERCENT, f"{_SURGE_RULE}, got {surge} and {unavailable}")
    if surge == unavailable == 0 and settings.get(ROLLING_DEPLOY) is True:
        yield Failure(MAX_SURGE_PERCENT, f"{_SURGE_RULE} while rolling_deploy is on, got 0 and 0")


def misnamed(names: Mapping[str, Any]) -> list[Failure]:
    """Return what is wrong with a `model_id` and an `env_name`, as far as they are given."""
    return [failure for path, value in names.items() for failure in _misnamed(path, value, *_NAMES[path])]


def _settings(declared: Mapping[str, Any], own_properties: Sequence[str] = ()) -> tuple[dict[str, Any], list[Failure]]:
    """Collect every declared setting by path; an object not known yet stands under its own path.

    Beside the settings, `own_properties` are known where a key's meaning is guessed.
    """
    settings: dict[str, Any] = {}
    failures: list[Failure] = []
    for group, key, value in _walk("", declared):
        path = member(group, key)
        if key not in members(group):
            failures.append(Failure(path, _stranger(group, key, own_properties)))
        elif isinstance(value, Unknown):
            settings[path] = value
        elif path in LISTS:
            listed, wrong = judge_list(path, value)
            failures += [*wrong, *both_listed(listed, settings)]
            settings |= listed
        elif reason := _judge(path, value):
            failures.append(Failure(path, reason))
        else:
            settings[path] = int(value) if isinstance(value, float) else value
    return settings, failures


def _walk(group: str, declared: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield the object, key and value of everything declared; nulls are left out where the key is known."""
    known = frozenset(members(group))
    for key, value in declared.items():
        path = member(group, key)
        if key in known and path in (*GROUPS, SCHEDULES) and isinstance(value, Mapping):
            yield from _walk(path, value)
        elif value is not None or key not in known:
            yield group, key, value


def _stranger(group: str, key: str, own_properties: Sequence[str] = ()) -> str:
    return stranger(key, [*members(group), *(() if group else own_properties)])


def _judge(path: str, value: Any) -> str | None:
    """Return the rule a value breaks, or None."""
    field = TIMEZONE_FIELD if path == TIMEZONE else FIELDS.get(path)
    return _no_object(value) if field is None else judge(field, value)


def _own_failures(news: Mapping[str, Any]) -> list[Failure]:
    wait = news.get("wait")
    misfits = [] if wait is None or isinstance(wait, (bool, Unknown)) else [Failure("wait", _not_boolean(wait))]
    return [*misnamed({name: news.get(name) for name in _NAMES}), *misfits]


def _misnamed(path: str, value: Any, pattern: str, words: str) -> Iterator[Failure]:
    if isinstance(value, Unknown):
        return
    if value is None or value == "":
        yield Failure(path, "is required")
    elif not isinstance(value, str) or not re.fullmatch(pattern, value):
        yield Failure(path, f"must consist of {words}, got {shown(value)}")


def _counterpart(settings: Mapping[str, Any]) -> dict[str, int]:
    """Declare 0 for whichever of the two percentages is left to the other."""
    pairs = ((MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT), (MAX_UNAVAILABLE_PERCENT, MAX_SURGE_PERCENT))
    return {other: 0 for one, other in pairs if other not in settings and _known_number(settings, one) not in (None, 0)}


def _combination_failures(settings: Mapping[str, Any]) -> Iterator[Failure]:
    yield from _timezone_alone(settings)
    yield from opposed(settings)


def _timezone_alone(settings: Mapping[str, Any]) -> Iterator[Failure]:
    """Refuse what could never be read back: Baseten reports the timezone of schedules, and none without them."""
    has_schedules = any(path.startswith(SCHEDULE_LIST) and value != ABSENT for path, value in settings.items())
    if TIMEZONE in settings and not has_schedules:
        yield Failure(TIMEZONE, "must come with a schedule in schedules (leave it out when only deleting), got none")


def _nothing_declared(settings: Mapping[str, Any]) -> Iterable[Failure]:
    here, *others = members("")
    reason = f"must declare at least one setting, here or in {', '.join(others)}; got none"
    return () if settings else (Failure(here, reason),)


def _known_number(settings: Mapping[str, Any], path: str) -> int | None:
    value = settings.get(path)
    return value if isinstance(value, int) else None


def _no_object(value: Any) -> str:
    return f"must be an object, got {shown(value)}"


def _not_boolean(value: Any) -> str:
    return f"must be true or false, got {shown(value)}"
