from typing import Any

import pytest

from baseten_pulumi.fields import FIELDS, Field, nest
from baseten_pulumi.provider.checking import check
from baseten_pulumi.provider.judging import Failure
from tests.schedules import SCHEDULES
from tests.unit.provider.declaring import (
    AUTOSCALING,
    CONFIG,
    KNOWN_OBJECTS,
    MAX,
    MIN,
    MODEL,
    PROMOTION,
    SURGE,
    UNAVAILABLE,
    UNKNOWN,
    declared,
    normalised,
    refusals,
)


def _good_value(field: Field) -> int | bool | str:
    if field.choices:
        return field.choices[0]
    return True if field.kind == "boolean" else max(field.minimum or 1, 1)


# --- what is passed on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FIELDS)
def test_setting_is_passed_on_when_it_is_alone(path: str) -> None:
    """One setting is enough, and what is checked holds the resource's own inputs and that one."""
    value = _good_value(FIELDS[path])
    other = {UNAVAILABLE: 0} if path == SURGE else {SURGE: 0} if path == UNAVAILABLE else {}
    assert normalised({path: value}) == {**MODEL, "wait": True, **nest({path: value, **other})}


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if field.kind == "integer"])
def test_float_becomes_an_integer_when_the_engine_made_it_one(path: str) -> None:
    """The engine holds every number as a float; 7.0 is 7."""
    value = _good_value(FIELDS[path])
    found = normalised({path: float(value), SURGE: 5.0} if path not in (SURGE, UNAVAILABLE) else {path: float(value)})
    name = FIELDS[path].name
    holder = found
    for part in path.split(".")[:-1]:
        holder = holder[part]
    assert holder[name] == value
    assert type(holder[name]) is int


def test_nulls_are_dropped_when_settings_are_absent() -> None:
    """An absent and a null setting are the same: not managed."""
    nested = {"rolling_deploy": None, "rolling_deploy_config": {"max_surge_percent": None}}
    for promotion in (None, nested, {"rolling_deploy_config": None}):
        found = normalised({MIN: 0, MAX: None}, promotion_settings=promotion)
        assert found == {**MODEL, "wait": True, AUTOSCALING: {"min_replica": 0}}


def test_empty_objects_are_dropped_when_another_setting_is_declared() -> None:
    """An object without settings declares nothing."""
    assert normalised({MIN: 0}, promotion_settings={"rolling_deploy_config": {}}) == {
        **MODEL,
        "wait": True,
        AUTOSCALING: {"min_replica": 0},
    }


@pytest.mark.parametrize(("given_", "kept"), [(None, True), (True, True), (False, False)])
def test_wait_is_true_when_it_is_absent(given_: bool | None, kept: bool) -> None:
    """Waiting is the default, and the choice is kept."""
    assert normalised({MIN: 0}, wait=given_)["wait"] is kept
    assert normalised({MIN: 0})["wait"] is True


def test_hosts_own_entry_and_outputs_are_left_out_when_given() -> None:
    """The host puts its entry back itself; outputs are named by the resource without a value."""
    found = normalised({MIN: 0}, __provider="gAR…", status=None, in_force=None, requests=None, incarnation=None)
    assert found == {**MODEL, "wait": True, AUTOSCALING: {"min_replica": 0}}


def test_inputs_are_not_touched_when_checked() -> None:
    """The dictionaries are the host's."""
    inputs = declared({MIN: 1.0, SURGE: 25.0})
    check(inputs)
    assert inputs == declared({MIN: 1.0, SURGE: 25.0})
    assert type(inputs[AUTOSCALING]["min_replica"]) is float


@pytest.mark.parametrize("value", ["production", "a", "0", "dev-2", "a-b-c", "x" * 300])
def test_environment_name_is_accepted_when_baseten_allows_it(value: str) -> None:
    """Lower-case letters, digits, and hyphens inside."""
    assert refusals({MIN: 0}, env_name=value) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Production", '"Production"'),
        ("-dev", '"-dev"'),
        ("dev-", '"dev-"'),
        ("dev_1", '"dev_1"'),
        ("dev prod", '"dev prod"'),
        ("../abc", '"../abc"'),
        ("a/b", '"a/b"'),
        ("a%2fb", '"a%2fb"'),
        ("dev\n", '"dev\\n"'),
        ("\ndev", '"\\ndev"'),
        ("dév", '"dév"'),
        ("dev\N{FULLWIDTH DIGIT ONE}", '"dev\N{FULLWIDTH DIGIT ONE}"'),
        ("dev\N{ARABIC-INDIC DIGIT ONE}", '"dev\N{ARABIC-INDIC DIGIT ONE}"'),
        (".", '"."'),
        (" ", '" "'),
        (3, "3"),
        (True, "true"),
        ({}, "{}"),
    ],
)
def test_environment_name_is_refused_when_baseten_does_not_allow_it(value: object, shown: str) -> None:
    """Anything else could name another address, or nothing."""
    expected = Failure("env_name", f"must consist of lower-case letters, digits and inner -, got {shown}")
    assert refusals({MIN: 0}, env_name=value) == [expected]


@pytest.mark.parametrize("value", ["abc123", "ABC_1-2", "-", "0", "x" * 300])
def test_model_id_is_accepted_when_it_is_a_plain_word(value: str) -> None:
    """Letters, digits, hyphens and underscores."""
    assert refusals({MIN: 0}, model_id=value) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("../abc", '"../abc"'),
        ("..", '".."'),
        ("a/b", '"a/b"'),
        ("a%2fb", '"a%2fb"'),
        ("abc\n", '"abc\\n"'),
        ("a b", '"a b"'),
        ("äbc", '"äbc"'),
        ("a?b", '"a?b"'),
        ("a#b", '"a#b"'),
        (3, "3"),
        (3.0, "3"),
        (["abc"], '["abc"]'),
    ],
)
def test_model_id_is_refused_when_it_could_leave_its_place_in_the_url(value: object, shown: str) -> None:
    """A model id is one segment of a path."""
    expected = Failure("model_id", f"must consist of letters, digits, - and _, got {shown}")
    assert refusals({MIN: 0}, model_id=value) == [expected]


@pytest.mark.parametrize("name", ["model_id", "env_name"])
@pytest.mark.parametrize("value", [None, ""])
def test_model_and_environment_are_required_when_they_are_empty(name: str, value: str | None) -> None:
    """Settings belong to one environment of one model."""
    assert refusals({MIN: 0}, **{name: value}) == [Failure(name, "is required")]
    inputs = declared({MIN: 0})
    del inputs[name]
    assert check(inputs)[1] == [Failure(name, "is required")]


@pytest.mark.parametrize(("value", "shown"), [("false", '"false"'), (0, "0"), (1.0, "1"), ("", '""'), ([], "[]")])
def test_wait_is_refused_when_it_is_neither_true_nor_false(value: object, shown: str) -> None:
    """The text "false" would be truthy."""
    assert refusals({MIN: 0}, wait=value) == [Failure("wait", f"must be true or false, got {shown}")]


# --- combinations -------------------------------------------------------------------------------------------------


def test_min_is_refused_when_it_is_above_max() -> None:
    """Baseten refuses it too, later."""
    expected = Failure(MIN, "must be at most max_replica (2), got 3")
    assert refusals({MIN: 3, MAX: 2}) == [expected]
    assert refusals({MIN: 3.0, MAX: 2.0}) == [expected]


@pytest.mark.parametrize(
    "settings", [{MIN: 2, MAX: 2}, {MIN: 9}, {MAX: 1}, {MIN: 9, MAX: UNKNOWN}, {MIN: UNKNOWN, MAX: 1}]
)
def test_min_is_accepted_when_it_is_not_known_to_be_above_max(settings: dict[str, Any]) -> None:
    """Only two declared and known numbers are compared."""
    assert refusals(settings) == []


@pytest.mark.parametrize(("one", "other"), [(SURGE, UNAVAILABLE), (UNAVAILABLE, SURGE)])
def test_counterpart_becomes_a_declared_zero_when_one_percentage_is_above_zero(one: str, other: str) -> None:
    """Baseten wants exactly one of the two above 0, and the preview shows it."""
    assert normalised({one: 25}) == {**MODEL, "wait": True, **nest({one: 25, other: 0})}


@pytest.mark.parametrize("path", [SURGE, UNAVAILABLE])
@pytest.mark.parametrize("value", [0, UNKNOWN])
def test_counterpart_is_left_alone_when_one_percentage_is_zero_or_not_known(path: str, value: object) -> None:
    """A 0 says nothing of the other; an unknown is judged when it is known."""
    assert normalised({path: value}) == {**MODEL, "wait": True, **nest({path: value})}


@pytest.mark.parametrize(("one", "other"), [(SURGE, UNAVAILABLE), (UNAVAILABLE, SURGE)])
def test_counterpart_is_left_alone_when_it_is_not_known(one: str, other: str) -> None:
    """What is declared and not known yet is not overwritten."""
    assert normalised({one: 25, other: UNKNOWN}) == {**MODEL, "wait": True, **nest({one: 25, other: UNKNOWN})}


def test_percentages_are_refused_when_both_are_above_zero() -> None:
    """Exactly one, whether rolling_deploy is on or not."""
    reason = "exactly one of max_surge_percent and max_unavailable_percent must be above 0, got 25 and 20"
    assert refusals({SURGE: 25, UNAVAILABLE: 20}) == [Failure(SURGE, reason)]
    assert refusals({SURGE: 25.0, UNAVAILABLE: 20.0, f"{PROMOTION}.rolling_deploy": False}) == [Failure(SURGE, reason)]


def test_percentages_are_refused_when_both_are_zero_and_rolling_deploy_is_on() -> None:
    """Such a rolling deploy could not take a step."""
    reason = (
        "exactly one of max_surge_percent and max_unavailable_percent must be above 0 "
        "while rolling_deploy is on, got 0 and 0"
    )
    assert refusals({SURGE: 0, UNAVAILABLE: 0.0, f"{PROMOTION}.rolling_deploy": True}) == [Failure(SURGE, reason)]


@pytest.mark.parametrize(
    "rolling", [{}, {f"{PROMOTION}.rolling_deploy": False}, {f"{PROMOTION}.rolling_deploy": UNKNOWN}]
)
def test_percentages_are_accepted_when_both_are_zero_and_rolling_deploy_is_not_on(rolling: dict[str, Any]) -> None:
    """Without a rolling deploy they have no effect."""
    assert refusals({SURGE: 0, UNAVAILABLE: 0, **rolling}) == []


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {AUTOSCALING: None},
        {AUTOSCALING: {}},
        {PROMOTION: {"rolling_deploy_config": {}}},
        {AUTOSCALING: {"min_replica": None}},
    ],
)
def test_resource_is_refused_when_it_declares_nothing(inputs: dict[str, Any]) -> None:
    """A resource without a setting would manage nothing."""
    reason = f"must declare at least one setting, here or in {KNOWN_OBJECTS.partition(', ')[2]}; got none"
    assert check({**MODEL, **inputs})[1] == [Failure(AUTOSCALING, reason)]


def test_every_failure_is_told_when_there_are_several() -> None:
    """Nobody corrects one value to learn of the next."""
    inputs = {"model_id": "a/b", "wait": "no", AUTOSCALING: {"min_replica": -1, "max_replica": 0}, "extra": 1}
    assert {failure.path for failure in check(inputs)[1]} == {"model_id", "env_name", "wait", MIN, MAX, "extra"}


# --- not known yet ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*FIELDS, AUTOSCALING, PROMOTION, CONFIG, SCHEDULES])
def test_unknown_is_passed_on_when_it_stands_for_a_setting_or_an_object(path: str) -> None:
    """At every depth, and without a comparison."""
    found = normalised({path: UNKNOWN})
    assert found == {**MODEL, "wait": True, **nest({path: UNKNOWN})}


@pytest.mark.parametrize("name", ["model_id", "env_name", "wait"])
def test_unknown_is_passed_on_when_it_is_an_own_property(name: str) -> None:
    """It is judged when it is known."""
    assert normalised({MIN: 0}, **{name: UNKNOWN})[name] is UNKNOWN


def test_known_values_are_judged_when_others_are_not_known() -> None:
    """A preview refuses what is wrong already."""
    failures = refusals({MIN: -1, MAX: UNKNOWN, CONFIG: UNKNOWN}, model_id=UNKNOWN)
    assert failures == [Failure(MIN, "must be at least 0, got -1")]


def test_everything_is_passed_on_when_nothing_is_known() -> None:
    """A first preview of a program that computes all of it."""
    inputs = dict.fromkeys(("model_id", "env_name", "wait", AUTOSCALING, PROMOTION), UNKNOWN)
    assert check(inputs) == (inputs, [])
