import math
from typing import Any

import pytest
from pulumi.asset import StringAsset
from pulumi.output import UNKNOWN, Unknown

from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    AUTOSCALING,
    BACKPRESSURE,
    FIELDS,
    GROUPS,
    MAX_REPLICA,
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    MIN_REPLICA,
    NULL,
    PROMOTION,
    ROLLING_DEPLOY,
    ROLLING_DEPLOY_CONFIG,
    TOP_LEVEL_GROUPS,
    flatten,
    nest,
)
from baseten_pulumi.schema.validate import Failure, member, validate_inputs

LARGEST_EXACT = 2**53 - 1
NAMES = {"model_id": "abc123", "env_name": "production"}
TOKENS = f"{AUTOSCALING}.target_in_flight_tokens"
WINDOW = f"{AUTOSCALING}.autoscaling_window"
UTILIZATION = f"{AUTOSCALING}.target_utilization_percentage"
CLEANUP = f"{PROMOTION}.promotion_cleanup_strategy"
SURGE, UNAVAILABLE = MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT
SURGE_RULE = f"{SURGE}: exactly one of max_surge_percent and max_unavailable_percent must be > 0"
MODEL_ID_RULE = "must contain only letters, digits, - and _"
ENV_NAME_RULE = "must contain only lowercase letters, digits and -, and start and end with a letter or digit"
NEWER = " (one newer than this release goes in additional_settings)"
NOTHING_DECLARED = (
    "at least one setting must be declared in "
    "autoscaling_settings, promotion_settings, request_backpressure_settings or additional_settings"
)


def _inputs(settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**NAMES, **nest(settings), **more}


def _some(**more: Any) -> dict[str, Any]:
    return _inputs({MIN_REPLICA: 0}, **more)


def _normalized(inputs: dict[str, Any]) -> dict[str, Any]:
    normalized, failures = validate_inputs(inputs)
    assert not failures
    return normalized


def _failures(inputs: dict[str, Any]) -> list[str]:
    """Return the failures of inputs, which must stay as they are."""
    found, failures = validate_inputs(inputs)
    assert not failures or found == inputs
    return [str(failure) for failure in failures]


@pytest.mark.parametrize(
    ("path", "value", "failure"),
    [
        (MIN_REPLICA, -1.0, "must be >= 0, got -1"),
        (WINDOW, 9, "must be >= 10 s, got 9"),
        (UTILIZATION, 101, "must be <= 100 %, got 101"),
        (WINDOW, 2**60, f"must be <= 3600 s, got {2**60}"),
        # Pulumi's numbers are floats: a larger integer arrives as another one.
        (TOKENS, float(2**53 + 1), "must be <= 9007199254740991, got 9007199254740992"),
        (TOKENS, -LARGEST_EXACT - 1, "must be >= -9007199254740991, got -9007199254740992"),
        pytest.param(TOKENS, 10**5000, "must be <= 9007199254740991, got int", id="huge"),
        (MIN_REPLICA, 2.5, "must be a whole number, got 2.5"),
        (MIN_REPLICA, True, "must be a whole number, got true"),
        (MIN_REPLICA, "3", 'must be a whole number, got "3"'),
        (MIN_REPLICA, {"value": 3}, 'must be a whole number, got {"value": 3}'),
        (MIN_REPLICA, math.nan, "must be a whole number, got NaN"),
        (MIN_REPLICA, math.inf, "must be a whole number, got Infinity"),
        (MIN_REPLICA, [UNKNOWN], "must be a whole number, got list"),
        (MIN_REPLICA, StringAsset("x"), "must be a whole number, got StringAsset"),
        (MIN_REPLICA, "x" * 100, f'must be a whole number, got "{"x" * 79}…'),
        (ROLLING_DEPLOY, 1, "must be true or false, got 1"),
        (CLEANUP, "keep", f'must be KEEP, SCALE_TO_ZERO or DEACTIVATE (did you mean "KEEP"?){NEWER}, got "keep"'),
        (CLEANUP, ["KEEP"], f'must be KEEP, SCALE_TO_ZERO or DEACTIVATE{NEWER}, got ["KEEP"]'),
        (f"{ROLLING_DEPLOY_CONFIG}.rolling_deploy_strategy", "NODE", f'must be REPLICA{NEWER}, got "NODE"'),
        (AUTOSCALING, 3, "must be an object, got 3"),
        (ROLLING_DEPLOY_CONFIG, [{}], "must be an object, got [{}]"),
    ],
)
def test_setting_is_refused_when_it_breaks_a_rule(path: str, value: object, failure: str) -> None:
    """The failure names path, rule and value; nothing is rounded or converted."""
    assert _failures(_inputs({path: value})) == [f"{path}: {failure}"]


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if field.kind == "integer"])
def test_range_of_the_table_is_enforced_when_a_number_is_declared(path: str) -> None:
    """Both bounds are valid and the next number beyond them is not; without a bound every exact integer is valid."""
    field = FIELDS[path]
    low = -LARGEST_EXACT if field.minimum is None else field.minimum
    high = LARGEST_EXACT if field.maximum is None else field.maximum
    assert [len(_failures(_inputs({path: value}))) for value in (low - 1, low, high, high + 1)] == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("name", "value", "failure"),
    [
        ("env_name", "Production", f'{ENV_NAME_RULE}, got "Production"'),
        ("env_name", "-dev", f'{ENV_NAME_RULE}, got "-dev"'),
        ("env_name", "dev-", f'{ENV_NAME_RULE}, got "dev-"'),
        ("env_name", "dev_1", f'{ENV_NAME_RULE}, got "dev_1"'),
        ("env_name", " dev", f'{ENV_NAME_RULE}, got " dev"'),
        ("env_name", "../abc", f'{ENV_NAME_RULE}, got "../abc"'),
        ("env_name", "dev\n", f'{ENV_NAME_RULE}, got "dev\\n"'),
        ("env_name", "dév", f'{ENV_NAME_RULE}, got "dév"'),
        ("env_name", "dev\N{ARABIC-INDIC DIGIT ONE}", f'{ENV_NAME_RULE}, got "dev\N{ARABIC-INDIC DIGIT ONE}"'),
        ("env_name", 3, "must be a string in quotes, got 3"),
        ("env_name", None, "is required"),
        ("env_name", "", "is required"),
        ("model_id", "..", f'{MODEL_ID_RULE}, got ".."'),
        ("model_id", "a/b", f'{MODEL_ID_RULE}, got "a/b"'),
        ("model_id", "abc\n", f'{MODEL_ID_RULE}, got "abc\\n"'),
        ("model_id", "äbc", f'{MODEL_ID_RULE}, got "äbc"'),
        ("model_id", 3.0, "must be a string in quotes, got 3"),
        ("model_id", "", "is required"),
        ("wait", "false", 'must be true or false, got "false"'),
        ("wait", 0, "must be true or false, got 0"),
    ],
)
def test_property_is_refused_when_it_breaks_its_rule(name: str, value: object, failure: str) -> None:
    """A name could be another address, or nothing; the string "false" would be truthy. Blanks are not trimmed."""
    assert _failures(_some(**{name: value})) == [f"{name}: {failure}"]


@pytest.mark.parametrize("env_name", ["a", "0", "a-b-2", "x" * 300])
@pytest.mark.parametrize("model_id", ["ABC_1-2", "-"])
def test_name_is_accepted_when_baseten_allows_it(model_id: str, env_name: str) -> None:
    inputs = _some(model_id=model_id, env_name=env_name, wait=False)
    assert _normalized(inputs) == inputs


@pytest.mark.parametrize(
    ("inputs", "path", "hint"),
    [
        ({AUTOSCALING: {"min_replicas": 1}}, f"{AUTOSCALING}.min_replicas", f'did you mean "min_replica"?{NEWER}'),
        # A key is unknown whatever its value is.
        ({"autoscaling": {"x": 1}}, "autoscaling", 'did you mean "autoscaling_settings"?'),
        ({"wiat": None}, "wiat", 'did you mean "wait"?'),
        ({"wiat": UNKNOWN}, "wiat", 'did you mean "wait"?'),
        ({"qqq": 1}, "qqq", f"use {', '.join(TOP_LEVEL_GROUPS)}, model_id, env_name or wait"),
        # A setting of another object, and a path inside a key, which is not nesting.
        ({BACKPRESSURE: {"min_replica": 1}}, f"{BACKPRESSURE}.min_replica", f"use policy{NEWER}"),
        ({BACKPRESSURE: {"a.b": 5}}, f'{BACKPRESSURE}["a.b"]', f"use policy{NEWER}"),
        ({MIN_REPLICA: 1}, f'["{MIN_REPLICA}"]', 'did you mean "autoscaling_settings"?'),
    ],
)
def test_key_is_refused_when_it_is_unknown(inputs: dict[str, Any], path: str, hint: str) -> None:
    """Baseten would ignore a typo; the closest name is suggested, or every name is listed."""
    assert _failures({**NAMES, **inputs}) == [f"{path}: unknown property; {hint}"]


@pytest.mark.parametrize(
    ("group", "key", "path"),
    [("", "a", "a"), ("a", "b", "a.b"), ("a", "b.c", 'a["b.c"]'), ("a", "", 'a[""]'), ("a", 7, 'a["7"]')],
)
def test_key_is_quoted_in_a_path_when_it_would_be_misread(group: str, key: object, path: str) -> None:
    """Paths are written as Pulumi writes them."""
    assert member(group, key) == path


def test_value_is_shown_by_its_type_when_it_is_too_deep_to_write() -> None:
    deep: Any = 0
    for _ in range(100_000):
        deep = [deep]
    assert _failures(_inputs({MIN_REPLICA: deep})) == [f"{MIN_REPLICA}: must be a whole number, got list"]
    while deep:  # Python frees nested lists recursively, and runs out of stack
        deep = deep[0]


def test_value_and_limit_are_left_out_when_they_are_secret() -> None:
    failure = Failure(MIN_REPLICA, "must be <= max_replica", 7, limit=6)
    assert failure.text(with_value=False, prefix="baseten:environments.production") == (
        f"baseten:environments.production.{MIN_REPLICA}: must be <= max_replica"
    )


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        ({MIN_REPLICA: 7.0, MAX_REPLICA: 6.0}, f"{MIN_REPLICA}: must be <= max_replica (6), got 7"),
        ({SURGE: 25, UNAVAILABLE: 20, ROLLING_DEPLOY: False}, f"{SURGE_RULE}, got 25 and 20"),
        ({SURGE: 0, UNAVAILABLE: 0.0, ROLLING_DEPLOY: True}, f"{SURGE_RULE} while rolling_deploy is on, got 0 and 0"),
        ({}, NOTHING_DECLARED),
        ({AUTOSCALING: None}, NOTHING_DECLARED),
        ({MIN_REPLICA: None}, NOTHING_DECLARED),
        ({ROLLING_DEPLOY_CONFIG: {}}, NOTHING_DECLARED),
    ],
)
def test_settings_are_refused_when_they_break_a_rule_together(settings: dict[str, Any], failure: str) -> None:
    """Baseten refuses them too, but later; a resource without a setting would manage nothing."""
    assert _failures(_inputs(settings)) == [failure]


@pytest.mark.parametrize(
    "settings",
    [
        {MIN_REPLICA: 2, MAX_REPLICA: 2},
        {MIN_REPLICA: 9, MAX_REPLICA: UNKNOWN},
        {MIN_REPLICA: UNKNOWN, MAX_REPLICA: 1},
        {SURGE: 0, UNAVAILABLE: 0},
        {SURGE: 0, UNAVAILABLE: 0, ROLLING_DEPLOY: UNKNOWN},
        {SURGE: 0, ROLLING_DEPLOY: True},
        {SURGE: 25, UNAVAILABLE: UNKNOWN},
        *({path: UNKNOWN} for path in (*FIELDS, *GROUPS)),
    ],
)
def test_settings_are_accepted_as_they_are_when_no_rule_is_known_to_be_broken(settings: dict[str, Any]) -> None:
    """Only declared and known values are compared, and nothing is added."""
    assert _normalized(_inputs(settings)) == {**_inputs(settings), "wait": True}


def test_every_failure_is_listed_when_there_are_several() -> None:
    """A preview shows what is already wrong beside what is not known yet, by itself and together."""
    more = {"model_id": UNKNOWN, "env_name": "Dev", "wait": "no", PROMOTION: UNKNOWN, "extra": 1}
    autoscaling = {"min_replica": 7, "max_replica": 5, "autoscaling_window": 1}
    _, failures = validate_inputs({AUTOSCALING: autoscaling, **more})
    assert [failure.path for failure in failures] == ["env_name", WINDOW, "extra", "wait", MIN_REPLICA]
    unknown = dict.fromkeys((*NAMES, "wait", *TOP_LEVEL_GROUPS), UNKNOWN)
    assert validate_inputs(unknown) == (unknown, [])


@pytest.mark.parametrize("path", FIELDS)
def test_setting_is_normalized_when_it_is_declared_alone(path: str) -> None:
    """An integer that the engine made a float is one again. Exactly one of two percentages is above 0."""
    field = FIELDS[path]
    value: Any = field.choices[0] if field.choices else True if field.kind == "boolean" else field.minimum or 1
    inputs = _inputs({path: float(value) if field.kind == "integer" else value})
    before = repr(inputs)
    counterpart = {SURGE: {UNAVAILABLE: 0}, UNAVAILABLE: {SURGE: 0}}.get(path, {})
    normalized = _normalized(inputs)
    assert normalized == {**_inputs({path: value, **counterpart}), "wait": True}
    assert type(flatten(normalized)[path]) is type(value)
    assert repr(inputs) == before


@pytest.mark.parametrize(
    ("more", "wait"),
    [
        ({PROMOTION: {"rolling_deploy": None, "rolling_deploy_config": {"max_surge_percent": None}}}, True),
        ({PROMOTION: {"rolling_deploy_config": {}}, BACKPRESSURE: None, "wait": None}, True),
        # The dynamic host puts its own entry back, and outputs are registered without a value.
        ({"__provider": "gAR…", "status": None, "in_force": None, "revision": None, "schedule_id": None}, True),
        ({"wait": False}, False),
        ({"wait": UNKNOWN}, UNKNOWN),
    ],
)
def test_entry_is_dropped_when_it_declares_nothing(more: dict[str, Any], wait: Any) -> None:
    """What is left are the names, `wait` and the settings."""
    assert _normalized(_some(**more)) == _some(wait=wait)


# --- additional settings --------------------------------------------------------------------------------------------


def _additional(settings: Any, **more: Any) -> dict[str, Any]:
    return {**NAMES, ADDITIONAL: settings, **more}


def test_additional_settings_are_not_validated_when_they_are_json() -> None:
    """Any path, known or not, and any value; they alone are enough."""
    settings = {
        AUTOSCALING: {"burst": 2.0, "min_replica": -1, "max_replica": "auto"},
        PROMOTION: {"promotion_cleanup_strategy": "ARCHIVE", "rolling_deploy_config": None},
        "later": {"list": [1.0, None, {"a.b": 0.5}], "empty": {}},
    }
    found = _normalized(_additional(settings))[ADDITIONAL]
    assert found == {
        **settings,
        PROMOTION: {"promotion_cleanup_strategy": "ARCHIVE", "rolling_deploy_config": NULL},
        "later": {"list": [1, NULL, {"a.b": 0.5}], "empty": {}},
    }
    assert type(found[AUTOSCALING]["burst"]) is int


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        ("many", ': must be an object, got "many"'),
        ([1], ": must be an object, got [1]"),
        ({"a.b": 1}, '["a.b"]: must have a key without . [ ] and ", got "a.b"'),
        ({"a": {"": 1}}, '.a[""]: must have a key without . [ ] and ", got ""'),
        ({"a": {"b[0]": 1}}, '.a.b[0]: must have a key without . [ ] and ", got "b[0]"'),
        ({"a": LARGEST_EXACT + 1}, f".a: must be <= {LARGEST_EXACT}, got {LARGEST_EXACT + 1}"),
        ({"a": [{"b": -LARGEST_EXACT - 1}]}, f".a[0].b: must be >= -{LARGEST_EXACT}, got {-LARGEST_EXACT - 1}"),
        ({"a": StringAsset("x")}, ".a: must be a JSON value, got StringAsset"),
    ],
)
def test_additional_settings_are_refused_when_they_cannot_be_sent(settings: Any, failure: str) -> None:
    assert _failures(_additional(settings)) == [ADDITIONAL + failure]


@pytest.mark.parametrize(
    ("settings", "path", "other", "values"),
    [
        ({PROMOTION: {"rolling_deploy": False}}, ROLLING_DEPLOY, ROLLING_DEPLOY, "false and true"),
        ({PROMOTION: {"rolling_deploy_config": None}}, ROLLING_DEPLOY_CONFIG, SURGE, "null and 25"),
        (
            {PROMOTION: {"rolling_deploy": {"later": [None]}}},
            f"{ROLLING_DEPLOY}.later",
            ROLLING_DEPLOY,
            "[null] and true",
        ),
    ],
)
def test_additional_setting_is_refused_when_it_is_also_declared(
    settings: Any, path: str, other: str, values: str
) -> None:
    """The same setting, an object that contains it, or one inside it."""
    declared = _inputs({ROLLING_DEPLOY: True, SURGE: 25}, **{ADDITIONAL: settings})
    assert _failures(declared) == [f"{ADDITIONAL}.{path}: must be set once, here or in {other}, got {values}"]


def test_names_of_additional_settings_may_begin_alike_when_they_are_not_declared_twice() -> None:
    """The other percentage is not declared twice either."""
    config = {"rolling_deploy_config": {"max_unavailable_percent": 0}, "rolling_deploy_later": True}
    inputs = _inputs({ROLLING_DEPLOY: True, SURGE: 25}, **{ADDITIONAL: {PROMOTION: config}})
    assert _normalized(inputs)[ADDITIONAL] == {PROMOTION: config}
    assert UNAVAILABLE not in flatten(_normalized(inputs))


def test_additional_settings_pass_when_a_preview_does_not_know_them() -> None:
    """A list that is known in part is unknown as a whole."""
    found = _normalized(_inputs({PROMOTION: UNKNOWN}, **{ADDITIONAL: {PROMOTION: {"a": UNKNOWN, "b": [1, UNKNOWN]}}}))
    assert all(isinstance(found[ADDITIONAL][PROMOTION][name], Unknown) for name in ("a", "b"))
    assert isinstance(_normalized(_additional(UNKNOWN))[ADDITIONAL], Unknown)
