import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.asset import StringAsset
from pulumi.output import UNKNOWN, Unknown

from baseten_pulumi.schema.settings import (
    AUTOSCALING,
    BACKPRESSURE,
    FIELDS,
    GROUPS,
    MAX_REPLICA,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    MIN_REPLICA,
    PROMOTION,
    ROLLING_DEPLOY,
    ROLLING_DEPLOY_CONFIG,
    TOP_LEVEL_GROUPS,
    Field,
    flatten,
    nest,
    properties,
)
from baseten_pulumi.schema.validate import Failure, member, validate_inputs
from tests.cases import cases

LARGEST_EXACT = 2**53
NAMES = {"model_id": "abc123", "env_name": "production"}
TOKENS = f"{AUTOSCALING}.target_in_flight_tokens"
WINDOW = f"{AUTOSCALING}.autoscaling_window"
UTILIZATION = f"{AUTOSCALING}.target_utilization_percentage"
CLEANUP = f"{PROMOTION}.promotion_cleanup_strategy"
STRATEGY = f"{ROLLING_DEPLOY_CONFIG}.rolling_deploy_strategy"
SURGE, UNAVAILABLE = MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT
SURGE_RULE = f"{SURGE}: exactly one of max_surge_percent and max_unavailable_percent must be > 0"
MODEL_ID_RULE = "must contain only letters, digits, - and _"
ENV_NAME_RULE = "must contain only lowercase letters, digits and -, and start and end with a letter or digit"
A_SETTING = {MIN_REPLICA: 0}


def _inputs(settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**NAMES, **nest(settings), **more}


def _normalized(settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    inputs, failures = validate_inputs(_inputs(settings, **more))
    assert not failures
    return inputs


def _failures(settings: dict[str, Any], **more: Any) -> list[str]:
    return [str(failure) for failure in validate_inputs(_inputs(settings, **more))[1]]


def _valid_value(field: Field) -> int | bool | str:
    if field.choices:
        return field.choices[0]
    return True if field.kind == "boolean" else max(field.minimum or 1, 1)


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "failure"),
    [
        (MIN_REPLICA, -1, "must be >= 0, got -1"),
        (MIN_REPLICA, -1.0, "must be >= 0, got -1"),
        (WINDOW, 9, "must be >= 10 s, got 9"),
        (WINDOW, 3601, "must be <= 3600 s, got 3601"),
        (UTILIZATION, 0, "must be >= 1 %, got 0"),
        (UTILIZATION, 101, "must be <= 100 %, got 101"),
        (WINDOW, 2**60, f"must be <= 3600 s, got {2**60}"),
        # Pulumi's numbers are floats: a larger integer would come back as another one.
        (TOKENS, LARGEST_EXACT + 1, "must be <= 9007199254740992, got 9007199254740993"),
        (TOKENS, -LARGEST_EXACT - 1, "must be >= -9007199254740992, got -9007199254740993"),
        pytest.param(TOKENS, 10**5000, "must be <= 9007199254740992, got int", id="huge"),
        (MIN_REPLICA, 2.5, "must be a whole number, got 2.5"),
        (MIN_REPLICA, True, "must be a whole number, got true"),
        (MIN_REPLICA, "3", 'must be a whole number, got "3"'),
        (MIN_REPLICA, [3], "must be a whole number, got [3]"),
        (MIN_REPLICA, {"value": 3}, 'must be a whole number, got {"value": 3}'),
        (MIN_REPLICA, math.nan, "must be a whole number, got NaN"),
        (MIN_REPLICA, math.inf, "must be a whole number, got Infinity"),
        (MIN_REPLICA, [UNKNOWN], "must be a whole number, got list"),
        (MIN_REPLICA, StringAsset("x"), "must be a whole number, got StringAsset"),
        (MIN_REPLICA, "x" * 100, f'must be a whole number, got "{"x" * 79}…'),
        (ROLLING_DEPLOY, 1, "must be true or false, got 1"),
        (ROLLING_DEPLOY, "true", 'must be true or false, got "true"'),
        (CLEANUP, "keep", 'must be KEEP, SCALE_TO_ZERO or DEACTIVATE, got "keep"'),
        (CLEANUP, ["KEEP"], 'must be KEEP, SCALE_TO_ZERO or DEACTIVATE, got ["KEEP"]'),
        (STRATEGY, "NODE", 'must be REPLICA, got "NODE"'),
        (AUTOSCALING, 3, "must be an object, got 3"),
        (ROLLING_DEPLOY_CONFIG, [{}], "must be an object, got [{}]"),
    ],
)
def test_value_is_refused_when_it_breaks_a_rule(path: str, value: object, failure: str) -> None:
    """The failure names path, rule and value; nothing is rounded or converted."""
    assert _failures({path: value}) == [f"{path}: {failure}"]


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if field.kind == "integer"])
def test_range_of_the_table_is_enforced_when_a_number_is_declared(path: str) -> None:
    """Both bounds are valid and the next number beyond them is not; without a bound every exact integer is valid."""
    field = FIELDS[path]
    low = -LARGEST_EXACT if field.minimum is None else field.minimum
    high = LARGEST_EXACT if field.maximum is None else field.maximum
    for bound, beyond in ((low, low - 1), (high, high + 1)):
        assert _failures({path: bound}) == []
        assert len(_failures({path: beyond})) == 1


@pytest.mark.parametrize("path", FIELDS)
def test_setting_is_normalized_when_it_is_declared_alone(path: str) -> None:
    """One setting is enough; a number that the engine made a float is an integer again."""
    value = _valid_value(FIELDS[path])
    counterpart = {UNAVAILABLE: 0} if path == SURGE else {SURGE: 0} if path == UNAVAILABLE else {}
    given_value = float(value) if type(value) is int else value
    inputs = _normalized({path: given_value})
    assert inputs == {**NAMES, "wait": True, **nest({path: value, **counterpart})}
    assert type(flatten(inputs)[path]) is type(value)


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("env_name", "production"),
        ("env_name", "a"),
        ("env_name", "0"),
        ("env_name", "a-b-2"),
        ("env_name", "x" * 300),
        ("model_id", "ABC_1-2"),
        ("model_id", "-"),
    ],
)
def test_name_is_accepted_when_baseten_allows_it(name: str, value: str) -> None:
    """Names of any length pass unchanged."""
    assert _normalized(A_SETTING, **{name: value})[name] == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Production", '"Production"'),
        ("-dev", '"-dev"'),
        ("dev-", '"dev-"'),
        ("dev_1", '"dev_1"'),
        (" dev", '" dev"'),
        ("../abc", '"../abc"'),
        ("dev\n", '"dev\\n"'),
        ("dév", '"dév"'),
        ("dev\N{ARABIC-INDIC DIGIT ONE}", '"dev\N{ARABIC-INDIC DIGIT ONE}"'),
        (3, "3"),
    ],
)
def test_env_name_is_refused_when_baseten_does_not_allow_it(value: object, shown: str) -> None:
    """It could name another address, or nothing; blanks are not trimmed."""
    assert _failures(A_SETTING, env_name=value) == [f"env_name: {ENV_NAME_RULE}, got {shown}"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [("..", '".."'), ("a/b", '"a/b"'), ("a%2fb", '"a%2fb"'), ("abc\n", '"abc\\n"'), ("äbc", '"äbc"'), (3.0, "3")],
)
def test_model_id_is_refused_when_it_is_not_one_segment_of_a_url(value: object, shown: str) -> None:
    """A model id is letters, digits, hyphens and underscores."""
    assert _failures(A_SETTING, model_id=value) == [f"model_id: {MODEL_ID_RULE}, got {shown}"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [None, ""])
def test_name_is_required_when_it_is_empty(name: str, value: str | None) -> None:
    """Settings belong to one environment of one model."""
    assert _failures(A_SETTING, **{name: value}) == [f"{name}: is required"]
    inputs = _inputs(A_SETTING)
    del inputs[name]
    assert [str(it) for it in validate_inputs(inputs)[1]] == [f"{name}: is required"]


@pytest.mark.parametrize(("value", "shown"), [("false", '"false"'), (0, "0"), (1.0, "1"), ("", '""')])
def test_wait_is_refused_when_it_is_neither_true_nor_false(value: object, shown: str) -> None:
    """The string "false" would be truthy."""
    assert _failures(A_SETTING, wait=value) == [f"wait: must be true or false, got {shown}"]


UNKNOWN_KEYS: list[tuple[dict[str, Any], str, str]] = [
    ({AUTOSCALING: {"min_replicas": 1}}, f"{AUTOSCALING}.min_replicas", 'did you mean "min_replica"?'),
    ({"modelid": "x"}, "modelid", 'did you mean "model_id"?'),
    # A key is unknown whatever its value is.
    ({"autoscaling": {"x": 1}}, "autoscaling", 'did you mean "autoscaling_settings"?'),
    ({"wiat": None}, "wiat", 'did you mean "wait"?'),
    ({"wiat": UNKNOWN}, "wiat", 'did you mean "wait"?'),
    (
        {"qqq": 1},
        "qqq",
        "use autoscaling_settings, promotion_settings, request_backpressure_settings, model_id, env_name or wait",
    ),
    ({BACKPRESSURE: {"zzz": 1}}, f"{BACKPRESSURE}.zzz", "use policy"),
    # A setting of another object, and a path inside a key, which is not nesting.
    (
        {PROMOTION: {"min_replica": 5}},
        f"{PROMOTION}.min_replica",
        (
            "use redeploy_on_promotion, rolling_deploy, promotion_cleanup_strategy, ramp_up_while_promoting, "
            "ramp_up_duration_seconds or rolling_deploy_config"
        ),
    ),
    (
        {BACKPRESSURE: {"a.b": 5}},
        f'{BACKPRESSURE}["a.b"]',
        "use policy",
    ),
    ({MIN_REPLICA: 1}, f'["{MIN_REPLICA}"]', 'did you mean "autoscaling_settings"?'),
]


@pytest.mark.parametrize(("inputs", "path", "hint"), UNKNOWN_KEYS)
def test_key_is_refused_when_it_is_unknown(inputs: dict[str, Any], path: str, hint: str) -> None:
    """Baseten would ignore a typo; the closest name is suggested, or every name is listed."""
    _, failures = validate_inputs({**NAMES, **inputs})
    assert [str(failure) for failure in failures] == [f"{path}: unknown property; {hint}"]


@pytest.mark.parametrize(
    ("group", "key", "path"),
    [("", "a", "a"), ("a", "b", "a.b"), ("a", "b.c", 'a["b.c"]'), ("a", "", 'a[""]'), ("a", 7, 'a["7"]')],
)
def test_key_is_quoted_in_a_path_when_it_would_be_misread(group: str, key: object, path: str) -> None:
    """Paths are written as Pulumi writes them."""
    assert member(group, key) == path


# --- rules between settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        ({MIN_REPLICA: 7, MAX_REPLICA: 6}, f"{MIN_REPLICA}: must be <= max_replica (6), got 7"),
        ({MIN_REPLICA: 7.0, MAX_REPLICA: 6.0}, f"{MIN_REPLICA}: must be <= max_replica (6), got 7"),
        ({SURGE: 25, UNAVAILABLE: 20}, f"{SURGE_RULE}, got 25 and 20"),
        ({SURGE: 25, UNAVAILABLE: 20, ROLLING_DEPLOY: False}, f"{SURGE_RULE}, got 25 and 20"),
        ({SURGE: 0, UNAVAILABLE: 0.0, ROLLING_DEPLOY: True}, f"{SURGE_RULE} while rolling_deploy is on, got 0 and 0"),
    ],
)
def test_settings_are_refused_when_they_break_a_rule_together(settings: dict[str, Any], failure: str) -> None:
    """Baseten refuses them too, but later."""
    assert _failures(settings) == [failure]


@pytest.mark.parametrize(
    "settings",
    [
        {MIN_REPLICA: 2, MAX_REPLICA: 2},
        {MIN_REPLICA: 9},
        {MIN_REPLICA: 9, MAX_REPLICA: UNKNOWN},
        {MIN_REPLICA: UNKNOWN, MAX_REPLICA: 1},
        {SURGE: 0, UNAVAILABLE: 0},
        {SURGE: 0, UNAVAILABLE: 0, ROLLING_DEPLOY: False},
        {SURGE: 0, UNAVAILABLE: 0, ROLLING_DEPLOY: UNKNOWN},
        {SURGE: 0, ROLLING_DEPLOY: True},
        {SURGE: 25, UNAVAILABLE: UNKNOWN},
        {SURGE: UNKNOWN},
    ],
)
def test_settings_are_accepted_as_they_are_when_no_rule_between_them_is_known_to_be_broken(
    settings: dict[str, Any],
) -> None:
    """Only declared and known values are compared, and nothing is added."""
    assert _normalized(settings) == {**NAMES, "wait": True, **nest(settings)}


@pytest.mark.parametrize(("one", "other"), [(SURGE, UNAVAILABLE), (UNAVAILABLE, SURGE)])
def test_other_percentage_becomes_a_declared_zero_when_one_is_above_zero(one: str, other: str) -> None:
    """Exactly one of the two may be above 0, and the preview shows the other."""
    assert _normalized({one: 25}) == {**NAMES, "wait": True, **nest({one: 25, other: 0})}


@pytest.mark.parametrize(
    "inputs",
    [{}, {AUTOSCALING: None}, {AUTOSCALING: {"min_replica": None}}, {PROMOTION: {"rolling_deploy_config": {}}}],
)
def test_resource_is_refused_when_it_declares_nothing(inputs: dict[str, Any]) -> None:
    """It would manage nothing."""
    assert [str(it) for it in validate_inputs({**NAMES, **inputs})[1]] == [
        (
            "at least one setting must be declared in autoscaling_settings, promotion_settings or "
            "request_backpressure_settings"
        )
    ]


def test_every_failure_is_listed_when_there_are_several() -> None:
    """Nobody has to correct one value to learn of the next."""
    inputs = {"model_id": "a/b", "wait": "no", AUTOSCALING: {"min_replica": -1, "max_replica": 0}, "extra": 1}
    given_inputs, failures = validate_inputs(inputs)
    assert [it.path for it in failures] == ["model_id", "env_name", MIN_REPLICA, MAX_REPLICA, "extra", "wait"]
    assert given_inputs == inputs


# --- normalization ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {PROMOTION: None},
        {PROMOTION: {"rolling_deploy": None, "rolling_deploy_config": {"max_surge_percent": None}}},
        {PROMOTION: {"rolling_deploy_config": {}}},
        {"wait": None},
        # The dynamic host puts its own entry back, and outputs are registered without a value.
        {"__provider": "gAR…", "status": None, "in_force": None, "revision": None},
    ],
)
def test_entry_is_dropped_when_it_declares_nothing(more: dict[str, Any]) -> None:
    """What is left are the names, `wait` and the settings."""
    assert _normalized(A_SETTING, **more) == {**NAMES, "wait": True, **nest(A_SETTING)}


def test_wait_is_kept_when_it_is_declared() -> None:
    """False and a value that is not known yet stay."""
    assert _normalized(A_SETTING, wait=False)["wait"] is False
    assert _normalized(A_SETTING, wait=UNKNOWN)["wait"] is UNKNOWN


@pytest.mark.parametrize("path", [*FIELDS, *GROUPS])
def test_unknown_value_is_kept_when_it_is_a_setting_or_an_object(path: str) -> None:
    """It is validated once it is known."""
    assert _normalized({path: UNKNOWN}) == {**NAMES, "wait": True, **nest({path: UNKNOWN})}


def test_known_value_is_refused_when_others_are_not_known() -> None:
    """A preview shows what is already wrong; everything unknown passes."""
    assert _failures({MIN_REPLICA: -1, MAX_REPLICA: UNKNOWN, PROMOTION: UNKNOWN}, model_id=UNKNOWN) == [
        f"{MIN_REPLICA}: must be >= 0, got -1"
    ]
    inputs = dict.fromkeys(("model_id", "env_name", "wait", *TOP_LEVEL_GROUPS), UNKNOWN)
    assert validate_inputs(inputs) == (inputs, [])


def test_inputs_are_not_changed_when_they_are_normalized() -> None:
    """They belong to the caller."""
    inputs = _inputs({MIN_REPLICA: 1.0, SURGE: 25.0})
    validate_inputs(inputs)
    assert inputs == _inputs({MIN_REPLICA: 1.0, SURGE: 25.0})
    assert type(inputs[AUTOSCALING]["min_replica"]) is float


# --- failures -----------------------------------------------------------------------------------------------------


def test_value_and_limit_are_left_out_when_they_are_secret() -> None:
    """A failure in secret configuration shows path and rule alone."""
    failure = Failure(MIN_REPLICA, "must be <= max_replica", 7, limit=6)
    assert failure.text(with_value=False, prefix="baseten:environments.production") == (
        f"baseten:environments.production.{MIN_REPLICA}: must be <= max_replica"
    )


def test_value_is_shown_by_its_type_when_it_is_too_deep_to_write() -> None:
    """Anything can be refused."""
    deep: Any = 0
    for _ in range(100_000):
        deep = [deep]
    assert _failures({MIN_REPLICA: deep}) == [f"{MIN_REPLICA}: must be a whole number, got list"]
    while deep:  # Python frees nested lists recursively, and runs out of stack
        deep = deep[0]


# --- anything -----------------------------------------------------------------------------------------------------


_WORDS = ["KEEP", "REPLICA", "NONE", "../x", "production\n", "\ud800", "𝔭𝔯𝔬𝔡", "x" * 1000]
_EDGES = [10**400, -(10**400), LARGEST_EXACT, LARGEST_EXACT + 1, 1e308, 2.5, -0.0, math.nan, math.inf, UNKNOWN]
_NAMES = [*properties(""), *(it.name for it in FIELDS.values()), *FIELDS, *NAMES, "wait", "rolling_deploy_config"]
_KEYS = st.sampled_from([*_NAMES, "__provider", "min_replicas", "a.b", '"', "\n"]) | st.text(max_size=6)
_LEAVES = (
    st.none() | st.booleans() | st.integers(-1, 60) | st.integers() | st.floats() | st.sampled_from([*_EDGES, *_WORDS])
)
_ANYTHING = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=8
)


def _declared_value(field: Field) -> st.SearchStrategy[Any]:
    if field.choices:
        return st.sampled_from(field.choices)
    if field.kind == "boolean":
        return st.booleans()
    low, high = field.minimum or 0, LARGEST_EXACT if field.maximum is None else field.maximum
    return st.integers(low, high) | st.integers(low, high).map(float)


_VALID = st.fixed_dictionaries({}, optional={path: _declared_value(field) for path, field in FIELDS.items()})


@st.composite
def _nearly_valid(draw: st.DrawFn) -> dict[str, Any]:
    """Return valid inputs in which up to two places hold anything."""
    inputs = _inputs(draw(_VALID))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.sampled_from([inputs, *(value for value in inputs.values() if isinstance(value, dict))]))
        place[draw(st.sampled_from([*place]) | _KEYS if place else _KEYS)] = draw(_ANYTHING)
    return inputs


@cases(100, share=50)
@given(inputs=_nearly_valid() | st.dictionaries(_KEYS, _ANYTHING, max_size=5))
def test_inputs_are_normalized_or_refused_when_they_are_anything(inputs: dict[str, Any]) -> None:
    """Nothing is raised, a failure fits on a line, and what is normalized is valid and stays as it is."""
    normalized, failures = validate_inputs(inputs)
    for failure in failures:
        assert "\n" not in failure.rule
        assert len(failure.text(prefix="")) - len(failure.path) < 400
        assert normalized == inputs or repr(normalized) == repr(inputs)  # a NaN equals nothing
    if not failures:
        assert validate_inputs(normalized) == (normalized, [])
        for path, value in flatten(normalized).items():
            assert isinstance(value, (Unknown, int, str, dict)), path


@cases(50, share=50)
@given(settings=_VALID)
def test_settings_are_normalized_or_break_a_rule_together_when_each_is_valid(settings: dict[str, Any]) -> None:
    """Every value survives unchanged; only rules between settings can refuse them."""
    inputs, failures = validate_inputs(_inputs(settings))
    if failures:
        assert {failure.path for failure in failures} <= {MIN_REPLICA, SURGE, ""}
        return
    found = flatten(inputs)
    assert {**found, **settings} == found
    assert all(type(value) is not float for value in found.values())
