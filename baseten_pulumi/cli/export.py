"""`baseten-pulumi export`: a model's environments as a program, or their settings as stack configuration.

The text is formatted as a formatter would leave it. It depends only on what Baseten reports and, for one-time
schedules, on the current time.
"""

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from baseten_pulumi.cli import EXIT_STATUS, SUCCEEDED, write
from baseten_pulumi.cli.account import ModelEnvironments, add_arguments, printable, read
from baseten_pulumi.errors import EnvironmentNotFoundError, Message
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.schedules import Schedule, schedule_differences, validate_schedule
from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    FIELDS,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    nest,
    properties,
)
from baseten_pulumi.schema.validate import Failure, validate_inputs, validate_names

_DESCRIPTION = """\
Print a Pulumi program that declares the current settings and autoscaling schedules of a model's environments. Its first
preview only creates resources, and its first up changes nothing in Baseten. What Baseten does not report, or a program
cannot declare, becomes a comment.
"""
_EPILOG = f"""\
examples:
  baseten-pulumi export --model llama-chat > __main__.py
  baseten-pulumi export --model llama-chat --env production --stack-config | tee Pulumi.production.yaml

The API key is read from BASETEN_API_KEY, the base URL from BASETEN_BASE_URL; stack configuration is not used.

{EXIT_STATUS}"""
_INDENT = "    "
_LINE_LENGTH = 88  # the default of formatters
_SCHEDULE, _SETTINGS = "BasetenAutoscalingSchedule", "BasetenEnvironmentSettings"
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


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Takes the place of a setting, or of an object of settings, that is not declared."""

    reason: str


_NOT_REPORTED = _LeftOut("not reported")


def run(arguments: Sequence[str]) -> int:
    """Print the program or the configuration; return the exit status.

    Args:
        arguments: The command line after `export`.
    """
    chosen = parser().parse_args(arguments)
    found = read(chosen.model, chosen.env)
    if not found.environments:
        failed, observed = f"Model {found.title} could not be exported.", "It has no environments."
        action = "Create an environment in Baseten first, or promote a deployment."
        raise EnvironmentNotFoundError(Message(failed, observed, "", action))
    lines = _stack_config(found) if chosen.stack_config else _program(found)
    write("".join(f"{line}\n" for line in lines))
    return SUCCEEDED


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
        help="print configuration for Pulumi.<stack>.yaml, read by settings_from_config(), instead of a program",
    )
    return parser


def _declarations(found: ModelEnvironments) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each environment with its nested settings, in which a `_LeftOut` replaces what is not declared."""
    for env_name, environment in found.environments.items():
        names = {"model_id": found.model.id, "env_name": env_name}
        if failures := validate_names(names):
            yield env_name, {failure.path: _left_out(failure) for failure in failures}
            continue
        settings = dict(environment.settings)
        left_out: dict[str, _LeftOut] = {}
        # Baseten may report more than a program may declare: a value beyond a documented limit, an enum value that is
        # newer than this release. An exported program must not be refused, so whatever Check refuses is left out; what
        # is left is validated again, because two settings can be invalid together.
        while settings and (failures := validate_inputs({**names, **nest(settings)})[1]):
            for failure in failures:
                # One of the two percentages alone would make the other a declared 0.
                paths = _PERCENTAGES if failure.path in _PERCENTAGES else (failure.path,)
                left_out |= dict.fromkeys(paths, _left_out(failure))
            settings = {path: value for path, value in settings.items() if path not in left_out}
        yield env_name, _nested("", settings, left_out)


def _left_out(failure: Failure) -> _LeftOut:
    return _LeftOut(f"left out, {replace(failure, path='')}")


def _nested(group: str, settings: Mapping[str, Any], left_out: Mapping[str, _LeftOut]) -> dict[str, Any]:
    """Nest every setting of the table, in its order; an object without a declared setting is left out as a whole."""
    nested: dict[str, Any] = {}
    for name in properties(group):
        path = f"{group}.{name}" if group else name
        if path == ADDITIONAL:
            continue
        if path in FIELDS:
            nested[name] = settings.get(path, left_out.get(path, _NOT_REPORTED))
            continue
        inner = _nested(path, settings, left_out)
        if _declares(inner):
            nested[name] = inner
        else:
            refused = {f"{name}.{key}": reason for key, reason in inner.items() if reason is not _NOT_REPORTED}
            nested |= refused or {name: _NOT_REPORTED}
    return nested


def _declares(nested: Mapping[str, Any]) -> bool:
    return any(not isinstance(value, _LeftOut) for value in nested.values())


def _program(found: ModelEnvironments) -> Iterator[str]:
    """Yield the lines of a program with a resource for each environment and for each of its schedules."""
    resources = list(_resources(found))
    imported = [name for name in (_SCHEDULE, _SETTINGS) if f"{name}(" in resources]
    yield '"""Settings and schedules of the environments of a Baseten model."""'
    yield ""
    if imported:
        yield from (f"from baseten_pulumi import {', '.join(imported)}", "")
    yield f"# Model {found.title}"
    yield from resources


def _resources(found: ModelEnvironments) -> Iterator[str]:
    prefix = _slug(found.model.name or "") or found.model.id
    taken = {f"{prefix}-{env_name}" for env_name in found.environments}
    for env_name, nested in _declarations(found):
        environment, names = found.environments[env_name], {"model_id": found.model.id, "env_name": env_name}
        yield ""
        if _declares(nested):
            yield from _resource(_SETTINGS, f"{prefix}-{env_name}", {**names, **nested})
        else:
            yield from _no_settings("", env_name, nested)
        if environment.schedules is None:
            yield from ("", _comment("", f"Environment {env_name}: its schedules cannot be read."))
        for schedule in environment.schedules or ():
            yield ""
            if reasons := _refusals(names, schedule, environment):
                yield _comment("", f"Schedule {_title(schedule)} of environment {env_name}: left out.")
                yield from (_comment("", f"  {reason}") for reason in reasons)
                continue
            # Without a letter or digit in the schedule's name this is the environment's, which is taken.
            name = f"{prefix}-{env_name}-{_slug(schedule.name)}".rstrip("-")
            while name in taken:
                name += f"-{_slug(schedule.id)}"
            taken.add(name)
            yield from _resource(_SCHEDULE, name, {**names, **_schedule_arguments(schedule.properties)})


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


def _resource(class_name: str, name: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    yield f"{class_name}("
    yield f"{_INDENT}{_python(name)},"
    for key, value in arguments.items():
        if isinstance(value, _LeftOut):
            yield _comment(_INDENT, f"{key}: {value.reason}")
        elif isinstance(value, dict):
            yield f"{_INDENT}{key}={{"
            yield from _python_items(value, 2 * _INDENT)
            yield f"{_INDENT}}},"
        elif isinstance(value, list):
            yield from _python_list(key, value)
        else:
            yield f"{_INDENT}{key}={_python(value)},"
    yield ")"


def _python_list(key: str, values: Sequence[str]) -> Iterator[str]:
    items = [_python(value) for value in values]
    line = f"{_INDENT}{key}=[{', '.join(items)}],"
    if len(line) <= _LINE_LENGTH:
        yield line
        return
    yield f"{_INDENT}{key}=["
    yield from (f"{2 * _INDENT}{item}," for item in items)
    yield f"{_INDENT}],"


def _python_items(nested: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in nested.items():
        if isinstance(value, _LeftOut):
            yield _comment(indent, f"{_python(name)}: {value.reason}")
        elif isinstance(value, dict):
            yield f"{indent}{_python(name)}: {{"
            yield from _python_items(value, indent + _INDENT)
            yield f"{indent}}},"
        else:
            yield f"{indent}{_python(name)}: {_python(value)},"


def _python(value: Any) -> str:
    """Return a literal as a formatter leaves it, in ASCII: it may be written to a file of any encoding."""
    if not isinstance(value, str):
        return str(value)
    if value.count('"') > value.count("'"):  # then single quotes need fewer escapes
        return ascii(value)
    return json.dumps(value, ensure_ascii=False).encode("ascii", "backslashreplace").decode()


def _stack_config(found: ModelEnvironments) -> Iterator[str]:
    """Yield the lines of the stack configuration that `settings_from_config` reads."""
    yield f"# Settings of the environments of Baseten model {found.title}."
    yield "config:"
    yield "  baseten:environments:"
    for env_name, nested in _declarations(found):
        if _declares(nested):
            is_plain = env_name[0].isalpha() and env_name not in _YAML_WORDS
            yield f"{_INDENT}{env_name if is_plain else json.dumps(env_name)}:"
            yield from _yaml_items(nested, f"{_INDENT}  ")
        else:
            yield from _no_settings(_INDENT, env_name, nested)
        schedules = found.environments[env_name].schedules
        if schedules is None:
            yield _comment(_INDENT, f"Environment {env_name}: its schedules cannot be read.")
        elif schedules:
            titles = ", ".join(_title(schedule) for schedule in schedules)
            yield _comment(_INDENT, f"Environment {env_name}: configuration cannot declare its schedules {titles}.")


def _yaml_items(nested: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in nested.items():
        if isinstance(value, _LeftOut):
            yield _comment(indent, f"{name}: {value.reason}")
        elif isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _yaml_items(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {json.dumps(value)}"


def _no_settings(indent: str, env_name: str, reasons: Mapping[str, _LeftOut]) -> Iterator[str]:
    yield _comment(indent, f"Environment {env_name}: no settings to declare.")
    yield from (_comment(indent, f"  {name}: {left_out.reason}") for name, left_out in reasons.items())


def _comment(indent: str, text: str) -> str:
    return f"{indent}# {printable(text)}"
