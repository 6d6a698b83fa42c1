import math
from typing import Any

import pytest
from pulumi.asset import StringAsset

from baseten_pulumi.fields import FIELDS
from baseten_pulumi.provider.checking import check
from baseten_pulumi.provider.judging import Failure
from tests.unit.provider.declaring import (
    AUTOSCALING,
    CONFIG,
    KNOWN_AUTOSCALING,
    KNOWN_OBJECTS,
    MAX,
    MIN,
    MODEL,
    PROMOTION,
    SURGE,
    UNAVAILABLE,
    UNKNOWN,
    normalised,
    refusals,
)

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
    assert refusals({MIN: value}) == [Failure(MIN, f"must be a whole number, got {shown}")]


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
    assert refusals({path: value}) == [Failure(path, reason)]


@pytest.mark.parametrize("path", [path for path, field in FIELDS.items() if field.kind == "integer"])
def test_number_is_accepted_when_it_is_on_a_bound(path: str) -> None:
    """Both bounds are inside."""
    field = FIELDS[path]
    for bound in filter(lambda it: it is not None, (field.minimum, field.maximum)):
        assert refusals({path: bound}) == []


@pytest.mark.parametrize("value", [10**9, 1e15, 2**53, 2.0**53])
def test_huge_number_is_accepted_when_nothing_is_documented_against_it(value: float) -> None:
    """Where Baseten documents no bound, none is made up."""
    assert normalised({MAX: value})[AUTOSCALING]["max_replica"] == int(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**53 + 1, "must be at most 9007199254740992, got 9007199254740993"),
        (2**62, "must be at most 9007199254740992, got 4611686018427387904"),
        (-(2**53) - 1, "must be at least -9007199254740992, got -9007199254740993"),
        (10**30, f"must be at most 9007199254740992, got 1{'0' * 30}"),
    ],
)
def test_number_is_refused_when_the_engine_would_change_it(value: int, reason: str) -> None:
    """The engine's numbers are floats: a larger integer would come back as another."""
    path = f"{AUTOSCALING}.target_in_flight_tokens"
    assert refusals({path: value}) == [Failure(path, reason)]


@pytest.mark.parametrize(
    ("value", "bound"), [(2**60, "at most 3600 s"), (-(2**60), "at least 10 s"), (-1e300, "at least 10 s")]
)
def test_settings_own_bound_is_named_when_a_number_is_beyond_both(value: float, bound: str) -> None:
    """Corrected to what the message says, it is accepted."""
    (failure,) = refusals({f"{AUTOSCALING}.autoscaling_window": value})
    assert failure.reason.startswith(f"must be {bound}, got ")


def test_huge_number_is_shown_short_when_refused() -> None:
    """A refusal stays one line, whatever was given."""
    (failure,) = refusals({f"{AUTOSCALING}.autoscaling_window": 1e308})
    assert len(failure.reason) < 130
    (failure,) = refusals({f"{AUTOSCALING}.autoscaling_window": 10**5000})
    assert failure.reason.startswith("must be at most 3600 s, got ")
    assert len(failure.reason) < 130


@pytest.mark.parametrize(
    ("value", "shown"), [(1, "1"), (0, "0"), (1.0, "1"), ("true", '"true"'), ({}, "{}"), ([], "[]")]
)
def test_value_is_refused_when_it_is_neither_true_nor_false(value: object, shown: str) -> None:
    """A 1 is no true."""
    path = f"{PROMOTION}.rolling_deploy"
    assert refusals({path: value}) == [Failure(path, f"must be true or false, got {shown}")]


@pytest.mark.parametrize(
    ("value", "shown"), [("keep", '"keep"'), ("", '""'), (1, "1"), (True, "true"), (["KEEP"], '["KEEP"]')]
)
def test_value_is_refused_when_it_is_none_of_the_choices(value: object, shown: str) -> None:
    """The choices are named."""
    path = f"{PROMOTION}.promotion_cleanup_strategy"
    assert refusals({path: value}) == [Failure(path, f"must be KEEP, SCALE_TO_ZERO or DEACTIVATE, got {shown}")]


def test_single_choice_is_named_when_another_is_given() -> None:
    """One choice needs no "or"."""
    path = f"{CONFIG}.rolling_deploy_strategy"
    assert refusals({path: "NODE"}) == [Failure(path, 'must be REPLICA, got "NODE"')]


@pytest.mark.parametrize("path", [AUTOSCALING, PROMOTION, CONFIG])
@pytest.mark.parametrize(("value", "shown"), [(3, "3"), ("x", '"x"'), ([{}], "[{}]"), (True, "true")])
def test_value_is_refused_when_an_object_belongs_there(path: str, value: object, shown: str) -> None:
    """A value in an object's place is not passed over."""
    assert Failure(path, f"must be an object, got {shown}") in refusals({path: value})


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
    (failure,) = refusals({MIN: 0, **settings})
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
