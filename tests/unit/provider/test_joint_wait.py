import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.sending import SETTLING_SECONDS
from baseten_pulumi.convergence.sighting import Wanted
from baseten_pulumi.errors import Statements, WaitTimeoutError
from baseten_pulumi.provider import joint_wait
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.host import Call
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.joint_members import unseen
from baseten_pulumi.provider.joint_wait import read, wait
from baseten_pulumi.provider.session import Session
from baseten_pulumi.testing import Emulator, Fault
from tests.schedules import SCHEDULES, schedule

if TYPE_CHECKING:
    from baseten_pulumi.fields import Settings
    from tests.unit.conftest import FakeClock

PLAIN = Configuration(lambda key: None, {})
SKIPPING = Configuration({"baseten:skipWait": "true"}.get, {})
STAGING = "/v1/models/abc123/environments/staging"
THREE = {"autoscaling_settings": {"max_replica": 3}, "status": "ACCEPTED", "requests": 1}
NEWS: dict[str, Any] = {"environments": {"abc123/production": THREE, "abc123/staging": THREE}}


SENT = frozenset({Identity("abc123", "production"), Identity("abc123", "staging")})


class Watcher:
    """Remembers what is waited for, and ends at once: well, or with the error it was given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.waits: list[list[Wanted]] = []
        self._error = error

    async def until_all_in_force(self, wanted: Sequence[Wanted], reporter: object) -> None:
        self.waits.append(list(wanted))
        if self._error is not None:
            raise self._error


Watch = Callable[..., Watcher]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch, clock: "FakeClock") -> Watch:
    """Have a watcher wait in the session that is opened next, which has sent everything itself."""

    def watching(error: Exception | None = None) -> Watcher:
        watcher = Watcher(error)

        opened = SimpleNamespace(watcher=watcher, run=asyncio.run, clock=clock, sent=SENT)
        monkeypatch.setattr(joint_wait, "open_session", lambda _: opened)
        return watcher

    return watching


def _entry(**changes: Any) -> dict[str, Any]:
    return {**THREE, **changes}


def test_all_environments_are_waited_for_together_when_created(watch: Watch) -> None:
    """With their settings, Baseten's last word and half an hour."""
    watcher = watch()
    assert wait({}, NEWS, PLAIN, Call()) == {**NEWS, "in_force": True}
    settings: Settings = {"autoscaling_settings.max_replica": 3}
    assert watcher.waits == [
        [
            Wanted("abc123", "production", settings, "ACCEPTED", 1800.0, 1800.0),
            Wanted("abc123", "staging", settings, "ACCEPTED", 1800.0, 1800.0),
        ]
    ]


def test_custom_timeout_is_heeded_when_it_is_set(watch: Watch) -> None:
    """Each environment has until then."""
    watcher = watch()
    wait({}, NEWS, PLAIN, Call(timeout_seconds=60.0))
    assert {wanted.timeout_seconds for wanted in watcher.waits[0]} == {60.0}


def test_only_the_changed_are_waited_for_when_the_rest_was_seen(watch: Watch) -> None:
    """Environments that nothing was sent to since are left alone, and stay in the outputs."""
    watcher = watch()
    news = {"environments": {"abc123/production": THREE, "abc123/staging": _entry(requests=2)}}
    assert wait({**NEWS, "in_force": True}, news, PLAIN, Call()) == {**news, "in_force": True}
    assert [[wanted.env_name for wanted in wanteds] for wanteds in watcher.waits] == [["staging"]]


def test_nothing_is_asked_when_an_environment_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither network nor key is needed for what was seen before."""
    monkeypatch.setattr(joint_wait, "open_session", None)
    news = {"environments": {"abc123/production": THREE}}
    assert wait({**NEWS, "in_force": True}, news, PLAIN, Call()) == {**news, "in_force": True}


def test_nobody_waits_when_the_stack_skips_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is claimed to be in force, and no key is needed."""
    monkeypatch.setattr(joint_wait, "open_session", None)
    assert wait({}, NEWS, SKIPPING, Call()) == {**NEWS, "in_force": False}
    assert wait({**NEWS, "in_force": True}, NEWS, SKIPPING, Call()) == {**NEWS, "in_force": True}


def test_outputs_are_integers_when_the_engine_made_floats(watch: Watch) -> None:
    """The next refresh and diff see what the program wrote."""
    watch()
    entry = {"autoscaling_settings": {"max_replica": 3.0}, "requests": 1.0}
    (entry,) = wait({}, {"environments": {"abc123/production": entry}}, PLAIN, Call())["environments"].values()
    assert (type(entry["autoscaling_settings"]["max_replica"]), type(entry["requests"])) == (int, int)


def test_settings_are_in_force_when_the_wait_is_over(
    baseten: Emulator, session: Session, emulator_clock: "FakeClock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real watcher: nothing is sent, and one clock covers both environments."""
    monkeypatch.setattr(joint_wait, "open_session", lambda _: session)
    for env_name in ("production", "staging"):
        sending = session.client.update_environment(
            "abc123", env_name, {"autoscaling_settings.max_replica": 3}, within_seconds=60.0
        )
        session.run(sending)
    session.sent |= SENT
    baseten.clear_requests()
    began = emulator_clock.now()
    assert wait({}, NEWS, PLAIN, Call())["in_force"] is True
    assert {request.method for request in baseten.requests} == {"GET"}
    assert emulator_clock.now() - began < 8.0


def test_only_what_still_differs_is_sent_again_when_an_earlier_run_sent_it(
    baseten: Emulator, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier run sent may have been lost or changed since: Baseten is asked, and told once more."""
    monkeypatch.setattr(joint_wait, "open_session", lambda _: session)
    baseten.change("abc123", "production", {"max_replica": 3})
    assert wait({}, NEWS, PLAIN, Call())["in_force"] is True
    sent = [(request.path, request.body) for request in baseten.requests if request.method == "PATCH"]
    assert sent == [(STAGING, {"autoscaling_settings": {"max_replica": 3}})]
    assert baseten.requests[0].path == "/v1/models/abc123/environments"


@pytest.mark.parametrize("entry", [{**THREE, "in_force": True}, {**THREE, "requests": 0}])
def test_nothing_is_sent_when_nothing_can_have_been_lost(
    entry: dict[str, Any], baseten: Emulator, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its own resource saw in force and somebody changed since is drift, and what was never sent is not ours."""
    monkeypatch.setattr(joint_wait, "open_session", lambda _: session)
    with pytest.raises(errors.WaitTimeoutError):
        wait({}, {"environments": {"abc123/staging": entry}}, PLAIN, Call(timeout_seconds=20.0))
    assert {request.method for request in baseten.requests} == {"GET"}


def test_everything_is_sent_before_the_error_when_one_of_them_is_refused(
    baseten: Emulator, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing goes on behind the user's back once the operation has ended."""
    monkeypatch.setattr(joint_wait, "open_session", lambda _: session)
    baseten.faults.add(Fault.status(422, {"message": "no"}, method="PATCH", times=1))
    with pytest.raises(errors.RejectedError):
        wait({}, NEWS, PLAIN, Call())
    assert [request.method for request in baseten.requests] == ["GET", "PATCH", "PATCH"]


def test_all_is_sent_when_it_could_not_be_read_and_waited_for_when_the_answer_was_lost(
    baseten: Emulator, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sending declared settings twice does no harm; the wait then tells whether they came into force."""
    monkeypatch.setattr(joint_wait, "open_session", lambda _: session)
    baseten.faults.add(Fault.status(503, {}, method="GET", times=1))
    baseten.faults.add(Fault.status(500, {}, method="PATCH", times=1))
    with pytest.raises(errors.WaitTimeoutError):
        wait({}, NEWS, PLAIN, Call(timeout_seconds=30.0))
    session.sent.clear()  # another run
    assert wait({}, NEWS, PLAIN, Call())["in_force"] is True


def test_what_was_seen_stays_seen_when_the_stack_skips_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once waiting is on again, only what nobody saw is waited for."""
    monkeypatch.setattr(joint_wait, "open_session", None)
    seen, news = {**NEWS, "in_force": True}, {"environments": {**NEWS["environments"], "abc123/dev": THREE}}
    skipped = wait(seen, news, SKIPPING, Call())
    assert skipped["in_force"] is False
    assert list(unseen(skipped, news)) == ["abc123/dev"]
    assert read("in-force", skipped).outs == skipped
    assert read("in-force", skipped).inputs == news


def test_words_are_plain_when_pulumi_cancels_before_the_wait(
    baseten: Emulator, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Baseten is asked what an earlier run has left."""

    async def cancelled(*address: object, **more: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(joint_wait, "open_session", lambda _: session)
    monkeypatch.setattr(session.client, "read_environments", cancelled)
    with pytest.raises(errors.RunCancelledError) as caught:
        wait({}, NEWS, PLAIN, Call())
    assert str(caught.value) == (
        "Settings of the environments were not seen in force.\n"
        "Pulumi cancelled the run. Baseten keeps what was sent.\n"
        "Run `pulumi up` again."
    )


def test_error_is_plain_when_the_time_is_up(
    baseten: Emulator, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is kept of a wait that failed, so that it waits again."""
    monkeypatch.setattr(joint_wait, "open_session", lambda _: session)
    baseten.faults.add(Fault.never_applies())
    with pytest.raises(errors.WaitTimeoutError) as caught:
        wait({}, NEWS, PLAIN, Call(timeout_seconds=30.0))
    assert "abc123" in str(caught.value)


def test_error_of_the_watcher_is_passed_on_when_it_fails(watch: Watch) -> None:
    """Whatever it says."""
    watcher = watch(WaitTimeoutError(Statements("goal", "seen", "now", "advice")))
    with pytest.raises(WaitTimeoutError):
        wait({}, NEWS, PLAIN, Call())
    assert len(watcher.waits) == 1


@pytest.mark.parametrize("in_force", [True, False])
def test_what_is_known_is_given_back_when_read(in_force: bool) -> None:
    """A refresh asks nothing and changes nothing."""
    found = read("in-force", {**NEWS, "in_force": in_force, "__provider": "pickle"})
    assert (found.id, found.outs, found.inputs) == ("in-force", {**NEWS, "in_force": in_force}, NEWS)


def test_schedule_is_looked_for_longer_when_an_earlier_run_sent_it(
    baseten: Emulator, session: Session, emulator_clock: "FakeClock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schedule made twice would be there twice: it is made again once it would have shown."""
    monkeypatch.setattr(joint_wait, "open_session", lambda _: session)
    lists = {"timezone": "UTC", "schedules": [schedule()]}
    began = emulator_clock.now()
    wait({}, {"environments": {"abc123/staging": {SCHEDULES: lists, "requests": 1}}}, PLAIN, Call())
    assert [request.method for request in baseten.requests].count("PATCH") == 1
    assert emulator_clock.now() - began > SETTLING_SECONDS
