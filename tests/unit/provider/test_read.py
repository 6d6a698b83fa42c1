"""Read: what a refresh finds, and what a lookup returns."""

from typing import Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.schema.settings import NULL
from baseten_pulumi.testing import Fault
from tests.unit.provider.servicer import PICKLE, Servicer
from tests.unit.provider.stack import MODEL, Stack, failure

PRODUCTION = f"{MODEL}/production"
SETTINGS = {
    "autoscaling_settings": {"min_replica": 0, "max_replica": 1},
    "promotion_settings": {"rolling_deploy": False},
}
KNOWN = {"status": "ACCEPTED", "revision": "1f2e3d4c", "in_force": True}


def _inputs(**changes: Any) -> dict[str, Any]:
    return {"model_id": MODEL, "env_name": "production", "wait": False, **SETTINGS, **changes}


def _recorded(**changes: Any) -> dict[str, Any]:
    """Return the inputs as Check returned them: the next preview says nothing of `in_force`."""
    return {**_inputs(**changes), "in_force": True}


def _props(**changes: Any) -> dict[str, Any]:
    return {**_inputs(), **KNOWN, **PICKLE, **changes}


def test_nothing_changes_when_nothing_drifted(stack: Stack, settings: Servicer) -> None:
    """One request, which is retried; `wait` and what is known of the last operation stay."""
    stack.emulator.faults.add(Fault.status(503, times=1))
    found = settings.read(PRODUCTION, _props())
    assert (found.id, found.outs, found.inputs) == (PRODUCTION, {**_inputs(), **KNOWN}, _recorded())
    assert [request.status for request in stack.emulator.requests] == [503, 200]


def test_managed_settings_are_as_observed_when_somebody_changed_them(stack: Stack, settings: Servicer) -> None:
    """As inputs too, so that the next preview shows the change; what is not managed stays out."""
    changes = {"max_replica": 9, "scale_down_delay": 5}
    stack.emulator.change(MODEL, "production", changes, {"rolling_deploy": True})
    found = settings.read(PRODUCTION, _props())
    changed = {"min_replica": 0, "max_replica": 9}
    assert found.inputs == _recorded(autoscaling_settings=changed, promotion_settings={"rolling_deploy": True})
    assert found.outs == {**found.inputs, **KNOWN}


def test_last_value_is_kept_when_a_managed_setting_is_reported_as_null(stack: Stack, settings: Servicer) -> None:
    """Not reported is not drifted; a declared 0 of the two percentages counts as reported."""
    autoscaling = {"autoscaling_settings": {"scale_down_delay": 60.0}}
    promotion = {"promotion_settings": {"rolling_deploy_config": {"max_unavailable_percent": 0.0}}}
    stack.emulator.change(MODEL, "production", {"scale_down_delay": None}, {"rolling_deploy_config": None})
    found = settings.read(PRODUCTION, _props(**autoscaling, **promotion))
    assert found.inputs == _recorded(**autoscaling, **promotion)
    assert found.outs == {**found.inputs, **KNOWN}


def test_additional_settings_are_as_observed_when_somebody_changed_them(stack: Stack, settings: Servicer) -> None:
    """Path by path; one that is null, or not reported at all, is a null, and any other one keeps its last value."""
    stack.emulator.later_settings = ("promotion_settings.later",)
    stack.emulator.change(MODEL, "production", promotion_settings={"later": {"a": None, "b": [1, None], "extra": 5}})
    declared = {"a": 7, "b": [1], "c": NULL, "d": 4}
    found = settings.read(PRODUCTION, _props(additional_settings={"promotion_settings": {"later": declared}}))
    observed = {"a": 7, "b": [1, NULL], "c": NULL, "d": 4}
    assert found.inputs == _recorded(additional_settings={"promotion_settings": {"later": observed}})
    assert found.outs == {**found.inputs, **KNOWN}


def test_settings_count_as_applied_when_nothing_waited_and_all_are_read_back(settings: Servicer) -> None:
    assert settings.read(PRODUCTION, _props(in_force=False)).outs == {**_inputs(), **KNOWN}


def test_revision_is_forgotten_when_what_was_sent_is_not_read_back_yet(settings: Servicer) -> None:
    """It may be applied later, over a program that was reverted: the next update sends again, and knows of a queue."""
    props = _props(in_force=False, status="QUEUED", autoscaling_settings={"min_replica": 0, "max_replica": 6})
    assert settings.read(PRODUCTION, props).outs == {**_inputs(), "in_force": False, "status": "QUEUED"}


def test_everything_reported_is_returned_when_a_program_looks_it_up(stack: Stack, settings: Servicer) -> None:
    """A lookup manages nothing; a null is left out, save the policy, of which it means NONE."""
    stack.emulator.later_settings = ("autoscaling_settings.burst",)
    stack.emulator.change(MODEL, "production", {"min_replica": 1, "scale_down_delay": None, "burst": 7})
    found = settings.read(PRODUCTION, dict(PICKLE))
    outputs = found.outs or {}
    expected = {"model_id": MODEL, "env_name": "production", "wait": True, "in_force": True}
    assert (found.id, {name: outputs[name] for name in expected}) == (PRODUCTION, expected)
    assert outputs["autoscaling_settings"]["min_replica"] == 1
    assert "scale_down_delay" not in outputs["autoscaling_settings"]
    assert outputs["request_backpressure_settings"] == {"policy": "NONE"}
    assert outputs["additional_settings"] == {"autoscaling_settings": {"burst": 7}}
    assert not {"status", "revision"} & set(outputs)


def test_resource_is_gone_when_its_model_has_other_environments(settings: Servicer) -> None:
    """An empty id tells the engine so."""
    found = settings.read(f"{MODEL}/canary", _props(env_name="canary"))
    assert (found.id, found.outs, found.inputs) == (None, {}, None)


def test_read_fails_when_the_model_is_missing(stack: Stack, settings: Servicer) -> None:
    """A key of another workspace must not empty a state."""
    stack.emulator.remove_model(MODEL)
    error = failure(settings.read, PRODUCTION, _props())
    assert type(error) is errors.ModelNotFoundError
    assert str(error) == (
        f'Settings of environment "production" (model {MODEL}) could not be read.\n'
        f'Model "{MODEL}" was not found, or this API key cannot see it.\n'
        "Check model_id, and check that the API key belongs to the model's workspace. "
        "If the model was deleted, remove the resource with `pulumi state delete`."
    )


def test_read_fails_when_no_environment_of_the_model_is_listed(stack: Stack, settings: Servicer) -> None:
    """Every model has one: an empty list is a key that may not see them."""
    for name in ("production", "staging"):
        stack.emulator.remove_environment(MODEL, name)
    assert "has no environments that this API key can see" in str(failure(settings.read, PRODUCTION, _props()))


@pytest.mark.parametrize("fault", [Fault.status(404), Fault.status(404, path="/environments/production$")])
def test_read_fails_when_the_404_is_not_explained(fault: Fault, stack: Stack, settings: Servicer) -> None:
    """A wrong base URL answers 404 to everything: nothing is removed on a guess."""
    stack.emulator.faults.add(fault)
    assert type(failure(settings.read, PRODUCTION, _props())) is errors.NotFoundError


@pytest.mark.parametrize(
    ("environment", "kind"),
    [(f"{MODEL}/canary", errors.EnvironmentNotFoundError), ("missing/production", errors.ModelNotFoundError)],
)
def test_lookup_fails_when_there_is_no_such_environment(
    environment: str, kind: type[errors.NotFoundError], settings: Servicer
) -> None:
    """The engine would keep the id, and the program would go on without outputs."""
    error = failure(settings.read, environment, dict(PICKLE))
    assert type(error) is kind
    assert "state delete" not in str(error)


@pytest.mark.parametrize("resource_id", ["abc123", "/production", "abc123/", "a/b/c", "abc123/Production", "../x", ""])
def test_lookup_fails_when_the_id_is_malformed(resource_id: str, stack: Stack, settings: Servicer) -> None:
    assert str(failure(settings.read, resource_id, dict(PICKLE))) == (
        "The environment could not be looked up.\n"
        f'The id "{resource_id}" does not have the form model_id/env_name. Nothing was sent.\n'
        'Use an id like "abc123/production".'
    )
    assert stack.emulator.requests == ()
