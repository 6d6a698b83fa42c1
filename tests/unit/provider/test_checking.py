import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.asset import StringAsset
from pulumi.output import Unknown

from baseten_pulumi.fields import FIELDS, Field, nest
from baseten_pulumi.provider.checking import check
from baseten_pulumi.provider.judging import Failure
from tests.schedules import SCHEDULES

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
MODEL = {"model_id": "abc123", "env_name": "production"}
AUTOSCALING, PROMOTION = "autoscaling_settings", "promotion_settings"
BACKPRESSURE = "request_backpressure_settings"
KNOWN_OBJECTS = "autoscaling_settings, promotion_settings, request_backpressure_settings, autoscaling_schedule_settings"
CONFIG = f"{PROMOTION}.rolling_deploy_config"
MIN, MAX = f"{AUTOSCALING}.min_replica", f"{AUTOSCALING}.max_replica"
SURGE, UNAVAILABLE = f"{CONFIG}.max_surge_percent", f"{CONFIG}.max_unavailable_percent"
KNOWN_AUTOSCALING = (
    "min_replica, max_replica, autoscaling_window, scale_down_delay, concurrency_target, "
    "target_utilization_percentage, target_in_flight_tokens, max_scale_down_rate"
)


def _inputs(settings: dict[str, Any], **own: Any) -> dict[str, Any]:
    return {**MODEL, **nest(settings), **own}


def _failures(settings: dict[str, Any], **own: Any) -> list[Failure]:
    inputs = _inputs(settings, **own)
    checked, failures = check(inputs)
    assert failures == [] or checked == inputs
    return failures


def _checked(settings: dict[str, Any], **own: Any) -> dict[str, Any]:
    checked, failures = check(_inputs(settings, **own))
    assert failures == []
    return checked


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
    assert _checked({path: value}) == {**MODEL, "wait": True, **nest({path: value, **other})}


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if field.kind == "integer"])
def test_float_becomes_an_integer_when_the_engine_made_it_one(path: str) -> None:
    """The engine holds every number as a float; 7.0 is 7."""
    value = _good_value(FIELDS[path])
    found = _checked({path: float(value), SURGE: 5.0} if path not in (SURGE, UNAVAILABLE) else {path: float(value)})
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
        found = _checked({MIN: 0, MAX: None}, promotion_settings=promotion)
        assert found == {**MODEL, "wait": True, AUTOSCALING: {"min_replica": 0}}


def test_empty_objects_are_dropped_when_another_setting_is_declared() -> None:
    """An object without settings declares nothing."""
    assert _checked({MIN: 0}, promotion_settings={"rolling_deploy_config": {}}) == {
        **MODEL,
        "wait": True,
        AUTOSCALING: {"min_replica": 0},
    }


@pytest.mark.parametrize(("given_", "kept"), [(None, True), (True, True), (False, False)])
def test_wait_is_true_when_it_is_absent(given_: bool | None, kept: bool) -> None:
    """Waiting is the default, and the choice is kept."""
    assert _checked({MIN: 0}, wait=given_)["wait"] is kept
    assert _checked({MIN: 0})["wait"] is True


def test_hosts_own_entry_and_outputs_are_left_out_when_given() -> None:
    """The host puts its entry back itself; outputs are named by the resource without a value."""
    found = _checked({MIN: 0}, __provider="gAR…", status=None, in_force=None, requests=None, incarnation=None)
    assert found == {**MODEL, "wait": True, AUTOSCALING: {"min_replica": 0}}


def test_inputs_are_not_touched_when_checked() -> None:
    """The dictionaries are the host's."""
    inputs = _inputs({MIN: 1.0, SURGE: 25.0})
    check(inputs)
    assert inputs == _inputs({MIN: 1.0, SURGE: 25.0})
    assert type(inputs[AUTOSCALING]["min_replica"]) is float


# --- types and ranges ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2.5, "2.5"),
        (True, "true"),
        (False, "false"),
        ("3", '"3"'),
        ("", '""'),
        ([3], "[3]"),
        ({"value": 3}, '{"value": 3}'),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ("x" * 100, f'"{"x" * 79}…'),
        ([UNKNOWN], "list"),
        (StringAsset("x"), "StringAsset"),
        (b"3", "bytes"),
    ],
)
def test_value_is_refused_when_it_is_no_whole_number(value: object, shown: str) -> None:
    """Neither rounded nor converted."""
    assert _failures({MIN: value}) == [Failure(MIN, f"must be a whole number, got {shown}")]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (MIN, -1, "must be at least 0, got -1"),
        (MIN, -1.0, "must be at least 0, got -1"),
        (MAX, 0, "must be at least 1, got 0"),
        (f"{AUTOSCALING}.autoscaling_window", 9, "must be at least 10 s, got 9"),
        (f"{AUTOSCALING}.autoscaling_window", 3601, "must be at most 3600 s, got 3601"),
        (f"{AUTOSCALING}.scale_down_delay", -1, "must be at least 0 s, got -1"),
        (f"{AUTOSCALING}.scale_down_delay", 3601, "must be at most 3600 s, got 3601"),
        (f"{AUTOSCALING}.concurrency_target", 0, "must be at least 1, got 0"),
        (f"{AUTOSCALING}.target_utilization_percentage", 0, "must be at least 1 %, got 0"),
        (f"{AUTOSCALING}.target_utilization_percentage", 101, "must be at most 100 %, got 101"),
        (f"{AUTOSCALING}.max_scale_down_rate", 0, "must be at least 1 %, got 0"),
        (f"{AUTOSCALING}.max_scale_down_rate", 51, "must be at most 50 %, got 51"),
        (SURGE, -1, "must be at least 0 %, got -1"),
        (SURGE, 51, "must be at most 50 %, got 51"),
        (UNAVAILABLE, -1, "must be at least 0 %, got -1"),
        (UNAVAILABLE, 51, "must be at most 50 %, got 51"),
        (f"{CONFIG}.stabilization_time_seconds", -1, "must be at least 0 s, got -1"),
        (f"{CONFIG}.stabilization_time_seconds", 3601, "must be at most 3600 s, got 3601"),
        (f"{CONFIG}.replica_overhead_percent", -1, "must be at least 0 %, got -1"),
        (f"{CONFIG}.replica_overhead_percent", 501, "must be at most 500 %, got 501"),
        (f"{PROMOTION}.ramp_up_duration_seconds", -1, "must be at least 0 s, got -1"),
    ],
)
def test_number_is_refused_when_it_is_out_of_range(path: str, value: float, reason: str) -> None:
    """Path, rule, value; the ranges are Baseten's documentation's."""
    assert _failures({path: value}) == [Failure(path, reason)]


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if field.kind == "integer"])
def test_number_is_accepted_when_it_is_on_a_bound(path: str) -> None:
    """Both bounds are inside."""
    field = FIELDS[path]
    for bound in filter(lambda it: it is not None, (field.minimum, field.maximum)):
        assert _failures({path: bound}) == []


@pytest.mark.parametrize("value", [10**9, 1e15, 2**53, 2.0**53])
def test_huge_number_is_accepted_when_nothing_is_documented_against_it(value: float) -> None:
    """Where Baseten documents no bound, none is made up."""
    assert _checked({MAX: value})[AUTOSCALING]["max_replica"] == int(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**53 + 1, "must be at most 9007199254740992, got 9007199254740993"),
        (2**62, "must be at most 9007199254740992, got 4611686018427387904"),
        (-(2**53) - 1, "must be at least -9007199254740992, got -9007199254740993"),
    ],
)
def test_number_is_refused_when_the_engine_would_change_it(value: int, reason: str) -> None:
    """The engine's numbers are floats: a larger integer would come back as another."""
    path = f"{AUTOSCALING}.target_in_flight_tokens"
    assert _failures({path: value}) == [Failure(path, reason)]


@pytest.mark.parametrize(
    ("value", "bound"), [(2**60, "at most 3600 s"), (-(2**60), "at least 10 s"), (-1e300, "at least 10 s")]
)
def test_settings_own_bound_is_named_when_a_number_is_beyond_both(value: float, bound: str) -> None:
    """Corrected to what the message says, it is accepted."""
    (failure,) = _failures({f"{AUTOSCALING}.autoscaling_window": value})
    assert failure.reason.startswith(f"must be {bound}, got ")


def test_huge_number_is_shown_short_when_refused() -> None:
    """A refusal stays one line, whatever was given."""
    (failure,) = _failures({f"{AUTOSCALING}.autoscaling_window": 1e308})
    assert len(failure.reason) < 130
    (failure,) = _failures({f"{AUTOSCALING}.autoscaling_window": 10**5000})
    assert failure.reason.startswith("must be at most 3600 s, got ")
    assert len(failure.reason) < 130


@pytest.mark.parametrize(
    ("value", "shown"), [(1, "1"), (0, "0"), (1.0, "1"), ("true", '"true"'), ({}, "{}"), ([], "[]")]
)
def test_value_is_refused_when_it_is_neither_true_nor_false(value: object, shown: str) -> None:
    """A 1 is no true."""
    path = f"{PROMOTION}.rolling_deploy"
    assert _failures({path: value}) == [Failure(path, f"must be true or false, got {shown}")]


@pytest.mark.parametrize(
    ("value", "shown"), [("keep", '"keep"'), ("", '""'), (1, "1"), (True, "true"), (["KEEP"], '["KEEP"]')]
)
def test_value_is_refused_when_it_is_none_of_the_choices(value: object, shown: str) -> None:
    """The choices are named."""
    path = f"{PROMOTION}.promotion_cleanup_strategy"
    assert _failures({path: value}) == [Failure(path, f"must be KEEP, SCALE_TO_ZERO or DEACTIVATE, got {shown}")]


def test_single_choice_is_named_when_another_is_given() -> None:
    """One choice needs no "or"."""
    path = f"{CONFIG}.rolling_deploy_strategy"
    assert _failures({path: "NODE"}) == [Failure(path, 'must be REPLICA, got "NODE"')]


@pytest.mark.parametrize("path", [AUTOSCALING, PROMOTION, CONFIG])
@pytest.mark.parametrize(("value", "shown"), [(3, "3"), ("x", '"x"'), ([{}], "[{}]"), (True, "true")])
def test_value_is_refused_when_an_object_belongs_there(path: str, value: object, shown: str) -> None:
    """A value in an object's place is not passed over."""
    assert Failure(path, f"must be an object, got {shown}") in _failures({path: value})


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "path", "reason"),
    [
        ({f"{AUTOSCALING}.min_replicas": 1}, f"{AUTOSCALING}.min_replicas", 'did you mean "min_replica"?'),
        ({f"{AUTOSCALING}.MaxReplica": 1}, f"{AUTOSCALING}.MaxReplica", 'did you mean "max_replica"?'),
        (
            {f"{PROMOTION}.rolling_deployment": True},
            f"{PROMOTION}.rolling_deployment",
            'did you mean "rolling_deploy"?',
        ),
        ({f"{CONFIG}.max_surge": 5}, f"{CONFIG}.max_surge", 'did you mean "max_surge_percent"?'),
        ({"autoscaling": {"min_replica": 1}}, "autoscaling", 'did you mean "autoscaling_settings"?'),
        ({"modelid": "x"}, "modelid", 'did you mean "model_id"?'),
        ({f"{AUTOSCALING}.zzz": 1}, f"{AUTOSCALING}.zzz", f"known are {KNOWN_AUTOSCALING}"),
        ({"qqq": 1}, "qqq", f"known are {KNOWN_OBJECTS}, model_id, env_name, wait"),
        # A setting of another object is a stranger here, and one that is null or not known yet is one still.
        ({f"{PROMOTION}.max_surge_percent": 5}, f"{PROMOTION}.max_surge_percent", None),
        ({f"{AUTOSCALING}.min_replicas": None}, f"{AUTOSCALING}.min_replicas", 'did you mean "min_replica"?'),
        ({f"{AUTOSCALING}.min_replicas": UNKNOWN}, f"{AUTOSCALING}.min_replicas", 'did you mean "min_replica"?'),
        ({f"{AUTOSCALING}.min_replicas": {"a": 1}}, f"{AUTOSCALING}.min_replicas", 'did you mean "min_replica"?'),
        ({"autoscaling": UNKNOWN}, "autoscaling", 'did you mean "autoscaling_settings"?'),
    ],
)
def test_property_is_refused_when_it_is_unknown(settings: dict[str, Any], path: str, reason: str | None) -> None:
    """A typo would be swallowed in silence by Baseten; the nearest name is offered, else all of them."""
    (failure,) = _failures({MIN: 0, **settings})
    assert failure.path == path
    assert failure.reason.startswith("is not a known property; ")
    assert reason is None or failure.reason == f"is not a known property; {reason}"


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        ({MIN: 1}, f'["{MIN}"]'),
        ({CONFIG: UNKNOWN}, f'["{CONFIG}"]'),
        (
            {PROMOTION: {"rolling_deploy_config.max_surge_percent": 5}},
            f'{PROMOTION}["rolling_deploy_config.max_surge_percent"]',
        ),
        ({PROMOTION: UNKNOWN, f"{PROMOTION}.rolling_deploy": True}, f'["{PROMOTION}.rolling_deploy"]'),
    ],
)
def test_dotted_key_is_refused_when_it_looks_like_a_path(inputs: dict[str, Any], path: str) -> None:
    """A path inside a key is no nesting."""
    _, failures = check({**MODEL, **inputs})
    assert [failure.path for failure in failures] == [path]
    assert failures[0].reason.startswith("is not a known property; ")


@pytest.mark.parametrize("value", ["production", "a", "0", "dev-2", "a-b-c", "x" * 300])
def test_environment_name_is_accepted_when_baseten_allows_it(value: str) -> None:
    """Lower-case letters, digits, and hyphens inside."""
    assert _failures({MIN: 0}, env_name=value) == []


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
    assert _failures({MIN: 0}, env_name=value) == [expected]


@pytest.mark.parametrize("value", ["abc123", "ABC_1-2", "-", "0", "x" * 300])
def test_model_id_is_accepted_when_it_is_a_plain_word(value: str) -> None:
    """Letters, digits, hyphens and underscores."""
    assert _failures({MIN: 0}, model_id=value) == []


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
    assert _failures({MIN: 0}, model_id=value) == [expected]


@pytest.mark.parametrize("name", ["model_id", "env_name"])
@pytest.mark.parametrize("value", [None, ""])
def test_model_and_environment_are_required_when_they_are_empty(name: str, value: str | None) -> None:
    """Settings belong to one environment of one model."""
    assert _failures({MIN: 0}, **{name: value}) == [Failure(name, "is required")]
    inputs = _inputs({MIN: 0})
    del inputs[name]
    assert check(inputs)[1] == [Failure(name, "is required")]


@pytest.mark.parametrize(("value", "shown"), [("false", '"false"'), (0, "0"), (1.0, "1"), ("", '""'), ([], "[]")])
def test_wait_is_refused_when_it_is_neither_true_nor_false(value: object, shown: str) -> None:
    """The text "false" would be truthy."""
    assert _failures({MIN: 0}, wait=value) == [Failure("wait", f"must be true or false, got {shown}")]


# --- combinations -------------------------------------------------------------------------------------------------


def test_min_is_refused_when_it_is_above_max() -> None:
    """Baseten refuses it too, later."""
    expected = Failure(MIN, "must be at most max_replica (2), got 3")
    assert _failures({MIN: 3, MAX: 2}) == [expected]
    assert _failures({MIN: 3.0, MAX: 2.0}) == [expected]


@pytest.mark.parametrize(
    "settings", [{MIN: 2, MAX: 2}, {MIN: 9}, {MAX: 1}, {MIN: 9, MAX: UNKNOWN}, {MIN: UNKNOWN, MAX: 1}]
)
def test_min_is_accepted_when_it_is_not_known_to_be_above_max(settings: dict[str, Any]) -> None:
    """Only two declared and known numbers are compared."""
    assert _failures(settings) == []


@pytest.mark.parametrize(("one", "other"), [(SURGE, UNAVAILABLE), (UNAVAILABLE, SURGE)])
def test_counterpart_becomes_a_declared_zero_when_one_percentage_is_above_zero(one: str, other: str) -> None:
    """Baseten wants exactly one of the two above 0, and the preview shows it."""
    assert _checked({one: 25}) == {**MODEL, "wait": True, **nest({one: 25, other: 0})}


@pytest.mark.parametrize("path", [SURGE, UNAVAILABLE])
@pytest.mark.parametrize("value", [0, UNKNOWN])
def test_counterpart_is_left_alone_when_one_percentage_is_zero_or_not_known(path: str, value: object) -> None:
    """A 0 says nothing of the other; an unknown is judged when it is known."""
    assert _checked({path: value}) == {**MODEL, "wait": True, **nest({path: value})}


@pytest.mark.parametrize(("one", "other"), [(SURGE, UNAVAILABLE), (UNAVAILABLE, SURGE)])
def test_counterpart_is_left_alone_when_it_is_not_known(one: str, other: str) -> None:
    """What is declared and not known yet is not overwritten."""
    assert _checked({one: 25, other: UNKNOWN}) == {**MODEL, "wait": True, **nest({one: 25, other: UNKNOWN})}


def test_percentages_are_refused_when_both_are_above_zero() -> None:
    """Exactly one, whether rolling_deploy is on or not."""
    reason = "exactly one of max_surge_percent and max_unavailable_percent must be above 0, got 25 and 20"
    assert _failures({SURGE: 25, UNAVAILABLE: 20}) == [Failure(SURGE, reason)]
    assert _failures({SURGE: 25.0, UNAVAILABLE: 20.0, f"{PROMOTION}.rolling_deploy": False}) == [Failure(SURGE, reason)]


def test_percentages_are_refused_when_both_are_zero_and_rolling_deploy_is_on() -> None:
    """Such a rolling deploy could not take a step."""
    reason = (
        "exactly one of max_surge_percent and max_unavailable_percent must be above 0 "
        "while rolling_deploy is on, got 0 and 0"
    )
    assert _failures({SURGE: 0, UNAVAILABLE: 0.0, f"{PROMOTION}.rolling_deploy": True}) == [Failure(SURGE, reason)]


@pytest.mark.parametrize(
    "rolling", [{}, {f"{PROMOTION}.rolling_deploy": False}, {f"{PROMOTION}.rolling_deploy": UNKNOWN}]
)
def test_percentages_are_accepted_when_both_are_zero_and_rolling_deploy_is_not_on(rolling: dict[str, Any]) -> None:
    """Without a rolling deploy they have no effect."""
    assert _failures({SURGE: 0, UNAVAILABLE: 0, **rolling}) == []


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
    found = _checked({path: UNKNOWN})
    assert found == {**MODEL, "wait": True, **nest({path: UNKNOWN})}


@pytest.mark.parametrize("name", ["model_id", "env_name", "wait"])
def test_unknown_is_passed_on_when_it_is_an_own_property(name: str) -> None:
    """It is judged when it is known."""
    assert _checked({MIN: 0}, **{name: UNKNOWN})[name] is UNKNOWN


def test_known_values_are_judged_when_others_are_not_known() -> None:
    """A preview refuses what is wrong already."""
    failures = _failures({MIN: -1, MAX: UNKNOWN, CONFIG: UNKNOWN}, model_id=UNKNOWN)
    assert failures == [Failure(MIN, "must be at least 0, got -1")]


def test_everything_is_passed_on_when_nothing_is_known() -> None:
    """A first preview of a program that computes all of it."""
    inputs = dict.fromkeys(("model_id", "env_name", "wait", AUTOSCALING, PROMOTION), UNKNOWN)
    assert check(inputs) == (inputs, [])


# --- anything -----------------------------------------------------------------------------------------------------

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["KEEP", "REPLICA", "abc123", 0, 1, 25, 50.0])
    | st.just(UNKNOWN)
)
NAMES = st.sampled_from(
    [*(field.name for field in FIELDS.values()), AUTOSCALING, PROMOTION, "rolling_deploy_config", CONFIG, MIN, "x", ""]
)
OWN = {
    "model_id": st.just("abc123") | LEAVES,
    "env_name": st.just("production") | LEAVES,
    "wait": st.booleans() | LEAVES,
}
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4))
LIKELY = st.fixed_dictionaries(
    {}, optional={AUTOSCALING: st.dictionaries(NAMES, LEAVES), PROMOTION: st.dictionaries(NAMES, ANYTHING), **OWN}
)


@given(LIKELY | st.dictionaries(NAMES, ANYTHING))
def test_inputs_are_normalised_or_refused_when_they_are_anything(inputs: dict[str, Any]) -> None:
    """Nothing JSON-like raises, and every refusal has a path and a reason on one short line."""
    checked, failures = check(inputs)
    for path, reason in failures:
        assert path
        assert "\n" not in reason
        assert len(reason) < 300
    if not failures:
        assert check(checked) == (checked, [])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            path: st.integers(field.minimum or 0, field.maximum or 10**6).map(float)
            if field.kind == "integer"
            else st.sampled_from([*field.choices, *((True, False) if field.kind == "boolean" else ())])
            for path, field in FIELDS.items()
        },
    )
)
def test_normalising_again_changes_nothing_when_inputs_are_normal(settings: dict[str, Any]) -> None:
    """What check returned comes back to it with the next operation."""
    checked, failures = check(_inputs(settings))
    if failures:
        assert {failure.path for failure in failures} <= {MIN, SURGE, AUTOSCALING}
    else:
        assert check(checked) == (checked, [])
        assert not any(isinstance(value, float) for value in checked.get(AUTOSCALING, {}).values())
