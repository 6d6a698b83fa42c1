"""Everything that can be wrong with declared settings, offline.

Values that a preview does not know yet are passed through; they are validated once they are known.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pulumi.output import UNKNOWN, Unknown

from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    FIELDS,
    GROUPS,
    MAX_REPLICA,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    MIN_REPLICA,
    ROLLING_DEPLOY,
    TOP_LEVEL_GROUPS,
    Field,
    api_path,
    decoded,
    flatten,
    is_additional,
    nest,
    properties,
    to_int,
    walk,
)

_NAMES = {
    "model_id": (re.compile(r"[A-Za-z0-9_-]+"), "must contain only letters, digits, - and _"),
    "env_name": (
        re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"),
        "must contain only lowercase letters, digits and -, and start and end with a letter or digit",
    ),
}
IDENTITY = (*_NAMES,)
"""The properties that name an environment, in the order of a resource's id."""
ID_FORM = "/".join(IDENTITY)
"""The form of the id of what an environment has once."""
_OWN_PROPERTIES = (*IDENTITY, "wait")
# The dynamic host's own entry, and outputs, which the resource registers without a value.
_OUTPUTS = ("status", "in_force", "revision", "schedule_id", "created_at", "current_deployment_id", "instance_type")
IGNORED = frozenset({"__provider", *_OUTPUTS})
# Pulumi carries numbers as floats: a larger integer can be another one when it arrives.
_LARGEST_EXACT = 2**53 - 1
_SHOWN_CHARACTERS = 80
# What would be misread in a path.
_KEY = re.compile(r'[^.[\]"]+')
NEWER = " (one newer than this release goes in additional_settings)"
"""What the rule that an unknown setting or choice breaks ends with."""
_SURGE_RULE = "exactly one of max_surge_percent and max_unavailable_percent must be > 0"
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule that is broken.

    Attributes:
        path: Dotted path of the property; "" is the whole object.
        rule: What must hold.
        value: The value that breaks it, or a tuple of the values that break it together; absent if there is none to
            show.
        limit: The value of another setting that the rule compares with; absent if the rule names no other setting.
    """

    path: str
    rule: str
    value: Any = _NOTHING
    limit: Any = _NOTHING

    def __str__(self) -> str:
        return self.text()

    def text(self, *, with_value: bool = True, prefix: str = "") -> str:
        """Return `path: rule (limit), got value`.

        Args:
            with_value: False leaves value and limit out, for a secret.
            prefix: Written before the path, as an object that holds it.
        """
        path = ".".join(part for part in (prefix, self.path) if part)
        rule = self.rule
        if with_value and self.limit is not _NOTHING:
            rule += f" ({shown(self.limit)})"
        if with_value and self.value is not _NOTHING:
            values = self.value if isinstance(self.value, tuple) else (self.value,)
            rule += f", got {' and '.join(map(shown, values))}"
        return f"{path}: {rule}" if path else rule


def validate_inputs(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """Normalize and validate the inputs of a resource.

    Nulls are dropped, whole floats become integers, and `wait` becomes True if it is absent. If one
    of `max_surge_percent` and `max_unavailable_percent` is declared > 0, the other becomes a declared 0.

    Returns:
        The normalized inputs and every failure; with a failure the inputs are those given.
    """
    declared = {key: value for key, value in news.items() if key not in IGNORED and key not in _OWN_PROPERTIES}
    settings, failures = validate_settings(declared, _OWN_PROPERTIES)
    failures = [*validate_names({name: news.get(name) for name in IDENTITY}), *failures]
    wait = news.get("wait")
    if not (wait is None or isinstance(wait, (bool, Unknown))):
        failures.append(Failure("wait", "must be true or false", wait))
    settings |= _counterpart(settings)
    failures += validate_together(settings)
    if not (settings or failures):
        failures.append(Failure("", f"at least one setting must be declared in {either(TOP_LEVEL_GROUPS)}"))
    if failures:
        return dict(news), failures
    own = {"model_id": news["model_id"], "env_name": news["env_name"], "wait": True if wait is None else wait}
    return {**own, **nest(settings)}, []


def validate_names(names: Mapping[str, Any]) -> list[Failure]:
    """Validate a `model_id` and an `env_name`, whichever are given."""
    failures = []
    for path, value in names.items():
        pattern, rule = _NAMES[path]
        if value is None or value == "":
            failures.append(Failure(path, "is required"))
        elif not isinstance(value, (str, Unknown)):
            failures.append(Failure(path, "must be a string in quotes", value))
        elif isinstance(value, str) and not pattern.fullmatch(value):
            failures.append(Failure(path, rule, value))
    return failures


def split_id(resource_id: str, form: str) -> tuple[list[str], list[Failure]]:
    """Split the id of a resource, and validate it.

    Args:
        resource_id: The id.
        form: Its form, which begins with `model_id/env_name`.

    Returns:
        Its parts, and every failure; the path of the one for another form is "id".
    """
    names, parts = form.split("/"), resource_id.split("/")
    if len(parts) != len(names) or not all(parts):
        return parts, [Failure("id", f"must be {form}", resource_id)]
    return parts, validate_names(dict(zip(IDENTITY, parts, strict=False)))


def validate_object(value: Any) -> list[Failure]:
    """Check that a value is an object; what it holds does not matter."""
    return [] if isinstance(value, Mapping) else [Failure("", "must be an object", value)]


def validate_settings(
    declared: Mapping[str, Any], own_properties: Sequence[str] = (), hint: str = NEWER
) -> tuple[dict[str, Any], list[Failure]]:
    """Validate every key and value of an environment's settings by itself.

    Args:
        declared: Nested objects of settings.
        own_properties: Further names to suggest for a misspelled key.
        hint: What the rule that an unknown key or choice breaks ends with.

    Returns:
        The settings by path, an object that is not known yet under its own path, and every failure.
    """
    settings: dict[str, Any] = {}
    failures: list[Failure] = []
    for group, key, value in _entries("", declared):
        path = member(group, key)
        if key not in properties(group):
            known = [*properties(group), *(() if group else own_properties)]
            is_api = group or not own_properties
            failures.append(Failure(path, unknown_property(key, known, hint if is_api else "")))
        elif isinstance(value, Unknown):
            settings[path] = value
        elif path == ADDITIONAL:
            found = flatten({ADDITIONAL: value}).items()
            settings |= {it: UNKNOWN if _has_unknown(inner) else inner for it, inner in found}
            failures += _additional_failures(value, path)
        elif path in GROUPS:
            failures.append(Failure(path, "must be an object", value))
        elif rule := broken_rule(FIELDS[path], value):
            failures.append(Failure(path, rule + (hint if FIELDS[path].choices else ""), value))
        else:
            settings[path] = to_int(value)
    return settings, failures


def validate_together(settings: Mapping[str, Any]) -> list[Failure]:
    """Validate settings, by path, against each other; each is valid by itself."""
    low, high = _known_int(settings, MIN_REPLICA), _known_int(settings, MAX_REPLICA)
    failures = []
    if low is not None and high is not None and low > high:
        failures.append(Failure(MIN_REPLICA, "must be <= max_replica", low, limit=high))
    surge, unavailable = (_known_int(settings, path) for path in (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT))
    if surge and unavailable:
        failures.append(Failure(MAX_SURGE_PERCENT, _SURGE_RULE, (surge, unavailable)))
    if surge == unavailable == 0 and settings.get(ROLLING_DEPLOY) is True:
        failures.append(Failure(MAX_SURGE_PERCENT, f"{_SURGE_RULE} while rolling_deploy is on", (0, 0)))
    return [*failures, *_set_twice(settings)]


def member(group: str, key: object) -> str:
    """Return the path of a key in an object; a key that would be misread in a path is quoted, as Pulumi does."""
    if not isinstance(key, str) or not key or "." in key:
        return f'{group}["{key}"]'
    return f"{group}.{key}" if group else key


def unknown_property(key: object, known: Iterable[str], hint: str = "") -> str:
    """Return the rule that an unknown key breaks, with the name that may have been meant, and a hint."""
    known = list(known)
    meant = closest(str(key), known)
    suggestion = f'did you mean "{meant}"?' if meant else f"use {either(known)}"
    return f"unknown property; {suggestion}{'' if ADDITIONAL in suggestion else hint}"


def one_of(value: Any, choices: Sequence[str]) -> str:
    """Return the rule that a value breaks that is none of several choices, with the one that may have been meant."""
    hint = did_you_mean(value.upper(), choices) if isinstance(value, str) and len(choices) > 1 else ""
    return f"must be {either(choices)}{hint}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean "…"?)` with the closest known name; "" if none is close."""
    meant = closest(name, known)
    return f' (did you mean "{meant}"?)' if meant else ""


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that may have been meant; None if none is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def shown(value: Any) -> str:
    """Show a value as short JSON; a value that is not JSON by its type."""
    try:
        text = json.dumps(decoded(value), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _entries(group: str, declared: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield object, key and value of everything declared; a null is left out unless its key is unknown."""
    known = properties(group)
    for key, value in declared.items():
        path = member(group, key)
        if key in known and path in GROUPS and isinstance(value, Mapping):
            yield from _entries(path, value)
        elif value is not None or key not in known:
            yield group, key, value


def broken_rule(field: Field, value: Any) -> str | None:
    """Return the rule that a value breaks by itself; None if it is valid."""
    if field.kind == "boolean":
        return None if isinstance(value, bool) else "must be true or false"
    if field.kind == "enum":
        return None if value in field.choices else one_of(value, field.choices)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        return "must be a whole number"
    unit = {"seconds": " s", "percent": " %"}.get(field.unit or "", "")
    if field.minimum is not None and value < field.minimum:
        return f"must be >= {field.minimum}{unit}"
    if field.maximum is not None and value > field.maximum:
        return f"must be <= {field.maximum}{unit}"
    return _exact_rule(value)


def _exact_rule(value: float) -> str | None:
    if abs(value) <= _LARGEST_EXACT:
        return None
    return f"must be {f'<= {_LARGEST_EXACT}' if value > 0 else f'>= -{_LARGEST_EXACT}'}"


def _additional_failures(value: Any, path: str) -> Iterator[Failure]:
    """Yield each failure of additional settings, of which only the form is validated."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or not _KEY.fullmatch(key):
                yield Failure(member(path, key), 'must have a key without . [ ] and "', key)
            else:
                yield from _additional_failures(inner, f"{path}.{key}")
    elif path == ADDITIONAL:
        yield from (replace(failure, path=path) for failure in validate_object(value))
    else:
        for at, inner in walk(value, path):
            if isinstance(inner, (int, float)) and (rule := _exact_rule(inner)):
                yield Failure(at, rule, inner)
            elif not (inner is None or isinstance(inner, (str, int, float, Unknown))):
                yield Failure(at, "must be a JSON value", inner)


def _has_unknown(value: Any) -> bool:
    return any(isinstance(inner, Unknown) for _, inner in walk(value))


def _set_twice(settings: Mapping[str, Any]) -> Iterator[Failure]:
    """Yield a failure for each additional setting that is also declared otherwise, or contains one that is."""
    known = {path: f"{api_path(path)}." for path, value in settings.items() if not isinstance(value, Unknown)}
    for path in filter(is_additional, known):
        here = known[path]
        others = (
            it for it, there in known.items() if it != path and (there.startswith(here) or here.startswith(there))
        )
        if other := next(others, None):
            yield Failure(path, f"must be set once, here or in {other}", (settings[path], settings[other]))


def _counterpart(settings: Mapping[str, Any]) -> dict[str, int]:
    """Return a 0 for the one of the two percentages that is not declared, if the other one is > 0."""
    pairs = ((MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT), (MAX_UNAVAILABLE_PERCENT, MAX_SURGE_PERCENT))
    declared = {*map(api_path, settings)}
    return {other: 0 for one, other in pairs if other not in declared and _known_int(settings, one)}


def _known_int(settings: Mapping[str, Any], path: str) -> int | None:
    value = settings.get(path)
    return value if isinstance(value, int) else None


def either(words: Sequence[str]) -> str:
    """List words: "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
