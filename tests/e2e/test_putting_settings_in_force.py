"""Rules 1 to 3: fields are owned one by one, create adopts, and the status of a PATCH proves nothing."""

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.engines import Stack
from tests.programs import MODEL, once, patches, polls, program


def test_outputs_are_typed_and_the_second_up_is_empty_when_settings_are_applied(
    stack: Stack, emulator: Emulator
) -> None:
    """A program reads plain integers from the outputs, after `up` and after a refresh; a second `up` does nothing."""
    stack.program(program({"min_replica": 1, "max_replica": 4}))
    assert stack.up().counts["created"] == 2
    expected = {"min": 1, "repr": "1", "status": "ACCEPTED", "in_force": True}
    assert stack.outputs() == expected
    stack.refresh("--expect-no-changes")
    emulator.clear_requests()
    assert stack.up("--expect-no-changes").counts == {"unchanged": 2}
    assert stack.outputs() == expected
    assert not emulator.requests


def test_settings_are_passed_on_whole_when_a_program_exports_or_declares_them(stack: Stack, emulator: Emulator) -> None:
    """An object of an output class is a mapping in a stack's outputs, and an argument of another resource."""
    other = """
BasetenEnvironmentSettings(
    "other", model_id={model!r}, env_name="staging", promotion_settings=settings.promotion_settings
)
pulumi.export("promotion", settings.promotion_settings)
"""
    promotion = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}}
    stack.program(program(promotion=promotion) + other.format(model=MODEL))
    stack.up()
    managed = {**promotion, "rolling_deploy_config": {"max_surge_percent": 25, "max_unavailable_percent": 0}}
    assert stack.outputs()["promotion"] == managed
    assert patches(emulator) == [{"promotion_settings": managed}] * 2
    stack.up("--expect-no-changes")


def test_state_holds_what_was_declared_and_nothing_else_when_settings_are_applied(stack: Stack) -> None:
    """Neither timestamps nor values filled in by the server are in state."""
    stack.program(program({"min_replica": 2}, {"rolling_deploy": False}))
    stack.up()
    resource = stack.resource("chat")
    assert resource["id"] == f"{MODEL}/production"
    assert resource["type"] == "pulumi-python:dynamic/baseten:EnvironmentSettings"
    inputs = {name: value for name, value in resource["inputs"].items() if name != "__provider"}
    assert inputs == {
        "model_id": MODEL,
        "env_name": "production",
        "autoscaling_settings": {"min_replica": 2},
        "promotion_settings": {"rolling_deploy": False},
        "wait": True,
        "in_force": True,
    }
    outputs = {name: value for name, value in resource["outputs"].items() if name != "__provider"}
    assert outputs.pop("revision").isalnum()
    assert outputs == {**inputs, "status": "ACCEPTED"}


def test_only_declared_settings_are_sent_when_others_are_absent_or_null(stack: Stack, emulator: Emulator) -> None:
    """An absent or null setting is never sent; 0 and false are declared."""
    stack.program(program({"min_replica": 0, "max_replica": None}, {"rolling_deploy": False}))
    stack.up()
    assert patches(emulator) == [
        {"autoscaling_settings": {"min_replica": 0}, "promotion_settings": {"rolling_deploy": False}}
    ]


def test_undeclared_settings_never_drift_when_somebody_changes_them(stack: Stack, emulator: Emulator) -> None:
    """A setting nobody declared is neither compared nor sent."""
    stack.program(program({"min_replica": 1}))
    stack.up()
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 7})
    stack.refresh("--expect-no-changes")
    stack.up("--expect-no-changes")
    assert emulator.reported(MODEL, "production")["autoscaling_settings"]["max_replica"] == 7


def test_surge_keeps_its_value_when_another_rolling_setting_is_sent(stack: Stack, emulator: Emulator) -> None:
    """An absent max_surge_percent would be filled in by the API page's default of 10: it goes as an explicit null."""
    stack.program(program(None, {"rolling_deploy_config": {"stabilization_time_seconds": 30}}))
    stack.up()
    (body,) = patches(emulator)
    assert body == {
        "promotion_settings": {"rolling_deploy_config": {"stabilization_time_seconds": 30, "max_surge_percent": None}}
    }


def test_it_is_refused_when_nothing_is_declared(stack: Stack, emulator: Emulator) -> None:
    """A resource that manages nothing is a mistake, and nothing is sent for it."""
    stack.is_settled_at_the_end = False
    stack.program(program({}, None))
    assert "at least one setting must be declared in " in stack.fails("up")
    assert not emulator.requests


@pytest.mark.parametrize(
    ("model", "environment", "message"),
    [
        ("nosuch99", "production", 'Model "nosuch99" was not found, or this API key cannot see it.'),
        (MODEL, "canary", f'Model "{MODEL}" has no environment "canary"; it has dev, production, staging.'),
    ],
)
def test_the_error_tells_model_from_environment_when_one_is_missing(
    stack: Stack, emulator: Emulator, model: str, environment: str, message: str
) -> None:
    """Create adopts what exists; what does not exist is named, and nothing is left in state."""
    stack.program(program({"min_replica": 1}, model=model, environment=environment))
    text = stack.fails("up")
    assert message in text
    assert "baseten_pulumi/provider" not in text
    assert not [resource for resource in stack.state() if resource["urn"].endswith("::chat")]
    stack.program(program({"min_replica": 1}))
    stack.up()


@pytest.mark.emulator(apply_seconds=2.0)
def test_up_waits_when_settings_take_time_to_apply(stack: Stack, emulator: Emulator) -> None:
    """`up` returns once every setting was read back."""
    stack.program(program({"min_replica": 1, "max_replica": 4}))
    stack.up()
    assert emulator.reported(MODEL, "production")["autoscaling_settings"]["max_replica"] == 4
    assert stack.outputs()["in_force"] is True


def test_the_wait_goes_on_when_baseten_queues_behind_a_promotion(stack: Stack, emulator: Emulator) -> None:
    """`up` ends after the promotion, once the settings are applied."""
    emulator.start_promotion(MODEL, "production", percent=40)
    stack.program(program({"min_replica": 2}))
    with once(lambda: polls(emulator) >= 3, lambda: emulator.finish_promotion(MODEL, "production")):
        stack.up()
    assert stack.outputs()["status"] == "QUEUED"
    assert emulator.reported(MODEL, "production")["autoscaling_settings"]["min_replica"] == 2


def test_unchanged_is_read_back_too_when_it_is_the_status(stack: Stack, emulator: Emulator) -> None:
    """UNCHANGED proves nothing either."""
    stack.program(program({"min_replica": 1, "max_replica": 3}))
    stack.up()
    assert stack.outputs()["status"] == "UNCHANGED"
    assert [request.method for request in emulator.requests] == ["PATCH", "GET"]


def test_the_resource_is_replaced_when_it_means_another_environment(stack: Stack, emulator: Emulator) -> None:
    """A changed env_name or model_id is another environment: the new one is adopted, the old one kept as it is."""
    stack.program(program({"min_replica": 1}, environment="staging"))
    stack.up()
    stack.program(program({"min_replica": 1}, environment="dev"))
    assert stack.preview().counts["replace"] == 1
    stack.up()
    assert stack.resource("chat")["id"] == f"{MODEL}/dev"
    assert emulator.reported(MODEL, "staging")["autoscaling_settings"]["min_replica"] == 1


def test_settings_are_applied_when_the_response_has_no_environment(stack: Stack, emulator: Emulator) -> None:
    """The founding page answers with `status` and `message` only."""
    emulator.faults.add(Fault.body({"status": "ACCEPTED", "message": ""}, method="PATCH"))
    stack.program(program({"min_replica": 1}, {"rolling_deploy_config": {"stabilization_time_seconds": 30}}))
    stack.up()
    assert stack.outputs()["in_force"] is True
