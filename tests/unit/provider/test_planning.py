from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.sending import SentBefore
from baseten_pulumi.provider import applying, planning
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.host import Call
from baseten_pulumi.provider.session import Session
from baseten_pulumi.testing import Emulator, Fault
from tests.schedules import SCHEDULES, schedule

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

PLAIN = Configuration(lambda key: None, {})
SKIPPING = Configuration({"baseten:skipWait": "true"}.get, {})
INPUTS: dict[str, Any] = {
    "model_id": "abc123",
    "env_name": "production",
    "wait": True,
    "autoscaling_settings": {"min_replica": 1.0, "max_replica": 3.0},
}
OUTPUTS: dict[str, Any] = {**INPUTS, "status": "ACCEPTED", "in_force": True, "requests": 3.0}
SENT: dict[str, Any] = {**OUTPUTS, "requests": 4}


def _inputs(**autoscaling: float) -> dict[str, Any]:
    return {**INPUTS, "autoscaling_settings": autoscaling}


def _update(
    olds: dict[str, Any], news: dict[str, Any], configuration: Configuration = PLAIN, urn: str = ""
) -> dict[str, Any]:
    return planning.update(olds, news, configuration, Call(urn=urn))


def _sent(baseten: Emulator) -> list[Any]:
    return [request.body for request in baseten.requests if request.method == "PATCH"]


@pytest.mark.parametrize(
    ("inputs", "configuration", "expected"),
    [
        ({}, PLAIN, True),
        ({"wait": None}, PLAIN, True),
        ({"wait": True}, PLAIN, True),
        ({"wait": False}, PLAIN, False),
        ({"wait": True}, SKIPPING, False),
        ({"wait": False}, SKIPPING, False),
    ],
)
def test_wait_is_on_when_neither_resource_nor_stack_is_against_it(
    inputs: dict[str, Any], configuration: Configuration, expected: bool
) -> None:
    """Waiting is a choice, and the default."""
    assert configuration.is_waiting(inputs) is expected


def test_every_declared_setting_is_sent_when_created(baseten: Emulator, session: Session) -> None:
    """As integers, under the environment's own address; the environment is adopted."""
    plan, outputs = planning.create(INPUTS, PLAIN, Call())
    assert str(plan.identity) == "abc123/production"
    assert outputs == {**OUTPUTS, "requests": 1, "incarnation": plan.incarnation}
    assert [type(value) for value in outputs["autoscaling_settings"].values()] == [int, int]
    assert _sent(baseten) == [{"autoscaling_settings": {"min_replica": 1, "max_replica": 3}}]


def test_each_creation_is_told_from_the_last_when_an_environment_is_managed_anew(
    baseten: Emulator, session: Session
) -> None:
    """Both count from 1; updates keep the mark, and add none to state of an earlier release."""
    marks = [planning.create(INPUTS, PLAIN, Call())[1]["incarnation"] for _ in range(2)]
    assert marks[0] != marks[1]
    assert _update({**OUTPUTS, "incarnation": marks[0]}, _inputs(min_replica=0))["incarnation"] == marks[0]
    assert "incarnation" not in _update(OUTPUTS, _inputs(min_replica=0))


def test_count_begins_when_state_of_an_earlier_release_has_none(baseten: Emulator, session: Session) -> None:
    """An absent count is 0."""
    olds = {key: value for key, value in OUTPUTS.items() if key != "requests"}
    outputs = _update(olds, _inputs(min_replica=2.0, max_replica=3.0))
    assert (outputs["requests"], type(outputs["requests"])) == (1, int)


def test_nobody_waits_when_the_stack_skips_it(baseten: Emulator, session: Session) -> None:
    """`baseten:skipWait` covers every resource, and the program's own choice is kept."""
    _, outputs = planning.create(INPUTS, SKIPPING, Call())
    assert (outputs["in_force"], outputs["wait"], len(baseten.requests)) == (False, True, 1)


def test_every_declared_setting_is_sent_when_one_changed(baseten: Emulator, session: Session) -> None:
    """The others may have drifted meanwhile."""
    outputs = _update(OUTPUTS, _inputs(min_replica=2.0, max_replica=3.0))
    assert outputs == {**SENT, "autoscaling_settings": {"min_replica": 2, "max_replica": 3}}
    assert _sent(baseten) == [{"autoscaling_settings": {"min_replica": 2, "max_replica": 3}}]


def test_every_declared_setting_is_sent_when_one_is_added(baseten: Emulator, session: Session) -> None:
    """A setting that is newly managed counts as changed."""
    _update(OUTPUTS, _inputs(min_replica=1, max_replica=3, scale_down_delay=60))
    assert len(_sent(baseten)[0]["autoscaling_settings"]) == 3


def test_setting_is_forgotten_without_a_request_when_it_was_taken_out(
    baseten: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Baseten keeps the value: that needs neither network nor key."""
    monkeypatch.setattr(planning, "open_session", None)
    outputs = _update(OUTPUTS, _inputs(min_replica=1.0))
    assert outputs == {**OUTPUTS, "autoscaling_settings": {"min_replica": 1}}
    assert baseten.requests == ()


def test_the_rest_is_sent_when_a_setting_changes_and_another_is_taken_out(baseten: Emulator, session: Session) -> None:
    """A change sends what is still declared."""
    outputs = _update(OUTPUTS, _inputs(min_replica=0))
    assert outputs["autoscaling_settings"] == {"min_replica": 0}
    assert _sent(baseten) == [{"autoscaling_settings": {"min_replica": 0}}]


def test_baseten_is_asked_first_when_settings_were_never_seen_in_force(baseten: Emulator, session: Session) -> None:
    """What came into force meanwhile is not sent again; the last status stays."""
    baseten.change("abc123", "production", {"min_replica": 1, "max_replica": 3})
    outputs = _update({**OUTPUTS, "status": "QUEUED", "in_force": False}, INPUTS)
    assert outputs == {**OUTPUTS, "status": "QUEUED"}
    assert [request.method for request in baseten.requests] == ["GET"]


def test_everything_is_sent_without_a_look_when_nobody_knows_what_is_under_way(
    baseten: Emulator, session: Session
) -> None:
    """Without a status, what Baseten reports now may yet be overtaken by what was sent before."""
    baseten.change("abc123", "production", {"min_replica": 1, "max_replica": 3})
    outputs = _update({**OUTPUTS, "status": None, "in_force": False}, INPUTS)
    assert outputs == {**SENT, "status": "UNCHANGED"}
    assert _sent(baseten) == [{"autoscaling_settings": {"min_replica": 1, "max_replica": 3}}]
    assert baseten.requests[0].method == "PATCH"


def test_only_the_rest_is_sent_when_some_came_into_force_meanwhile(baseten: Emulator, session: Session) -> None:
    """The update polls first and sends only what differs."""
    baseten.change("abc123", "production", {"max_replica": 3})
    outputs = _update({**OUTPUTS, "in_force": False}, INPUTS)
    assert outputs == SENT
    assert _sent(baseten) == [{"autoscaling_settings": {"min_replica": 1}}]


def test_everything_is_sent_when_the_program_was_reverted_after_a_failure(baseten: Emulator, session: Session) -> None:
    """State holds what was sent, 6; the program wants 3 again: the revert is sent, whatever Baseten reports now."""
    baseten.change("abc123", "production", {"min_replica": 1, "max_replica": 3})
    olds = {**OUTPUTS, "in_force": False, "autoscaling_settings": {"min_replica": 1.0, "max_replica": 6.0}}
    assert _update(olds, INPUTS)["in_force"] is True
    assert _sent(baseten) == [{"autoscaling_settings": {"min_replica": 1, "max_replica": 3}}]


def test_nothing_is_asked_when_nobody_waits_and_the_settings_were_sent(
    baseten: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With waiting off, what Baseten answered is all there is to know."""
    monkeypatch.setattr(planning, "open_session", None)
    olds = {**OUTPUTS, "wait": False, "in_force": False}
    outputs = _update(olds, {**_inputs(min_replica=1.0), "wait": False})
    assert outputs == {**olds, "autoscaling_settings": {"min_replica": 1}}
    assert baseten.requests == ()


def test_settings_are_sent_when_nobody_waits_and_nobody_knows_whether_they_were(
    baseten: Emulator, session: Session
) -> None:
    """After a failure in doubt there is no status: everything declared is sent."""
    olds = {**OUTPUTS, "wait": False, "in_force": False, "status": None}
    outputs = _update(olds, {**INPUTS, "wait": False})
    assert (outputs["status"], outputs["in_force"]) == ("ACCEPTED", False)
    assert [request.method for request in baseten.requests] == ["PATCH"]
    assert _sent(baseten) == [{"autoscaling_settings": {"min_replica": 1, "max_replica": 3}}]


def test_nobody_is_told_of_the_removed_when_the_update_fails(
    baseten: Emulator, session: Session, engine: "Engine"
) -> None:
    """It is told once the update is done."""
    baseten.faults.add(Fault.status(422))
    with pytest.raises(errors.RejectedError):
        _update(OUTPUTS, _inputs(min_replica=2))
    assert engine.lines == []


def test_given_dictionaries_are_not_touched_when_planned(baseten: Emulator, session: Session) -> None:
    """They are the host's."""
    olds, news = {**OUTPUTS, "in_force": False}, _inputs(min_replica=0.0)
    before = repr((olds, news))
    _update(olds, news)
    assert repr((olds, news)) == before


@pytest.mark.parametrize(
    ("olds", "expected"),
    [
        ({"in_force": False}, SentBefore(frozenset({"peak"}))),
        ({"in_force": True}, SentBefore(frozenset({"peak"}), is_in_doubt=False)),
        ({"in_force": False, "requests": None}, None),
        ({"in_force": False, SCHEDULES: {}}, SentBefore()),
        ({"in_force": True, SCHEDULES: {"delete_schedules": ["peak"]}}, SentBefore(is_in_doubt=False)),
    ],
)
def test_schedules_count_as_sent_before_when_an_earlier_request_may_have_made_them(
    olds: dict[str, Any], expected: SentBefore | None, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are looked for before they are made, those seen in force too: a look may be answered as of earlier."""
    plans: list[Any] = []
    monkeypatch.setattr(applying, "apply", lambda plan, *_: plans.append(plan))
    lists = {"timezone": "UTC", "schedules": [schedule(end_hour=12)]}
    planning.update(
        {**OUTPUTS, SCHEDULES: {**lists, "schedules": [schedule()]}, **olds},
        {**INPUTS, SCHEDULES: lists},
        PLAIN,
        Call(),
    )
    assert [plan.sent_before for plan in plans] == [expected]
