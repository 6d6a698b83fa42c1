from typing import Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.provider.reading import read
from baseten_pulumi.provider.session import Session
from baseten_pulumi.testing import Emulator, Fault
from tests.schedules import SCHEDULES, one_time, reported, schedule

ID = "abc123/production"
PROPS: dict[str, Any] = {
    "model_id": "abc123",
    "env_name": "production",
    "wait": False,
    "status": "ACCEPTED",
    "in_force": True,
    "requests": 2.0,
    "autoscaling_settings": {"min_replica": 0.0, "max_replica": 1.0},
    "promotion_settings": {"rolling_deploy": False},
    "__provider": "pickle",
}
INPUTS: dict[str, Any] = {
    "model_id": "abc123",
    "env_name": "production",
    "wait": False,
    "autoscaling_settings": {"min_replica": 0, "max_replica": 1},
    "promotion_settings": {"rolling_deploy": False},
}


def test_outputs_are_the_same_when_nothing_drifted(baseten: Emulator, session: Session) -> None:
    """A refresh without drift changes nothing, the program's `wait` and the last status included."""
    found = read(ID, PROPS, session)
    assert found.id == ID
    assert found.outs == {**INPUTS, "status": "ACCEPTED", "in_force": True, "requests": 2}
    assert found.inputs == INPUTS


def test_mark_of_the_resource_is_given_back_when_state_has_one(baseten: Emulator, session: Session) -> None:
    """It is what tells the resource from one before it."""
    found = read(ID, {**PROPS, "incarnation": "1f2e3d4c"}, session)
    assert found.outs == {**INPUTS, "status": "ACCEPTED", "in_force": True, "requests": 2, "incarnation": "1f2e3d4c"}


def test_count_of_requests_is_not_made_up_when_state_has_none(baseten: Emulator, session: Session) -> None:
    """State of an earlier release stays as it is: a refresh without drift changes nothing."""
    found = read(ID, {key: value for key, value in PROPS.items() if key != "requests"}, session)
    assert found.outs == {**INPUTS, "status": "ACCEPTED", "in_force": True}


def test_drift_is_in_outputs_and_inputs_when_somebody_changed_a_managed_setting(
    baseten: Emulator, session: Session
) -> None:
    """Inputs too, so that the next preview shows what comes back; unmanaged settings are not picked up."""
    baseten.change("abc123", "production", {"max_replica": 9, "scale_down_delay": 5}, {"rolling_deploy": True})
    found = read(ID, PROPS, session)
    assert found.inputs is not None
    assert found.inputs["autoscaling_settings"] == {"min_replica": 0, "max_replica": 9}
    assert found.inputs["promotion_settings"] == {"rolling_deploy": True}
    assert found.outs is not None
    own = {"status": "ACCEPTED", "in_force": True, "requests": 2}
    assert found.outs == {**found.inputs, **own}


def test_old_value_stays_when_a_managed_setting_is_reported_as_null(baseten: Emulator, session: Session) -> None:
    """Not reported is not drifted: what was once seen in force stays so."""
    baseten.change("abc123", "production", {"scale_down_delay": None})
    props = {**PROPS, "autoscaling_settings": {"scale_down_delay": 60.0}}
    found = read(ID, props, session)
    assert found.outs is not None
    assert found.outs["autoscaling_settings"] == {"scale_down_delay": 60}
    assert (found.outs["in_force"], found.outs["status"]) == (True, "ACCEPTED")


@pytest.mark.parametrize(
    ("autoscaling", "reported"),
    [
        ({"max_replica": 6.0}, {"max_replica": 1}),
        ({"max_replica": 1.0, "scale_down_delay": 60.0}, {"max_replica": 1, "scale_down_delay": 60}),
    ],
)
def test_what_is_under_way_stays_on_record_when_a_refresh_does_not_see_it_yet(
    autoscaling: dict[str, float], reported: dict[str, int], baseten: Emulator, session: Session
) -> None:
    """It may yet come into force over what is reported: not in force, and without a status the next `up` sends."""
    baseten.change("abc123", "production", {"scale_down_delay": None})
    found = read(ID, {**PROPS, "autoscaling_settings": autoscaling, "in_force": False}, session)
    expected = {**INPUTS, "autoscaling_settings": reported}
    assert found.outs == {**expected, "in_force": False, "requests": 2}
    assert found.inputs == expected


def test_zero_is_read_back_when_a_percentage_is_reported_as_null(baseten: Emulator, session: Session) -> None:
    """A declared 0 of the two percentages may be reported as null, and is in force."""
    props = {**PROPS, "promotion_settings": {"rolling_deploy_config": {"max_unavailable_percent": 0.0}}}
    baseten.change("abc123", "production", promotion_settings={"rolling_deploy_config": None})
    found = read(ID, props, session)
    assert found.outs is not None
    assert found.outs["promotion_settings"] == {"rolling_deploy_config": {"max_unavailable_percent": 0}}
    assert found.outs["in_force"] is True


def test_settings_count_as_in_force_when_a_refresh_reads_them_all_back(baseten: Emulator, session: Session) -> None:
    """Where nobody had waited, a refresh settles it; the status stays, and there is none where there was none."""
    found = read(ID, {**PROPS, "in_force": False}, session)
    assert found.outs == {**INPUTS, "status": "ACCEPTED", "in_force": True, "requests": 2}
    found = read(ID, {**PROPS, "in_force": False, "status": None}, session)
    assert found.outs == {**INPUTS, "in_force": True, "requests": 2}


@pytest.mark.parametrize("props", [{"__provider": "pickle"}, {}])
def test_everything_reported_is_read_when_a_program_looks_it_up(
    props: dict[str, Any], baseten: Emulator, session: Session
) -> None:
    """`.get` manages nothing, so nothing is left out."""
    baseten.change("abc123", "production", {"min_replica": 1, "scale_down_delay": None})
    found = read(ID, props, session)
    assert found.outs is not None
    assert (found.id, found.outs["model_id"], found.outs["env_name"]) == (ID, "abc123", "production")
    assert found.outs["autoscaling_settings"]["min_replica"] == 1
    assert "scale_down_delay" not in found.outs["autoscaling_settings"]
    assert "ramp_up_duration_seconds" in found.outs["promotion_settings"]
    assert found.outs["request_backpressure_settings"] == {"policy": "NONE"}
    assert (found.outs["wait"], found.outs["in_force"]) == (True, True)
    assert not {"status", "requests", "incarnation"} & set(found.outs)


@pytest.mark.parametrize("resource_id", ["abc123/nowhere", "nobody/production"])
def test_resource_is_gone_when_the_environment_or_the_model_is(
    resource_id: str, baseten: Emulator, session: Session
) -> None:
    """An empty id tells Pulumi so."""
    found = read(resource_id, PROPS, session)
    assert (found.id, found.outs, found.inputs) == ("", {}, None)


@pytest.mark.parametrize(
    ("resource_id", "kind"),
    [("abc123/nowhere", errors.EnvironmentNotFoundError), ("nobody/production", errors.ModelNotFoundError)],
)
def test_lookup_fails_when_the_environment_or_the_model_does_not_exist(
    resource_id: str, kind: type[errors.NotFoundError], baseten: Emulator, session: Session
) -> None:
    """The engine keeps the id it asked for: without an error the program would go on without outputs."""
    with pytest.raises(kind):
        read(resource_id, {"__provider": "pickle"}, session)


def test_resource_is_not_gone_when_nobody_can_tell_what_is_missing(baseten: Emulator, session: Session) -> None:
    """A 404 that the model's list does not explain is an error: state is not dropped on a guess."""
    baseten.faults.add(Fault.status(404, path="/environments/production$"))
    with pytest.raises(errors.NotFoundError):
        read(ID, PROPS, session)


def test_resource_is_not_gone_when_everything_is_answered_404(baseten: Emulator, session: Session) -> None:
    """That is a wrong base URL or a proxy, not a missing model: a refresh must not empty the state."""
    baseten.faults.add(Fault.status(404))
    with pytest.raises(errors.NotFoundError) as caught:
        read(ID, PROPS, session)
    assert type(caught.value) is errors.NotFoundError


def test_trouble_is_retried_when_it_may_go_away(baseten: Emulator, session: Session) -> None:
    """A refresh does not fail for one 503."""
    baseten.faults.add(Fault.status(503, times=2))
    assert read(ID, PROPS, session).id == ID
    assert len(baseten.requests) == 3


def test_refresh_gives_up_when_the_trouble_stays(baseten: Emulator, session: Session) -> None:
    """After two minutes, with the trouble in words."""
    baseten.faults.add(Fault.status(503))
    began = session.clock.now()
    with pytest.raises(errors.ServerError):
        read(ID, PROPS, session)
    assert 100.0 < session.clock.now() - began <= 120.0


def test_id_is_refused_before_anything_is_asked_when_it_is_malformed(baseten: Emulator, session: Session) -> None:
    """What a program looks up by a wrong id is told at once."""
    with pytest.raises(errors.ConfigurationError):
        read("abc123", {}, session)
    assert baseten.requests == ()


LISTS = {"timezone": "UTC", "schedules": [schedule("peak"), schedule("night")], "delete_schedules": ["old"]}


def _put(baseten: Emulator, *names: str) -> None:
    for name in names:
        baseten.put_schedule("abc123", "production", reported(schedule(name)), "UTC")


def test_schedules_are_the_same_when_nothing_drifted(baseten: Emulator, session: Session) -> None:
    """In the program's order; those it does not name are not picked up."""
    _put(baseten, "stranger", "night", "peak")
    baseten.put_schedule("abc123", "production", one_time())
    found = read(ID, {**PROPS, SCHEDULES: LISTS}, session)
    assert found.outs == {**INPUTS, SCHEDULES: LISTS, "status": "ACCEPTED", "in_force": True, "requests": 2}
    assert found.inputs == {**INPUTS, SCHEDULES: LISTS}


def test_drift_is_found_when_schedules_came_and_went(baseten: Emulator, session: Session) -> None:
    """One that is gone leaves the state, and one that is there again is in it as it is."""
    _put(baseten, "peak", "old")
    found = read(ID, {**PROPS, SCHEDULES: LISTS}, session)
    assert found.inputs is not None
    assert found.inputs[SCHEDULES] == {"timezone": "UTC", "schedules": [schedule("peak"), schedule("old")]}


@pytest.mark.parametrize(
    ("in_force", "promoting", "is_kept"), [(False, True, True), (False, False, False), (True, True, False)]
)
def test_schedule_stays_on_record_when_it_may_be_queued(
    in_force: bool, promoting: bool, is_kept: bool, baseten: Emulator, session: Session
) -> None:
    """Sent, never seen in force, and a promotion runs: else the next `up` could not know that it was sent."""
    if promoting:
        baseten.start_promotion("abc123", "production")
    found = read(ID, {**PROPS, SCHEDULES: LISTS, "in_force": in_force}, session)
    assert found.outs is not None
    assert ("schedules" in found.outs[SCHEDULES]) is is_kept
    assert found.outs["in_force"] is in_force


def test_schedule_is_not_gone_when_it_was_sent_and_shows_a_little_later(baseten: Emulator, session: Session) -> None:
    """A refresh soon after an `up` that timed out: taken for gone, the next `up` would make a second one."""
    _put(baseten, "night", "peak")
    baseten.faults.add(Fault.stale(3600.0, times=4))
    props = {**PROPS, SCHEDULES: LISTS, "in_force": False}
    began = session.clock.now()
    found = read(ID, props, session)
    assert found.inputs is not None
    assert [it["name"] for it in found.inputs[SCHEDULES]["schedules"]] == ["peak", "night"]
    assert len(baseten.requests) == 5
    assert session.clock.now() - began == pytest.approx(8.0, abs=0.5)


@pytest.mark.parametrize(
    ("in_force", "requests", "looks"), [(False, 1, True), (False, None, False), (True, 1, False), (None, 1, False)]
)
def test_schedule_is_looked_for_when_nobody_saw_what_was_sent(
    in_force: bool | None, requests: int | None, looks: bool, baseten: Emulator, session: Session
) -> None:
    """For half a minute; what was seen before is gone at once, and so is what was never sent."""
    began = session.clock.now()
    found = read(ID, {**PROPS, SCHEDULES: LISTS, "in_force": in_force, "requests": requests}, session)
    assert found.inputs is not None
    assert "schedules" not in found.inputs[SCHEDULES]
    assert session.clock.now() - began == (pytest.approx(30.0, abs=1.0) if looks else pytest.approx(0.0, abs=0.5))
