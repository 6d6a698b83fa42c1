"""Rules 4, 9 and 10: an error after a PATCH keeps the resource, the next `up` repairs it, and waiting is optional."""

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.programs import MODEL, patches, program, reported, requested, timeout
from tests.stacks import API_KEY, Stack

THREE, SIX = {"max_replica": 3}, {"max_replica": 6}
# For runs that have to time out: long enough for a slow machine to send and to poll once.
SHORT_SECONDS = 3
SHORT = timeout(SHORT_SECONDS)


def test_the_reverted_value_is_sent_when_an_update_timed_out_and_the_program_went_back(
    stack: Stack, emulator: Emulator
) -> None:
    """3 → 6 times out, the program goes back to 3: the next `up` is an update that sends 3, not "no changes"."""
    stack.program(program({"max_replica": 3, "min_replica": 0}))
    stack.up()
    emulator.faults.add(Fault.stale(method="GET"))
    stack.program(program({"max_replica": 6, "min_replica": 0}, more=SHORT))
    text = stack.fails("up")
    assert f"Timed out after {SHORT_SECONDS} s waiting for settings of environment" in text
    assert "autoscaling_settings.max_replica: expected 6, observed 3. Baseten accepted the request" in text
    assert "baseten_pulumi/provider" not in text
    emulator.faults.clear()
    assert reported(emulator, "max_replica") == 6
    assert "~ in_force: false => true" in stack.preview().text  # the same program again
    stack.program(program({"max_replica": 3, "min_replica": 0}))
    preview = stack.preview()
    assert preview.counts["update"] == 1
    assert "~ max_replica: 6 => 3" in preview.text
    stack.up()
    assert reported(emulator, "max_replica") == 3
    stack.expect_settled()


@pytest.mark.parametrize(
    ("fault", "flags"),
    [(Fault.stale(method="GET"), ()), (Fault.dropped(takes_effect=True, method="PATCH"), ("--refresh",))],
    ids=["refresh", "up --refresh"],
)
def test_the_reverted_value_is_sent_when_a_refresh_came_between(
    stack: Stack, emulator: Emulator, fault: Fault, flags: tuple[str, ...]
) -> None:
    """A refresh that still sees the old value must not make the settings under way forgotten."""
    stack.program(program(THREE))
    stack.up()
    emulator.faults.add(fault)
    stack.program(program(SIX, more=SHORT))
    stack.fails("up")
    assert stack.resource("chat")["outputs"]["in_force"] is False
    emulator.faults.clear()
    emulator.faults.add(Fault.stale(method="GET"))
    stack.program(program(THREE, more=SHORT))
    if flags:
        stack.run("up", *flags)
    else:
        stack.refresh()
    emulator.faults.clear()
    stack.up()
    assert reported(emulator, "max_replica") == 3


def test_the_resource_stays_in_state_when_a_create_times_out(stack: Stack, emulator: Emulator) -> None:
    """With its id and what was sent. The same program is then an update that sends everything again."""
    emulator.faults.add(Fault.applies_only("min_replica", times=1))
    declared = {"min_replica": 2, "max_replica": 5}
    stack.program(program(declared, more=SHORT))
    stack.fails("up")
    kept = stack.resource("chat")
    assert kept["id"] == f"{MODEL}/production"
    assert kept["outputs"]["autoscaling_settings"] == declared
    assert kept["outputs"]["in_force"] is False
    assert kept["initErrors"]
    emulator.faults.clear()
    stack.program(program(declared))
    emulator.clear_requests()
    assert stack.up().counts["updated"] == 1
    assert patches(emulator) == [{"autoscaling_settings": declared}]
    outputs = stack.resource("chat")["outputs"]
    assert (outputs["in_force"], outputs["revision"] != kept["outputs"]["revision"]) == (True, True)


def test_the_state_is_as_it_was_when_baseten_rejects_an_update(stack: Stack, emulator: Emulator) -> None:
    """The key of the stack's configuration is sent, with a warning if it is in plain text there; it is never shown."""
    stack.program(program(THREE))
    stack.up()
    emulator.faults.add(Fault.status(422, body={"message": f"too many for {API_KEY}-2"}, method="PATCH", times=1))
    stack.configure({"baseten:apiKey": f"{API_KEY}-2"})
    stack.program(program(SIX))
    text = stack.fails("up")
    for words in ("baseten:apiKey is stored in plain text", "Baseten returned 422", "Nothing was changed."):
        assert words in text, text
    assert "too many for [redacted]" in text
    assert API_KEY not in text
    assert stack.resource("chat")["outputs"]["autoscaling_settings"] == THREE
    assert stack.up().counts["updated"] == 1


@pytest.mark.emulator(apply_seconds=4.0)
def test_up_returns_at_once_when_the_resource_does_not_wait(stack: Stack, emulator: Emulator) -> None:
    """What was sent may come after a refresh that did not see it: the next `up` sends all that is declared."""
    stack.program(program(SIX, more="wait=False"))
    stack.up()
    assert stack.outputs()["in_force"] is False
    assert requested(emulator) == [("GET", "production"), ("PATCH", "production")]
    stack.expect_settled()
    stack.refresh()
    stack.program(program(THREE))
    assert stack.preview().counts["update"] == 1
    stack.up()
    assert patches(emulator) == [{"autoscaling_settings": SIX}, {"autoscaling_settings": THREE}]
    assert stack.outputs()["in_force"] is True
    stack.program(program(THREE, more="wait=False"))
    stack.expect_settled()


_MANY = f"""
import pulumi
from baseten_pulumi import BasetenModelEnvironments

defaults = {{{{"autoscaling_settings": {{{{"max_replica": {{count}}, "min_replica": 1}}}}}}}}
environments = {{{{"dev": None, "production": None, "staging": None}}}}
BasetenModelEnvironments("chat", model_id="{MODEL}", environments=environments, defaults=defaults, {SHORT})
"""
_ROUNDS = (
    (Fault.cut_off(method="PATCH", times=2), Fault.slow_body(0.5, method="GET", times=2)),
    (Fault.dropped(takes_effect=True, method="PATCH", times=4), Fault.broken_json(method="GET", times=2)),
    (Fault.applies_only("max_replica", times=1), Fault.status(400, {"message": f"{API_KEY}?"}, method="GET", skip=1)),
)


@pytest.mark.emulator(apply_seconds=0.5)
def test_up_converges_when_faults_met_every_run_before(stack: Stack, emulator: Emulator) -> None:
    """Through the real process and sockets; tests/faults has random ones in a world of its own."""
    for count, faults in enumerate(_ROUNDS, start=2):
        for fault in faults:
            emulator.faults.add(fault)
        stack.program(_MANY.format(count=count))
        assert API_KEY not in stack.run("up").text
        emulator.faults.clear()
    stack.up("--refresh")
    for name in ("dev", "production", "staging"):
        assert [reported(emulator, setting, name) for setting in ("min_replica", "max_replica")] == [1, 4]
    assert API_KEY not in stack.written()
    stack.expect_settled()
