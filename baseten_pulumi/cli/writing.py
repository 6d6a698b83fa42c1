"""A model's environments as text to keep: a Pulumi program, or the configuration of a stack.

The text is written as a formatter would leave it, and depends on nothing but what Baseten reports.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from baseten_pulumi.cli.adoption import Declaration, Declarations, Entry, Omission, adopted, is_empty
from baseten_pulumi.cli.surveying import Survey, one_line

_INDENT = "    "
_NO_NAME = re.compile(r"[^a-z0-9]+")
# What YAML would read as something else than a string, at least in one of its versions.
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def program(survey: Survey) -> str:
    """Return a program that declares what is set today, a resource for each environment."""
    environments = list(_adopted(survey))
    lines = [f'"""Settings of the environments of model {_json(survey.model.id)[1:-1]} at Baseten."""', ""]
    if not all(is_empty(entries) for _, entries in environments):
        lines += ["from baseten_pulumi import BasetenEnvironmentSettings", ""]
    if survey.model.name:
        lines += [f"# The model is called {survey.model.name}.", ""]
    for env_name, entries in environments:
        lines += [*_resource(survey, env_name, entries), ""]
    return "\n".join(lines)


def stack_config(survey: Survey) -> str:
    """Return the part of a stack's configuration that `settings_from_config` reads."""
    lines = [
        f"# Settings of the environments of model {survey.title} at Baseten.",
        "config:",
        "  baseten:environments:",
    ]
    for env_name, entries in _adopted(survey):
        if is_empty(entries):
            lines += _remarks("    ", env_name, entries)
        else:
            lines += [f"    {_yaml_key(env_name)}:", *_yaml(entries, "      ")]
    return "\n".join([*lines, ""])


def resource_name(survey: Survey, env_name: str) -> str:
    """Return the name of an environment's resource: of the model's name what a name can hold, and the environment's."""
    model = _NO_NAME.sub("-", (survey.model.name or "").lower()).strip("-") or survey.model.id
    return f"{model}-{env_name}"


def _adopted(survey: Survey) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    for env_name, environment in survey.environments.items():
        yield env_name, adopted(survey.model.id, env_name, environment.settings)


def _resource(survey: Survey, env_name: str, entries: tuple[Entry, ...]) -> Iterator[str]:
    if is_empty(entries):
        yield from _remarks("", env_name, entries)
        return
    yield "BasetenEnvironmentSettings("
    yield f"{_INDENT}{_python(resource_name(survey, env_name))},"
    yield f"{_INDENT}model_id={_python(survey.model.id)},"
    yield f"{_INDENT}env_name={_python(env_name)},"
    for entry in entries:
        if isinstance(entry, Declarations):
            yield f"{_INDENT}{entry.name}={{"
            yield from _items(entry.entries, 2 * _INDENT)
            yield f"{_INDENT}}},"
        elif isinstance(entry, Omission):
            yield _remark(_INDENT, entry.name, entry.reason)
    yield ")"


def _items(entries: Iterable[Entry], indent: str) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, Declarations):
            yield f"{indent}{_python(entry.name)}: {{"
            yield from _items(entry.entries, indent + _INDENT)
            yield f"{indent}}},"
        elif isinstance(entry, Declaration):
            yield from _written(f"{_python(entry.name)}: ", entry.value, indent)
        else:
            yield _remark(indent, _python(entry.name), entry.reason)


def _written(label: str, value: Any, indent: str) -> Iterator[str]:
    """Yield a value as Python writes it: objects and lists with each member on a line of its own."""
    if isinstance(value, dict):
        yield f"{indent}{label}{{"
        for name, inner in value.items():
            yield from _written(f"{_python(name)}: ", inner, indent + _INDENT)
        yield f"{indent}}},"
    elif isinstance(value, list):
        yield f"{indent}{label}["
        for item in value:
            yield from _written("", item, indent + _INDENT)
        yield f"{indent}],"
    else:
        yield f"{indent}{label}{_python(value)},"


def _yaml(entries: Iterable[Entry], indent: str) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, Declarations):
            yield f"{indent}{entry.name}:"
            yield from _yaml(entry.entries, f"{indent}  ")
        elif isinstance(entry, Declaration) and isinstance(entry.value, list):
            yield f"{indent}{entry.name}:"
            yield from (f"{indent}  - {_json(item)}" for item in entry.value)
        elif isinstance(entry, Declaration):
            yield f"{indent}{entry.name}: {_json(entry.value)}"
        else:
            yield _remark(indent, entry.name, entry.reason)


def _remarks(indent: str, env_name: str, entries: Iterable[Entry]) -> Iterator[str]:
    """Yield why nothing of an environment is declared."""
    yield _remark(indent, f"Environment {env_name}", "nothing to declare.")
    for entry in entries:
        if isinstance(entry, Omission):
            yield _remark(indent, f"  {entry.name}", entry.reason)


def _remark(indent: str, name: str, reason: str) -> str:
    return f"{indent}# {one_line(f'{name}: {reason}')}"


def _python(value: int | bool | str) -> str:
    if not isinstance(value, str):
        return str(value)
    quoted = _json(value)
    if value.count('"') <= value.count("'"):
        return quoted
    body = quoted[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{body}'"


def _json(value: Any) -> str:
    """Return JSON in which strings are those of Python and YAML too: an escape of two halves is one in JSON alone."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(it if it.isprintable() else f"\\U{ord(it):08x}" for it in text)


def _yaml_key(name: str) -> str:
    is_plain = name[:1].isalpha() and name not in _YAML_WORDS
    return name if is_plain else _json(name)
