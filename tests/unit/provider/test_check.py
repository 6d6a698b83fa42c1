"""Check: what becomes of inputs, what is refused, and what the row says."""

from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime.proto import engine_pb2

from baseten_pulumi.errors import ConfigurationError
from baseten_pulumi.testing import Emulator, Fault
from tests.unit.provider.servicer import PICKLE, Servicer

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
INFO, WARNING = engine_pb2.INFO, engine_pb2.WARNING
TO_ZERO = "min_replica is 0: production scales to zero without traffic; the next request waits for a cold start."


def _inputs(model_id: Any, env_name: Any = "staging", **settings: Any) -> dict[str, Any]:
    declared = settings or {"autoscaling_settings": {"min_replica": 1.0, "max_replica": 3.0}}
    return {"model_id": model_id, "env_name": env_name, **declared}


# --- normalization --------------------------------------------------------------------------------------------------


def test_inputs_are_normalized_when_they_come_from_the_engine(offline: Servicer, model: str) -> None:
    """Integers for floats, no nulls, `wait` and the other percentage declared, no outputs; no key is needed."""
    config = {"max_surge_percent": 25.0, "replica_overhead_percent": None}
    autoscaling = {"min_replica": 1.0, "max_replica": None}
    groups = {"autoscaling_settings": autoscaling, "promotion_settings": {"rolling_deploy_config": config}}
    outputs = {"request_backpressure_settings": None, "status": None, "in_force": None, "revision": None, **PICKLE}
    news = _inputs(model, wait=None, **groups, **outputs)
    result = offline.check(news)
    assert result.failures == []
    assert result.inputs == {
        "model_id": model,
        "env_name": "staging",
        "wait": True,
        "in_force": True,
        "autoscaling_settings": {"min_replica": 1},
        "promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 25, "max_unavailable_percent": 0}},
    }
    assert type(result.inputs["autoscaling_settings"]["min_replica"]) is int
    assert news["autoscaling_settings"] == {"min_replica": 1.0, "max_replica": None}


@pytest.mark.parametrize(("wait", "skip"), [(False, "false"), (True, "true"), (UNKNOWN, "true")])
def test_in_force_is_no_input_when_nothing_waits(wait: Any, skip: str, model: str) -> None:
    """As an input it shows in the preview that an operation waits."""
    inputs = Servicer({"skipWait": skip}).check({**_inputs(model), "wait": wait}).inputs
    assert "in_force" not in inputs
    assert inputs["wait"] is wait


def test_every_failure_is_returned_when_several_rules_are_broken(offline: Servicer) -> None:
    """Path, rule and value of each; the engine finds no value at a nested path, so none is given as the property."""
    news = {"model_id": "a/b", "wait": "no", "autoscaling_settings": {"min_replica": 2.5, "max_replicas": 2}}
    result = offline.check(news)
    assert sorted(failure.reason for failure in result.failures) == [
        'autoscaling_settings.max_replicas: unknown property; did you mean "max_replica"?',
        "autoscaling_settings.min_replica: must be a whole number, got 2.5",
        "env_name: is required",
        'model_id: must contain only letters, digits, - and _, got "a/b"',
        'wait: must be true or false, got "no"',
    ]
    assert {failure.property for failure in result.failures} == {""}
    assert result.inputs == news


@pytest.mark.parametrize(
    "changes",
    [
        {"model_id": UNKNOWN},
        {"env_name": UNKNOWN},
        {"wait": UNKNOWN},
        {"autoscaling_settings": UNKNOWN},
        {"autoscaling_settings": {"min_replica": UNKNOWN, "max_replica": 3}},
        {"promotion_settings": {"rolling_deploy_config": UNKNOWN}},
        {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": UNKNOWN}}},
    ],
)
def test_unknown_is_passed_through_when_a_preview_checks(
    changes: dict[str, Any], settings: Servicer, model: str
) -> None:
    """At every depth; it is validated once it is known."""
    result = settings.check({**_inputs(model), **changes})
    assert result.failures == []
    assert {name: result.inputs[name] for name in changes} == changes


# --- the row --------------------------------------------------------------------------------------------------------


def _rows(engine: "Engine") -> list[tuple[int, str]]:
    assert not any(line.ephemeral for line in engine.lines)
    return [(line.severity, line.message) for line in engine.lines]


@pytest.mark.parametrize(
    ("env_name", "groups", "warnings"),
    [
        ("production", {"autoscaling_settings": {"min_replica": 0.0}}, [TO_ZERO]),
        ("staging", {"autoscaling_settings": {"min_replica": 0.0}}, []),
        ("production", {"autoscaling_settings": {"min_replica": 1}}, []),
        ("production", {"autoscaling_settings": {"min_replica": UNKNOWN}}, []),
        (
            "staging",
            {"promotion_settings": {"rolling_deploy": False, "rolling_deploy_config": {"max_surge_percent": 5}}},
            ["rolling_deploy_config has no effect while rolling_deploy is false; Baseten only stores it."],
        ),
        ("staging", {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 5}}}, []),
    ],
)
def test_row_warns_when_a_setting_is_valid_and_risky(
    env_name: str,
    groups: dict[str, Any],
    warnings: list[str],
    offline: Servicer,
    engine: "Engine",
    model: str,
) -> None:
    """Each warning stays on the row of its resource."""
    offline.check(_inputs(model, env_name, **groups))
    assert _rows(engine) == [(WARNING, f"{model}/{env_name}: {warning}") for warning in warnings]


def test_row_warns_when_a_setting_is_no_longer_declared(offline: Servicer, engine: "Engine", model: str) -> None:
    """Each with the value that Baseten keeps, as the API writes it."""
    groups = {"autoscaling_settings": {"min_replica": 1.0, "max_replica": 3.0}, "promotion_settings": None}
    olds = _inputs(model, **{**groups, "promotion_settings": {"rolling_deploy": False}})
    offline.check(_inputs(model, autoscaling_settings={"min_replica": 1.0}), olds)
    dropped = {"autoscaling_settings.max_replica": 3, "promotion_settings.rolling_deploy": "false"}
    assert _rows(engine) == [
        (WARNING, f"{model}/staging: {path} is no longer managed; Baseten keeps its value ({value}).")
        for path, value in dropped.items()
    ]


@pytest.mark.parametrize(
    "changes",
    [{"env_name": "other"}, {"model_id": UNKNOWN}, {"autoscaling_settings": UNKNOWN}, {}],
)
def test_row_warns_of_no_dropped_setting_when_it_may_still_be_declared(
    changes: dict[str, Any], offline: Servicer, engine: "Engine", model: str
) -> None:
    """A replacement is another environment, and an unknown object may hold the setting."""
    offline.check({**_inputs(model), **changes}, _inputs(model))
    assert _rows(engine) == []


# --- baseten:previewReads -------------------------------------------------------------------------------------------


@pytest.fixture
def reading(config: dict[str, str]) -> Servicer:
    return Servicer({**config, "previewReads": "true"})


def test_each_model_is_read_once_when_the_stack_compares(
    reading: Servicer, baseten: Emulator, engine: "Engine", model: str
) -> None:
    """A note names every declared setting that differs; one that is unknown or equal is not compared."""
    baseten.change(model, "production", {"min_replica": 1, "max_replica": 40})
    production = _inputs(model, "production", autoscaling_settings={"min_replica": 2, "max_replica": 11})
    reading.check(production, name="a")
    reading.check(_inputs(model, autoscaling_settings={"max_replica": 1, "min_replica": UNKNOWN}), name="b")
    reading.check(_inputs(UNKNOWN), name="c")
    note = "min_replica: now 1, the program says 2; max_replica: now 40, the program says 11"
    assert _rows(engine) == [(INFO, f"{model}/production: {note}")]
    assert [request.path for request in baseten.requests] == [f"/v1/models/{model}/environments"]


def test_environment_is_refused_when_the_stack_compares_and_there_is_none(
    reading: Servicer, baseten: Emulator, model: str
) -> None:
    """A preview that succeeds would be followed by an update that fails."""
    expected = f'env_name: model "{model}" has no environment "canary"; it has production, staging'
    assert reading.reasons(_inputs(model, "canary")) == [expected]


def test_model_is_refused_when_the_stack_compares_and_there_is_none(
    reading: Servicer, baseten: Emulator, model: str
) -> None:
    """So is the name of a model in place of its id."""
    missing = f"{model}-missing"
    assert reading.reasons(_inputs(missing)) == [
        f'model_id: Model "{missing}" was not found, or this API key cannot see it'
    ]
    baseten.add_model(model, f"name-of-{model}")
    (reason,) = reading.reasons(_inputs(f"name-of-{model}"))
    assert reason.startswith(f'model_id: "name-of-{model}" is the name of a model, not an id: ')


def test_note_says_why_when_nothing_can_be_compared(
    config: dict[str, str], baseten: Emulator, engine: "Engine", model: str
) -> None:
    """A preview needs neither a key nor Baseten."""
    Servicer({"previewReads": "true"}).check(_inputs(model))
    baseten.faults.add(Fault.status(401, {"error": "expired"}))
    result = Servicer({**config, "previewReads": "true"}).check(_inputs(model))
    assert result.failures == []
    (without_key, rejected) = _rows(engine)
    assert without_key == (
        INFO,
        f"{model}/staging: could not compare with Baseten: Neither baseten:apiKey nor BASETEN_API_KEY is set.",
    )
    assert rejected[1].startswith(f"{model}/staging: could not compare with Baseten: Baseten returned 401")


@pytest.mark.parametrize("key", ["previewReads", "skipWait"])
def test_check_fails_when_a_switch_of_the_stack_is_malformed(key: str, model: str) -> None:
    """Neither value would be what somebody meant."""
    with pytest.raises(ConfigurationError, match=f'baseten:{key} is malformed.\nIt must be true or false, got "yes"'):
        Servicer({key: "yes"}).check(_inputs(model))


# --- ownership ------------------------------------------------------------------------------------------------------


def test_setting_is_refused_when_another_resource_manages_it(offline: Servicer, model: str) -> None:
    """Each with its owner; what was refused counts for nothing."""
    assert offline.reasons(_inputs(model), "a") == []
    autoscaling = {"min_replica": 1, "max_replica": 3, "scale_down_delay": 60}
    assert offline.reasons(_inputs(model, autoscaling_settings=autoscaling), "b") == [
        f'autoscaling_settings.{name}: is already managed by "a" for environment "staging" of model "{model}"'
        for name in ("min_replica", "max_replica")
    ]
    assert offline.reasons(_inputs(model, autoscaling_settings={"scale_down_delay": 60}), "c") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"model_id": UNKNOWN},
        {"env_name": UNKNOWN},
        {"env_name": "other"},
        {"model_id": "other"},
        {"autoscaling_settings": UNKNOWN},
        {"autoscaling_settings": {"min_replica": UNKNOWN}},
        {"autoscaling_settings": {"scale_down_delay": 60}},
    ],
)
def test_resource_is_accepted_when_it_is_not_known_to_share_a_setting(
    changes: dict[str, Any], offline: Servicer, model: str
) -> None:
    """What a preview does not know, the update compares."""
    changes = {"model_id": f"{model}-other"} if changes == {"model_id": "other"} else changes
    assert offline.reasons(_inputs(model), "a") == []
    assert offline.reasons({**_inputs(model), **changes}, "b") == []


def test_setting_is_free_when_its_resource_was_checked_again_without_it(offline: Servicer, model: str) -> None:
    """The engine checks a resource that it replaces twice; only what it was checked with last counts."""
    for env_name in ("staging", "staging", "production"):
        assert offline.reasons(_inputs(model, env_name), "a") == []
    assert offline.reasons(_inputs(model), "b") == []
    assert len(offline.reasons(_inputs(model, "production"), "c")) == 2


def test_owner_is_named_by_its_urn_when_both_have_the_same_name(offline: Servicer, model: str) -> None:
    """Resources with different parents may."""
    parent = "baseten:index:ModelEnvironments$"
    assert offline.reasons(_inputs(model), "a", parent) == []
    for reason in offline.reasons(_inputs(model), "a"):
        assert f'managed by "urn:pulumi:dev::p::{parent}pulumi-python:' in reason


def test_resource_is_refused_when_it_breaks_a_rule_together_with_others(offline: Servicer, model: str) -> None:
    """Both values, and every other resource of the environment, since any of them could be changed."""
    assert offline.reasons(_inputs(model, autoscaling_settings={"min_replica": 3}), "a") == []
    assert offline.reasons(_inputs(model, autoscaling_settings={"scale_down_delay": 60}), "b") == []
    (reason,) = offline.reasons(_inputs(model, autoscaling_settings={"max_replica": 2}), "c")
    assert reason == (
        'autoscaling_settings.min_replica: combined with the settings of "a" and "b" for the same environment, '
        "must be <= max_replica (2), got 3"
    )
    assert offline.reasons(_inputs(model, autoscaling_settings={"max_replica": 3}), "c") == []
