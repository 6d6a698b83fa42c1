"""`baseten-pulumi export`: the environments of models as a program, or their settings as stack configuration.

The text is formatted as a formatter would leave it. It depends only on what Baseten reports and, for one-time
schedules, on the current time.
"""

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from keyword import iskeyword
from typing import Any

from baseten_pulumi.cli import EXIT_STATUS, write
from baseten_pulumi.cli.account import ModelEnvironments, add_arguments, printable, read, report
from baseten_pulumi.cli.declarations import ExportedModel, LeftOut, declares, exported, slug
from baseten_pulumi.errors import EnvironmentNotFoundError, Message
from baseten_pulumi.schema.environment import PRODUCTION, Environment
from baseten_pulumi.schema.schedules import Schedule, schedule_differences, validate_schedule

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
# Plain keys that YAML, in one of its versions, reads as something other than a string.
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_PLAIN_YAML_KEY = re.compile(r"[a-z][a-z0-9_-]*")


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
    defaults, models = exported(found)
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


def _program(defaults: Mapping[str, Any], models: Sequence[ExportedModel]) -> Iterator[str]:
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


def _declaration(model: ExportedModel, taken: set[str], *, has_defaults: bool) -> Iterator[str]:
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


def _schedules(model: ExportedModel, variable: str, taken: set[str]) -> Iterator[str]:
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
            name = f"{model.name}-{env_name}-{slug(schedule.name)}".rstrip("-")
            while name in taken:
                name += f"-{slug(schedule.id)}"
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
        if isinstance(value, LeftOut) and value.removes_default:
            yield f"{indent}{key}: None,  {_comment('', value.reason)}"
        elif isinstance(value, LeftOut):
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


def _stack_config(defaults: Mapping[str, Any], models: Sequence[ExportedModel]) -> Iterator[str]:
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


def _yaml_environments(model: ExportedModel, indent: str) -> Iterator[str]:
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
        if isinstance(value, LeftOut) and value.removes_default:
            yield f"{indent}{name}: null  {_comment('', value.reason)}"
        elif isinstance(value, LeftOut):
            yield _comment(indent, f"{name}: {value.reason}")
        elif isinstance(value, dict):
            yield f"{indent}{_yaml_key(name)}:{'' if declares(value) else ' {}'}"
            yield from _yaml_items(value, f"{indent}  ")
        else:
            yield f"{indent}{_yaml_key(name)}: {_json(value)}"


def _yaml_key(name: str) -> str:
    return name if _PLAIN_YAML_KEY.fullmatch(name) and name not in _YAML_WORDS else _json(name)


def _no_settings(indent: str, env_name: str, reasons: Mapping[str, LeftOut]) -> Iterator[str]:
    yield _comment(indent, f"Environment {env_name}: no settings to declare.")
    yield from (_comment(indent, f"  {name}: {left_out.reason}") for name, left_out in reasons.items())


def _unreadable(indent: str, found: ModelEnvironments) -> Iterator[str]:
    yield _comment(indent, f"Model {found.title}: its environments cannot be read.")
    yield _comment(indent, f"  {found.reason}")


def _comment(indent: str, text: str) -> str:
    return f"{indent}# {printable(text)}"
