from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi import fields
from baseten_pulumi.fields import FIELDS, GROUPS, flatten, members, nest, with_integers

# The founding page's three objects and the later additions, written down from the pages: (path, type, range).
CONTRACT: list[tuple[str, str, tuple[int | None, int | None]]] = [
    ("autoscaling_settings.min_replica", "integer", (0, None)),
    ("autoscaling_settings.max_replica", "integer", (1, None)),
    ("autoscaling_settings.autoscaling_window", "integer", (10, 3600)),
    ("autoscaling_settings.scale_down_delay", "integer", (0, 3600)),
    ("autoscaling_settings.concurrency_target", "integer", (1, None)),
    ("autoscaling_settings.target_utilization_percentage", "integer", (1, 100)),
    ("autoscaling_settings.target_in_flight_tokens", "integer", (None, None)),
    ("autoscaling_settings.max_scale_down_rate", "integer", (1, 50)),
    ("promotion_settings.redeploy_on_promotion", "boolean", (None, None)),
    ("promotion_settings.rolling_deploy", "boolean", (None, None)),
    ("promotion_settings.promotion_cleanup_strategy", "enum", (None, None)),
    ("promotion_settings.rolling_deploy_config.rolling_deploy_strategy", "enum", (None, None)),
    ("promotion_settings.rolling_deploy_config.max_surge_percent", "integer", (0, 50)),
    ("promotion_settings.rolling_deploy_config.max_unavailable_percent", "integer", (0, 50)),
    ("promotion_settings.rolling_deploy_config.stabilization_time_seconds", "integer", (0, 3600)),
    ("promotion_settings.rolling_deploy_config.replica_overhead_percent", "integer", (0, 500)),
    ("promotion_settings.ramp_up_while_promoting", "boolean", (None, None)),
    ("promotion_settings.ramp_up_duration_seconds", "integer", (0, None)),
    ("request_backpressure_settings.policy", "enum", (None, None)),
]
DEFAULTS = {
    "min_replica": 0,
    "max_replica": 1,
    "autoscaling_window": 60,
    "scale_down_delay": 900,
    "concurrency_target": 1,
    "target_utilization_percentage": 70,
    "target_in_flight_tokens": None,
    "max_scale_down_rate": 50,
    "redeploy_on_promotion": False,
    "rolling_deploy": False,
    "promotion_cleanup_strategy": "SCALE_TO_ZERO",
    "rolling_deploy_strategy": "REPLICA",
    "max_surge_percent": 10,
    "max_unavailable_percent": 0,
    "stabilization_time_seconds": 0,
    "replica_overhead_percent": 0,
    "ramp_up_while_promoting": False,
    "ramp_up_duration_seconds": 600,
    "policy": "NONE",
}


def _values() -> dict[str, st.SearchStrategy[Any]]:
    kinds = {"integer": st.integers(), "boolean": st.booleans()}
    return {path: kinds.get(kind, st.text()) for path, kind, _ in CONTRACT}


def test_table_holds_every_setting_of_the_contract_and_no_other_when_listed() -> None:
    """The table is the contract: names, nesting, types and ranges."""
    assert [(it.path, it.kind, (it.minimum, it.maximum)) for it in FIELDS.values()] == CONTRACT


def test_table_knows_basetens_default_when_a_setting_has_one() -> None:
    """Defaults are those of Baseten's documentation."""
    assert {it.name: it.default for it in FIELDS.values()} == DEFAULTS


def test_choices_are_those_of_the_contract_when_a_setting_is_an_enum() -> None:
    """An enum takes the values of the API page, in its order."""
    assert {it.name: it.choices for it in FIELDS.values() if it.choices} == {
        "promotion_cleanup_strategy": ("KEEP", "SCALE_TO_ZERO", "DEACTIVATE"),
        "rolling_deploy_strategy": ("REPLICA",),
        "policy": ("QUEUE_ON_FULL", "REJECT_ON_FULL", "NONE"),
    }


@pytest.mark.parametrize("path", FIELDS)
def test_row_is_complete_when_read(path: str) -> None:
    """A number has a unit, an enum has choices, everything has a meaning, a source and its own path as key."""
    field = FIELDS[path]
    assert field.path == path
    assert f"{field.group}.{field.name}" == path
    assert (field.unit is not None) is (field.kind == "integer")
    assert bool(field.choices) is (field.kind == "enum")
    assert field.meaning.endswith(".")
    assert field.source in {"API reference", "Baseten documentation"}


def test_named_paths_are_rows_when_used() -> None:
    """Constants for single settings and objects point into the table."""
    named = {fields.MIN_REPLICA, fields.MAX_REPLICA, fields.ROLLING_DEPLOY}
    named |= {fields.MAX_SURGE_PERCENT, fields.MAX_UNAVAILABLE_PERCENT}
    assert named <= set(FIELDS)
    assert {it.group for it in FIELDS.values()} == set(GROUPS)


@given(st.fixed_dictionaries({}, optional=_values()))
def test_settings_survive_when_nested_and_flattened(settings: dict[str, Any]) -> None:
    """Nesting and flattening are each other's opposite."""
    assert flatten(nest(settings)) == settings


def test_strangers_and_nulls_are_left_out_when_flattened() -> None:
    """Only settings of the table that have a value are picked out."""
    nested = {
        "autoscaling_settings": {"min_replica": 0, "max_replica": None, "replicas": 3},
        "promotion_settings": {"rolling_deploy": False, "rolling_deploy_config": None},
        "model_id": "abc123",
    }
    assert flatten(nested) == {
        "autoscaling_settings.min_replica": 0,
        "promotion_settings.rolling_deploy": False,
    }


@pytest.mark.parametrize("odd", [None, 3, "text", [1]])
def test_object_counts_as_empty_when_it_is_none(odd: object) -> None:
    """Something else in an object's place holds no settings."""
    assert flatten({"autoscaling_settings": odd, "promotion_settings": {"rolling_deploy_config": odd}}) == {}


def test_settings_come_in_the_tables_order_when_flattened() -> None:
    """The order of the table is the order of every text made from it."""
    nested = {"promotion_settings": {"rolling_deploy": True}, "autoscaling_settings": {"max_replica": 2}}
    assert list(flatten(nested)) == ["autoscaling_settings.max_replica", "promotion_settings.rolling_deploy"]


def test_members_name_settings_and_inner_objects_when_asked_for_an_object() -> None:
    """An object's members are its own settings and the objects inside it, not theirs."""
    assert list(members("promotion_settings")) == [
        "redeploy_on_promotion",
        "rolling_deploy",
        "promotion_cleanup_strategy",
        "ramp_up_while_promoting",
        "ramp_up_duration_seconds",
        "rolling_deploy_config",
    ]
    assert list(members("promotion_settings.rolling_deploy_config")) == [
        "rolling_deploy_strategy",
        "max_surge_percent",
        "max_unavailable_percent",
        "stabilization_time_seconds",
        "replica_overhead_percent",
    ]
    assert list(members("autoscaling_schedule_settings")) == ["timezone", "schedules", "delete_schedules"]
    assert list(members("")) == [
        "autoscaling_settings",
        "promotion_settings",
        "request_backpressure_settings",
        "autoscaling_schedule_settings",
    ]


def test_floats_become_integers_and_the_rest_stays_when_read_back() -> None:
    """Pulumi's engine keeps numbers as floats; booleans and texts are none."""
    found = with_integers({"a": 3.0, "b": 3, "c": True, "d": "KEEP"})
    assert found == {"a": 3, "b": 3, "c": True, "d": "KEEP"}
    assert [type(value) for value in found.values()] == [int, int, bool, str]
