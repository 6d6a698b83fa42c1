"""Drift: found by jobs that only read, shown in both directions by name, and brought back."""

import re

from baseten_pulumi.testing import Emulator
from tests.programs import MODEL, patches, program, reported, requested
from tests.stacks import Stack

JOB = ("--refresh", "--expect-no-changes")
UNEXPECTED_CHANGES = 7


def _only_reads(emulator: Emulator) -> bool:
    return {method for method, _ in requested(emulator)} == {"GET"}


def test_drift_is_shown_both_ways_and_brought_back_when_a_setting_was_changed(stack: Stack, emulator: Emulator) -> None:
    """A preview with a refresh keeps the state, a refresh does not. Settings that nobody declared may be anything."""
    stack.program(program({"min_replica": 1, "max_replica": 3}, {"rolling_deploy": False}))
    stack.up()
    emulator.clear_requests()
    emulator.change(MODEL, "production", autoscaling_settings={"concurrency_target": 8})
    assert stack.run("preview", *JOB).returncode == 0
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 9})
    run = stack.run("preview", "--diff", *JOB)
    assert run.returncode == UNEXPECTED_CHANGES
    assert ("~ max_replica: 3 => 9" in run.text, "~ max_replica: 9 => 3" in run.text) == (True, True), run.text
    assert not re.search("concurrency_target|~ min_replica", run.text)
    assert stack.resource("chat")["inputs"]["autoscaling_settings"] == {"min_replica": 1, "max_replica": 3}
    run = stack.run("refresh", "--diff", "--expect-no-changes")
    assert (run.returncode, "~ max_replica: 3 => 9" in run.text) == (UNEXPECTED_CHANGES, True)
    assert stack.resource("chat")["inputs"]["autoscaling_settings"] == {"min_replica": 1, "max_replica": 9}
    run = stack.run("preview", "--diff", "--expect-no-changes")
    assert (run.returncode, "~ max_replica: 9 => 3" in run.text) == (UNEXPECTED_CHANGES, True)
    assert _only_reads(emulator)
    stack.up("--refresh")
    assert (reported(emulator, "max_replica"), reported(emulator, "concurrency_target")) == (3, 8)


def test_the_resource_leaves_the_state_when_its_environment_is_deleted_and_not_when_its_model_is(
    stack: Stack, emulator: Emulator
) -> None:
    """A key of another workspace sees none of the models: it must not remove every resource from the state."""
    stack.program(program({"max_replica": 5}, environment="staging"))
    stack.up()
    before = stack.resource("chat")
    emulator.clear_requests()
    emulator.remove_model(MODEL)
    text = stack.fails("refresh")
    assert f'Model "{MODEL}" was not found, or this API key cannot see it.' in text
    assert "If the model was deleted, remove the resource with `pulumi state delete`." in text
    assert stack.resource("chat")["outputs"] == before["outputs"]
    emulator.add_model(MODEL, "chat", ["production"])
    assert stack.run("preview", *JOB).returncode == UNEXPECTED_CHANGES
    assert stack.refresh().counts["deleted"] == 1
    assert not [resource for resource in stack.state() if resource["urn"].endswith("::chat")]
    assert _only_reads(emulator)
    assert f'Model "{MODEL}" has no environment "staging"; it has production.' in stack.fails("up")


def _policy(policy: str | None) -> str:
    return program({"min_replica": 1}, more=f"request_backpressure_settings={ {'policy': policy} },")


def test_policy_is_cleared_when_none_is_declared_and_kept_when_it_leaves_the_program(
    stack: Stack, emulator: Emulator
) -> None:
    """No policy is a value, sent as null: one that somebody set is drift. None declares nothing, without a key."""
    stack.program(_policy("NONE"))
    stack.up()
    stack.refresh("--expect-no-changes")
    assert stack.resource("chat")["outputs"]["request_backpressure_settings"] == {"policy": "NONE"}
    emulator.change(MODEL, "production", request_backpressure_settings={"policy": "REJECT_ON_FULL"})
    run = stack.run("up", "--refresh", "--diff")
    assert re.search(r"~ policy *: \"REJECT_ON_FULL\" => \"NONE\"", run.text), run.text
    cleared = {"autoscaling_settings": {"min_replica": 1}, "request_backpressure_settings": {"policy": None}}
    assert patches(emulator) == [cleared, cleared]
    assert emulator.reported(MODEL, "production")["request_backpressure_settings"]["policy"] is None
    emulator.clear_requests()
    del stack.environment["BASETEN_API_KEY"]
    stack.program(_policy(None))
    dropped = "request_backpressure_settings.policy is no longer managed; Baseten keeps its value (NONE)."
    assert dropped in stack.up().text
    assert not emulator.requests
    assert "request_backpressure_settings" not in stack.resource("chat")["outputs"]
    stack.expect_settled()
