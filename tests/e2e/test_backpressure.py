"""The backpressure policy: the one setting that a null clears, under the rules of every other."""

import re

import pytest

from baseten_pulumi.testing import Emulator
from tests.engines import Stack
from tests.programs import MODEL, patches, program


def _program(policy: str | None) -> str:
    declared = {"policy": policy}
    return program({"min_replica": 1}, more=f"request_backpressure_settings={declared!r},")


def _policy(emulator: Emulator) -> object:
    return emulator.reported(MODEL, "production")["request_backpressure_settings"]["policy"]


@pytest.mark.emulator(apply_seconds=1)
def test_policy_is_applied_and_cleared_when_declared(stack: Stack, emulator: Emulator) -> None:
    """It is sent, waited for and read back; NONE is sent as null, and a second `up` sends nothing."""
    stack.program(
        _program("QUEUE_ON_FULL") + 'pulumi.export("policy", settings.request_backpressure_settings.policy)\n'
    )
    stack.up()
    assert (_policy(emulator), stack.outputs()["policy"]) == ("QUEUE_ON_FULL", "QUEUE_ON_FULL")
    stack.program(_program("NONE"))
    assert re.search(r"~ policy *: \"QUEUE_ON_FULL\" => \"NONE\"", stack.preview().text)
    stack.up()
    assert patches(emulator)[-1] == {
        "autoscaling_settings": {"min_replica": 1},
        "request_backpressure_settings": {"policy": None},
    }
    assert _policy(emulator) is None
    emulator.clear_requests()
    stack.up("--expect-no-changes")
    assert not emulator.requests
    stack.refresh("--expect-no-changes")
    assert stack.resource("chat")["outputs"]["request_backpressure_settings"] == {"policy": "NONE"}


def test_drift_is_shown_both_ways_when_somebody_set_a_policy(stack: Stack, emulator: Emulator) -> None:
    """No policy is a value: refresh finds another one, the preview shows it go, `up` clears it."""
    stack.program(_program("NONE"))
    stack.up()
    emulator.change(MODEL, "production", request_backpressure_settings={"policy": "REJECT_ON_FULL"})
    stack.refresh()
    assert re.search(r"~ policy *: \"REJECT_ON_FULL\" => \"NONE\"", stack.preview().text)
    stack.up()
    assert _policy(emulator) is None


def test_policy_stays_when_it_leaves_the_program(stack: Stack, emulator: Emulator) -> None:
    """None declares nothing: Baseten keeps the policy, and the update says so without a request."""
    stack.program(_program("QUEUE_ON_FULL"))
    stack.up()
    emulator.clear_requests()
    stack.program(_program(None))
    sentence = "request_backpressure_settings.policy is no longer managed; Baseten keeps its value (QUEUE_ON_FULL)."
    assert sentence in stack.up().text
    assert not emulator.requests
    assert _policy(emulator) == "QUEUE_ON_FULL"
