from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi.schema import settings
from baseten_pulumi.schema.settings import FIELDS, GROUPS, flatten, nest, properties, to_int, walk
from tests.cases import cases

# Written down from Baseten's pages: path, type, range and default.
CONTRACT: list[tuple[str, str, tuple[int | None, int | None], object]] = [
    ("autoscaling_settings.min_replica", "integer", (0, None), 0),
    ("autoscaling_settings.max_replica", "integer", (1, None), 1),
    ("autoscaling_settings.autoscaling_window", "integer", (10, 3600), 60),
    ("autoscaling_settings.scale_down_delay", "integer", (0, 3600), 900),
    ("autoscaling_settings.concurrency_target", "integer", (1, None), 1),
    ("autoscaling_settings.target_utilization_percentage", "integer", (1, 100), 70),
    ("autoscaling_settings.target_in_flight_tokens", "integer", (None, None), None),
    ("autoscaling_settings.max_scale_down_rate", "integer", (1, 50), 50),
    ("promotion_settings.redeploy_on_promotion", "boolean", (None, None), False),
    ("promotion_settings.rolling_deploy", "boolean", (None, None), False),
    ("promotion_settings.promotion_cleanup_strategy", "enum", (None, None), "SCALE_TO_ZERO"),
    ("promotion_settings.rolling_deploy_config.rolling_deploy_strategy", "enum", (None, None), "REPLICA"),
    ("promotion_settings.rolling_deploy_config.max_surge_percent", "integer", (0, 50), 10),
    ("promotion_settings.rolling_deploy_config.max_unavailable_percent", "integer", (0, 50), 0),
    ("promotion_settings.rolling_deploy_config.stabilization_time_seconds", "integer", (0, 3600), 0),
    ("promotion_settings.rolling_deploy_config.replica_overhead_percent", "integer", (0, 500), 0),
    ("promotion_settings.ramp_up_while_promoting", "boolean", (None, None), False),
    ("promotion_settings.ramp_up_duration_seconds", "integer", (0, None), 600),
    ("request_backpressure_settings.policy", "enum", (None, None), "NONE"),
]
_VALUES = {"integer": st.integers(), "boolean": st.booleans(), "enum": st.sampled_from(["KEEP", "NONE"])}
_SETTINGS = st.fixed_dictionaries({}, optional={path: _VALUES[kind] for path, kind, *_ in CONTRACT})


def test_table_is_the_contract_when_listed() -> None:
    """Names, nesting, types, ranges and defaults are those of Baseten's pages, in their order."""
    assert [(it.path, it.kind, (it.minimum, it.maximum), it.default) for it in FIELDS.values()] == CONTRACT


def test_choices_are_those_of_the_api_when_a_setting_is_an_enum() -> None:
    """An enum has the values of the API reference; null is the API's way to write NONE."""
    assert {it.name: (it.choices, it.null_choice) for it in FIELDS.values() if it.kind == "enum"} == {
        "promotion_cleanup_strategy": (("KEEP", "SCALE_TO_ZERO", "DEACTIVATE"), None),
        "rolling_deploy_strategy": (("REPLICA",), None),
        "policy": (("QUEUE_ON_FULL", "REJECT_ON_FULL", "NONE"), "NONE"),
    }


@pytest.mark.parametrize("path", FIELDS)
def test_field_is_complete_when_read(path: str) -> None:
    """A number has a unit, only an enum has choices, and everything has a meaning, a source and its path as its key."""
    field = FIELDS[path]
    assert f"{field.group}.{field.name}" == field.path == path
    assert (field.unit is not None) is (field.kind == "integer")
    assert bool(field.choices) is (field.kind == "enum")
    assert field.meaning.endswith(".")
    assert field.source in {"API reference", "Baseten documentation"}


def test_named_paths_are_in_the_table_when_used() -> None:
    """The constants for single settings and for objects of settings are paths of the table."""
    named = {settings.MIN_REPLICA, settings.MAX_REPLICA, settings.ROLLING_DEPLOY}
    named |= {settings.MAX_SURGE_PERCENT, settings.MAX_UNAVAILABLE_PERCENT}
    assert named <= set(FIELDS)
    assert {field.group for field in FIELDS.values()} == set(GROUPS)
    assert set(settings.TOP_LEVEL_GROUPS) == {group for group in GROUPS if "." not in group}


@cases(50, share=50)
@given(_SETTINGS)
def test_settings_survive_when_nested_and_flattened(declared: dict[str, Any]) -> None:
    """`nest` and `flatten` are each other's inverse, and `walk` yields what was nested."""
    assert flatten(nest(declared)) == declared
    assert dict(walk(nest(declared))) == declared


def test_unknown_keys_and_nulls_are_left_out_when_flattened() -> None:
    """Only settings of the table that have a value are returned; 0 and false are values."""
    nested = {
        "autoscaling_settings": {"min_replica": 0, "max_replica": None, "replicas": 3},
        "promotion_settings": {"rolling_deploy": False, "rolling_deploy_config": None},
        "model_id": "abc123",
    }
    assert flatten(nested) == {"autoscaling_settings.min_replica": 0, "promotion_settings.rolling_deploy": False}


@pytest.mark.parametrize("value", [None, 3, "text", [1]])
def test_object_is_empty_when_another_value_is_in_its_place(value: object) -> None:
    """It holds no settings."""
    assert flatten({"autoscaling_settings": value, "promotion_settings": {"rolling_deploy_config": value}}) == {}


def test_settings_are_in_the_order_of_the_table_when_flattened() -> None:
    """Every text that is built from them has that order too."""
    nested = {"promotion_settings": {"rolling_deploy": True}, "autoscaling_settings": {"max_replica": 2}}
    assert list(flatten(nested)) == ["autoscaling_settings.max_replica", "promotion_settings.rolling_deploy"]


def test_properties_are_settings_and_inner_objects_when_an_object_is_given() -> None:
    """The settings of an inner object are not among them."""
    assert properties("") == ("autoscaling_settings", "promotion_settings", "request_backpressure_settings")
    assert properties("promotion_settings") == (
        "redeploy_on_promotion",
        "rolling_deploy",
        "promotion_cleanup_strategy",
        "ramp_up_while_promoting",
        "ramp_up_duration_seconds",
        "rolling_deploy_config",
    )


def test_whole_floats_become_integers_when_they_come_from_the_engine() -> None:
    """Pulumi's engine keeps every number as a float; other values stay as they are."""
    found = [to_int(value) for value in (3.0, 3, True, "KEEP", 2.5, float("inf"))]
    assert found == [3, 3, True, "KEEP", 2.5, float("inf")]
    assert [type(value) for value in found] == [int, int, bool, str, float, float]
    (flat,) = flatten({"autoscaling_settings": {"min_replica": 3.0}}).values()
    assert type(flat) is int


def test_every_leaf_is_yielded_when_objects_and_lists_are_walked() -> None:
    """Keys are joined by dots, and an index is in brackets, as in Pulumi's property paths."""
    value = {"a": {"b": [1, {"c": None}]}, "d": (2,), "e": {}}
    assert dict(walk(value)) == {"a.b[0]": 1, "a.b[1].c": None, "d[0]": 2}
    assert dict(walk(7, "a")) == {"a": 7}
