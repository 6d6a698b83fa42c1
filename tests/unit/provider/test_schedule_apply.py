"""Create, adopt and update an autoscaling schedule: what is sent, and that exactly one is there in the end."""

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict

from baseten_pulumi import errors
from baseten_pulumi.testing import Fault
from tests.schedules import NULLS, inputs, one_time_inputs
from tests.unit.provider.servicer import PICKLE, Servicer
from tests.unit.provider.stack import MODEL, Stack, failure

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

SUBJECT = f'Autoscaling schedule "peak" of environment "production" (model {MODEL})'
MAY_HAVE_APPLIED = "Baseten may have applied the request anyway."
PAST = {"start_at": "2020-01-01T08:00:00Z", "end_at": "2020-01-01T10:00:00Z"}
PENDING = {**inputs(MODEL), "in_force": False}
"""The outputs of a create whose response was lost."""
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


def _outputs(schedule_id: str, **changes: Any) -> dict[str, Any]:
    return {**inputs(MODEL, **changes), "schedule_id": schedule_id, "in_force": True}


def _names(stack: Stack) -> dict[str, str]:
    """Return the names of the schedules that Baseten lists, by id."""
    return {it["id"]: it["name"] for it in stack.listed()}


def _refused(stack: Stack, provider: Servicer, error: errors.BasetenError, observed: str, action: str) -> None:
    """Assert the error of an operation that has sent nothing and keeps nothing."""
    assert type(error) is errors.ScheduleConflictError
    not_sent = f"{SUBJECT} was not created."
    assert str(error) == f"{not_sent}\n{observed} Nothing was changed.\n{action}"
    assert (stack.patches, list(provider.status.details)) == ([], [])


# --- create ---------------------------------------------------------------------------------------------------------


def test_whole_schedule_is_sent_when_it_is_created(stack: Stack, peak: Servicer) -> None:
    outputs = peak.create(inputs(MODEL))
    assert _names(stack) == {outputs["schedule_id"]: "peak"}
    assert outputs == _outputs(outputs["schedule_id"])
    assert stack.sent == [{"timezone": "UTC", "schedules": [UPSERT]}]
    assert {request.path for request in stack.emulator.requests} == {f"/v1/models/{MODEL}/environments/production"}


def test_one_time_schedule_is_sent_when_it_is_created(stack: Stack) -> None:
    """Start and end as they are declared, and nothing of another cadence; Baseten reports them in UTC."""
    declared = one_time_inputs(MODEL, start_at="2099-01-01T09:00:00+01:00")
    assert stack.provider("launch").create(declared)["in_force"] is True
    (sent,) = stack.sent[0]["schedules"]
    assert (sent["start_at"], "weekdays" in sent) == ("2099-01-01T09:00:00+01:00", False)
    assert stack.listed()[0]["start_at"] == "2099-01-01T08:00:00Z"


def test_create_ends_after_the_patch_when_nothing_waits(stack: Stack) -> None:
    outputs = stack.provider(skipWait="true").create(inputs(MODEL))
    assert outputs == {**_outputs(*_names(stack)), "in_force": False}
    assert [request.method for request in stack.emulator.requests] == ["GET", "PATCH"]


@pytest.mark.parametrize("body", [{"status": "ACCEPTED"}, "", {"environment": {"autoscaling_schedules": None}}])
def test_id_is_read_from_a_poll_when_the_response_has_none(body: Any, stack: Stack) -> None:
    """Even if nothing waits: without it the resource would not know its schedule."""
    stack.emulator.faults.add(Fault.body(body, method="PATCH", times=1))
    outputs = stack.provider(skipWait="true").create(inputs(MODEL))
    assert (_names(stack), len(stack.patches)) == ({outputs["schedule_id"]: "peak"}, 1)


def test_nothing_is_sent_when_the_environment_does_not_exist(stack: Stack, peak: Servicer) -> None:
    error = failure(peak.create, inputs(MODEL, env_name="canary"))
    assert type(error) is errors.EnvironmentNotFoundError
    assert str(error).startswith(f"{SUBJECT.replace('production', 'canary')} was not created.\nModel")
    assert "Nothing was changed." in str(error)
    assert (stack.patches, list(peak.status.details)) == ([], [])


# --- adopt ----------------------------------------------------------------------------------------------------------


def test_schedule_is_adopted_when_baseten_has_it_as_declared(stack: Stack, peak: Servicer, engine: "Engine") -> None:
    schedule_id = stack.put()
    assert peak.create(inputs(MODEL))["schedule_id"] == schedule_id
    assert stack.patches == []
    note = f'{MODEL}/production/{schedule_id}: adopted the existing schedule "peak"'
    assert [(line.message, line.urn) for line in engine.lines if not line.ephemeral] == [(note, peak.urn())]


def test_schedule_is_replaced_under_its_id_when_an_adopted_one_differs(
    stack: Stack, peak: Servicer, engine: "Engine"
) -> None:
    schedule_id = stack.put(end_hour=12, overrides={"scale_down_delay": 60})
    assert peak.create(inputs(MODEL))["schedule_id"] == schedule_id
    assert stack.sent == [{"schedules": [{**UPSERT, "id": schedule_id}]}]
    assert [it["end_hour"] for it in stack.listed()] == [10]
    (note,) = [line.message for line in engine.lines if not line.ephemeral]
    assert note.endswith('adopted the existing schedule "peak": end_hour 12→10, scale_down_delay 60→null')


def test_create_is_refused_when_several_schedules_have_its_name(stack: Stack, peak: Servicer) -> None:
    ids = f"{stack.put()}, {stack.put()}"
    action = "Rename or delete all but one of them in Baseten."
    error = failure(peak.create, inputs(MODEL))
    _refused(stack, peak, error, f"2 schedules have that name: {ids}.", action)


def test_create_is_refused_when_the_list_of_schedules_cannot_be_read(stack: Stack, peak: Servicer) -> None:
    """An unreadable list is no empty one: a second schedule could be created."""
    body = {"name": "production", "autoscaling_schedules": {"timezone": "UTC", "schedules": "many"}}
    stack.emulator.faults.add(Fault.body(body, method="GET"))
    observed = "Baseten's response has a list of schedules that this release cannot read."
    action = "Update baseten-pulumi. If this is the latest release, please report it."
    _refused(stack, peak, failure(peak.create, inputs(MODEL)), observed, action)


def test_schedule_of_another_resource_is_not_adopted_when_two_swap_names(stack: Stack, peak: Servicer) -> None:
    night = stack.provider("night")
    news = inputs(MODEL, "night"), inputs(MODEL)
    first, second = _outputs(stack.put()), _outputs(stack.put("night"), name="night")
    for provider, olds, declared in ((peak, first, news[0]), (night, second, news[1])):
        provider.check(declared)
        provider.diff(olds, declared)
    peak.update(first, news[0])
    night.update(second, news[1])
    assert _names(stack) == {first["schedule_id"]: "night", second["schedule_id"]: "peak"}


def test_new_schedule_keeps_its_own_id_when_another_resource_gives_up_its_name(stack: Stack) -> None:
    """While the other one is renamed, both have the name, and the response lists the other one first."""
    other, outputs = stack.provider("other"), _outputs(stack.put("night"), name="night")
    other.check(inputs(MODEL, "evening"))
    other.diff(outputs, inputs(MODEL, "evening"))
    created = stack.provider("new").create(inputs(MODEL, "night"))
    other.update(outputs, inputs(MODEL, "evening"))
    assert _names(stack) == {outputs["schedule_id"]: "evening", created["schedule_id"]: "night"}


# --- the time zone --------------------------------------------------------------------------------------------------


def test_create_is_refused_when_the_zone_of_undeclared_schedules_would_change(stack: Stack, peak: Servicer) -> None:
    schedule_id = stack.put("night", "Europe/Berlin")
    peak.check(inputs(MODEL))
    observed = (
        'The environment uses timezone "Europe/Berlin"; "UTC" would also apply to schedules that this run does not '
        f'declare: "night" ({schedule_id}).'
    )
    action = 'Declare them (and run without --target), delete them in Baseten, or use timezone="Europe/Berlin".'
    _refused(stack, peak, failure(peak.create, inputs(MODEL)), observed, action)


def test_zone_is_sent_once_when_every_schedule_is_declared_with_the_new_one(stack: Stack, peak: Servicer) -> None:
    night = stack.provider("night")
    olds = [_outputs(stack.put()), _outputs(stack.put("night"), name="night")]
    news = [inputs(MODEL, name, "Europe/Berlin") for name in ("peak", "night")]
    peak.check(news[0])
    night.check(news[1])
    found = stack.together(lambda: peak.update(olds[0], news[0]), lambda: night.update(olds[1], news[1]))
    assert [each["timezone"] for each in found] == ["Europe/Berlin"] * 2
    assert [sent.get("timezone") for sent in stack.sent] == ["Europe/Berlin"]


def test_zone_is_changed_when_the_other_resource_is_checked_a_little_later(stack: Stack, peak: Servicer) -> None:
    """The engine checks a resource when its inputs are known."""
    stack.put("night", "Europe/Berlin")
    peak.check(inputs(MODEL))
    stack.after(3.0, lambda: stack.provider("night").check(inputs(MODEL, "night")))
    assert peak.create(inputs(MODEL))["in_force"] is True


def test_zone_is_changed_when_a_declared_schedule_is_renamed_at_the_same_time(stack: Stack, peak: Servicer) -> None:
    """It is declared by its id while Baseten lists it under its old name."""
    night = stack.provider("night")
    renamed = _outputs(stack.put("night"), name="night")
    news = [inputs(MODEL, zone="Europe/Berlin"), inputs(MODEL, "late", "Europe/Berlin")]
    peak.check(news[0])
    night.check(news[1])
    night.diff(renamed, news[1])
    assert peak.create(news[0])["timezone"] == "Europe/Berlin"
    assert night.update(renamed, news[1])["schedule_name"] == "late"
    assert [sent.get("timezone") for sent in stack.sent] == ["Europe/Berlin", None]


def test_zone_is_changed_when_the_only_schedule_is_its_own(stack: Stack, peak: Servicer) -> None:
    schedule_id = stack.put("old-name", "Europe/Berlin")
    outputs = peak.update(_outputs(schedule_id, name="old-name", zone="Europe/Berlin"), inputs(MODEL))
    assert outputs == _outputs(schedule_id)
    assert stack.sent == [{"timezone": "UTC", "schedules": [{**UPSERT, "id": schedule_id}]}]


# --- lost responses: names are not unique in Baseten, so a second PATCH would be a second schedule ------------------


@pytest.mark.parametrize("apply_seconds", [0.0, 10.0])
@pytest.mark.parametrize(
    "fault",
    [
        Fault.dropped(takes_effect=True, method="PATCH", times=1),
        Fault.status(500, takes_effect=True, method="PATCH", times=1),
        Fault.cut_off(method="PATCH", times=1),
    ],
    ids=["dropped", "500", "cut off"],
)
def test_schedule_is_not_sent_again_when_only_the_response_was_lost(
    fault: Fault, apply_seconds: float, engine: "Engine"
) -> None:
    """Baseten may take some seconds to list it; its own schedule is not called adopted."""
    with Stack(apply_seconds) as stack:
        stack.emulator.faults.add(fault)
        outputs = stack.provider().create(inputs(MODEL))
        assert (_names(stack), len(stack.patches)) == ({outputs["schedule_id"]: "peak"}, 1)
    assert not [text for text in engine.texts if "adopted" in text]


def test_schedule_is_sent_again_when_it_is_not_listed_after_half_a_minute(
    stack: Stack, peak: Servicer, engine: "Engine"
) -> None:
    stack.emulator.faults.add(Fault.dropped(method="PATCH", times=1))
    outputs = peak.create(inputs(MODEL))
    first, second = stack.patches
    assert 30.0 <= second.at_seconds - first.at_seconds <= 32.0
    assert _names(stack) == {outputs["schedule_id"]: "peak"}
    assert "checking whether Baseten created it before sending it again" in engine.texts


def test_schedule_is_awaited_when_its_lost_request_queues_behind_a_promotion(stack: Stack, peak: Servicer) -> None:
    """It is listed after the promotion, however long that takes."""
    stack.emulator.start_promotion(MODEL, "production")
    stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    stack.after(120.0, lambda: stack.emulator.finish_promotion(MODEL, "production"))
    outputs = peak.create(inputs(MODEL))
    assert (_names(stack), len(stack.patches)) == ({outputs["schedule_id"]: "peak"}, 1)


def test_schedule_is_sent_again_at_once_when_baseten_refused_it_for_now(stack: Stack, peak: Servicer) -> None:
    """A 429 had no effect: there is nothing to look for."""
    stack.emulator.faults.add(Fault.status(429, headers={"Retry-After": "2"}, method="PATCH", times=1))
    peak.create(inputs(MODEL))
    first, second = stack.patches
    assert second.at_seconds - first.at_seconds < 5.0


@pytest.mark.parametrize(
    ("appears_after", "sent", "earliest", "latest"), [(None, 1, 30.0, 35.0), (8.0, 0, 8.0, 13.0)], ids=["lost", "late"]
)
def test_schedule_is_looked_for_when_the_response_to_the_last_run_was_lost(
    appears_after: float | None, sent: int, earliest: float, latest: float, stack: Stack, peak: Servicer
) -> None:
    """The last run may have ended a moment ago: Baseten may still list what it has accepted."""
    if appears_after:
        stack.after(appears_after, stack.put)
    began = stack.now
    outputs = peak.update(PENDING, inputs(MODEL))
    assert (_names(stack), len(stack.patches)) == ({outputs["schedule_id"]: "peak"}, sent)
    assert earliest <= stack.now - began < latest


def test_schedule_is_found_by_its_old_name_when_it_was_renamed_before_its_id_was_known(
    stack: Stack, peak: Servicer
) -> None:
    schedule_id = stack.put()
    peak.update(PENDING, inputs(MODEL, "night"))
    assert _names(stack) == {schedule_id: "night"}


# --- what is kept ---------------------------------------------------------------------------------------------------


def _kept(peak: Servicer, timeout: float = 5.0, schedule_id: str | None = None) -> errors.BasetenError:
    """Create a schedule, which fails; assert what the engine keeps, and return the error."""
    error = failure(peak.create, {**inputs(MODEL), "in_force": True}, timeout)
    known = {"schedule_id": schedule_id} if schedule_id else {}
    assert MessageToDict(peak.kept.properties) == {**PENDING, **known, **PICKLE}
    assert MessageToDict(peak.kept.inputs) == {**inputs(MODEL), **PICKLE}
    assert peak.kept.id == f"{MODEL}/production/{schedule_id or 'pending'}"
    return error


def test_resource_is_kept_without_an_id_when_every_response_is_lost(stack: Stack, peak: Servicer) -> None:
    """The next update finds the schedule by its name, and sends nothing if it is as declared."""
    stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    stack.emulator.faults.add(Fault.status(503, method="GET", skip=1))
    error = _kept(peak)
    assert str(error).startswith(f"{SUBJECT} was not created.\nBaseten returned 503")
    assert MAY_HAVE_APPLIED in str(error)
    stack.emulator.faults.clear()
    stack.restart()
    assert peak.update(PENDING, inputs(MODEL)) == _outputs(*_names(stack))
    assert len(stack.patches) == 1


def test_nothing_is_sent_again_when_the_schedule_still_queues_behind_a_promotion(stack: Stack, peak: Servicer) -> None:
    """Neither by the create that times out nor by the update that follows; after the promotion there is one."""
    stack.emulator.start_promotion(MODEL, "production", percent=40)
    assert str(_kept(peak)) == (
        f'Timed out after 5 s waiting for autoscaling schedule "peak" of environment "production" (model {MODEL}) to '
        "be applied.\nschedule: expected listed, observed not listed. Latest promotion: 40 %. Baseten returned: "
        '"The update is queued and will be applied once the promotion in progress has ended". '
        "Baseten accepted the request and may still apply it.\n"
        "Run `pulumi up` again to keep waiting, or raise `custom_timeouts`."
    )
    stack.restart()
    assert type(failure(peak.update, PENDING, inputs(MODEL), 60.0)) is errors.WaitTimeoutError
    stack.emulator.finish_promotion(MODEL, "production")
    assert peak.update(PENDING, inputs(MODEL)) == _outputs(*_names(stack))
    assert len(stack.patches) == 1


def test_resource_is_kept_with_its_id_when_the_wait_times_out(stack: Stack, peak: Servicer) -> None:
    schedule_id = stack.put(end_hour=12)
    stack.emulator.faults.add(Fault.never_applies())
    assert "\nend_hour: expected 10, observed 12. Baseten accepted" in str(_kept(peak, schedule_id=schedule_id))


def test_resource_is_kept_when_somebody_creates_another_one_of_its_name_meanwhile(stack: Stack, peak: Servicer) -> None:
    """The error does not claim that nothing was changed."""
    stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
    stack.after(0.1, stack.put)
    error = str(_kept(peak))
    assert "2 schedules have that name: " in error
    assert f". {MAY_HAVE_APPLIED}\nRename or delete" in error


def test_resource_is_kept_when_pulumi_cancels_while_a_lost_schedule_is_looked_for(stack: Stack, peak: Servicer) -> None:
    stack.emulator.faults.add(Fault.dropped(method="PATCH"))
    stack.after(20.0, stack.cancel)
    text = str(_kept(peak, 300.0))
    assert text.startswith(f"{SUBJECT} was not created.\nPulumi cancelled the operation. The last attempt failed: ")
    assert text.endswith(f" {MAY_HAVE_APPLIED}\nRun it again.")


# --- update ---------------------------------------------------------------------------------------------------------


def test_schedule_is_replaced_under_its_id_when_it_changed(stack: Stack, peak: Servicer) -> None:
    """As a whole, and under its new name, although another schedule has that name."""
    schedule_id, other = stack.put(), stack.put("night")
    outputs = peak.update(_outputs(schedule_id), inputs(MODEL, "night", end_hour=11))
    assert outputs == _outputs(schedule_id, name="night", end_hour=11)
    assert stack.sent == [{"schedules": [{**UPSERT, "id": schedule_id, "name": "night", "end_hour": 11}]}]
    assert _names(stack) == {schedule_id: "night", other: "night"}


def test_nothing_is_sent_when_baseten_has_the_schedule_as_declared(stack: Stack, peak: Servicer) -> None:
    outputs = _outputs(stack.put())
    assert peak.update({**outputs, "in_force": False}, inputs(MODEL)) == outputs
    assert stack.patches == []


def test_update_is_sent_again_at_once_when_its_response_was_lost(stack: Stack, peak: Servicer) -> None:
    """With an id it cannot create a second schedule, so it is not looked for."""
    stack.emulator.faults.add(Fault.dropped(method="PATCH", times=1))
    peak.update(_outputs(stack.put()), inputs(MODEL, end_hour=11))
    assert stack.listed()[0]["end_hour"] == 11
    first, second = stack.patches
    assert second.at_seconds - first.at_seconds < 5.0


def test_update_is_refused_when_the_schedule_is_gone(stack: Stack, peak: Servicer) -> None:
    """Creating it anew would need another id; a refresh removes it from the state first."""
    error = failure(peak.update, _outputs("sched99"), inputs(MODEL, end_hour=11))
    assert type(error) is errors.ScheduleConflictError
    assert str(error) == (
        f"{SUBJECT} was not updated.\nSchedule sched99 no longer exists in Baseten. Nothing was changed.\n"
        "Run `pulumi up --refresh` to create it again."
    )


def test_update_is_refused_when_another_resource_of_the_program_has_the_schedule(stack: Stack, peak: Servicer) -> None:
    outputs = _outputs(stack.put())
    stack.provider("other").diff(outputs, inputs(MODEL))
    error = failure(peak.update, outputs, inputs(MODEL, end_hour=11))
    assert str(error) == (
        f"{SUBJECT} was not updated.\n"
        f"Another resource of this program manages the same schedule ({outputs['schedule_id']}). Nothing was changed.\n"
        "Remove one of them from the state with `pulumi state delete`."
    )
    assert stack.patches == []


def test_error_says_that_nothing_was_sent_when_an_adopted_schedule_cannot_be_read_back(
    stack: Stack, peak: Servicer
) -> None:
    stack.put()
    stack.emulator.faults.add(Fault.status(403, method="GET", skip=1))
    error = failure(peak.create, inputs(MODEL))
    assert str(error).startswith(f"{SUBJECT} could not be read back.\nBaseten returned 403")
    assert "Nothing was sent." in str(error)


@pytest.mark.parametrize("known", [{"schedule_id": "sched99"}, {}])
def test_nothing_is_sent_when_a_one_time_schedule_is_over(known: dict[str, str], stack: Stack) -> None:
    """Baseten may have removed it, and there is nothing to restore."""
    declared = one_time_inputs(MODEL, **PAST)
    outputs = stack.provider("launch").update({**declared, **known, "in_force": False}, declared)
    assert outputs == {**declared, **known, "in_force": True}
    assert stack.emulator.requests == ()


def test_schedule_is_created_again_when_it_was_over_and_gets_new_times(stack: Stack, peak: Servicer) -> None:
    """Baseten has removed the old one, and a refresh does not look for it."""
    olds = {**one_time_inputs(MODEL, **PAST), "in_force": True, "schedule_id": "sched99"}
    found = peak.update(olds, one_time_inputs(MODEL))
    assert _names(stack) == {found["schedule_id"]: "launch"}
    assert found["schedule_id"] != "sched99"


# --- several resources ----------------------------------------------------------------------------------------------


def test_patches_go_one_after_another_when_they_are_for_one_environment(stack: Stack, settings: Servicer) -> None:
    """Two first schedules would both set the time zone, and one that reads while the other writes sees too little."""
    stack.emulator.faults.add(Fault.delay(4.0, method="PATCH"))
    providers = {name: stack.provider(name) for name in ("peak", "night")}
    for name, provider in providers.items():
        provider.check(inputs(MODEL, name))
    autoscaling = {
        "model_id": MODEL,
        "env_name": "production",
        "wait": True,
        "autoscaling_settings": {"min_replica": 1},
    }
    creates = [partial(provider.create, inputs(MODEL, name)) for name, provider in providers.items()]
    stack.together(*creates, lambda: settings.create(autoscaling))
    patches = sorted(stack.patches, key=lambda it: it.at_seconds)
    assert all(one.answered_at_seconds <= other.at_seconds for one, other in pairwise(patches))
    assert sorted(str(sent.get("timezone")) for sent in stack.sent) == ["None", "UTC"]
    assert {*_names(stack).values()} == {*providers}
