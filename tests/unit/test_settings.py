"""`settings.py` is written by hand, for editors and type checkers; here it is held to the table, from its source."""

import ast
import inspect
from dataclasses import dataclass
from typing import Any

import pytest

from baseten_pulumi import settings
from baseten_pulumi.fields import (
    AUTOSCALING,
    BACKPRESSURE,
    FIELDS,
    GROUPS,
    PROMOTION,
    ROLLING_DEPLOY_CONFIG,
    Field,
    members,
)
from baseten_pulumi.schedule_fields import OVERRIDDEN, PARTS, PLAIN_PARTS, REQUIRED, REQUIRED_OVERRIDES
from baseten_pulumi.schedules import SCHEDULES, WEEKDAYS

ARGUMENTS = {
    AUTOSCALING: "AutoscalingSettingsArgsDict",
    PROMOTION: "PromotionSettingsArgsDict",
    ROLLING_DEPLOY_CONFIG: "RollingDeployConfigArgsDict",
    BACKPRESSURE: "RequestBackpressureSettingsArgsDict",
    SCHEDULES: "AutoscalingScheduleSettingsArgsDict",
}
OUTPUTS = {group: name.removesuffix("ArgsDict") for group, name in ARGUMENTS.items()}
ENUM_ALIASES = {
    "promotion_cleanup_strategy": "PromotionCleanupStrategy",
    "rolling_deploy_strategy": "RollingDeployStrategy",
    "policy": "RequestBackpressurePolicy",
}
OUTPUT_TYPES = {"integer": "int", "boolean": "bool", "enum": "str"}
OF_SCHEDULES = {
    "timezone": ("str", "str"),
    "schedules": ("Sequence[pulumi.Input[AutoscalingScheduleArgsDict]]", "Sequence[AutoscalingSchedule]"),
    "delete_schedules": ("Sequence[pulumi.Input[str]]", "Sequence[str]"),
}


@dataclass(frozen=True)
class Entry:
    name: str
    type: str
    docstring: str
    default: str | None


def _classes() -> dict[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(settings))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _entries(class_name: str) -> dict[str, Entry]:
    body = _classes()[class_name].body[1:]
    pairs = zip(body[::2], body[1::2], strict=True)
    return {entry.name: entry for entry in (_entry(*pair) for pair in pairs)}


def _entry(declared: ast.stmt, documented: ast.stmt) -> Entry:
    assert isinstance(declared, ast.AnnAssign)
    assert isinstance(documented, ast.Expr)
    docstring = ast.literal_eval(documented.value)
    assert isinstance(docstring, str)
    default = None if declared.value is None else ast.unparse(declared.value)
    return Entry(ast.unparse(declared.target), ast.unparse(declared.annotation), docstring, default)


def _argument_type(group: str, name: str) -> str:
    field = FIELDS.get(f"{group}.{name}")
    if field is None:
        return OF_SCHEDULES[name][0] if name in OF_SCHEDULES else ARGUMENTS[f"{group}.{name}"]
    return ENUM_ALIASES[name] if field.kind == "enum" else OUTPUT_TYPES[field.kind]


def _output_type(group: str, name: str) -> str:
    field = FIELDS.get(f"{group}.{name}")
    if name in OF_SCHEDULES:
        return OF_SCHEDULES[name][1]
    return OUTPUTS[f"{group}.{name}"] if field is None else OUTPUT_TYPES[field.kind]


@pytest.mark.parametrize("group", [*GROUPS, SCHEDULES])
def test_arguments_are_the_tables_when_declared(group: str) -> None:
    """Each TypedDict holds its object's settings, typed as inputs that may be None."""
    found = {name: entry.type for name, entry in _entries(ARGUMENTS[group]).items()}
    assert found == {name: f"pulumi.Input[{_argument_type(group, name)}] | None" for name in members(group)}


@pytest.mark.parametrize("group", [*GROUPS, SCHEDULES])
def test_outputs_are_the_tables_when_declared(group: str) -> None:
    """Each output class holds its object's settings, all of them optional."""
    found = {name: (entry.type, entry.default) for name, entry in _entries(OUTPUTS[group]).items()}
    assert found == {name: (f"{_output_type(group, name)} | None", "None") for name in members(group)}


@pytest.mark.parametrize("class_name", [*ARGUMENTS.values(), *OUTPUTS.values()])
def test_every_setting_is_documented_when_declared(class_name: str) -> None:
    """An editor shows what a setting does: each has a docstring that is a whole sentence."""
    assert all(entry.docstring.endswith(".") for entry in _entries(class_name).values())
    assert ast.get_docstring(_classes()[class_name])


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if field.maximum is not None])
def test_argument_states_its_range_when_it_has_both_bounds(path: str) -> None:
    """The range in a docstring is the table's."""
    field: Field = FIELDS[path]
    docstring = _entries(ARGUMENTS[field.group])[field.name].docstring
    assert f"{field.minimum} to {field.maximum} {field.unit}" in docstring


@pytest.mark.parametrize("class_name", ARGUMENTS.values())
def test_argument_may_be_left_out_when_it_is_not_managed(class_name: str) -> None:
    """No setting is required."""
    assert getattr(settings, class_name).__total__ is False


@pytest.mark.parametrize(("name", "alias"), ENUM_ALIASES.items())
def test_choices_are_the_tables_when_an_enum_is_typed(name: str, alias: str) -> None:
    """A `Literal` lists the choices of its setting."""
    (field,) = (it for it in FIELDS.values() if it.name == name)
    assert getattr(settings, alias).__args__ == field.choices


def test_what_was_read_is_written_when_it_is_an_argument() -> None:
    """An output class becomes a mapping of what is not None, at every depth; anything else stays as it is."""
    inner: dict[str, Any] = {"max_surge_percent": 10, "stabilization_time_seconds": None}
    outer: dict[str, Any] = {"rolling_deploy": True, "rolling_deploy_config": settings.RollingDeployConfig(**inner)}
    read = settings.PromotionSettings(**outer)
    as_written = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 10}}
    assert settings.written(read) == as_written
    assert settings.written({"promotion_settings": read, "list": [read]}) == {
        "promotion_settings": as_written,
        "list": [as_written],
    }
    for value in (None, 7, "abc", {"min_replica": None}, [1]):
        assert settings.written(value) == value


@pytest.mark.parametrize("group", [*GROUPS, SCHEDULES])
def test_every_output_class_is_written_when_it_is_an_argument(group: str) -> None:
    """None of them is forgotten."""
    assert settings.written(getattr(settings, OUTPUTS[group])()) == {}


PART_TYPES = {
    "name": "str",
    "weekdays": "Sequence[pulumi.Input[Weekday]]",
    "cadence": "AutoscalingScheduleCadence",
    "autoscaling_settings": "AutoscalingOverridesArgsDict",
}


def _part_type(name: str, *, required: bool) -> str:
    field = PLAIN_PARTS.get(name) or OVERRIDDEN.get(name)
    kind = PART_TYPES.get(name) or OUTPUT_TYPES[field.kind if field is not None else ""]
    return f"Required[pulumi.Input[{kind}]]" if required else f"pulumi.Input[{kind}] | None"


def test_arguments_are_the_tables_when_a_schedule_is_declared() -> None:
    """Its parts and its overrides; those it is nothing without are required."""
    parts = {name: entry.type for name, entry in _entries("AutoscalingScheduleArgsDict").items()}
    assert parts == {name: _part_type(name, required=name in ("name", *REQUIRED)) for name in PARTS}
    overrides = {name: entry.type for name, entry in _entries("AutoscalingOverridesArgsDict").items()}
    assert overrides == {name: _part_type(name, required=name in REQUIRED_OVERRIDES) for name in OVERRIDDEN}


def test_outputs_are_the_tables_when_a_schedule_is_read() -> None:
    """Every part, and those of a one-time schedule."""
    assert list(_entries("AutoscalingSchedule")) == [*PARTS, "start_at", "end_at"]
    assert list(_entries("AutoscalingOverrides")) == list(OVERRIDDEN)
    assert all(entry.default == "None" for entry in _entries("AutoscalingSchedule").values())


@pytest.mark.parametrize(
    ("class_name", "name", "field"),
    [
        *(("AutoscalingScheduleArgsDict", name, field) for name, field in PLAIN_PARTS.items()),
        *(("AutoscalingOverridesArgsDict", name, field) for name, field in OVERRIDDEN.items()),
    ],
)
def test_schedule_states_its_range_when_a_part_has_both_bounds(class_name: str, name: str, field: Field) -> None:
    """The range in a docstring is the table's."""
    docstring = _entries(class_name)[name].docstring
    assert docstring.endswith(".")
    if field.maximum is not None:
        assert f"{field.minimum} to {field.maximum} {field.unit}" in docstring


def test_choices_are_the_tables_when_a_schedule_is_typed() -> None:
    """A `Literal` lists the choices of its part."""
    assert settings.AutoscalingScheduleCadence.__args__ == PLAIN_PARTS["cadence"].choices  # type: ignore[attr-defined]
    assert settings.Weekday.__args__ == WEEKDAYS  # type: ignore[attr-defined]
