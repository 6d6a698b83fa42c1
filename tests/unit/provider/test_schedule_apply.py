"""Create, adopt and update an autoscaling schedule: what is sent, and that exactly one is there in the end."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict

from baseten_pulumi import errors
from baseten_pulumi.testing import Fault
from tests.key_scan import holds, told
from tests.schedules import NULLS, inputs, one_time_inputs
from tests.unit.provider.servicer import PICKLE
from tests.unit.provider.stack import KEY, MODEL, Stack

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

SUBJECT = f'Autoscaling schedule "peak" of environment "production" (model {MODEL})'
PAST = {"start_at": "2020-01-01T08:00:00Z", "end_at": "2020-01-01T10:00:00Z"}
UPSERT = {
    "name": "peak",
    "enabled": True,
    "cadence": "DAILY",
    "weekdays": ["MONDAY", "FRIDAY"],
    "start_hour": 8,
    "start_minute": 0,
    "end_hour": 10,
    "end_minute": 30,
    "autoscaling_settings": {"min_replica": 2, "max_replica": 8, **dict.fromkeys(NULLS)},
}


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack() as running:
        yield running


def _create(stack: Stack, name: str = "peak", timeout: float = 300.0, **changes: Any) -> dict[str, Any]:
    """Create the resource and the schedule of that name."""
    provider, declared = stack.provider(name), inputs(MODEL, name, **changes)
    outputs: dict[str, Any] = stack.call(lambda: provider.create(declared, timeout))
    return outputs


def _update(stack: Stack, olds: dict[str, Any], news: dict[str, Any], timeout: float = 300.0) -> dict[str, Any]:
    provider = stack.provider()
    outputs: dict[str, Any] = stack.call(lambda: provider.update(olds, news, timeout))
    return outputs


def _outputs(schedule_id: str, **changes: Any) -> dict[str, Any]:
    return {**inputs(MODEL, **changes), "schedule_id": schedule_id, "in_force": True}


def _ids(stack: Stack, name: str = "peak") -> list[str]:
    """Return the ids of the schedules with a name."""
    return [it["id"] for it in stack.listed() if it["name"] == name]


# --- create ---------------------------------------------------------------------------------------------------------


def test_whole_schedule_is_sent_when_it_is_created(stack: Stack) -> None:
    """One PATCH, with every override and the time zone of the first schedule; the outputs have Baseten's id."""
    outputs = _create(stack)
    (schedule_id,) = _ids(stack)
    assert outputs == {**inputs(MODEL), "schedule_id": schedule_id, "in_force": True}
    assert stack.sent == [{"timezone": "UTC", "schedules": [UPSERT]}]
    assert {request.path for request in stack.emulator.requests} == {f"/v1/models/{MODEL}/environments/production"}


def test_one_time_schedule_is_sent_when_it_is_created(stack: Stack) -> None:
    """Start and end as they are declared, and nothing of another cadence; Baseten reports them in UTC."""
    provider = stack.provider("launch")
    declared = one_time_inputs(MODEL, start_at="2099-01-01T09:00:00+01:00")
    assert stack.call(lambda: provider.create(declared))["in_force"] is True
    (sent,) = stack.sent
    assert sent["schedules"][0].items() >= {"start_at": "2099-01-01T09:00:00+01:00"}.items()
    assert "weekdays" not in sent["schedules"][0]
    assert stack.listed()[0]["start_at"] == "2099-01-01T08:00:00Z"


def test_zone_is_not_sent_when_the_environment_has_it(stack: Stack) -> None:
    """It would be the time zone of every other schedule, too."""
    stack.put("night", "Europe/Berlin")
    _create(stack, zone="Europe/Berlin")
    assert [set(sent) for sent in stack.sent] == [{"schedules"}]


def test_create_ends_after_the_patch_when_nothing_waits(stack: Stack) -> None:
    """The response has the id, so that not even one poll is needed."""
    provider = stack.provider(skipWait="true")
    outputs = stack.call(lambda: provider.create(inputs(MODEL)))
    assert outputs == {**inputs(MODEL), "schedule_id": _ids(stack)[0], "in_force": False}
    assert [request.method for request in stack.emulator.requests] == ["GET", "PATCH"]


@pytest.mark.parametrize("body", [{"status": "ACCEPTED"}, "", {"environment": {"autoscaling_schedules": None}}])
def test_id_is_read_from_a_poll_when_the_response_has_none(body: Any, stack: Stack) -> None:
    """Even if nothing waits: without it the resource would not know its schedule."""
    stack.emulator.faults.add(Fault.body(body, method="PATCH", times=1))
    provider = stack.provider(skipWait="true")
    assert stack.call(lambda: provider.create(inputs(MODEL)))["schedule_id"] == _ids(stack)[0]
    assert len(stack.patches) == 1


def test_schedule_is_created_when_its_call_cannot_be_found(stack: Stack) -> None:
    """Outside Pulumi's host."""
    provider = stack.provider().provider
    result = stack.call(lambda: provider.create(inputs(MODEL)))
    assert result.id == f"{MODEL}/production/{_ids(stack)[0]}"


@pytest.mark.parametrize(
    ("changes", "kind", "observed"),
    [
        ({"env_name": "canary"}, errors.EnvironmentNotFoundError, f'Model "{MODEL}" has no environment "canary"'),
        ({"model_id": "missing"}, errors.ModelNotFoundError, 'Model "missing" was not found'),
    ],
)
def test_nothing_is_sent_when_the_environment_does_not_exist(
    changes: dict[str, Any], kind: type[Exception], observed: str, stack: Stack
) -> None:
    """Nothing is kept, either."""
    provider = stack.provider()
    error = stack.error(lambda: provider.create({**inputs(MODEL), **changes}))
    assert type(error) is kind
    assert str(error).startswith('Autoscaling schedule "peak" of environment "')
    assert "was not created." in str(error).splitlines()[0]
    assert observed in str(error)
    assert "Nothing was changed." in str(error)
    assert (stack.patches, list(provider.status.details)) == ([], [])


@pytest.mark.parametrize("status", [400, 401, 422])
def test_resource_is_not_kept_when_baseten_rejected_the_schedule(status: int, stack: Stack) -> None:
    """Nothing was changed: the next update creates it."""
    stack.emulator.faults.add(Fault.status(status, {"error": "no"}, method="PATCH"))
    provider = stack.provider()
    error = stack.error(lambda: provider.create(inputs(MODEL)))
    assert f"{SUBJECT} was not created.\nBaseten returned {status} for PATCH" in str(error)
    assert "Nothing was changed." in str(error)
    assert (len(stack.patches), list(provider.status.details)) == (1, [])


def test_key_is_in_no_error_when_baseten_sends_it_back(stack: Stack) -> None:
    """Neither in the text nor in a report of the exception with its locals."""
    stack.emulator.faults.add(Fault.status(422, {"error": f"key {KEY}"}, {"X-Request-Id": KEY}, method="PATCH"))
    provider = stack.provider()
    error = stack.error(lambda: provider.create(inputs(MODEL)))
    assert "Baseten returned 422" in str(error)
    assert not holds(told(error), KEY)
    assert not holds(provider.status.SerializeToString(), KEY)


# --- adopt ----------------------------------------------------------------------------------------------------------


def test_schedule_is_adopted_when_baseten_has_it_as_declared(stack: Stack, engine: "Engine") -> None:
    """Nothing is sent, and the row says so."""
    schedule_id = stack.put()
    assert _create(stack)["schedule_id"] == schedule_id
    assert stack.patches == []
    notes = [line.message for line in engine.lines if not line.ephemeral]
    assert notes == [f'{MODEL}/production/{schedule_id}: adopted the existing schedule "peak"']
    assert {line.urn for line in engine.lines} == {stack.provider().urn()}


def test_schedule_is_replaced_under_its_id_when_an_adopted_one_differs(stack: Stack, engine: "Engine") -> None:
    """It stays one schedule, and the row says what is lost."""
    schedule_id = stack.put(end_hour=12, overrides={"scale_down_delay": 60})
    assert _create(stack)["schedule_id"] == schedule_id
    assert stack.sent == [{"schedules": [{**UPSERT, "id": schedule_id}]}]
    assert [it["end_hour"] for it in stack.listed()] == [10]
    (note,) = [line.message for line in engine.lines if not line.ephemeral]
    assert note.endswith('adopted the existing schedule "peak": end_hour 12→10, scale_down_delay 60→null')


def test_create_is_refused_when_several_schedules_have_its_name(stack: Stack) -> None:
    """Nobody knows which one is meant."""
    ids = [stack.put(), stack.put()]
    provider = stack.provider()
    error = stack.error(lambda: provider.create(inputs(MODEL)))
    assert type(error) is errors.ScheduleConflictError
    assert str(error) == (
        f"{SUBJECT} was not created.\n"
        f"2 schedules have that name: {ids[0]}, {ids[1]}. Nothing was changed.\n"
        "Rename or delete all but one of them in Baseten."
    )
    assert (stack.patches, list(provider.status.details)) == ([], [])


def test_create_is_refused_when_the_list_of_schedules_cannot_be_read(stack: Stack) -> None:
    """An unreadable list is no empty one: a second schedule could be created."""
    stack.put()
    body = {"name": "production", "autoscaling_schedules": {"timezone": "UTC", "schedules": "many"}}
    stack.emulator.faults.add(Fault.body(body, method="GET"))
    provider = stack.provider()
    error = stack.error(lambda: provider.create(inputs(MODEL)))
    assert str(error) == (
        f"{SUBJECT} was not created.\n"
        "Baseten's response has a list of schedules that this release cannot read. Nothing was changed.\n"
        "Update baseten-pulumi. If this is the latest release, please report it."
    )
    assert stack.patches == []


def test_schedule_of_another_resource_is_not_adopted_when_its_name_is_taken_over(stack: Stack) -> None:
    """Two resources swap names: what one has stays its own, whatever its name is at the moment."""
    first = _create(stack)
    second = _create(stack, "night")
    stack.restart()
    peak, night = stack.provider("peak"), stack.provider("night")
    renamed = inputs(MODEL, "night"), inputs(MODEL, "peak")
    for provider, olds, news in ((peak, first, renamed[0]), (night, second, renamed[1])):
        stack.call(partial(provider.check, news))
        stack.call(partial(provider.diff, olds, news))
    stack.call(lambda: peak.update(first, renamed[0]))
    stack.call(lambda: night.update(second, renamed[1]))
    assert {it["id"]: it["name"] for it in stack.listed()} == {
        first["schedule_id"]: "night",
        second["schedule_id"]: "peak",
    }


# --- the time zone --------------------------------------------------------------------------------------------------


def test_create_is_refused_when_the_zone_of_undeclared_schedules_would_change(stack: Stack) -> None:
    """Somebody else's schedules would run at other times."""
    schedule_id = stack.put("night", "Europe/Berlin")
    provider = stack.provider()
    stack.call(lambda: provider.check(inputs(MODEL)))
    error = stack.error(lambda: provider.create(inputs(MODEL)))
    assert type(error) is errors.ScheduleConflictError
    assert str(error) == (
        f"{SUBJECT} was not created.\n"
        'The environment uses timezone "Europe/Berlin"; "UTC" would also apply to schedules that this run does not '
        f'declare: "night" ({schedule_id}). Nothing was changed.\n'
        'Declare them (and run without --target), delete them in Baseten, or use timezone="Europe/Berlin".'
    )
    assert stack.patches == []


def test_zone_is_sent_once_when_every_schedule_is_declared_with_the_new_one(stack: Stack) -> None:
    """Whichever resource is first changes it for all."""
    olds = [_create(stack, name) for name in ("peak", "night")]
    stack.restart()
    stack.emulator.clear_requests()
    news = [inputs(MODEL, name, "Europe/Berlin") for name in ("peak", "night")]
    providers = [stack.provider(name) for name in ("peak", "night")]
    for provider, declared in zip(providers, news, strict=True):
        stack.call(partial(provider.check, declared))
    found = stack.together(lambda: providers[0].update(olds[0], news[0]), lambda: providers[1].update(olds[1], news[1]))
    assert [each["timezone"] for each in found] == ["Europe/Berlin"] * 2
    assert [sent.get("timezone") for sent in stack.sent] == ["Europe/Berlin"]
    assert len(stack.listed()) == 2


def test_zone_is_changed_when_the_other_resource_is_checked_a_little_later(stack: Stack) -> None:
    """The engine checks a resource when its inputs are known."""
    stack.put("night", "Europe/Berlin")
    peak, night = stack.provider("peak"), stack.provider("night")
    stack.call(lambda: peak.check(inputs(MODEL)))
    stack.after(3.0, lambda: night.check(inputs(MODEL, "night")))
    outputs = stack.call(lambda: peak.create(inputs(MODEL)))
    assert (outputs["in_force"], [set(sent) for sent in stack.sent]) == (True, [{"timezone", "schedules"}])


def test_zone_is_changed_when_a_declared_schedule_is_renamed_at_the_same_time(stack: Stack) -> None:
    """It is declared by its id while Baseten lists it under its old name."""
    peak, night = stack.provider("peak"), stack.provider("night")
    renamed = _outputs(stack.put("night"), name="night")
    news = [inputs(MODEL, zone="Europe/Berlin"), inputs(MODEL, "late", "Europe/Berlin")]
    stack.call(partial(peak.check, news[0]))
    stack.call(partial(night.check, news[1]))
    stack.call(lambda: night.diff(renamed, news[1]))
    assert stack.call(lambda: peak.create(news[0]))["timezone"] == "Europe/Berlin"
    assert stack.call(lambda: night.update(renamed, news[1]))["schedule_name"] == "late"
    assert [sent.get("timezone") for sent in stack.sent] == ["Europe/Berlin", None]


def test_zone_is_changed_when_the_only_schedule_is_its_own(stack: Stack) -> None:
    """Under another name, too."""
    schedule_id = stack.put("old-name", "Europe/Berlin")
    outputs = _update(stack, _outputs(schedule_id, name="old-name", zone="Europe/Berlin"), inputs(MODEL))
    assert (outputs["timezone"], outputs["schedule_name"]) == ("UTC", "peak")
    assert stack.sent == [{"timezone": "UTC", "schedules": [{**UPSERT, "id": schedule_id}]}]


# --- lost responses -------------------------------------------------------------------------------------------------

LOST = pytest.mark.parametrize(
    "fault",
    [
        Fault.dropped(takes_effect=True, method="PATCH", times=1),
        Fault.status(500, takes_effect=True, method="PATCH", times=1),
        Fault.cut_off(method="PATCH", times=1),
    ],
    ids=["dropped", "500", "cut off"],
)


@LOST
def test_schedule_is_not_sent_again_when_only_the_response_was_lost(
    fault: Fault, stack: Stack, engine: "Engine"
) -> None:
    """Names are not unique in Baseten: a second PATCH would be a second schedule. Its own is not called adopted."""
    stack.emulator.faults.add(fault)
    outputs = _create(stack)
    assert not [text for text in engine.texts if "adopted" in text]
    assert (_ids(stack), len(stack.patches), outputs["in_force"]) == ([outputs["schedule_id"]], 1, True)


@LOST
def test_schedule_is_awaited_when_its_response_was_lost_and_it_is_listed_late(fault: Fault) -> None:
    """Baseten may take some seconds to list what it has accepted."""
    with Stack(apply_seconds=10.0) as stack:
        stack.emulator.faults.add(fault)
        outputs = _create(stack)
        assert (_ids(stack), len(stack.patches)) == ([outputs["schedule_id"]], 1)


def test_schedule_is_sent_again_when_it_is_not_listed_after_half_a_minute(stack: Stack, engine: "Engine") -> None:
    """Then the first request had no effect; the row shows what the wait is for."""
    stack.emulator.faults.add(Fault.dropped(method="PATCH", times=1))
    outputs = _create(stack)
    first, second = stack.patches
    assert 30.0 <= second.at_seconds - first.at_seconds <= 32.0
    assert _ids(stack) == [outputs["schedule_id"]]
    assert "checking whether Baseten created it before sending it again" in engine.texts
    assert {line.ephemeral for line in engine.lines} == {True}


def test_resource_is_kept_when_somebody_creates_another_one_of_its_name_meanwhile(stack: Stack) -> None:
    """The error does not claim that nothing was changed."""
    stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    stack.after(0.1, stack.put)
    error, _, resource_id = _kept(stack)
    assert "2 schedules have that name: " in str(error)
    assert ". Baseten may have applied the request anyway.\nRename or delete" in str(error)
    assert resource_id == f"{MODEL}/production/pending"


def test_schedule_is_awaited_when_its_lost_request_queues_behind_a_promotion(stack: Stack) -> None:
    """It is listed after the promotion, however long that takes."""
    stack.emulator.start_promotion(MODEL, "production")
    stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    stack.after(120.0, lambda: stack.emulator.finish_promotion(MODEL, "production"))
    outputs = _create(stack)
    assert (_ids(stack), len(stack.patches)) == ([outputs["schedule_id"]], 1)


def test_schedule_is_sent_again_when_baseten_refused_it_for_now(stack: Stack) -> None:
    """A 429 had no effect: there is nothing to look for."""
    stack.emulator.faults.add(Fault.status(429, headers={"Retry-After": "2"}, method="PATCH", times=1))
    _create(stack)
    first, second = stack.patches
    assert second.at_seconds - first.at_seconds < 5.0
    assert len(_ids(stack)) == 1


# --- what is kept ---------------------------------------------------------------------------------------------------


def _kept(stack: Stack, timeout: float = 5.0) -> tuple[errors.BasetenError, dict[str, Any], str]:
    """Create a schedule, which fails; return the error, and the outputs and id that the engine keeps."""
    provider = stack.provider()
    error = stack.error(lambda: provider.create({**inputs(MODEL), "in_force": True}, timeout))
    kept = provider.kept
    assert provider.status.message == str(error)
    assert MessageToDict(kept.inputs) == {**inputs(MODEL), **PICKLE}
    outputs = {name: value for name, value in MessageToDict(kept.properties).items() if name not in PICKLE}
    return error, outputs, kept.id


def test_resource_is_kept_without_an_id_when_every_response_is_lost(stack: Stack) -> None:
    """The next update finds the schedule by its name, and sends nothing if it is as declared."""
    stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    stack.emulator.faults.add(Fault.status(503, method="GET", skip=1))
    error, outputs, resource_id = _kept(stack)
    assert str(error).startswith(f"{SUBJECT} was not created.\nBaseten returned 503")
    assert "Baseten may have applied the request anyway." in str(error)
    assert (outputs, resource_id) == ({**inputs(MODEL), "in_force": False}, f"{MODEL}/production/pending")
    stack.emulator.faults.clear()
    stack.restart()
    stack.emulator.clear_requests()
    assert _update(stack, outputs, inputs(MODEL)) == _outputs(_ids(stack)[0])
    assert stack.patches == []


def test_schedule_is_created_when_the_lost_request_of_the_last_run_had_no_effect(stack: Stack) -> None:
    """The last run may have ended a moment ago, so the schedule is looked for first."""
    began = stack.now
    outputs = _update(stack, {**inputs(MODEL), "in_force": False}, inputs(MODEL))
    assert (_ids(stack), len(stack.patches)) == ([outputs["schedule_id"]], 1)
    assert 30.0 <= stack.now - began < 35.0


def test_one_schedule_is_made_when_the_next_run_begins_before_baseten_lists_it(stack: Stack) -> None:
    """The create timed out, and its error says to run again."""
    stack.after(8.0, stack.put)
    outputs = _update(stack, {**inputs(MODEL), "in_force": False}, inputs(MODEL))
    assert (_ids(stack), stack.patches) == ([outputs["schedule_id"]], [])


def test_nothing_is_sent_again_when_the_schedule_still_queues_behind_a_promotion(stack: Stack) -> None:
    """Neither by the create that times out nor by the update that follows; after the promotion there is one."""
    stack.emulator.start_promotion(MODEL, "production", percent=40)
    error, outputs, resource_id = _kept(stack)
    assert str(error) == (
        f'Timed out after 5 s waiting for autoscaling schedule "peak" of environment "production" (model {MODEL}) to '
        "be applied.\nschedule: expected listed, observed not listed. Latest promotion: 40 %. "
        "Baseten accepted the request and may still apply it.\n"
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`."
    )
    assert (outputs, resource_id) == ({**inputs(MODEL), "in_force": False}, f"{MODEL}/production/pending")
    stack.restart()
    stack.emulator.clear_requests()
    provider = stack.provider()
    error = stack.error(lambda: provider.update(outputs, inputs(MODEL), 60.0))
    assert (type(error), stack.patches) == (errors.WaitTimeoutError, [])
    stack.emulator.finish_promotion(MODEL, "production")
    assert _update(stack, outputs, inputs(MODEL)) == _outputs(_ids(stack)[0])
    assert (len(_ids(stack)), stack.patches) == (1, [])


def test_resource_is_kept_with_its_id_when_the_wait_times_out(stack: Stack) -> None:
    """What Baseten lists otherwise is in the error."""
    schedule_id = stack.put(end_hour=12)
    stack.emulator.faults.add(Fault.never_applies())
    error, outputs, resource_id = _kept(stack)
    assert "\nend_hour: expected 10, observed 12. Baseten accepted" in str(error)
    assert (outputs, resource_id) == (
        {**_outputs(schedule_id), "in_force": False},
        f"{MODEL}/production/{schedule_id}",
    )


def test_resource_is_kept_when_pulumi_cancels_the_wait(stack: Stack) -> None:
    """At once; the schedule may still be listed."""
    stack.emulator.faults.add(Fault.never_applies())
    stack.after(20.0, stack.cancel)
    began = stack.now
    error, outputs, _ = _kept(stack, 300.0)
    assert (type(error), outputs["in_force"]) == (errors.WaitCancelledError, False)
    assert stack.now - began == pytest.approx(20.0, abs=1.0)


def test_resource_is_kept_when_pulumi_cancels_while_a_lost_schedule_is_looked_for(stack: Stack) -> None:
    """It may have been created."""
    stack.emulator.faults.add(Fault.dropped(method="PATCH"))
    stack.after(20.0, stack.cancel)
    error, outputs, resource_id = _kept(stack, 300.0)
    assert str(error) == (
        f"{SUBJECT} was not created.\n"
        "Pulumi cancelled the operation. Baseten may have applied the request anyway.\nRun it again."
    )
    assert ("schedule_id" in outputs, resource_id) == (False, f"{MODEL}/production/pending")


def test_nothing_is_sent_when_pulumi_has_cancelled_already(stack: Stack) -> None:
    """Nothing is kept."""
    stack.cancel()
    stack.pass_by(1.0)
    provider = stack.provider()
    error = stack.error(lambda: provider.create(inputs(MODEL)))
    assert "Pulumi cancelled the operation. Nothing was changed." in str(error)
    assert (stack.emulator.requests, list(provider.status.details)) == ((), [])


# --- update ---------------------------------------------------------------------------------------------------------


def test_schedule_is_replaced_under_its_id_when_it_changed(stack: Stack) -> None:
    """As a whole, under its new name."""
    schedule_id = stack.put()
    outputs = _update(stack, _outputs(schedule_id), inputs(MODEL, "night", end_hour=11))
    assert outputs == _outputs(schedule_id, name="night", end_hour=11)
    assert stack.sent == [{"schedules": [{**UPSERT, "id": schedule_id, "name": "night", "end_hour": 11}]}]
    assert [(it["id"], it["name"]) for it in stack.listed()] == [(schedule_id, "night")]


def test_nothing_is_sent_when_baseten_has_the_schedule_as_declared(stack: Stack) -> None:
    """A wait that failed is repeated."""
    schedule_id = stack.put()
    assert _update(stack, {**_outputs(schedule_id), "in_force": False}, inputs(MODEL)) == _outputs(schedule_id)
    assert stack.patches == []


def test_update_is_sent_again_when_its_response_was_lost(stack: Stack) -> None:
    """With an id it cannot create a second schedule, so it is not waited for."""
    schedule_id = stack.put()
    stack.emulator.faults.add(Fault.dropped(method="PATCH", times=1))
    began = stack.now
    _update(stack, _outputs(schedule_id), inputs(MODEL, end_hour=11))
    assert (stack.listed()[0]["end_hour"], len(stack.patches)) == (11, 2)
    assert stack.now - began < 5.0


def test_update_is_refused_when_the_schedule_is_gone(stack: Stack) -> None:
    """Creating it anew would need another id; a refresh removes it from the state first."""
    provider = stack.provider()
    error = stack.error(lambda: provider.update(_outputs("sched99"), inputs(MODEL, end_hour=11)))
    assert type(error) is errors.ScheduleConflictError
    assert str(error) == (
        f"{SUBJECT} was not updated.\nSchedule sched99 no longer exists in Baseten. Nothing was changed.\n"
        "Run `pulumi up --refresh` to create it again."
    )
    assert (stack.patches, list(provider.status.details)) == ([], [])


def test_update_is_by_id_when_another_schedule_has_the_name(stack: Stack) -> None:
    """Names are not unique in Baseten, and the id says which schedule is meant."""
    schedule_id, other = stack.put(), stack.put("night")
    stack.call(lambda: stack.provider().update(_outputs(schedule_id), inputs(MODEL, "night")))
    assert {it["id"]: it["name"] for it in stack.listed()} == {schedule_id: "night", other: "night"}


def test_update_is_refused_when_another_resource_of_the_program_has_the_schedule(stack: Stack) -> None:
    """Each would undo the other."""
    outputs = _outputs(stack.put())
    stack.call(lambda: stack.provider("other").diff(outputs, inputs(MODEL)))
    error = stack.error(lambda: stack.provider().update(outputs, inputs(MODEL, end_hour=11)))
    assert str(error) == (
        f"{SUBJECT} was not updated.\n"
        f"Another resource of this program manages the same schedule ({outputs['schedule_id']}). Nothing was changed.\n"
        "Remove one of them from the state with `pulumi state delete`."
    )
    assert stack.patches == []


def test_new_schedule_keeps_its_own_id_when_another_resource_gives_up_its_name(stack: Stack) -> None:
    """While the other one is renamed, both have the name, and the response lists the other one first."""
    other_id = stack.put("night")
    other, outputs = stack.provider("other"), {**_outputs(other_id), "schedule_name": "night"}
    stack.call(lambda: other.check(inputs(MODEL, "evening")))
    stack.call(lambda: other.diff(outputs, inputs(MODEL, "evening")))
    created = stack.call(lambda: stack.provider("new").create(inputs(MODEL, "night")))
    assert created["schedule_id"] != other_id
    stack.call(lambda: other.update(outputs, inputs(MODEL, "evening")))
    assert {it["id"]: it["name"] for it in stack.listed()} == {other_id: "evening", created["schedule_id"]: "night"}


def test_error_says_that_nothing_was_sent_when_an_adopted_schedule_cannot_be_read_back(stack: Stack) -> None:
    """It was as declared."""
    stack.put()
    stack.emulator.faults.add(Fault.status(403, method="GET", skip=1))
    error = stack.error(lambda: stack.provider().create(inputs(MODEL)))
    assert str(error).startswith(f"{SUBJECT} could not be read back.\nBaseten returned 403")
    assert "Nothing was sent." in str(error)


@pytest.mark.parametrize("known", [{"schedule_id": "sched99"}, {}])
def test_nothing_is_sent_when_a_one_time_schedule_is_over(known: dict[str, str], stack: Stack) -> None:
    """Baseten may have removed it, and there is nothing to restore."""
    declared = one_time_inputs(MODEL, **PAST)
    provider = stack.provider("launch")
    outputs = stack.call(lambda: provider.update({**declared, **known, "in_force": False}, declared))
    assert outputs == {**declared, **known, "in_force": True}
    assert stack.emulator.requests == ()


# --- confirmation, and several resources ----------------------------------------------------------------------------


def test_schedule_is_not_applied_when_it_is_listed_only_once(stack: Stack) -> None:
    """Baseten's servers may disagree for a moment: two polls in a row, a second apart, must list it."""
    stack.emulator.faults.add(Fault.stale(method="GET", skip=2, times=1))
    _create(stack)
    gets = [request for request in stack.emulator.requests if request.method == "GET"][1:]
    assert [earlier.at_seconds + 1.0 <= later.at_seconds for earlier, later in pairwise(gets)][-1]
    assert len(gets) == 4


def test_patches_go_one_after_another_when_they_are_for_one_environment(stack: Stack) -> None:
    """Two first schedules would both set the time zone, and one that reads while the other writes sees too little."""
    stack.emulator.faults.add(Fault.delay(4.0, method="PATCH"))
    names = ("peak", "night", "noon")
    providers = [stack.provider(name) for name in names]
    for provider, name in zip(providers, names, strict=True):
        stack.call(partial(provider.check, inputs(MODEL, name)))
    creates = [partial(each.create, inputs(MODEL, name)) for each, name in zip(providers, names, strict=True)]
    stack.together(*creates)
    patches = sorted(stack.patches, key=lambda it: it.at_seconds)
    assert len(patches) == 3
    assert all(one.answered_at_seconds <= other.at_seconds for one, other in pairwise(patches))
    assert [sent.get("timezone") for sent in stack.sent] == ["UTC", None, None]
    assert {it["name"] for it in stack.listed()} == set(names)


def test_patches_overlap_when_they_are_for_different_environments(stack: Stack) -> None:
    """One environment does not wait for another one."""
    stack.emulator.faults.add(Fault.delay(4.0, method="PATCH"))
    one, other = stack.provider("one"), stack.provider("other")
    stack.together(lambda: one.create(inputs(MODEL)), lambda: other.create({**inputs(MODEL), "env_name": "staging"}))
    first, second = stack.patches
    assert second.at_seconds < first.answered_at_seconds


def test_timeout_holds_when_another_change_of_the_environment_takes_long(stack: Stack) -> None:
    """What waits for its turn sends nothing once its time is over."""
    stack.emulator.faults.add(Fault.delay(50.0, method="PATCH"))
    one, other = stack.provider("one"), stack.provider("other")
    began_at = stack.now
    ended: list[float] = []

    def failing() -> None:
        try:
            other.create(inputs(MODEL, "night"), 5.0)
        finally:
            ended.append(stack.now - began_at)

    _, error = stack.together(lambda: one.create(inputs(MODEL, "peak"), 300.0), failing)
    assert (
        "was not created.\nAnother request that changes the environment did not finish within 5 s. Nothing was"
        in str(error)
    )
    assert ended[0] < 6.0
    assert not other.status.details


def test_schedule_is_found_by_its_old_name_when_it_was_renamed_before_its_id_was_known(stack: Stack) -> None:
    """It was sent under that name."""
    schedule_id = stack.put()
    _update(stack, {**inputs(MODEL), "in_force": False}, inputs(MODEL, "night"))
    assert [(it["id"], it["name"]) for it in stack.listed()] == [(schedule_id, "night")]


def test_schedule_is_created_again_when_it_was_over_and_gets_new_times(stack: Stack) -> None:
    """Baseten has removed the old one, and a refresh does not look for it."""
    olds = {**one_time_inputs(MODEL, start_at="2020-01-01T08:00:00Z", end_at="2020-01-01T09:00:00Z"), "in_force": True}
    found = _update(stack, {**olds, "schedule_id": "sched99"}, one_time_inputs(MODEL))
    assert [it["id"] for it in stack.listed()] == [found["schedule_id"]] != ["sched99"]
