"""Rules 4, 9 and 10: an error after a PATCH keeps the resource, the next `up` repairs it, and waiting is optional."""

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.engines import API_KEY, Stack
from tests.programs import MODEL, patches, program, reported, timeout

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
    assert f"Timed out after {SHORT_SECONDS} s waiting for settings" in stack.fails("up")
    emulator.faults.clear()
    assert reported(emulator, "max_replica") == 6
    assert "~ in_force: false => true" in stack.preview().text  # the same program again
    stack.program(program({"max_replica": 3, "min_replica": 0}))
    preview = stack.preview()
    assert preview.counts["update"] == 1
    assert "~ max_replica: 6 => 3" in preview.text
    stack.up()
    assert reported(emulator, "max_replica") == 3


@pytest.mark.parametrize("fault", [Fault.stale(method="GET"), Fault.dropped(takes_effect=True, method="PATCH")])
@pytest.mark.parametrize("operation", ["refresh", "up --refresh"])
def test_the_reverted_value_is_sent_when_a_refresh_came_between(
    stack: Stack, emulator: Emulator, fault: Fault, operation: str
) -> None:
    """A refresh that still sees the old value must not make the settings under way forgotten."""
    stack.program(program(THREE))
    stack.up()
    emulator.faults.add(fault)
    stack.program(program(SIX, more=SHORT))
    stack.fails("up")
    emulator.faults.clear()
    old_reads = emulator.faults.add(Fault.stale(method="GET"))
    stack.program(program(THREE, more=SHORT))
    if operation == "refresh":
        stack.refresh()
        emulator.faults.remove(old_reads)
        stack.up()
    else:
        stack.run("up", "--refresh")
        emulator.faults.clear()
        stack.up()
    assert reported(emulator, "max_replica") == 3


@pytest.mark.emulator(apply_seconds=4.0)
def test_the_reverted_value_is_sent_when_nothing_waited_and_a_refresh_came_between(
    stack: Stack, emulator: Emulator
) -> None:
    """Without a wait, too: what was sent may be applied after the refresh."""
    stack.program(program(SIX, more="wait=False"))
    stack.up()
    stack.refresh()
    stack.program(program(THREE))
    stack.up()
    assert patches(emulator) == [{"autoscaling_settings": SIX}, {"autoscaling_settings": THREE}]


def test_the_whole_error_is_plain_when_the_wait_times_out(stack: Stack, emulator: Emulator) -> None:
    """What failed, what was observed, the current state, what to do; and no traceback of the provider's."""
    emulator.faults.add(Fault.never_applies())
    stack.program(program({"min_replica": 3, "max_replica": 4}, more=SHORT))
    text = stack.fails("up")
    for line in (
        f'Timed out after {SHORT_SECONDS} s waiting for settings of environment "production" (model {MODEL}) to be app',
        "autoscaling_settings.min_replica: expected 3, observed 1; autoscaling_settings.max_replica: expected 4, obs",
        "Baseten accepted the request and may still apply it.",
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`.",
    ):
        assert line in text, text
    assert "baseten_pulumi/provider" not in text
    emulator.faults.clear()
    stack.up()


def test_the_resource_stays_in_state_when_a_create_times_out(stack: Stack, emulator: Emulator) -> None:
    """State holds the id, what was sent and that it was not observed; the same program is then an update."""
    emulator.faults.add(Fault.never_applies())
    stack.program(program({"max_replica": 5}, more=SHORT))
    stack.fails("up")
    resource = stack.resource("chat")
    assert resource["id"] == f"{MODEL}/production"
    assert resource["outputs"]["autoscaling_settings"] == {"max_replica": 5}
    assert resource["outputs"]["in_force"] is False
    assert resource["initErrors"]
    emulator.faults.clear()
    stack.program(program({"max_replica": 5}))
    assert stack.preview().counts["update"] == 1
    stack.up()
    assert stack.resource("chat")["outputs"]["in_force"] is True


def test_every_setting_is_sent_again_when_the_wait_failed(stack: Stack, emulator: Emulator) -> None:
    """Even if the program did not change since, and some of them were applied."""
    emulator.faults.add(Fault.applies_only("min_replica", times=1))
    declared = {"min_replica": 2, "max_replica": 5}
    stack.program(program(declared, more=SHORT))
    stack.fails("up")
    revision = stack.resource("chat")["outputs"]["revision"]
    emulator.faults.clear()
    stack.program(program(declared))
    emulator.clear_requests()
    stack.up()
    assert patches(emulator) == [{"autoscaling_settings": declared}]
    assert stack.resource("chat")["outputs"]["revision"] != revision
    assert stack.outputs()["in_force"] is True


def test_the_resource_is_kept_when_the_connection_broke_after_the_patch_took_effect(
    stack: Stack, emulator: Emulator
) -> None:
    """Baseten may have acted on a PATCH without a response, so it is never forgotten."""
    emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH"))
    stack.program(program(SIX, more=SHORT))
    text = stack.fails("up")
    assert "Baseten may have applied the request anyway." in text
    assert stack.resource("chat")["outputs"]["in_force"] is False
    emulator.faults.clear()
    stack.program(program(SIX))
    stack.up()


def test_an_update_leaves_the_state_as_it_was_when_baseten_refuses_it(stack: Stack, emulator: Emulator) -> None:
    """Nothing was changed, so state goes on saying what was read before."""
    stack.program(program(THREE))
    stack.up()
    emulator.faults.add(Fault.status(422, body={"message": "max_replica: too many for this account"}, method="PATCH"))
    stack.program(program(SIX))
    text = stack.fails("up")
    assert "Baseten returned 422" in text
    assert "max_replica: too many for this account" in text
    assert "Nothing was changed." in text
    assert stack.resource("chat")["outputs"]["autoscaling_settings"] == THREE
    emulator.faults.clear()
    stack.up()


@pytest.mark.parametrize("status", [409, 423, 429, 500, 503])
def test_up_succeeds_when_an_error_is_transient(stack: Stack, emulator: Emulator, status: int) -> None:
    """Conflicts, rate limits and broken gateways are retried."""
    emulator.faults.add(Fault.status(status, times=2))
    stack.program(program(SIX))
    stack.up()


def test_up_goes_on_polling_when_answers_are_broken(stack: Stack, emulator: Emulator) -> None:
    """An unreadable answer to a poll is passed over: the next may be whole."""
    emulator.faults.add(Fault.broken_json(method="GET", times=1))
    emulator.faults.add(Fault.wrong_types(method="GET", times=1))
    stack.program(program(SIX))
    stack.up()


@pytest.mark.emulator(apply_seconds=30.0)
def test_up_returns_at_once_when_the_resource_does_not_wait(stack: Stack, emulator: Emulator) -> None:
    """With wait=False the settings are sent and not polled; with waiting on again the next `up` sends and waits."""
    stack.program(program(SIX, more="wait=False"))
    stack.up()
    assert stack.outputs()["in_force"] is False
    assert [request.method for request in emulator.requests] == ["PATCH"]
    stack.preview("--expect-no-changes")
    emulator.change(MODEL, "production", autoscaling_settings=SIX)
    stack.program(program(SIX))
    emulator.clear_requests()
    assert stack.preview().counts["update"] == 1
    stack.up()
    assert {request.method for request in emulator.requests} == {"PATCH", "GET"}
    assert stack.outputs()["in_force"] is True


@pytest.mark.emulator(apply_seconds=30.0)
def test_no_resource_waits_when_the_stack_skips_waiting(stack: Stack, emulator: Emulator) -> None:
    """`baseten:skipWait` turns every wait of the stack off; it must be true or false."""
    stack.configure({"baseten:skipWait": "true"})
    stack.program(program(SIX))
    stack.up()
    assert stack.outputs()["in_force"] is False
    stack.configure({"baseten:skipWait": "yes"})
    text = stack.fails("preview")
    assert "baseten:skipWait is malformed." in text
    assert 'It must be true or false, got "yes".' in text
    stack.configure({"baseten:skipWait": "true"})


def test_wait_is_no_difference_when_everything_is_applied(stack: Stack) -> None:
    """Turning waiting off changes nothing at Baseten."""
    stack.program(program(SIX))
    stack.up()
    stack.program(program(SIX, more="wait=False"))
    stack.preview("--expect-no-changes")


def test_the_error_says_how_to_set_a_key_when_there_is_none(stack: Stack, emulator: Emulator) -> None:
    """A preview needs no key; the first request and a refresh fail without one, and say how to set it."""
    del stack.environment["BASETEN_API_KEY"]
    stack.program(program(SIX))
    stack.preview()
    text = stack.fails("up")
    assert "Neither baseten:apiKey nor BASETEN_API_KEY is set. Nothing was sent." in text
    assert not emulator.requests
    stack.environment["BASETEN_API_KEY"] = API_KEY
    stack.up()
    del stack.environment["BASETEN_API_KEY"]
    assert "Neither baseten:apiKey nor BASETEN_API_KEY is set." in stack.fails("refresh")


def test_the_key_of_the_stack_is_sent_when_the_environment_has_another(stack: Stack, emulator: Emulator) -> None:
    """The stack's configuration comes first; there is a warning if the key is in plain text there."""
    emulator.faults.add(Fault.status(403, takes_effect=False, method="PATCH", times=1))
    stack.configure({"baseten:apiKey": "key-of-the-stack"})
    stack.program(program(SIX))
    text = stack.preview().text
    assert "baseten:apiKey is stored in plain text" in text
    assert "key-of-the-stack" not in text
    text = stack.fails("up")
    assert "Baseten returned 403" in text
    assert "key-of-the-stack" not in text
    stack.up()


def test_only_https_is_allowed_when_the_host_is_another_machine(stack: Stack) -> None:
    """The key is never sent unencrypted to another host."""
    stack.configure({"baseten:baseUrl": "http://api.example.test"})
    stack.program(program(SIX))
    assert "baseten:baseUrl must use https unless the host is this machine." in stack.fails("up")
    stack.configure({})
    stack.up()
