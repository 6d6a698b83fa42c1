"""What an update does so that applied means applied: a queue is not forgotten, a policy is checked, a row ends."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import engine_pb2

from baseten_pulumi import errors
from baseten_pulumi.provider import SettingsInForceProvider
from baseten_pulumi.schema.in_force import LEFT_OUT, format_entry
from baseten_pulumi.testing import Fault
from tests.schedules import inputs as schedule_inputs
from tests.unit.provider.servicer import Servicer
from tests.unit.provider.stack import MODEL, Stack, failure

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

PRODUCTION = f"{MODEL}/production"
POLICY = "Nothing was sent.\nA policy changed the inputs after they were checked. Correct its remediation."


def _inputs(maximum: int, **changes: Any) -> dict[str, Any]:
    own = {"model_id": MODEL, "env_name": "production", "wait": True}
    return {**own, "autoscaling_settings": {"max_replica": maximum}, **changes}


def _outputs(maximum: int, **changes: Any) -> dict[str, Any]:
    return {**_inputs(maximum), "status": "ACCEPTED", "in_force": True, "revision": "1f2e3d4c", **changes}


def _kept(settings: Servicer) -> dict[str, Any]:
    """Return the outputs that the engine keeps after a failure."""
    found = MessageToDict(settings.kept.properties)
    del found["__provider"]
    return found


def _maximum(stack: Stack) -> object:
    return stack.emulator.reported(MODEL, "production")["autoscaling_settings"]["max_replica"]


def _outcomes(stack: Stack) -> list[str | None]:
    return [request.outcome for request in stack.patches]


def _warnings(engine: "Engine") -> list[str]:
    return [line.message for line in engine.lines if line.severity == engine_pb2.WARNING]


# --- a queued request -----------------------------------------------------------------------------------------------


@pytest.fixture
def queued(stack: Stack, settings: Servicer) -> Iterator[dict[str, Any]]:
    """What is kept after `up` has timed out with 1→5 queued behind a promotion."""
    stack.emulator.start_promotion(MODEL, "production", percent=40)
    assert type(failure(settings.update, _outputs(1), _inputs(5), 30.0)) is errors.WaitTimeoutError
    kept = _kept(settings)
    assert kept == _outputs(5, in_force=False, status="QUEUED", revision=kept["revision"])
    yield kept
    # In the end, another `up` puts the program in force.
    assert _maximum(stack) == 5
    assert settings.update(_kept(settings), _inputs(1))["in_force"] is True
    assert _maximum(stack) == 1


@pytest.mark.parametrize("refreshes", [0, 1, 2])
def test_reverted_update_does_not_succeed_when_an_earlier_one_is_still_queued(
    refreshes: int, queued: dict[str, Any], stack: Stack, settings: Servicer
) -> None:
    """1→5 is queued, the program goes back to 1, which is UNCHANGED, and the end of the promotion brings 5."""
    for _ in range(refreshes):
        queued = dict(settings.read(PRODUCTION, queued).outs or {})
        assert (queued["autoscaling_settings"], queued["in_force"]) == ({"max_replica": 1}, False)
    assert settings.diff(queued, _inputs(1)).changes is True
    stack.after(20.0, lambda: stack.emulator.finish_promotion(MODEL, "production"))
    error = failure(settings.update, queued, _inputs(1), 300.0)
    assert type(error) is errors.OverriddenError
    assert "max_replica: expected 1, observed 5, before the request 1." in str(error)
    assert "an earlier request that was queued behind it may have been applied" in str(error)
    assert _outcomes(stack) == ["QUEUED", "UNCHANGED"]
    assert _kept(settings)["status"] == "QUEUED"


def test_revision_is_forgotten_when_a_response_is_lost_while_an_earlier_update_is_queued(
    queued: dict[str, Any], stack: Stack, settings: Servicer
) -> None:
    """The queue stays known, and the next update sends again, whatever it waits for."""
    fault = stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH"))
    failure(settings.update, queued, _inputs(1), 5.0)
    assert _kept(settings) == {**_inputs(1), "in_force": False, "status": "QUEUED"}
    stack.emulator.faults.remove(fault)
    stack.emulator.finish_promotion(MODEL, "production")


# --- a third value --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("olds", [{}, _outputs(1)], ids=["create", "update"])
def test_joint_wait_ends_early_when_settings_that_this_run_sent_were_capped(
    olds: dict[str, Any], stack: Stack, settings: Servicer
) -> None:
    """It knows what was there before from the resource that sent them, which has read it."""
    stack.emulator.faults.add(Fault.caps("max_replica", 4, method="PATCH"))
    news = _inputs(6, wait=False)
    outputs = settings.update(olds, news) if olds else settings.create(news)
    line = format_entry(outputs, {"autoscaling_settings": outputs["autoscaling_settings"]})
    joint = stack.provider("in-force", SettingsInForceProvider)
    error = failure(joint.create, {"environments": {"it": line}}, 300.0)
    assert type(error) is errors.OverriddenError
    assert "max_replica: expected 6, observed 4, before the request 1." in str(error)


# --- an environment that was there a moment ago ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_update_goes_on_when_an_environment_of_this_run_is_missing_for_some_seconds(
    method: str, stack: Stack, settings: Servicer
) -> None:
    """The read before the PATCH, the PATCH, or a poll: reads are eventually consistent."""
    outputs = settings.create(_inputs(2))
    fault = stack.emulator.faults.add(Fault.status(404, method=method, env_name="production"))
    stack.after(40.0, lambda: stack.emulator.faults.remove(fault))
    began = stack.now
    assert settings.update(outputs, _inputs(3), 300.0)["in_force"] is True
    assert 40.0 <= stack.now - began <= 60.0


def test_update_fails_when_an_environment_of_this_run_stays_missing(stack: Stack, settings: Servicer) -> None:
    settings.create(_inputs(2))
    stack.emulator.remove_environment(MODEL, "production")
    began = stack.now
    error = failure(settings.update, _outputs(2), _inputs(3), 300.0)
    assert type(error) is errors.EnvironmentNotFoundError
    assert f'"production" (model {MODEL}) were not updated.' in str(error)
    assert 40.0 <= stack.now - began <= 60.0
    assert not settings.status.details


# --- what the row says ----------------------------------------------------------------------------------------------


def test_row_warns_when_a_setting_that_was_changed_by_hand_is_changed_back(
    stack: Stack, settings: Servicer, engine: "Engine"
) -> None:
    """Not of a value that is wanted now, nor of one that is no longer declared."""
    by_hand = {"min_replica": 1, "max_replica": 9, "scale_down_delay": 5, "concurrency_target": 7}
    stack.emulator.change(MODEL, "production", by_hand)
    before = {"min_replica": 0, "max_replica": 1, "scale_down_delay": 900}
    after = {"min_replica": 1, "max_replica": 3, "concurrency_target": 2}
    olds = _outputs(1, autoscaling_settings=before)
    settings.update(olds, _inputs(1, autoscaling_settings=after))
    line = f"{PRODUCTION}: max_replica was changed outside Pulumi (9); resetting to 3"
    assert _warnings(engine) == [line]


def test_row_warns_when_a_setting_is_changed_back_that_nothing_waited_for(
    stack: Stack, settings: Servicer, engine: "Engine"
) -> None:
    """As with a joint wait: it was changed by hand, or is not applied yet."""
    stack.emulator.change(MODEL, "production", {"max_replica": 9})
    settings.update(_outputs(2, wait=False, in_force=False), _inputs(3, wait=False))
    assert _warnings(engine) == [f"{PRODUCTION}: max_replica is 9 (2 was sent); resetting to 3"]


@pytest.mark.parametrize(
    "olds",
    [{}, _outputs(2, in_force=False), _outputs(2, wait=False, in_force=False, status="QUEUED")],
    ids=["create", "not in force before", "queued before"],
)
def test_row_does_not_warn_when_it_is_not_known_what_was_there_before(
    olds: dict[str, Any], stack: Stack, settings: Servicer, engine: "Engine"
) -> None:
    stack.emulator.change(MODEL, "production", {"max_replica": 9})
    settings.update(olds, _inputs(3)) if olds else settings.create(_inputs(3))
    assert (_maximum(stack), _warnings(engine)) == (3, [])


def test_row_warns_when_an_update_is_accepted_with_an_error(stack: Stack, settings: Servicer, engine: "Engine") -> None:
    body = {"status": "ACCEPTED", "error": "No more than 2\nreplicas."}
    stack.emulator.faults.add(Fault.body(body, takes_effect=False, method="PATCH"))
    error = failure(settings.update, _outputs(1), _inputs(3), 10.0)
    said = f"{PRODUCTION}: Baseten accepted the request and reports an error: No more than 2 replicas."
    assert _warnings(engine) == [said]
    assert 'Baseten returned: "No more than 2 replicas".' in str(error)


def test_row_warns_when_settings_are_applied_while_a_promotion_runs(
    stack: Stack, settings: Servicer, engine: "Engine"
) -> None:
    """Baseten has them already, so nothing is queued."""
    stack.emulator.start_promotion(MODEL, "production", percent=40)
    assert settings.create(_inputs(1))["status"] == "UNCHANGED"
    text = "applied, but promotion 40 % is running and may change it when it ends"
    assert _warnings(engine) == [f"{PRODUCTION}: {text}"]


@pytest.mark.parametrize(("wait", "word"), [(True, "applied"), (False, "sent")])
def test_row_ends_with_success_when_a_retry_was_shown(
    wait: bool, word: str, stack: Stack, settings: Servicer, engine: "Engine"
) -> None:
    stack.emulator.faults.add(Fault.status(503, method="PATCH", times=1))
    settings.create(_inputs(3, wait=wait))
    assert engine.texts[0].endswith(", retrying for up to 1800 s")
    assert engine.texts[-1] == word


def test_row_ends_with_success_when_a_retry_of_a_deletion_was_shown(
    stack: Stack, peak: Servicer, engine: "Engine"
) -> None:
    schedule_id = stack.put()
    outputs = {**schedule_inputs(MODEL), "schedule_id": schedule_id, "in_force": True}
    stack.emulator.faults.add(Fault.status(503, method="PATCH", times=1))
    peak.delete(f"{PRODUCTION}/{schedule_id}", outputs)
    assert engine.texts[0].endswith(", retrying for up to 1800 s")
    assert engine.texts[-1] == "deleted"


def test_row_shows_nothing_when_everything_is_applied_at_once(settings: Servicer, engine: "Engine") -> None:
    settings.create(_inputs(1))
    assert engine.texts == []


# --- what is refused before anything is sent ------------------------------------------------------------------------


@pytest.mark.parametrize("olds", [{}, _outputs(3)], ids=["create", "update"])
def test_nothing_is_sent_when_a_policy_has_made_settings_invalid(
    olds: dict[str, Any], stack: Stack, settings: Servicer
) -> None:
    news = _inputs(3, autoscaling_settings={"min_replica": 5, "max_replica": 3})
    error = failure(settings.update, olds, news) if olds else failure(settings.create, news)
    assert type(error) is errors.ConfigurationError
    assert str(error) == (
        f'Settings of environment "production" (model {MODEL}) were not updated.\n'
        f"autoscaling_settings.min_replica: must be <= max_replica (3), got 5. {POLICY}"
    )
    assert (stack.emulator.requests, list(settings.status.details)) == ((), [])


@pytest.mark.parametrize("is_update", [False, True])
def test_nothing_is_sent_when_a_policy_has_made_a_schedule_invalid(
    is_update: bool, stack: Stack, peak: Servicer
) -> None:
    news = schedule_inputs(MODEL, autoscaling_settings={"min_replica": 9, "max_replica": 8})
    olds = {**schedule_inputs(MODEL), "schedule_id": stack.put(), "in_force": True}
    error = failure(peak.update, olds, news) if is_update else failure(peak.create, news)
    assert type(error) is errors.ConfigurationError
    assert str(error).endswith(f"min_replica: must be <= max_replica (8), got 9. {POLICY}")
    assert (stack.emulator.requests, list(peak.status.details)) == ((), [])


def test_joint_wait_fails_at_once_when_a_resource_is_left_out_of_the_run() -> None:
    """No key is needed: nothing is read."""
    joint = Servicer({}, SettingsInForceProvider)
    inputs = {"environments": {"b": LEFT_OUT, "c": 'm/e 1f {"settings":{},"status":null}', "a": LEFT_OUT}}
    assert joint.reasons(inputs) == []
    error = failure(joint.create, inputs)
    assert type(error) is errors.NotAppliedError
    assert str(error) == (
        "The wait for settings was not started.\n"
        "This run leaves out resources that do not exist yet: a, b. Nothing was sent.\n"
        "Run `pulumi up` with `--exclude-dependents`, or without `--exclude`."
    )


def test_error_in_a_success_is_shown_when_a_schedule_was_accepted(
    stack: Stack, peak: Servicer, engine: "Engine"
) -> None:
    """As a warning, and in the error if the schedule is never listed."""
    body = {"status": "ACCEPTED", "error": "No capacity."}
    stack.emulator.faults.add(Fault.body(body, takes_effect=False, method="PATCH"))
    error = failure(peak.create, schedule_inputs(MODEL), 30.0)
    assert 'Baseten returned: "No capacity"' in str(error)
    (warning,) = _warnings(engine)
    assert warning.endswith(": Baseten accepted the request and reports an error: No capacity.")


def test_error_in_a_success_is_shown_when_a_schedule_is_deleted(stack: Stack, peak: Servicer, engine: "Engine") -> None:
    schedule_id = stack.put()
    body = {"status": "ACCEPTED", "error": "In use."}
    stack.emulator.faults.add(Fault.body(body, takes_effect=False, method="PATCH"))
    outputs = {**schedule_inputs(MODEL), "schedule_id": schedule_id, "in_force": True}
    error = failure(peak.delete, f"{PRODUCTION}/{schedule_id}", outputs)
    assert 'Baseten returned: "In use"' in str(error)
    assert _warnings(engine) == [
        f"{PRODUCTION}/{schedule_id}: Baseten accepted the request and reports an error: In use."
    ]
