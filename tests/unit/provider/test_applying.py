import re
from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.fields import Settings
from baseten_pulumi.provider import applying
from baseten_pulumi.provider.applying import Plan, apply
from baseten_pulumi.provider.host import Call, PartialFailure
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.session import Session
from baseten_pulumi.testing import Emulator, Fault
from tests.faults.declared import Declared, Program
from tests.faults.operations import Interruption
from tests.faults.world import World

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock
    from tests.unit.provider.listening import Engine

MIN, MAX = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"
WANTED: Settings = {MIN: 1, MAX: 3}
OUTPUTS = {
    "model_id": "abc123",
    "env_name": "production",
    "wait": True,
    "autoscaling_settings": {"min_replica": 1, "max_replica": 3},
    "requests": 1,
}
DOUBT = "Baseten may have taken the settings all the same."


def _plan(**changes: Any) -> Plan:
    how: dict[str, Any] = {"settings": WANTED, "wait": True, "is_waiting": True, **changes}
    return Plan(Identity("abc123", "production"), **how)


def _asked(baseten: Emulator) -> list[str]:
    return [request.method for request in baseten.requests]


def _broken(plan: Plan, session: Session, **call: Any) -> PartialFailure:
    with pytest.raises(PartialFailure) as caught:
        apply(plan, session, Call(**call))
    return caught.value


def test_settings_are_sent_and_waited_for_when_a_plan_is_applied(
    baseten: Emulator, session: Session, emulator_clock: "FakeClock"
) -> None:
    """One PATCH, then GETs until everything is read back."""
    began = emulator_clock.now()
    assert apply(_plan(), session, Call()) == {**OUTPUTS, "status": "ACCEPTED", "in_force": True}
    assert _asked(baseten)[0] == "PATCH"
    assert set(_asked(baseten)[1:]) == {"GET"}
    assert 5.0 <= emulator_clock.now() - began < 7.0


def test_nobody_waits_when_the_plan_does_not(baseten: Emulator, session: Session) -> None:
    """The settings were sent and are not claimed to be in force."""
    outputs = apply(_plan(wait=False, is_waiting=False), session, Call())
    assert outputs == {**OUTPUTS, "wait": False, "status": "ACCEPTED", "in_force": False}
    assert _asked(baseten) == ["PATCH"]


def test_choice_of_the_program_is_kept_when_the_stack_skips_the_wait(baseten: Emulator, session: Session) -> None:
    """`wait` in the outputs is the program's, whatever the stack says today."""
    assert apply(_plan(is_waiting=False), session, Call())["wait"] is True


def test_settings_are_read_back_when_they_are_unchanged(baseten: Emulator, session: Session) -> None:
    """UNCHANGED is no proof either."""
    baseten.change("abc123", "production", {"min_replica": 1, "max_replica": 3})
    assert apply(_plan(), session, Call())["status"] == "UNCHANGED"
    assert _asked(baseten) == ["PATCH", "GET"]


def test_nothing_is_sent_when_a_look_shows_everything_in_force(baseten: Emulator, session: Session) -> None:
    """The status stays the last one."""
    baseten.change("abc123", "production", {"min_replica": 1, "max_replica": 3})
    outputs = apply(_plan(looks_first=True, status="QUEUED"), session, Call())
    assert outputs == {**OUTPUTS, "status": "QUEUED", "in_force": True, "requests": 0}
    assert _asked(baseten) == ["GET"]


def test_only_the_rest_is_sent_when_a_look_shows_some_in_force(baseten: Emulator, session: Session) -> None:
    """After the look, what differs is sent and everything is waited for."""
    baseten.change("abc123", "production", {"min_replica": 1})
    outputs = apply(_plan(looks_first=True, requests=4), session, Call())
    assert (outputs["in_force"], outputs["requests"]) == (True, 5)
    assert baseten.requests[1].body == {"autoscaling_settings": {"max_replica": 3}}


def test_error_is_plain_when_nothing_was_sent(baseten: Emulator, session: Session) -> None:
    """A refusal leaves nothing behind: a create that ends so makes no resource."""
    baseten.faults.add(Fault.status(422, {"detail": "no"}, method="PATCH"))
    with pytest.raises(errors.RejectedError) as caught:
        apply(_plan(), session, Call())
    assert caught.value.statements.now == "Nothing was changed."


def test_error_is_plain_when_the_look_before_fails(baseten: Emulator, session: Session) -> None:
    """Looking changes nothing."""
    baseten.faults.add(Fault.status(403))
    with pytest.raises(errors.PermissionDeniedError):
        apply(_plan(looks_first=True), session, Call())
    assert _asked(baseten) == ["GET"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.status(500, method="PATCH"), errors.ServerError),
        (Fault.broken_json(method="PATCH"), errors.UnexpectedAnswerError),
        (Fault.dropped(takes_effect=True, method="PATCH"), errors.ConnectionBrokenError),
    ],
)
def test_resource_is_kept_when_the_request_may_have_arrived(
    fault: Fault, kind: type[errors.RequestError], baseten: Emulator, session: Session
) -> None:
    """Nobody knows whether it was: state holds what was sent, and not that it is in force."""
    baseten.faults.add(fault)
    failure = _broken(_plan(), session, timeout_seconds=20.0)
    assert type(failure.error) is kind
    assert failure.resource_id == "abc123/production"
    assert failure.outputs == {**OUTPUTS, "in_force": False}
    assert failure.error.statements.now == DOUBT
    assert str(failure) == str(failure.error)


def test_nothing_is_kept_when_pulumi_cancels_while_there_is_no_connection() -> None:
    """What was certainly not sent does not stand in the state, and the error says so."""
    with World() as world:
        world.wire.is_cut = True
        world.program = Program({"one": Declared("m1/production", {MAX: 6})})
        done = world.up(Interruption(cancels_after_seconds=1.0))
    assert "Pulumi cancelled the run. Nothing was sent." in done.text
    assert not done.after


def test_resource_is_kept_when_a_later_attempt_is_refused(baseten: Emulator, session: Session) -> None:
    """The first PATCH took effect before its connection broke; the second one's 403 does not undo it."""
    baseten.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    baseten.faults.add(Fault.status(403, method="PATCH", times=1))
    failure = _broken(_plan(), session)
    assert type(failure.error) is errors.PermissionDeniedError
    assert failure.error.statements.now == DOUBT


def test_resource_is_kept_when_the_time_is_up(baseten: Emulator, session: Session, emulator_clock: "FakeClock") -> None:
    """The custom timeout ends the wait, and the error holds the last status."""
    baseten.faults.add(Fault.never_applies())
    began = emulator_clock.now()
    failure = _broken(_plan(), session, timeout_seconds=300.0)
    assert emulator_clock.now() - began == pytest.approx(300.0, abs=1e-3)
    assert failure.outputs == {**OUTPUTS, "status": "ACCEPTED", "in_force": False}
    first, *_, last = str(failure).splitlines()
    assert first.endswith('of model "abc123" were accepted but are not in force after 300 s.')
    assert last.endswith("or raise custom_timeouts.")


def test_wait_ends_after_half_an_hour_when_no_timeout_is_set(
    baseten: Emulator, session: Session, emulator_clock: "FakeClock"
) -> None:
    """30 minutes, for sending and waiting together."""
    assert applying.DEFAULT_TIMEOUT_SECONDS == 30 * 60
    baseten.faults.add(Fault.never_applies())
    began = emulator_clock.now()
    assert isinstance(_broken(_plan(), session).error, errors.WaitTimeoutError)
    assert emulator_clock.now() - began == pytest.approx(1800.0, abs=1e-3)


def test_time_spent_sending_counts_when_the_wait_is_limited(
    baseten: Emulator, session: Session, emulator_clock: "FakeClock"
) -> None:
    """One deadline caps everything."""
    baseten.faults.add(Fault.status(429, {"retry_after": 60}, method="PATCH", times=1))
    baseten.faults.add(Fault.never_applies())
    began = emulator_clock.now()
    failure = _broken(_plan(), session, timeout_seconds=100.0)
    assert emulator_clock.now() - began == pytest.approx(100.0, abs=1e-3)
    assert " after 100 s." in str(failure)


def test_resource_is_kept_and_the_words_change_when_reading_back_is_refused(
    baseten: Emulator, session: Session
) -> None:
    """The settings were sent: the error says so, in place of what the reading says."""
    baseten.faults.add(Fault.status(401, {"error": "expired"}, method="GET"))
    failure = _broken(_plan(), session)
    assert failure.outputs["status"] == "ACCEPTED"
    assert re.sub(r" \(request [^)]*\)", "", str(failure)) == (
        'Settings of environment "production" of model "abc123" were sent but not read back.\n'
        "Baseten answered 401 to GET /v1/models/abc123/environments/production: expired. "
        "Baseten keeps the request; only the waiting stopped.\n"
        "Set a valid key: `pulumi config set --secret baseten:apiKey KEY`, or BASETEN_API_KEY."
    )


@pytest.mark.parametrize(("method", "requests"), [("update_environment", 0), ("read_environment", 1)])
def test_resource_is_kept_when_this_package_breaks_after_it_began_to_send(
    method: str, requests: int, baseten: Emulator, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect is told by type and place alone, since its text might hold anything; the next `up` sends again."""

    async def broken(*address: object, **more: object) -> None:
        raise LookupError("k-4711")

    monkeypatch.setattr(session.client, method, broken)
    failure = _broken(_plan(), session)
    assert failure.resource_id == "abc123/production"
    assert failure.outputs == {**OUTPUTS, "in_force": False, "requests": requests}
    assert type(failure.error) is errors.BasetenError
    assert re.sub(r":\d+\.", ":LINE.", str(failure)) == (
        'Settings of environment "production" of model "abc123" were not read back.\n'
        f"baseten-pulumi ended with LookupError in test_applying.py:LINE. {DOUBT}\n"
        "Run `pulumi up` again; if it stays, report it with these lines."
    )


def test_defect_is_no_partial_failure_when_nothing_was_sent(
    baseten: Emulator, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking changes nothing: there is nothing to keep on record."""

    async def broken(*address: object, **more: object) -> None:
        raise LookupError("defect")

    monkeypatch.setattr(session.client, "read_environment", broken)
    with pytest.raises(LookupError):
        apply(_plan(looks_first=True), session, Call())
    assert baseten.requests == ()


@pytest.mark.parametrize(("looks_first", "method"), [(False, "PATCH"), (True, "GET")])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, "rate limited"),
        (503, "Baseten answered 503 to METHOD /v1/models/abc123/environments/production: busy (request ID)"),
    ],
)
def test_row_tells_of_the_trouble_when_a_request_is_tried_again(  # noqa: PLR0917 - parametrized
    status: int,
    said: str,
    looks_first: bool,
    method: str,
    baseten: Emulator,
    session: Session,
    engine: "Engine",
) -> None:
    """A pause is explained while it lasts, looking and sending alike."""
    baseten.faults.add(Fault.status(status, {"error": "busy."}, method=method, times=1))
    apply(_plan(looks_first=looks_first, is_waiting=False), session, Call(urn="urn:settings"))
    (text,) = engine.await_lines(lambda found: len(found) >= 1)
    assert re.sub(r"\(request [^)]*\)", "(request ID)", text) == f"{said.replace('METHOD', method)}; trying again"
    assert (engine.lines[0].urn, engine.lines[0].ephemeral) == ("urn:settings", True)


def test_row_tells_of_the_wait_when_it_lasts(baseten: Emulator, session: Session, engine: "Engine") -> None:
    """The row's own URN, what is waited for, and nothing at the end."""
    apply(_plan(), session, Call(urn="urn:settings"))
    texts = engine.await_lines(lambda found: len(found) >= 1)
    row, _, _ = texts[0].partition(" (")  # How many seconds went by is the machine's affair.
    assert row == "waiting for 2 of 2 settings: min_replica 0 → 1, max_replica 1 → 3"
    assert {line.urn for line in engine.lines} == {"urn:settings"}
