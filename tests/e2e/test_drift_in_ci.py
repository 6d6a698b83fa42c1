"""Drift found by a job that only reads: exit statuses, and both directions by name."""

import pytest

from baseten_pulumi.testing import Emulator
from tests.engines import Stack
from tests.programs import MODEL, program, reported

JOB = ("--refresh", "--expect-no-changes")
UNEXPECTED_CHANGES = 7


@pytest.fixture
def settled(stack: Stack, emulator: Emulator) -> Stack:
    """A stack whose settings are applied; requests count from here on."""
    stack.program(program({"min_replica": 1, "max_replica": 3}, {"rolling_deploy": False}))
    stack.up()
    emulator.clear_requests()
    return stack


def _only_read(emulator: Emulator) -> bool:
    return {request.method for request in emulator.requests} == {"GET"}


def test_the_job_succeeds_when_nothing_drifted(settled: Stack, emulator: Emulator) -> None:
    """Settings nobody declared may be anything; nothing is sent, and the state stays as it was."""
    emulator.change(MODEL, "production", autoscaling_settings={"concurrency_target": 8})
    before = settled.resource("chat")
    assert settled.run("preview", *JOB).returncode == 0
    assert settled.run("refresh", "--expect-no-changes").returncode == 0
    assert _only_read(emulator)
    after = settled.resource("chat")
    assert [after[what] for what in ("id", "outputs")] == [before[what] for what in ("id", "outputs")]


def test_the_job_fails_and_shows_both_ways_when_a_setting_drifted(settled: Stack, emulator: Emulator) -> None:
    """What was found and what `up` would send, that setting alone; nothing is sent, and the state stays as it was."""
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 9, "concurrency_target": 8})
    run = settled.run("preview", "--diff", *JOB)
    assert run.returncode == UNEXPECTED_CHANGES
    assert "~ max_replica: 3 => 9" in run.text
    assert "~ max_replica: 9 => 3" in run.text
    assert "concurrency_target" not in run.text
    assert "~ min_replica" not in run.text
    assert _only_read(emulator)
    assert settled.resource("chat")["outputs"]["autoscaling_settings"]["max_replica"] == 3
    assert settled.run("preview", "--expect-no-changes").returncode == 0
    settled.up("--refresh")
    assert reported(emulator, "max_replica") == 3


def test_the_refresh_fails_once_and_keeps_what_it_found_when_a_setting_drifted(
    settled: Stack, emulator: Emulator
) -> None:
    """From then on the preview shows it."""
    emulator.change(MODEL, "production", autoscaling_settings={"max_replica": 9})
    run = settled.run("refresh", "--diff", "--expect-no-changes")
    assert run.returncode == UNEXPECTED_CHANGES
    assert "~ max_replica: 3 => 9" in run.text
    assert settled.run("refresh", "--expect-no-changes").returncode == 0
    run = settled.run("preview", "--diff", "--expect-no-changes")
    assert run.returncode == UNEXPECTED_CHANGES
    assert "~ max_replica: 9 => 3" in run.text
    assert _only_read(emulator)
    settled.up()


def test_the_resource_leaves_the_state_when_its_environment_is_deleted(stack: Stack, emulator: Emulator) -> None:
    """The job fails, the refresh removes the resource, and `up`, which creates no environment, says what to create."""
    stack.is_settled_at_the_end = False
    stack.program(program({"max_replica": 5}, environment="staging"))
    stack.up()
    emulator.remove_environment(MODEL, "staging")
    emulator.clear_requests()
    assert stack.run("preview", *JOB).returncode == UNEXPECTED_CHANGES
    run = stack.refresh()
    assert run.counts["deleted"] == 1
    assert not [resource for resource in stack.state() if resource["urn"].endswith("::chat")]
    assert _only_read(emulator)
    assert f'Model "{MODEL}" has no environment "staging"; it has dev, production.' in stack.fails("up")


def test_refresh_fails_and_keeps_the_state_when_the_model_is_not_found(settled: Stack, emulator: Emulator) -> None:
    """A key of another workspace sees none of the models: it must not remove every resource from the state."""
    settled.is_settled_at_the_end = False
    before = settled.resource("chat")
    emulator.remove_model(MODEL)
    for operation in (("refresh",), ("preview", *JOB)):
        text = settled.fails(*operation)
        assert f'Model "{MODEL}" was not found, or this API key cannot see it.' in text
        assert "If the model was deleted, remove the resource with `pulumi state delete`." in text
    assert settled.resource("chat")["outputs"] == before["outputs"]
    assert _only_read(emulator)
