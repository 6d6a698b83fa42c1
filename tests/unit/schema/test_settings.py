from typing import Any

import pytest

from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    FIELDS,
    GROUPS,
    NULL,
    TOP_LEVEL_GROUPS,
    decoded,
    encoded,
    flatten,
    nest,
    properties,
    same,
    to_int,
    walk,
)

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
    ("promotion_settings.rolling_deploy_config.max_surge_percent", "integer", (0, 50), 25),
    ("promotion_settings.rolling_deploy_config.max_unavailable_percent", "integer", (0, 50), 0),
    ("promotion_settings.rolling_deploy_config.stabilization_time_seconds", "integer", (0, 3600), 0),
    ("promotion_settings.rolling_deploy_config.replica_overhead_percent", "integer", (0, 500), 0),
    ("promotion_settings.ramp_up_while_promoting", "boolean", (None, None), False),
    ("promotion_settings.ramp_up_duration_seconds", "integer", (0, None), 600),
    ("request_backpressure_settings.policy", "enum", (None, None), "NONE"),
]


def test_table_is_the_contract_when_listed() -> None:
    """Names, nesting, types, ranges and defaults are those of Baseten's pages, in their order."""
    assert [(it.path, it.kind, (it.minimum, it.maximum), it.default) for it in FIELDS.values()] == CONTRACT


def test_choices_are_those_of_the_api_when_a_setting_is_an_enum() -> None:
    """Null is the API's way to write NONE."""
    assert {it.name: (it.choices, it.null_choice) for it in FIELDS.values() if it.kind == "enum"} == {
        "promotion_cleanup_strategy": (("KEEP", "SCALE_TO_ZERO", "DEACTIVATE"), None),
        "rolling_deploy_strategy": (("REPLICA",), None),
        "policy": (("QUEUE_ON_FULL", "REJECT_ON_FULL", "NONE"), "NONE"),
    }


@pytest.mark.parametrize("path", FIELDS)
def test_field_is_complete_when_read(path: str) -> None:
    """Only a number has a unit, only an enum has choices, and everything has a meaning, a source and an object."""
    field = FIELDS[path]
    assert f"{field.group}.{field.name}" == field.path == path
    assert field.group in GROUPS
    assert (field.unit is not None) is (field.kind == "integer")
    assert bool(field.choices) is (field.kind == "enum")
    assert field.meaning.endswith(".")
    assert field.source in {"API reference", "Baseten documentation"}


def test_settings_survive_when_nested_and_flattened() -> None:
    """`flatten` is the inverse of `nest`, in the order of the table; `walk` yields what was nested."""
    declared: dict[str, Any] = {path: number for number, path in enumerate(FIELDS)}
    backwards = nest(dict(reversed(declared.items())))
    assert list(flatten(backwards).items()) == list(declared.items())
    assert dict(walk(backwards)) == declared
    assert all(flatten(nest({path: 7})) == {path: 7} for path in FIELDS)


@pytest.mark.parametrize(
    ("nested", "settings"),
    [
        (
            {
                "promotion_settings": {"rolling_deploy": False, "rolling_deploy_config": None},
                "autoscaling_settings": {"min_replica": 0, "max_replica": None, "replicas": 3},
                "model_id": "abc123",
            },
            {"autoscaling_settings.min_replica": 0, "promotion_settings.rolling_deploy": False},
        ),
        *(
            ({"autoscaling_settings": value, "promotion_settings": {"rolling_deploy_config": value}}, {})
            for value in (None, 3, "text", [1])
        ),
    ],
)
def test_only_known_settings_with_a_value_are_returned_when_flattened(nested: Any, settings: dict[str, Any]) -> None:
    """0 and false are values; a value in the place of an object holds none."""
    assert flatten(nested) == settings


def test_properties_are_settings_and_inner_objects_when_an_object_is_given() -> None:
    """The settings of an inner object are not among them."""
    assert properties("") == TOP_LEVEL_GROUPS == (*(group for group in GROUPS if "." not in group), ADDITIONAL)
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
    assert [repr(value) for value in found] == ["3", "3", "True", "'KEEP'", "2.5", "inf"]
    assert repr(flatten({"autoscaling_settings": {"min_replica": 3.0}})) == "{'autoscaling_settings.min_replica': 3}"


def test_every_leaf_is_yielded_when_objects_and_lists_are_walked() -> None:
    """Keys are joined by dots, and an index is in brackets, as in Pulumi's property paths."""
    value = {"a": {"b": [1, {"c": None}]}, "d": (2,), "e": {}}
    assert dict(walk(value)) == {"a.b[0]": 1, "a.b[1].c": None, "d[0]": 2}
    assert dict(walk(7, "a")) == {"a": 7}


def test_additional_settings_are_kept_path_by_path_when_flattened() -> None:
    """Objects descend; lists, scalars and empty objects are leaves; nulls stay."""
    nested = {ADDITIONAL: {"a": {"b": None, "c": [1.0, {"d": None}], "e": {}}, "f": 2.0}}
    flat = {
        f"{ADDITIONAL}.a.b": NULL,
        f"{ADDITIONAL}.a.c": [1, {"d": NULL}],
        f"{ADDITIONAL}.a.e": {},
        f"{ADDITIONAL}.f": 2,
    }
    assert repr(flatten(nested)) == repr(flat)
    assert nest(flat) == {ADDITIONAL: {"a": {"b": NULL, "c": [1, {"d": NULL}], "e": {}}, "f": 2}}
    assert flatten({ADDITIONAL: "many"}) == flatten({ADDITIONAL: None}) == {}


def test_true_is_not_one_when_values_are_compared() -> None:
    assert same([1, "a", {"b": 2}], [1, "a", {"b": 2}])
    for one, other in ((1, True), (False, 0), ([1], [True]), ([1], [1, 2]), ("1", 1)):
        assert not same(one, other)


def test_json_is_as_it_was_when_encoded_and_decoded() -> None:
    value = {"a": [None, {"b": None, "c": "null"}], "d": 2.5, "e": True, "f": None}
    assert encoded(value) == {"a": [NULL, {"b": NULL, "c": "null"}], "d": 2.5, "e": True, "f": NULL}
    assert decoded(encoded(value)) == value
