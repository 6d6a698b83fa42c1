"""Check: what becomes of inputs, what is refused, and what the row says."""

from typing import TYPE_CHECKING, Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime.proto import engine_pb2

from baseten_pulumi.errors import ConfigurationError
from tests.unit.provider.servicer import PICKLE, Servicer

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
INFO, WARNING = engine_pb2.INFO, engine_pb2.WARNING
TO_ZERO = "min_replica is 0: production scales to zero without traffic; the next request waits for a cold start."
TUNED = {"rolling_deploy_config": {"max_surge_percent": 5}}
RAMP_UP = ("ramp_up_while_promoting", "ramp_up_duration_seconds")
REJECTED = "is deprecated, and Baseten rejects true for models; use rolling_deploy."
NO_EFFECT = "rolling_deploy_config has no effect while rolling_deploy is false; Baseten only stores it."


def _inputs(model_id: Any, env_name: Any = "staging", **autoscaling: Any) -> dict[str, Any]:
    declared = autoscaling or {"min_replica": 1.0, "max_replica": 3.0}
    return {"model_id": model_id, "env_name": env_name, "autoscaling_settings": declared}


# --- normalization --------------------------------------------------------------------------------------------------


def test_inputs_are_normalized_when_they_come_from_the_engine(offline: Servicer, model: str) -> None:
    """Integers for floats, no nulls, `wait` and the other percentage declared, no outputs; no key is needed."""
    config = {"max_surge_percent": 25.0, "replica_overhead_percent": None}
    outputs = {"request_backpressure_settings": None, "status": None, "in_force": None, "revision": None, **PICKLE}
    news = {**_inputs(model), "wait": None, "promotion_settings": {"rolling_deploy_config": config}, **outputs}
    result = offline.check(news)
    assert result.failures == []
    assert result.inputs == {
        **_inputs(model),
        "wait": True,
        "in_force": True,
        "promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 25, "max_unavailable_percent": 0}},
    }
    assert type(result.inputs["autoscaling_settings"]["min_replica"]) is int


@pytest.mark.parametrize(("wait", "skip"), [(False, "false"), (True, "true"), (UNKNOWN, "true")])
def test_in_force_is_no_input_when_nothing_waits(wait: Any, skip: str, model: str) -> None:
    """As an input it shows in the preview that an operation waits."""
    inputs = {**_inputs(model), "wait": wait}
    assert Servicer({"skipWait": skip}).check(inputs).inputs == inputs


def test_every_failure_is_returned_when_several_rules_are_broken(offline: Servicer) -> None:
    news = {"model_id": "a/b", "wait": "no", "autoscaling_settings": {"min_replica": 2.5, "max_replicas": 2}}
    assert sorted(offline.reasons(news)) == [
        (
            'autoscaling_settings.max_replicas: unknown property; did you mean "max_replica"? '
            "(one newer than this release goes in additional_settings)"
        ),
        "autoscaling_settings.min_replica: must be a whole number, got 2.5",
        "env_name: is required",
        'model_id: must contain only letters, digits, - and _, got "a/b"',
        'wait: must be true or false, got "no"',
    ]
    assert offline.check(news).inputs == news


def test_unknown_is_passed_through_when_a_preview_checks(settings: Servicer) -> None:
    """It is validated once it is known."""
    news = {**dict.fromkeys(("model_id", "env_name", "wait", "promotion_settings"), UNKNOWN), **_inputs(UNKNOWN)}
    result = settings.check(news)
    assert (result.failures, result.inputs) == ([], {**news, "in_force": True})


# --- the row --------------------------------------------------------------------------------------------------------


def _rows(engine: "Engine") -> list[tuple[int, str]]:
    assert not any(line.ephemeral for line in engine.lines)
    return [(line.severity, line.message) for line in engine.lines]


@pytest.mark.parametrize(
    ("env_name", "changes", "warnings"),
    [
        ("production", {"autoscaling_settings": {"min_replica": 0.0}}, [TO_ZERO]),
        ("staging", {"autoscaling_settings": {"min_replica": 0.0}}, []),
        ("production", {"autoscaling_settings": {"min_replica": UNKNOWN}}, []),
        ("staging", {"promotion_settings": {"rolling_deploy": False, **TUNED}}, [NO_EFFECT]),
        ("staging", {"promotion_settings": TUNED}, []),
        ("staging", {"promotion_settings": {"ramp_up_while_promoting": True}}, [f"ramp_up_while_promoting {REJECTED}"]),
        (
            "staging",
            {"promotion_settings": {"ramp_up_while_promoting": False, "ramp_up_duration_seconds": 0.0}},
            [f"{name} is deprecated; use rolling_deploy." for name in RAMP_UP],
        ),
    ],
)
def test_row_warns_when_a_setting_is_valid_and_risky(
    env_name: str, changes: dict[str, Any], warnings: list[str], offline: Servicer, engine: "Engine", model: str
) -> None:
    """Once: Pulumi checks a replacement again, as a create."""
    for olds in (_inputs("other", env_name), {}):
        offline.check({**_inputs(model, env_name), **changes}, olds)
    assert _rows(engine) == [(WARNING, f"{model}/{env_name}: {warning}") for warning in warnings]


def test_row_warns_when_a_setting_is_no_longer_declared(offline: Servicer, engine: "Engine", model: str) -> None:
    """Each with the value that Baseten keeps, as the API writes it."""
    olds = {**_inputs(model), "promotion_settings": {"rolling_deploy": False}}
    offline.check(_inputs(model, min_replica=1.0), olds)
    dropped = {"autoscaling_settings.max_replica": 3, "promotion_settings.rolling_deploy": "false"}
    assert _rows(engine) == [
        (WARNING, f"{model}/staging: {path} is no longer managed; Baseten keeps its value ({value}).")
        for path, value in dropped.items()
    ]


def test_row_warns_of_no_dropped_setting_when_it_moved_to_another_argument(
    offline: Servicer, engine: "Engine", model: str
) -> None:
    """As after an upgrade to a release that knows it; or back."""
    olds = {**_inputs(model), "additional_settings": {"autoscaling_settings": {"scale_down_delay": 60}, "later": 1}}
    news = {"additional_settings": {"autoscaling_settings": {"max_replica": 3}}}
    offline.check({**_inputs(model, min_replica=1, scale_down_delay=60), **news}, olds)
    warning = f"{model}/staging: additional_settings.later is no longer managed; Baseten keeps its value (1)."
    assert _rows(engine) == [(WARNING, warning)]


@pytest.mark.parametrize("changes", [{"env_name": "other"}, {"model_id": UNKNOWN}, {"autoscaling_settings": UNKNOWN}])
def test_row_warns_of_no_dropped_setting_when_it_may_still_be_declared(
    changes: dict[str, Any], offline: Servicer, engine: "Engine", model: str
) -> None:
    """A replacement is another environment, and an unknown object may hold the setting."""
    offline.check({**_inputs(model, min_replica=1), **changes}, _inputs(model))
    assert _rows(engine) == []


@pytest.mark.parametrize("key", ["previewReads", "skipWait"])
def test_check_fails_when_a_switch_of_the_stack_is_malformed(key: str, model: str) -> None:
    with pytest.raises(ConfigurationError, match=f'baseten:{key} is malformed.\nIt must be true or false, got "yes"'):
        Servicer({key: "yes"}).check(_inputs(model))


# --- ownership ------------------------------------------------------------------------------------------------------


def test_setting_is_refused_when_another_resource_manages_it(offline: Servicer, model: str) -> None:
    """Each with its owner; what was refused counts for nothing."""
    assert offline.reasons(_inputs(model), "a") == []
    assert offline.reasons(_inputs(model, min_replica=1, max_replica=3, scale_down_delay=60), "b") == [
        f'autoscaling_settings.{name}: is also declared by "a" for environment "staging" of model "{model}"'
        for name in ("min_replica", "max_replica")
    ]
    assert offline.reasons(_inputs(model, scale_down_delay=60), "c") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"model_id": UNKNOWN},
        {"env_name": UNKNOWN},
        {"env_name": "other"},
        {"model_id": "other-model"},
        {"autoscaling_settings": UNKNOWN},
        {"autoscaling_settings": {"min_replica": UNKNOWN}},
    ],
)
def test_resource_is_accepted_when_it_is_not_known_to_share_a_setting(
    changes: dict[str, Any], offline: Servicer, model: str
) -> None:
    """What a preview does not know, the update compares."""
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
        assert f'declared by "{offline.urn("a", parent)}" for' in reason


def test_resource_is_refused_when_it_breaks_a_rule_together_with_others(offline: Servicer, model: str) -> None:
    """Both values, and every other resource of the environment, since any of them could be changed."""
    assert offline.reasons(_inputs(model, min_replica=3), "a") == []
    assert offline.reasons(_inputs(model, scale_down_delay=60), "b") == []
    owners = 'combined with the settings of "a" and "b" for the same environment'
    reason = f"autoscaling_settings.min_replica: {owners}, must be <= max_replica (2), got 3"
    assert offline.reasons(_inputs(model, max_replica=2), "c") == [reason]
    assert offline.reasons(_inputs(model, max_replica=3), "c") == []


@pytest.mark.parametrize(
    ("settings", "other"), [({"min_replica": 2}, "autoscaling_settings.min_replica"), (None, "autoscaling_settings")]
)
def test_additional_setting_is_refused_when_another_resource_manages_it(
    settings: Any, other: str, offline: Servicer, model: str
) -> None:
    """In an argument of its own, or in an object that is set as a whole."""
    additional = {"model_id": model, "env_name": "staging", "additional_settings": {"autoscaling_settings": settings}}
    assert offline.reasons(_inputs(model, min_replica=1), "a") == []
    (reason,) = offline.reasons(additional, "b")
    assert reason.startswith(f'additional_settings.{other}: combined with the settings of "a" for the same environment')
    assert "must be set once, here or in autoscaling_settings.min_replica" in reason
