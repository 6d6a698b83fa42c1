"""Write `baseten_pulumi/types.py` from `baseten_pulumi.schema.settings`.

Run it after a change of that module: `python -m docs.types_module`. A test compares them.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from baseten_pulumi.schema.schedules import CADENCES, WEEKDAYS
from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    AUTOSCALING,
    BACKPRESSURE,
    FIELDS,
    GROUPS,
    PROMOTION,
    ROLLING_DEPLOY_CONFIG,
    TOP_LEVEL_GROUPS,
    Field,
    properties,
)

MODULE = Path(__file__).parents[1] / "baseten_pulumi" / "types.py"
_WIDTH = 120
_GROUP_MEANINGS = {
    AUTOSCALING: "Autoscaling of an environment.",
    PROMOTION: "How a deployment is promoted to an environment.",
    ROLLING_DEPLOY_CONFIG: "How a rolling deploy proceeds. It has an effect only while `rolling_deploy` is on.",
    BACKPRESSURE: "What an environment does with requests when every replica is full.",
    ADDITIONAL: "Settings in the API's own shape that this release does not know; a null in them is sent.",
}
_TYPES = {"integer": "int", "boolean": "bool", "enum": "str"}
_HEADER = '''\
# Written by `python -m docs.types_module`; do not edit it.
# ruff: noqa: C901, PLR0913, PLW1641 - a constructor has a parameter for each setting; no dict has a hash
# The type of `pulumi.get` is Any:
# mypy: disable-error-code="no-any-return"
"""Argument TypedDicts and output classes, with one entry for each row of `schema.settings.FIELDS`.

The TypedDicts, whose names end in `ArgsDict`, are arguments; the classes are the types of a resource's outputs. Every
name is the API's own. In arguments, a setting that is absent or None is not managed: never sent, never compared. An
output is a dict that has the managed settings alone; as an attribute, a setting that is not managed is None. In a
schedule, a setting that is absent or None keeps the environment's value.
"""

from collections.abc import Mapping
from typing import Any, Literal

import pulumi
from typing_extensions import TypedDict
'''


def module() -> str:
    """Return the text of the module."""
    for group in GROUPS:
        refuse_dict_names(properties(group))
    groups = list(_children_first(""))
    parts = [
        *(_literal(_literal_name(field), field.choices, field.meaning) for field in FIELDS.values() if field.choices),
        _literal("ScheduleCadence", CADENCES, "How often an autoscaling schedule runs."),
        _literal("Weekday", WEEKDAYS, "A day on which a recurring autoscaling schedule runs."),
        *(_output_class(group) for group in groups),
        *(_args_dict(_args_name(group), _GROUP_MEANINGS[group], group) for group in groups),
        _args_dict("EnvironmentArgsDict", "The settings of one environment of a model.", ""),
    ]
    return "\n".join((_HEADER, *parts)).replace("\n\n\n\n", "\n\n\n")


def refuse_dict_names(names: Iterable[str]) -> None:
    """Refuse settings that would hide a method of the output class from programs that use it as a dict.

    Raises:
        ValueError: a setting has the name of such a method.
    """
    if taken := sorted(set(dir(dict)).intersection(names)):
        raise ValueError(f"settings with the name of a method of dict: {', '.join(taken)}")


def _children_first(parent: str) -> Iterator[str]:
    """Yield every object of settings after those inside it, which its annotations name."""
    for group in GROUPS:
        if group.rpartition(".")[0] == parent:
            yield from _children_first(group)
            yield group


def _literal(name: str, values: Iterable[str], meaning: str) -> str:
    choices = ", ".join(f'"{value}"' for value in values)
    return f"{name} = Literal[{choices}]\n{_docstring(meaning, 0)}\n"


def _output_class(group: str) -> str:
    names = properties(group)
    lines = [
        "",
        "@pulumi.output_type",
        f"class {_camel(group)}(dict[str, Any]):",
        _docstring(_GROUP_MEANINGS[group], 4),
        "",
        "    def __init__(",
        "        self,",
        "        *,",
        *(f"        {name}: {_output_type(group, name)} | None = None," for name in names),
        "    ) -> None:",
    ]
    for name in names:
        lines += [f"        if {name} is not None:", f'            pulumi.set(self, "{name}", {name})']
    lines += ["", "    __eq__ = dict.__eq__  # Pulumi's own would differ from every plain dict"]
    for name in names:
        lines += [
            "",
            "    @property",
            "    @pulumi.getter",
            f"    def {name}(self) -> {_output_type(group, name)} | None:",
            _docstring(_output_meaning(group, name), 8),
            f'        return pulumi.get(self, "{name}")',
        ]
    return "\n".join((*lines, ""))


def _args_dict(class_name: str, meaning: str, group: str) -> str:
    lines = ["", f"class {class_name}(TypedDict, total=False):", _docstring(meaning, 4), ""]
    for name in properties(group):
        path = f"{group}.{name}" if group else name
        lines += [_annotation(name, f"{_argument_type(path)} | None"), _docstring(_argument_meaning(path), 4)]
    return "\n".join((*lines, ""))


def _annotation(name: str, accepted: str) -> str:
    line = f"    {name}: pulumi.Input[{accepted}]"
    return line if len(line) <= _WIDTH else f"    {name}: pulumi.Input[\n        {accepted}\n    ]"


def _argument_type(path: str) -> str:
    if path == ADDITIONAL:
        return "Mapping[str, Any]"
    if path in GROUPS:
        return f"{_args_name(path)} | {_camel(path)}"
    field = FIELDS[path]
    return _literal_name(field) if field.choices else _TYPES[field.kind]


def _argument_meaning(path: str) -> str:
    if path in TOP_LEVEL_GROUPS:
        return f"{_GROUP_MEANINGS[path]} None leaves it unmanaged."
    return _GROUP_MEANINGS[path] if path in GROUPS else " ".join((FIELDS[path].meaning, *_range(FIELDS[path])))


def _output_type(group: str, name: str) -> str:
    path = f"{group}.{name}"
    return _camel(path) if path in GROUPS else _TYPES[FIELDS[path].kind]


def _output_meaning(group: str, name: str) -> str:
    path = f"{group}.{name}"
    if path in GROUPS:
        return _GROUP_MEANINGS[path]
    unit = _unit(FIELDS[path])
    return f"{FIELDS[path].meaning} In {unit}." if unit else FIELDS[path].meaning


def _range(field: Field) -> Sequence[str]:
    if field.minimum is None:
        return ()
    bounds = f"At least {field.minimum}" if field.maximum is None else f"{field.minimum} to {field.maximum}"
    return (" ".join(filter(None, (bounds, _unit(field)))) + ".",)


def _unit(field: Field) -> str | None:
    """Return the unit of a measure; None for what is counted, which the meaning names."""
    return field.unit if field.unit in {"seconds", "percent"} else None


def _args_name(group: str) -> str:
    return f"{_camel(group)}ArgsDict"


def _literal_name(field: Field) -> str:
    """Return the name of the type of an enum; a name of one word says too little without its object's."""
    owner = "" if "_" in field.name else _camel(field.group.removesuffix("_settings"))
    return f"{owner}{_camel(field.name)}"


def _camel(path: str) -> str:
    return "".join(word.capitalize() for word in path.rpartition(".")[2].split("_"))


def _docstring(text: str, indent: int) -> str:
    """Return a docstring on one line or, if it is too long, with its first sentence above the others."""
    lines = [f'"""{text}"""']
    if indent + len(lines[0]) > _WIDTH:
        summary, _, rest = text.partition(". ")
        lines = [f'"""{summary}.', "", *textwrap.wrap(rest, _WIDTH - indent), '"""']
    return textwrap.indent("\n".join(lines), " " * indent)


if __name__ == "__main__":
    MODULE.write_text(module(), encoding="utf-8")
