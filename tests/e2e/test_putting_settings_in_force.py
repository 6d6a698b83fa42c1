"""Rules 1 to 3: fields are owned one by one, create adopts, and what depends on settings waits until they apply."""

import re

import pytest

from baseten_pulumi.testing import Emulator
from tests.programs import MODEL, patches, program, reported, requested
from tests.stacks import Stack


@pytest.mark.emulator(apply_seconds=1.0)
def test_state_and_outputs_hold_what_was_declared_when_settings_are_applied(stack: Stack, emulator: Emulator) -> None:
    """What is absent or null is not sent, not kept and never drifts; 0 and false are declared."""
    stack.program(program({"min_replica": 0, "max_replica": 4, "scale_down_delay": None}, {"rolling_deploy": False}))
    assert stack.up().counts["created"] == 2
    declared = {
        "autoscaling_settings": {"min_replica": 0, "max_replica": 4},
        "promotion_settings": {"rolling_deploy": False},
    }
    assert patches(emulator) == [declared]
    promotion = declared["promotion_settings"]
    outputs = {"min": 0, "repr": "0", "promotion": promotion, "status": "ACCEPTED", "in_force": True}
    assert stack.outputs() == outputs
    resource = stack.resource("chat")
    held = {"model_id": MODEL, "env_name": "production", "wait": True, "in_force": True, **declared}
    assert resource["id"] == f"{MODEL}/production"
    assert {name: value for name, value in resource["inputs"].items() if name != "__provider"} == held
    assert resource["outputs"].pop("revision").isalnum()
    assert {k: value for k, value in resource["outputs"].items() if k != "__provider"} == {**held, "status": "ACCEPTED"}
    emulator.change(MODEL, "production", autoscaling_settings={"scale_down_delay": 7})
    stack.refresh("--expect-no-changes")
    emulator.clear_requests()
    assert stack.up("--expect-no-changes").counts == {"unchanged": 2}
    assert stack.outputs() == outputs
    assert not emulator.requests


def test_baseten_keeps_the_settings_when_a_resource_is_replaced_renamed_or_destroyed(
    stack: Stack, emulator: Emulator
) -> None:
    """Another environment is another resource. Delete sends nothing and says so."""
    stack.program(program({"max_replica": 3}, environment="staging"))
    stack.up()
    six = program({"max_replica": 6}, environment="dev")
    stack.program(six)
    preview = stack.preview()
    assert preview.counts["replace"] == 1
    assert re.search(r'~ env_name *: "staging" => "dev"', preview.text), preview.text
    assert "~ max_replica: 3 => 6" in preview.text
    assert f"{MODEL}/staging: Baseten keeps the settings" in stack.up().text
    assert stack.resource("chat")["id"] == f"{MODEL}/dev"
    assert reported(emulator, "max_replica", "staging") == 3
    stack.program(six.replace('"chat"', '"talk"'))
    assert {"created", "deleted"} <= stack.up("--refresh").counts.keys()
    emulator.clear_requests()
    assert f"{MODEL}/dev: Baseten keeps the settings" in stack.destroy().text
    assert not emulator.requests
    assert not stack.state()
    assert reported(emulator, "max_replica", "dev") == 6


@pytest.mark.parametrize(
    ("model", "environment", "message"),
    [
        ("nosuch99", "production", 'Model "nosuch99" was not found, or this API key cannot see it.'),
        (MODEL, "canary", f'Model "{MODEL}" has no environment "canary"; it has dev, production, staging.'),
    ],
)
def test_the_error_tells_model_from_environment_when_one_is_missing(
    stack: Stack, model: str, environment: str, message: str
) -> None:
    """Create adopts what exists; what does not exist is named, and nothing is left in state."""
    stack.program(program({"min_replica": 1}, model=model, environment=environment))
    text = stack.fails("up")
    assert message in text
    assert "baseten_pulumi/provider" not in text
    assert not [resource for resource in stack.state() if resource["urn"].endswith("::chat")]


_DEPENDENT = f"""
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

first = BasetenEnvironmentSettings(
    "first",
    model_id="{MODEL}",
    env_name="dev",
    promotion_settings={{"rolling_deploy": True, "rolling_deploy_config": {{"max_surge_percent": 25}}}},
)
BasetenEnvironmentSettings(
    "chat",
    model_id=first.status.apply(lambda _: "{MODEL}"),
    env_name="production",
    autoscaling_settings={{"min_replica": first.in_force.apply(lambda it: 2 if it else 1), "max_replica": 4}},
    promotion_settings=first.promotion_settings,
)
pulumi.export("promotion", first.promotion_settings)
"""


@pytest.mark.emulator(apply_seconds=1.0)
def test_settings_are_sent_after_those_they_depend_on_apply_when_they_are_outputs(
    stack: Stack, emulator: Emulator
) -> None:
    """A preview knows nothing of them, at any depth. A whole object is an argument and a stack output, too."""
    stack.program(_DEPENDENT)
    assert stack.preview().counts["create"] == 3
    assert not emulator.requests
    stack.up()
    asked = requested(emulator)
    second = asked.index(("PATCH", "production"))
    assert {name for _, name in asked[: second - 1]} == {"dev"}
    assert asked[second - 3 : second] == [("GET", "dev"), ("GET", "dev"), ("GET", "production")]
    promotion = {
        "rolling_deploy": True,
        "rolling_deploy_config": {"max_surge_percent": 25, "max_unavailable_percent": 0},
    }
    autoscaling = {"min_replica": 2, "max_replica": 4}
    assert patches(emulator) == [
        {"promotion_settings": promotion},
        {"autoscaling_settings": autoscaling, "promotion_settings": promotion},
    ]
    assert stack.outputs() == {"promotion": promotion}
    stack.expect_settled()
