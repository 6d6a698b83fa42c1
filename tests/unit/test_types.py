"""`types.py` is written by hand, for editors and type checkers; its source is compared with the table of settings."""

import ast
import inspect
from typing import Any, NamedTuple

import pytest

from baseten_pulumi import types
from baseten_pulumi.schema.settings import FIELDS, GROUPS, TOP_LEVEL_GROUPS, properties

ARGUMENTS = {
    "autoscaling_settings": "AutoscalingSettingsArgsDict",
    "promotion_settings": "PromotionSettingsArgsDict",
    "promotion_settings.rolling_deploy_config": "RollingDeployConfigArgsDict",
    "request_backpressure_settings": "RequestBackpressureSettingsArgsDict",
}
OUTPUTS = {group: name.removesuffix("ArgsDict") for group, name in ARGUMENTS.items()}
ENUMS = {
    "promotion_cleanup_strategy": "PromotionCleanupStrategy",
    "rolling_deploy_strategy": "RollingDeployStrategy",
    "policy": "RequestBackpressurePolicy",
}
KINDS = {"integer": "int", "boolean": "bool", "enum": "str"}


class Entry(NamedTuple):
    type: str
    docstring: str
    default: str | None


CLASSES = {it.name: it for it in ast.parse(inspect.getsource(types)).body if isinstance(it, ast.ClassDef)}


def _entries(class_name: str) -> dict[str, Entry]:
    """Return the attributes of a class, each of which is followed by its docstring."""
    found = {}
    body = CLASSES[class_name].body[1:]
    for declared, documented in zip(body[::2], body[1::2], strict=True):
        assert isinstance(declared, ast.AnnAssign)
        assert isinstance(documented, ast.Expr)
        default = None if declared.value is None else ast.unparse(declared.value)
        docstring = ast.literal_eval(documented.value)
        found[ast.unparse(declared.target)] = Entry(ast.unparse(declared.annotation), docstring, default)
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_arguments_are_those_of_the_table_when_declared(group: str) -> None:
    """Each TypedDict has the settings of its object, all optional, typed as inputs that may be None."""

    def type_of(name: str) -> str:
        field = FIELDS.get(f"{group}.{name}")
        if field is None:
            return ARGUMENTS[f"{group}.{name}"]
        return ENUMS[name] if field.kind == "enum" else KINDS[field.kind]

    found = {name: entry.type for name, entry in _entries(ARGUMENTS[group]).items()}
    assert found == {name: f"pulumi.Input[{type_of(name)}] | None" for name in properties(group)}
    assert getattr(types, ARGUMENTS[group]).__total__ is False


@pytest.mark.parametrize("group", GROUPS)
def test_outputs_are_those_of_the_table_when_declared(group: str) -> None:
    """Each output class has the settings of its object, all None by default."""

    def type_of(name: str) -> str:
        field = FIELDS.get(f"{group}.{name}")
        return OUTPUTS[f"{group}.{name}"] if field is None else KINDS[field.kind]

    found = {name: (entry.type, entry.default) for name, entry in _entries(OUTPUTS[group]).items()}
    assert found == {name: (f"{type_of(name)} | None", "None") for name in properties(group)}


def test_environment_has_every_object_when_its_arguments_are_declared() -> None:
    """`EnvironmentArgsDict` holds the objects at the top."""
    found = {name: entry.type for name, entry in _entries("EnvironmentArgsDict").items()}
    assert found == {group: f"pulumi.Input[{ARGUMENTS[group]}] | None" for group in TOP_LEVEL_GROUPS}


@pytest.mark.parametrize("class_name", [*ARGUMENTS.values(), *OUTPUTS.values(), "EnvironmentArgsDict"])
def test_every_setting_is_documented_when_declared(class_name: str) -> None:
    """An editor shows what a setting does, in whole sentences."""
    assert ast.get_docstring(CLASSES[class_name])
    assert all(entry.docstring.endswith(".") for entry in _entries(class_name).values())


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if field.maximum is not None])
def test_range_is_documented_when_a_setting_has_both_bounds(path: str) -> None:
    """The range in the docstring of an argument is that of the table."""
    field = FIELDS[path]
    docstring = " ".join(_entries(ARGUMENTS[field.group])[field.name].docstring.split())
    assert f"{field.minimum} to {field.maximum} {field.unit}" in docstring


@pytest.mark.parametrize(("name", "alias"), ENUMS.items())
def test_choices_are_those_of_the_table_when_an_enum_is_typed(name: str, alias: str) -> None:
    """A `Literal` lists the choices of its setting."""
    (field,) = (it for it in FIELDS.values() if it.name == name)
    assert getattr(types, alias).__args__ == field.choices


def test_output_class_becomes_a_mapping_when_it_is_an_argument() -> None:
    """It has what is not None, at every depth; what a program wrote itself stays as it is."""
    inner: dict[str, Any] = {"max_surge_percent": 10, "stabilization_time_seconds": None}
    outer: dict[str, Any] = {"rolling_deploy": True, "rolling_deploy_config": types.RollingDeployConfig(**inner)}
    read = types.PromotionSettings(**outer)
    expected = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 10}}
    assert types.to_inputs(read) == expected
    assert types.to_inputs({"promotion_settings": read}) == {"promotion_settings": expected}
    for value in (None, 7, "abc", {"min_replica": None}):
        assert types.to_inputs(value) == value
    for name in OUTPUTS.values():
        assert types.to_inputs(getattr(types, name)()) == {}
