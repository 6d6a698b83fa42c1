"""Read: what a refresh finds, and what a lookup returns."""

from typing import Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.testing import Emulator, Fault
from tests.unit.provider.servicer import PICKLE, Servicer

SETTINGS = {
    "autoscaling_settings": {"min_replica": 0, "max_replica": 1},
    "promotion_settings": {"rolling_deploy": False},
}
KNOWN = {"status": "ACCEPTED", "revision": "1f2e3d4c", "in_force": True}


def _inputs(model: str, **changes: Any) -> dict[str, Any]:
    return {"model_id": model, "env_name": "production", "wait": False, **SETTINGS, **changes}


def _props(model: str, **changes: Any) -> dict[str, Any]:
    return {**_inputs(model), **KNOWN, **PICKLE, **changes}


def test_nothing_changes_when_nothing_drifted(settings: Servicer, baseten: Emulator, model: str) -> None:
    """One request; `wait` and what is known of the last operation included."""
    found = settings.read(f"{model}/production", _props(model))
    assert (found.id, found.outs, found.inputs) == (f"{model}/production", {**_inputs(model), **KNOWN}, _inputs(model))
    assert [request.method for request in baseten.requests] == ["GET"]


def test_managed_settings_are_as_observed_when_somebody_changed_them(
    settings: Servicer, baseten: Emulator, model: str
) -> None:
    """As inputs too, so that the next preview shows the change; what is not managed stays out."""
    baseten.change(model, "production", {"max_replica": 9, "scale_down_delay": 5}, {"rolling_deploy": True})
    found = settings.read(f"{model}/production", _props(model))
    changed = {"min_replica": 0, "max_replica": 9}
    assert found.inputs == _inputs(model, autoscaling_settings=changed, promotion_settings={"rolling_deploy": True})
    assert found.outs == {**found.inputs, **KNOWN}


def test_last_value_is_kept_when_a_managed_setting_is_reported_as_null(
    settings: Servicer, baseten: Emulator, model: str
) -> None:
    """Not reported is not drifted; a declared 0 of the two percentages counts as reported."""
    autoscaling = {"autoscaling_settings": {"scale_down_delay": 60.0}}
    promotion = {"promotion_settings": {"rolling_deploy_config": {"max_unavailable_percent": 0.0}}}
    baseten.change(model, "production", {"scale_down_delay": None}, {"rolling_deploy_config": None})
    found = settings.read(f"{model}/production", _props(model, **autoscaling, **promotion))
    assert found.inputs == _inputs(model, **autoscaling, **promotion)
    assert found.outs == {**found.inputs, **KNOWN}


def test_settings_count_as_applied_when_nothing_waited_and_all_are_read_back(settings: Servicer, model: str) -> None:
    """Nothing is left to wait for."""
    found = settings.read(f"{model}/production", _props(model, in_force=False))
    assert found.outs == {**_inputs(model), **KNOWN}


def test_status_is_forgotten_when_what_was_sent_is_not_read_back_yet(settings: Servicer, model: str) -> None:
    """It may be applied later, over a program that was reverted: without a status the next update sends again."""
    props = _props(model, in_force=False, status="QUEUED", autoscaling_settings={"min_replica": 0, "max_replica": 6})
    outputs = settings.read(f"{model}/production", props).outs or {}
    assert outputs == {**_inputs(model), "in_force": False, "revision": "1f2e3d4c"}
    assert settings.diff(outputs, _inputs(model)).changes is True


def test_everything_reported_is_returned_when_a_program_looks_it_up(
    settings: Servicer, baseten: Emulator, model: str
) -> None:
    """A lookup manages nothing; a null is left out, save the policy, of which it means NONE."""
    baseten.change(model, "production", {"min_replica": 1, "scale_down_delay": None})
    found = settings.read(f"{model}/production", dict(PICKLE))
    outputs = found.outs or {}
    assert (found.id, outputs["model_id"], outputs["env_name"]) == (f"{model}/production", model, "production")
    assert outputs["autoscaling_settings"]["min_replica"] == 1
    assert "scale_down_delay" not in outputs["autoscaling_settings"]
    assert outputs["request_backpressure_settings"] == {"policy": "NONE"}
    assert (outputs["wait"], outputs["in_force"]) == (True, True)
    assert not {"status", "revision"} & set(outputs)


def test_resource_is_gone_when_its_model_has_other_environments(settings: Servicer, model: str) -> None:
    """An empty id tells the engine so."""
    found = settings.read(f"{model}/canary", _props(model, env_name="canary"))
    assert (found.id, found.outs, found.inputs) == (None, {}, None)


def test_read_fails_when_the_model_is_missing(settings: Servicer, baseten: Emulator, model: str) -> None:
    """A key of another workspace must not empty a state."""
    baseten.remove_model(model)
    with pytest.raises(errors.ModelNotFoundError) as caught:
        settings.read(f"{model}/production", _props(model))
    assert str(caught.value) == (
        f'Settings of environment "production" (model {model}) could not be read.\n'
        f'Model "{model}" was not found, or this API key cannot see it.\n'
        "Check model_id, and check that the API key belongs to the model's workspace. "
        "If the model was deleted, remove the resource with `pulumi state delete`."
    )


def test_read_fails_when_no_environment_of_the_model_is_listed(
    settings: Servicer, baseten: Emulator, model: str
) -> None:
    """Every model has one: an empty list is a key that may not see them."""
    for name in ("production", "staging"):
        baseten.remove_environment(model, name)
    with pytest.raises(errors.NotFoundError, match="has no environments that this API key can see"):
        settings.read(f"{model}/production", _props(model))


@pytest.mark.parametrize("fault", [Fault.status(404), Fault.status(404, path="/environments/production$")])
def test_read_fails_when_the_404_is_not_explained(
    fault: Fault, settings: Servicer, baseten: Emulator, model: str
) -> None:
    """A wrong base URL answers 404 to everything: nothing is removed on a guess."""
    baseten.faults.add(fault)
    with pytest.raises(errors.NotFoundError) as caught:
        settings.read(f"{model}/production", _props(model))
    assert type(caught.value) is errors.NotFoundError


@pytest.mark.parametrize(
    ("suffix", "kind"), [("/canary", errors.EnvironmentNotFoundError), ("-x/production", errors.ModelNotFoundError)]
)
def test_lookup_fails_when_there_is_no_such_environment(
    suffix: str, kind: type[errors.NotFoundError], settings: Servicer, model: str
) -> None:
    """The engine would keep the id, and the program would go on without outputs."""
    with pytest.raises(kind) as caught:
        settings.read(f"{model}{suffix}", dict(PICKLE))
    assert "state delete" not in str(caught.value)


@pytest.mark.parametrize("resource_id", ["abc123", "/production", "abc123/", "a/b/c", "abc123/Production", "../x", ""])
def test_lookup_fails_when_the_id_is_malformed(resource_id: str, settings: Servicer, baseten: Emulator) -> None:
    """Before anything is sent."""
    with pytest.raises(errors.ConfigurationError) as caught:
        settings.read(resource_id, dict(PICKLE))
    assert str(caught.value) == (
        "The environment could not be looked up.\n"
        f'The id "{resource_id}" does not have the form model_id/env_name. Nothing was sent.\n'
        'Use an id like "abc123/production".'
    )
    assert baseten.requests == ()


def test_read_is_retried_when_the_error_is_transient(settings: Servicer, baseten: Emulator, model: str) -> None:
    """A refresh does not fail for one 503."""
    baseten.faults.add(Fault.status(503, times=1))
    assert settings.read(f"{model}/production", _props(model)).id == f"{model}/production"
