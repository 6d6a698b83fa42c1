"""What of Baseten's models an exported program can declare, and what it has to leave out."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from baseten_pulumi.cli.account import ModelEnvironments
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    FIELDS,
    GROUPS,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    additional,
    decoded,
    encoded,
    nest,
    properties,
)
from baseten_pulumi.schema.validate import Failure, validate_inputs, validate_names, validate_settings

_PERCENTAGES = (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT)
_NOT_IN_A_RESOURCE_NAME = re.compile(r"[^a-z0-9]+")
# How many environments have to agree on a setting for it to become a default.
_FEWEST_AGREEING = 3


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Takes the place of a setting, or of an object of settings, that is not declared.

    Attributes:
        reason: Why.
        removes_default: Whether there is a default, which has to be removed.
    """

    reason: str
    removes_default: bool = False


_NOT_REPORTED = LeftOut("not reported")
_DEPRECATED = LeftOut("left out, deprecated")
_NEWER = LeftOut("in additional_settings")


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A model as it is exported.

    Attributes:
        found: The model and its environments.
        name: Name of its component, which no other model has.
        declared: What differs from the defaults, nested, for each environment that can be declared.
        refused: Why none of its settings can be declared, for each other environment.
    """

    found: ModelEnvironments
    name: str
    declared: Mapping[str, dict[str, Any]]
    refused: Mapping[str, dict[str, Any]]


def exported(found: Sequence[ModelEnvironments]) -> tuple[dict[str, Any], list[ExportedModel]]:
    """Return the defaults, nested, and what each model declares over them."""
    settings = {one.model.id: dict(_declarations(one)) for one in found}
    defaults = _defaults([it for environments in settings.values() for it in environments.values() if declares(it)])
    models: list[ExportedModel] = []
    taken: set[str] = set()  # the names of components and, after them, of their children
    for one in found:
        environments = settings[one.model.id]
        name = slug(one.model.name or "") or one.model.id
        while taken & (names := {name, *(f"{name}-{env_name}" for env_name in environments)}):
            name = f"{name}-{one.model.id}"
        taken |= names
        models.append(
            ExportedModel(
                one,
                name,
                {it: _nested("", own, defaults) for it, own in environments.items() if declares(own)},
                {it: _nested("", own, {}) for it, own in environments.items() if not declares(own)},
            )
        )
    return _nested("", defaults, {}) if defaults else {}, models


def _defaults(environments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return by path what most environments have in common, three at least; empty if that declares nothing."""
    common: dict[str, Any] = {}
    for path in FIELDS if environments else ():
        value, count = Counter(it[path] for it in environments).most_common(1)[0]
        if count >= _FEWEST_AGREEING:
            common[path] = value
    if not declares(common):
        return {}
    # That some settings of an object are not reported is said where others of it are declared.
    complete = {
        group
        for group in GROUPS
        if all(path in common for path, field in FIELDS.items() if field.group == group)
        or declares({path: value for path, value in common.items() if FIELDS[path].group == group})
    }
    return {path: value for path, value in common.items() if FIELDS[path].group in complete}


def _declarations(found: ModelEnvironments) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each environment with its settings by path, in which a `LeftOut` replaces what is not declared."""
    for env_name, environment in found.environments.items():
        names = {"model_id": found.model.id, "env_name": env_name}
        if failures := validate_names(names):
            yield env_name, {failure.path: _left_out(failure) for failure in failures}
            continue
        settings = dict(environment.settings)
        newer = _newer(environment)
        deprecated = [path for path in settings if FIELDS[path].is_deprecated]
        left_out = {**dict.fromkeys(deprecated, _DEPRECATED), **dict.fromkeys(newer, _NEWER)}
        settings = {path: value for path, value in settings.items() if path not in left_out}
        # Baseten may report more than a program may declare, such as a value beyond a documented limit. An exported
        # program must not be refused, so whatever Check refuses is left out; what is left is validated again, because
        # two settings can be invalid together.
        while settings and (failures := validate_inputs({**names, **nest(settings)})[1]):
            for failure in failures:
                # One of the two percentages alone would make the other a declared 0.
                paths = _PERCENTAGES if failure.path in _PERCENTAGES else (failure.path,)
                left_out |= dict.fromkeys(paths, _left_out(failure))
            settings = {path: value for path, value in settings.items() if path not in left_out}
        known = {path: settings.get(path, left_out.get(path, _NOT_REPORTED)) for path in FIELDS}
        yield env_name, {**known, **_additional(environment, newer)}


def _newer(environment: Environment) -> dict[str, Any]:
    """Return each known setting that has a value this release does not know, by path."""
    observed, found = dict(additional(environment.response)), dict[str, Any]()
    for path, field in FIELDS.items():
        value = observed.get(f"{ADDITIONAL}.{path}")
        is_known = value in field.choices if field.choices else path in environment.settings
        if value is not None and not is_known:
            found[path] = value
    return found


def _additional(environment: Environment, newer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what only additional settings can declare, nested, and by path a `LeftOut` for what they cannot either.

    It never becomes a default: nothing removes one of those.
    """
    values = {f"{ADDITIONAL}.{path}": value for path, value in newer.items() if not isinstance(value, Mapping)}
    declared: dict[str, Any] = {}
    left_out: dict[str, Any] = {}
    for path, value in {**environment.unknown_settings, **values}.items():
        at: Any = environment.response
        for key in path.split(".")[1:]:
            at = at.get(key) if isinstance(at, Mapping) else None
        if encoded(at) != value:
            left_out[path] = LeftOut("left out, a key in it has a dot")
        elif failures := validate_settings(nest({path: value}))[1]:
            left_out[path] = _left_out(failures[0])
        else:
            declared[path] = decoded(value)
    return {**nest(declared), **left_out}


def _left_out(failure: Failure) -> LeftOut:
    return LeftOut(f"left out, {replace(failure, path='')}")


def _nested(group: str, settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Nest what differs from the defaults, in the order of the table.

    An object without a declared setting is left out, or its default removed, as a whole.
    """
    nested: dict[str, Any] = {}
    if not group:
        nested |= {name: it for name, it in settings.items() if name not in FIELDS and isinstance(it, LeftOut)}
    for name in properties(group):
        path = f"{group}.{name}" if group else name
        inside = [it for it in settings if it == path or it.startswith(f"{path}.")]
        has_default = any(declares({it: defaults[it]}) for it in inside if it in defaults)
        if inside and has_default and all(settings[it] == _NOT_REPORTED for it in inside):
            nested[name] = replace(_NOT_REPORTED, removes_default=True)
        elif path in settings:
            value = settings[path]
            if path not in defaults or value != defaults[path]:
                nested[name] = replace(value, removes_default=has_default) if isinstance(value, LeftOut) else value
        elif inner := _nested(path, settings, defaults) if path not in FIELDS else None:
            # What an object has in common with the defaults is declared too.
            if declares(inner) or not all(isinstance(settings[it], LeftOut) for it in inside):
                nested[name] = inner
            else:
                refused = {f"{name}.{key}": reason for key, reason in inner.items() if reason != _NOT_REPORTED}
                nested |= refused or {name: _NOT_REPORTED}
    return nested


def declares(settings: Mapping[str, Any]) -> bool:
    """Return whether settings, by path or nested, declare anything or remove a default."""
    return any(not isinstance(value, LeftOut) or value.removes_default for value in settings.values())


def slug(text: str) -> str:
    """Return a text as part of a resource's name; "" if it has neither a letter nor a digit."""
    return _NOT_IN_A_RESOURCE_NAME.sub("-", text.lower()).strip("-")
