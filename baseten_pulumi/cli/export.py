"""`baseten-pulumi export`: the current settings of a model's environments as a program, or as stack configuration.

The text is formatted as a formatter would leave it, and depends only on what Baseten reports.
"""

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from baseten_pulumi.cli import EXIT_STATUS, SUCCEEDED, write
from baseten_pulumi.cli.account import ModelEnvironments, add_arguments, printable, read
from baseten_pulumi.errors import EnvironmentNotFoundError, Message
from baseten_pulumi.schema.settings import FIELDS, MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT, nest, properties
from baseten_pulumi.schema.validate import Failure, validate_inputs, validate_names

_DESCRIPTION = """\
Print a Pulumi program that declares the current settings of a model's environments. Its first preview only creates
resources, and its first up changes no settings. A setting that Baseten does not report, or that a program cannot
declare, becomes a comment.
"""
_EPILOG = f"""\
examples:
  baseten-pulumi export --model llama-chat > __main__.py
  baseten-pulumi export --model llama-chat --env production --stack-config | tee Pulumi.production.yaml

The API key is read from BASETEN_API_KEY, the base URL from BASETEN_BASE_URL; stack configuration is not used.

{EXIT_STATUS}"""
_INDENT = "    "
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
    """Yield the lines of a program with one resource for each environment."""
    environments = list(_declarations(found))
    yield '"""Settings of the environments of a Baseten model."""'
    yield ""
    if any(_declares(nested) for _, nested in environments):
        yield from ("from baseten_pulumi import BasetenEnvironmentSettings", "")
    yield f"# Model {found.title}"
    prefix = _NOT_IN_A_RESOURCE_NAME.sub("-", (found.model.name or "").lower()).strip("-") or found.model.id
    for env_name, nested in environments:
        yield ""
        if not _declares(nested):
            yield from _nothing_declared("", env_name, nested)
            continue
        yield "BasetenEnvironmentSettings("
        yield f"{_INDENT}{_python(f'{prefix}-{env_name}')},"
        yield f"{_INDENT}model_id={_python(found.model.id)},"
        yield f"{_INDENT}env_name={_python(env_name)},"
        for name, value in nested.items():
            if isinstance(value, _LeftOut):
                yield _comment(_INDENT, name, value)
            else:
                yield f"{_INDENT}{name}={{"
                yield from _python_items(value, 2 * _INDENT)
                yield f"{_INDENT}}},"
        yield ")"


def _python_items(nested: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in nested.items():
        if isinstance(value, _LeftOut):
            yield _comment(indent, _python(name), value)
        elif isinstance(value, dict):
            yield f"{indent}{_python(name)}: {{"
            yield from _python_items(value, indent + _INDENT)
            yield f"{indent}}},"
        else:
            yield f"{indent}{_python(name)}: {_python(value)},"


def _python(value: Any) -> str:
    # A declared string is a validated name or enum value: JSON quotes it as Python does.
    return json.dumps(value) if isinstance(value, str) else str(value)


def _stack_config(found: ModelEnvironments) -> Iterator[str]:
    """Yield the lines of the stack configuration that `settings_from_config` reads."""
    yield f"# Settings of the environments of Baseten model {found.title}."
    yield "config:"
    yield "  baseten:environments:"
    for env_name, nested in _declarations(found):
        if not _declares(nested):
            yield from _nothing_declared(_INDENT, env_name, nested)
            continue
        is_plain = env_name[0].isalpha() and env_name not in _YAML_WORDS
        yield f"{_INDENT}{env_name if is_plain else json.dumps(env_name)}:"
        yield from _yaml_items(nested, f"{_INDENT}  ")


def _yaml_items(nested: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in nested.items():
        if isinstance(value, _LeftOut):
            yield _comment(indent, name, value)
        elif isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _yaml_items(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {json.dumps(value)}"


def _nothing_declared(indent: str, env_name: str, reasons: Mapping[str, _LeftOut]) -> Iterator[str]:
    yield f"{indent}# Environment {printable(env_name)}: nothing to declare."
    yield from (_comment(indent, f"  {name}", reason) for name, reason in reasons.items())


def _comment(indent: str, name: str, left_out: _LeftOut) -> str:
    return f"{indent}# {printable(f'{name}: {left_out.reason}')}"
