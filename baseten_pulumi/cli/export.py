"""`baseten-pulumi export`: the environments of models as a program, or their settings as stack configuration.

The text is formatted as a formatter would leave it. It depends only on what Baseten reports and, for one-time
schedules, on the current time.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from keyword import iskeyword
from typing import Any

from baseten_pulumi.cli import EXIT_STATUS, write
from baseten_pulumi.cli.account import ModelEnvironments, add_arguments, printable, read, report
from baseten_pulumi.errors import EnvironmentNotFoundError, Message
from baseten_pulumi.schema.environment import PRODUCTION, Environment
from baseten_pulumi.schema.schedules import Schedule, schedule_differences, validate_schedule
from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    FIELDS,
    GROUPS,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    decoded,
    encoded,
    nest,
    properties,
)
from baseten_pulumi.schema.validate import Failure, validate_inputs, validate_names, validate_settings

_DESCRIPTION = """\
Print a Pulumi program that declares the environments of models with their current settings and autoscaling schedules.
Its first preview shows only resources to create, and its first up changes nothing in Baseten. Settings that three or
more environments share become defaults. Settings that this release does not know are declared in additional_settings.
Settings that Baseten does not report, or that a program cannot declare, become comments.
"""
_EPILOG = f"""\
examples:
  baseten-pulumi export > __main__.py
  baseten-pulumi export --model llama-chat --model embeddings > __main__.py
  baseten-pulumi export --model llama-chat --env production --stack-config | tee Pulumi.production.yaml

The API key is read from BASETEN_API_KEY, the base URL from BASETEN_BASE_URL; stack configuration is not used.

{EXIT_STATUS}"""
_INDENT = "    "
_LINE_LENGTH = 88  # the default of formatters
_SCHEDULE, _COMPONENT = "BasetenAutoscalingSchedule", "BasetenModelEnvironments"
_ENVIRONMENT_TYPE = "EnvironmentArgsDict"
_SCHEDULE_ARGUMENTS = (
    "schedule_name",
    "timezone",
    "cadence",
    "autoscaling_settings",
    "enabled",
    "weekdays",
    "start_hour",
    "start_minute",
    "end_hour",
    "end_minute",
    "start_at",
    "end_at",
)
_SCHEDULE_DEFAULTS = {"enabled": True, "start_minute": 0, "end_minute": 0}
_PERCENTAGES = (MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT)
_NOT_IN_A_RESOURCE_NAME = re.compile(r"[^a-z0-9]+")
# Plain keys that YAML, in one of its versions, reads as something other than a string.
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_PLAIN_YAML_KEY = re.compile(r"[a-z][a-z0-9_-]*")
# How many environments have to agree on a setting for it to become a default.
_FEWEST_AGREEING = 3


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Takes the place of a setting, or of an object of settings, that is not declared.

    Attributes:
        reason: Why.
        removes_default: Whether there is a default, which has to be removed.
    """

    reason: str
    removes_default: bool = False


_NOT_REPORTED = _LeftOut("not reported")
_DEPRECATED = _LeftOut("left out, deprecated")
_NEWER = _LeftOut("in additional_settings")


@dataclass(frozen=True, slots=True)
class _Model:
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


def run(arguments: Sequence[str]) -> int:
    """Print the program or the configuration; return the exit status.

    Args:
        arguments: The command line after `export`.
    """
    chosen = parser().parse_args(arguments)
    found = read(chosen.model, chosen.team, chosen.env)
    if not any(one.environments for one in found):
        failed = f"{found[0].title if len(found) == 1 else f'{len(found)} models'} could not be exported."
        action = "Create an environment in Baseten first, or promote a deployment."
        raise EnvironmentNotFoundError(Message(failed, "There are no environments.", "", action))
    defaults, models = _exported(found)
    lines = _stack_config(defaults, models) if chosen.stack_config else _program(defaults, models)
    write("".join(f"{line}\n" for line in lines))
    return report(found)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="baseten-pulumi export",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument(
        "--stack-config",
        action="store_true",
        help="print configuration for Pulumi.<stack>.yaml instead of a program: that of one model for "
        "settings_from_config(), that of several for models_from_config()",
    )
    return parser


def _exported(found: Sequence[ModelEnvironments]) -> tuple[dict[str, Any], list[_Model]]:
    """Return the defaults, nested, and what each model declares over them."""
    settings = {one.model.id: dict(_declarations(one)) for one in found}
    defaults = _defaults([it for environments in settings.values() for it in environments.values() if _declares(it)])
    models: list[_Model] = []
    taken: set[str] = set()  # the names of components and, after them, of their children
    for one in found:
        environments = settings[one.model.id]
        name = _slug(one.model.name or "") or one.model.id
        while taken & (names := {name, *(f"{name}-{env_name}" for env_name in environments)}):
            name = f"{name}-{one.model.id}"
        taken |= names
        models.append(
            _Model(
                one,
                name,
                {it: _nested("", own, defaults) for it, own in environments.items() if _declares(own)},
                {it: _nested("", own, {}) for it, own in environments.items() if not _declares(own)},
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
    if not _declares(common):
        return {}
    # That some settings of an object are not reported is said where others of it are declared.
    complete = {
        group
        for group in GROUPS
        if all(path in common for path, field in FIELDS.items() if field.group == group)
        or _declares({path: value for path, value in common.items() if FIELDS[path].group == group})
    }
    return {path: value for path, value in common.items() if FIELDS[path].group in complete}


def _declarations(found: ModelEnvironments) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each environment with its settings by path, in which a `_LeftOut` replaces what is not declared."""
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
    observed, found = environment.observed, dict[str, Any]()
    for path, field in FIELDS.items():
        value = observed.get(f"{ADDITIONAL}.{path}")
        is_known = value in field.choices if field.choices else path in environment.settings
        if value is not None and not is_known:
            found[path] = value
    return found


def _additional(environment: Environment, newer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what only additional settings can declare, nested, and by path a `_LeftOut` for what they cannot either.

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
            left_out[path] = _LeftOut("left out, a key in it has a dot")
        elif failures := validate_settings(nest({path: value}))[1]:
            left_out[path] = _left_out(failures[0])
        else:
            declared[path] = decoded(value)
    return {**nest(declared), **left_out}


def _left_out(failure: Failure) -> _LeftOut:
    return _LeftOut(f"left out, {replace(failure, path='')}")


def _nested(group: str, settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Nest what differs from the defaults, in the order of the table.

    An object without a declared setting is left out, or its default removed, as a whole.
    """
    nested: dict[str, Any] = {}
    if not group:
        nested |= {name: it for name, it in settings.items() if name not in FIELDS and isinstance(it, _LeftOut)}
    for name in properties(group):
        path = f"{group}.{name}" if group else name
        inside = [it for it in settings if it == path or it.startswith(f"{path}.")]
        has_default = any(_declares({it: defaults[it]}) for it in inside if it in defaults)
        if inside and has_default and all(settings[it] == _NOT_REPORTED for it in inside):
            nested[name] = replace(_NOT_REPORTED, removes_default=True)
        elif path in settings:
            value = settings[path]
            if path not in defaults or value != defaults[path]:
                nested[name] = replace(value, removes_default=has_default) if isinstance(value, _LeftOut) else value
        elif inner := _nested(path, settings, defaults) if path not in FIELDS else None:
            # What an object has in common with the defaults is declared too.
            if _declares(inner) or not all(isinstance(settings[it], _LeftOut) for it in inside):
                nested[name] = inner
            else:
                refused = {f"{name}.{key}": reason for key, reason in inner.items() if reason != _NOT_REPORTED}
                nested |= refused or {name: _NOT_REPORTED}
    return nested


def _declares(settings: Mapping[str, Any]) -> bool:
    return any(not isinstance(value, _LeftOut) or value.removes_default for value in settings.values())


def _program(defaults: Mapping[str, Any], models: Sequence[_Model]) -> Iterator[str]:
    """Yield the lines of a program with a component for each model, and a resource for each schedule."""
    # Names of schedules, which are no component's children: they are unique among all models.
    taken = {f"{model.name}-{env_name}" for model in models for env_name in model.found.environments}
    declarations = [line for model in models for line in _declaration(model, taken, has_defaults=bool(defaults))]
    yield '"""Settings and schedules of the environments of Baseten models."""'
    yield ""
    imported = [name for name in (_SCHEDULE, _COMPONENT) if any(line.endswith(f"{name}(") for line in declarations)]
    if imported:
        yield from _import([*imported, *([_ENVIRONMENT_TYPE] if defaults else [])])
        yield ""
    if defaults:
        yield f"DEFAULTS: {_ENVIRONMENT_TYPE} = {{"
        yield from _python_items(defaults, _INDENT)
        yield from ("}", "")
    yield from declarations[:-1]  # the last is blank


def _import(names: Sequence[str]) -> Iterator[str]:
    line = f"from baseten_pulumi import {', '.join(names)}"
    if len(line) <= _LINE_LENGTH:
        yield line
    else:
        yield from ("from baseten_pulumi import (", *(f"{_INDENT}{name}," for name in names), ")")


def _declaration(model: _Model, taken: set[str], *, has_defaults: bool) -> Iterator[str]:
    """Yield blocks of lines, a blank one after each."""
    model_id, environments = model.found.model.id, model.found.environments
    variable = _variable(model.name)
    schedules = list(_schedules(model, variable, taken))
    if model.found.reason:
        yield from (*_unreadable("", model.found), "")
        return
    yield from (f"# Model {model.found.title}{'' if environments else ': no environments'}", "")
    if model.declared:
        is_used = any(f"{variable}.settings[" in line for line in schedules)
        yield f"{f'{variable} = ' if is_used else ''}{_COMPONENT}("
        yield f"{_INDENT}{_python(model.name)},"
        yield f"{_INDENT}model_id={_python(model_id)},"
        if has_defaults:
            yield f"{_INDENT}defaults=DEFAULTS,"
        yield f"{_INDENT}environments={{"
        yield from _python_items(model.declared, 2 * _INDENT)
        yield f"{_INDENT}}},"
        if any(env_name != PRODUCTION for env_name in model.declared):
            yield f"{_INDENT}create_missing=True,"
        yield from (")", "")
    for env_name, reasons in model.refused.items():
        yield from (*_no_settings("", env_name, reasons), "")
    yield from schedules


def _schedules(model: _Model, variable: str, taken: set[str]) -> Iterator[str]:
    """Yield the lines of each schedule, and add its name to those that are taken."""
    model_id = model.found.model.id
    for env_name, environment in model.found.environments.items():
        if environment.schedules is None:
            yield from (_comment("", f"Environment {env_name}: its schedules cannot be read."), "")
        for schedule in environment.schedules or ():
            if reasons := _refusals({"model_id": model_id, "env_name": env_name}, schedule, environment):
                yield _comment("", f"Schedule {_title(schedule)} of environment {env_name}: left out.")
                yield from (*(_comment("", f"  {reason}") for reason in reasons), "")
                continue
            # Without a letter or digit in the schedule's name this is the environment's, which is taken.
            name = f"{model.name}-{env_name}-{_slug(schedule.name)}".rstrip("-")
            while name in taken:
                name += f"-{_slug(schedule.id)}"
            taken.add(name)
            # Of an environment that the component declares, so that the schedule depends on it.
            reference = f"{variable}.settings[{_python(env_name)}].env_name"
            yield f"{_SCHEDULE}("
            yield f"{_INDENT}{_python(name)},"
            yield f"{_INDENT}model_id={_python(model_id)},"
            yield f"{_INDENT}env_name={reference if env_name in model.declared else _python(env_name)},"
            for key, value in _schedule_arguments(schedule.properties).items():
                yield from _argument(key, value)
            yield from (")", "")


def _variable(name: str) -> str:
    """Return the name of a model's component as an identifier."""
    variable = name.replace("-", "_")
    return variable if variable.isidentifier() and not iskeyword(variable) else f"model_{variable}"


def _refusals(names: Mapping[str, str], schedule: Schedule, environment: Environment) -> list[str]:
    """Return why a schedule cannot be declared, or not without a change in Baseten; empty if it can."""
    given, now = {**names, **schedule.properties}, datetime.now(timezone.utc)
    inputs, failures = validate_schedule(given, given, now)
    reasons = [str(failure) for failure in failures]
    same_name = sum(other.name == schedule.name for other in environment.schedules or ())
    if same_name > 1:
        reasons.append(f"schedule_name: {same_name} schedules have this name")
    if not failures:
        # Check replaces what is not reported by its default.
        reasons += [f"{it.path}: not reported" for it in schedule_differences(inputs, schedule.properties)]
        if validate_schedule(given, {}, now)[1]:
            reasons.append(f"start_at: has already started ({given['start_at']})")
    return reasons


def _schedule_arguments(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a schedule in the order of the constructor, without nulls and defaults."""
    declared: dict[str, Any] = {}
    for name in _SCHEDULE_ARGUMENTS:
        value = properties.get(name)
        if isinstance(value, Mapping):
            declared[name] = {key: inner for key, inner in value.items() if inner is not None}
        elif value is not None and value != _SCHEDULE_DEFAULTS.get(name):
            declared[name] = value
    return declared


def _title(schedule: Schedule) -> str:
    return f'"{schedule.name}" ({schedule.id})'


def _slug(text: str) -> str:
    return _NOT_IN_A_RESOURCE_NAME.sub("-", text.lower()).strip("-")


def _argument(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield f"{_INDENT}{key}={{"
        yield from _python_items(value, 2 * _INDENT)
        yield f"{_INDENT}}},"
    else:
        yield from _python_lines(f"{_INDENT}{key}=", value, _INDENT)


def _python_items(nested: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in nested.items():
        key = _python(name)
        if isinstance(value, _LeftOut) and value.removes_default:
            yield f"{indent}{key}: None,  {_comment('', value.reason)}"
        elif isinstance(value, _LeftOut):
            yield _comment(indent, f"{key}: {value.reason}")
        elif isinstance(value, dict) and value:
            yield f"{indent}{key}: {{"
            yield from _python_items(value, indent + _INDENT)
            yield f"{indent}}},"
        else:
            yield from _python_lines(f"{indent}{key}: ", value, indent)


def _python_lines(start: str, value: Any, indent: str) -> Iterator[str]:
    """Yield `start` and a literal, a list that is too long for one line item by item."""
    line = f"{start}{_python(value)},"
    if len(line) <= _LINE_LENGTH or not isinstance(value, (dict, list)) or not value:
        yield line
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield f"{start}{opening}"
    inner = indent + _INDENT
    for key, item in value.items() if isinstance(value, dict) else ((None, item) for item in value):
        yield from _python_lines(inner if key is None else f"{inner}{_python(key)}: ", item, inner)
    yield f"{indent}{closing},"


def _python(value: Any) -> str:
    """Return a literal as a formatter leaves it, in ASCII: it may be written to a file of any encoding."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_python(key)}: {_python(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    if not isinstance(value, str):
        return str(value)
    if value.count('"') > value.count("'"):  # then single quotes need fewer escapes
        return ascii(value)
    return _json(value)


def _json(value: Any) -> str:
    """Return JSON with every character that is not printable ASCII as an escape that Python and YAML both read."""
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\x7f")
    return text.encode("ascii", "backslashreplace").decode()


def _stack_config(defaults: Mapping[str, Any], models: Sequence[_Model]) -> Iterator[str]:
    """Yield the lines of the stack configuration that `settings_from_config` or `models_from_config` reads."""
    only = models[0].found.title if len(models) == 1 else ""
    yield _comment("", f"Settings of the environments of Baseten {f'model {only}' if only else 'models'}.")
    yield "config:"
    if defaults:
        yield "  baseten:environmentDefaults:"
        yield from _yaml_items(defaults, _INDENT)
    if only:
        yield "  baseten:environments:"
        yield from _yaml_environments(models[0], _INDENT)
        return
    yield "  baseten:models:"
    for model in models:
        indent = f"{_INDENT}  "
        if model.declared:
            yield f"{_INDENT}{_yaml_key(model.name)}:"
            yield f"{indent}model_id: {json.dumps(model.found.model.id)}"
            yield f"{indent}environments:"
        elif model.found.reason:
            yield from _unreadable(_INDENT, model.found)
        else:
            yield _comment(_INDENT, f"Model {model.found.title}: no environments to declare.")
        yield from _yaml_environments(model, f"{indent}  ")


def _yaml_environments(model: _Model, indent: str) -> Iterator[str]:
    for env_name, environment in model.found.environments.items():
        if env_name in model.declared:
            yield from _yaml_items({env_name: model.declared[env_name]}, indent)
        else:
            yield from _no_settings(indent, env_name, model.refused[env_name])
        if environment.schedules is None:
            yield _comment(indent, f"Environment {env_name}: its schedules cannot be read.")
        elif environment.schedules:
            titles = ", ".join(_title(schedule) for schedule in environment.schedules)
            yield _comment(indent, f"Environment {env_name}: configuration cannot declare its schedules {titles}.")


def _yaml_items(nested: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in nested.items():
        if isinstance(value, _LeftOut) and value.removes_default:
            yield f"{indent}{name}: null  {_comment('', value.reason)}"
        elif isinstance(value, _LeftOut):
            yield _comment(indent, f"{name}: {value.reason}")
        elif isinstance(value, dict):
            yield f"{indent}{_yaml_key(name)}:{'' if _declares(value) else ' {}'}"
            yield from _yaml_items(value, f"{indent}  ")
        else:
            yield f"{indent}{_yaml_key(name)}: {_json(value)}"


def _yaml_key(name: str) -> str:
    return name if _PLAIN_YAML_KEY.fullmatch(name) and name not in _YAML_WORDS else _json(name)


def _no_settings(indent: str, env_name: str, reasons: Mapping[str, _LeftOut]) -> Iterator[str]:
    yield _comment(indent, f"Environment {env_name}: no settings to declare.")
    yield from (_comment(indent, f"  {name}: {left_out.reason}") for name, left_out in reasons.items())


def _unreadable(indent: str, found: ModelEnvironments) -> Iterator[str]:
    yield _comment(indent, f"Model {found.title}: its environments cannot be read.")
    yield _comment(indent, f"  {found.reason}")


def _comment(indent: str, text: str) -> str:
    return f"{indent}# {printable(text)}"
