"""Read and Delete of an autoscaling schedule: what a refresh finds, and what is deleted in Baseten."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.testing import Fault
from tests.schedules import inputs, one_time, one_time_inputs
from tests.unit.provider.servicer import PICKLE, Servicer
from tests.unit.provider.stack import MODEL, Stack, failure

if TYPE_CHECKING:
    from pulumi.dynamic import ReadResult

    from tests.unit.provider.listening import Engine

SUBJECT = f'Autoscaling schedule "peak" of environment "production" (model {MODEL})'
PENDING = f"{MODEL}/production/pending"
UNREADABLE = Fault.body(
    {"name": "production", "autoscaling_schedules": {"timezone": "UTC", "schedules": [7]}}, method="GET"
)
WAY_OUT = "If the model was deleted, remove the resource with `pulumi state delete`."
GONE: tuple[None, dict[str, Any], None] = (None, {}, None)


def _outputs(schedule_id: str | None, **changes: Any) -> dict[str, Any]:
    """Return the outputs of the last operation; without an id, of one whose response was lost."""
    known = {"schedule_id": schedule_id, "in_force": True} if schedule_id else {"in_force": False}
    return {**inputs(MODEL), **known, **changes}


def _read(provider: Servicer, outputs: dict[str, Any]) -> tuple[str | None, Any, Any]:
    """Read a resource; return id, outputs, and inputs, which have `in_force` if it is true, as Check adds it."""
    env_name, schedule_id = outputs["env_name"], outputs.get("schedule_id", "pending")
    found: ReadResult = provider.read(f"{MODEL}/{env_name}/{schedule_id}", {**outputs, **PICKLE})
    outs = {name: value for name, value in (found.outs or {}).items() if name not in PICKLE}
    recorded = None if found.inputs is None else dict(found.inputs)
    if recorded is not None:
        assert recorded.pop("in_force", False) is outs["in_force"]
    return found.id, outs, recorded


# --- read -----------------------------------------------------------------------------------------------------------


def test_nothing_changes_when_nothing_drifted(stack: Stack, peak: Servicer) -> None:
    schedule_id = stack.put()
    resource_id, outputs = f"{MODEL}/production/{schedule_id}", _outputs(schedule_id)
    assert _read(peak, outputs) == (resource_id, outputs, inputs(MODEL))
    assert [request.method for request in stack.emulator.requests] == ["GET"]


def test_properties_are_as_observed_when_somebody_changed_them(stack: Stack, peak: Servicer) -> None:
    """As inputs too, so that the next preview shows the change; overrides that nobody declared included."""
    drift: dict[str, Any] = {"end_hour": 12, "enabled": False, "weekdays": ["SUNDAY"]}
    schedule_id = stack.put("night", "Europe/Berlin", overrides={"scale_down_delay": 60}, **drift)
    _, outputs, found = _read(peak, _outputs(schedule_id))
    overrides = {"min_replica": 2, "max_replica": 8, "scale_down_delay": 60}
    assert found == inputs(MODEL, "night", "Europe/Berlin", **drift, autoscaling_settings=overrides)
    assert outputs == {**found, "schedule_id": schedule_id, "in_force": True}


def test_declared_text_is_kept_when_it_means_the_same(stack: Stack, peak: Servicer) -> None:
    """Baseten reports instants in UTC."""
    schedule_id = stack.emulator.put_schedule(MODEL, "production", one_time(), "UTC")
    declared = one_time_inputs(MODEL, start_at="2099-01-01T09:00:00+01:00")
    assert _read(peak, {**declared, "schedule_id": schedule_id, "in_force": True})[2] == declared


@pytest.mark.parametrize("changes", [{}, {"env_name": "canary"}], ids=["schedule", "environment"])
def test_resource_is_gone_when_its_schedule_or_environment_was_deleted(
    changes: dict[str, Any], stack: Stack, peak: Servicer
) -> None:
    """Also if another schedule has its name."""
    stack.put()
    assert _read(peak, _outputs("sched99", **changes)) == GONE


def test_one_time_schedule_is_unchanged_when_it_is_over(stack: Stack, peak: Servicer) -> None:
    """Baseten may have removed it, and nothing is restored."""
    declared = one_time_inputs(MODEL, start_at="2020-01-01T08:00:00Z", end_at="2020-01-01T10:00:00Z")
    outputs = {**declared, "schedule_id": "sched99", "in_force": True}
    assert _read(peak, outputs) == (f"{MODEL}/production/sched99", outputs, declared)
    assert stack.emulator.requests == ()


def test_pending_resource_gets_its_id_when_its_schedule_is_found_by_name(stack: Stack, peak: Servicer) -> None:
    schedule_id = stack.put()
    stack.put("night")
    found = _read(peak, _outputs(None))
    assert found == (f"{MODEL}/production/{schedule_id}", _outputs(schedule_id), inputs(MODEL))


@pytest.mark.parametrize("count", [0, 2])
def test_pending_resource_is_unchanged_when_its_name_does_not_tell_which_schedule_it_is(
    count: int, stack: Stack, peak: Servicer
) -> None:
    """Its creation may still be queued, so it is not gone."""
    for _ in range(count):
        stack.put()
    assert _read(peak, _outputs(None)) == (PENDING, _outputs(None), inputs(MODEL))


@pytest.mark.parametrize(("end_hour", "expected"), [(10, True), (12, False)])
def test_schedule_counts_as_applied_when_it_is_read_back_as_declared(
    end_hour: int, expected: bool, stack: Stack, peak: Servicer
) -> None:
    outputs = _outputs(stack.put(end_hour=end_hour), in_force=False)
    assert _read(peak, outputs)[1]["in_force"] is expected


def test_everything_is_returned_when_a_program_looks_a_schedule_up(stack: Stack, peak: Servicer) -> None:
    schedule_id = stack.put()
    resource_id = f"{MODEL}/production/{schedule_id}"
    found = peak.read(resource_id, dict(PICKLE))
    assert (found.id, found.outs) == (resource_id, _outputs(schedule_id))


def test_lookup_fails_when_there_is_no_such_schedule(stack: Stack, peak: Servicer) -> None:
    """The engine would keep the id, and the program would go on without outputs."""
    schedule_id = stack.put()
    error = failure(peak.read, f"{MODEL}/production/sched99", dict(PICKLE))
    assert type(error) is errors.ScheduleConflictError
    assert str(error) == (
        f'Autoscaling schedule "sched99" of environment "production" (model {MODEL}) could not be read.\n'
        f'The environment has no schedule with the id sched99. Its schedules: "peak" ({schedule_id}).\n'
        "Use the id of one of them."
    )
    assert type(failure(peak.read, f"{MODEL}/canary/sched1", dict(PICKLE))) is errors.EnvironmentNotFoundError


def test_lookup_fails_when_the_id_is_malformed(peak: Servicer) -> None:
    assert str(failure(peak.read, "abc123/production/", dict(PICKLE))) == (
        "The schedule could not be looked up.\n"
        'The id "abc123/production/" does not have the form model_id/env_name/SCHEDULE_ID. Nothing was sent.\n'
        'Use an id like "abc123/production/s1".'
    )


# --- delete ---------------------------------------------------------------------------------------------------------


def _delete(provider: Servicer, schedule_id: str | None, env_name: str = "production") -> None:
    provider.delete(f"{MODEL}/{env_name}/{schedule_id or 'pending'}", _outputs(schedule_id))


def _ids(stack: Stack) -> list[str]:
    return [it["id"] for it in stack.listed()]


def _notes(engine: "Engine") -> list[str]:
    return [line.message for line in engine.lines if not line.ephemeral]


@pytest.mark.parametrize("is_pending", [False, True])
def test_only_the_id_is_sent_when_a_schedule_is_deleted(is_pending: bool, stack: Stack, peak: Servicer) -> None:
    """One whose id is not known is found by its name."""
    schedule_id, other = stack.put(), stack.put("night")
    _delete(peak, None if is_pending else schedule_id)
    assert stack.sent == [{"delete_schedules": [schedule_id]}]
    assert _ids(stack) == [other]


@pytest.mark.parametrize(("skip", "seconds"), [("false", 20.0), ("true", 0.0)])
def test_delete_waits_until_the_schedule_is_gone_unless_the_stack_skips_every_wait(skip: str, seconds: float) -> None:
    with Stack(apply_seconds=20.0) as stack:
        schedule_id, began = stack.put(), stack.now
        _delete(stack.provider(skipWait=skip), schedule_id)
        assert seconds <= stack.now - began < seconds + 5.0


def test_delete_fails_when_the_schedule_stays(stack: Stack, peak: Servicer) -> None:
    """The engine keeps the resource, and the next run tries again."""
    stack.emulator.faults.add(Fault.never_applies())
    error = failure(_delete, peak, stack.put())
    assert type(error) is errors.WaitTimeoutError
    assert "schedule: expected deleted, observed listed. Baseten accepted the request" in str(error)


@pytest.mark.parametrize(("takes_effect", "patches"), [(True, 1), (False, 2)])
def test_schedule_is_gone_when_the_response_to_its_deletion_was_lost(
    takes_effect: bool, patches: int, stack: Stack, peak: Servicer
) -> None:
    """It is looked for before it is deleted again: Baseten refuses an id that it does not know."""
    schedule_id = stack.put()
    stack.emulator.faults.add(Fault.dropped(takes_effect=takes_effect, method="PATCH", times=1))
    _delete(peak, schedule_id)
    assert (_ids(stack), len(stack.patches)) == ([], patches)


@pytest.mark.parametrize("skip", ["false", "true"])
def test_schedule_is_gone_when_baseten_refuses_to_delete_it_twice(skip: str) -> None:
    """The response to the first request was lost and the schedule is listed a little longer: its end is awaited."""
    with Stack(apply_seconds=10.0) as stack:
        schedule_id = stack.put()
        stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
        _delete(stack.provider(skipWait=skip), schedule_id)
        assert _ids(stack) == []
        assert [request.status for request in stack.patches] == [None, 400]


def test_delete_fails_when_baseten_rejects_it(stack: Stack, peak: Servicer) -> None:
    stack.emulator.faults.add(Fault.status(400, {"error": "no"}, method="PATCH"))
    error = failure(_delete, peak, stack.put())
    assert type(error) is errors.RejectedError
    assert str(error).startswith(f"{SUBJECT} was not deleted.\nBaseten returned 400")


@pytest.mark.parametrize("env_name", ["production", "canary"])
def test_nothing_is_sent_when_the_schedule_or_its_environment_is_gone(
    env_name: str, stack: Stack, peak: Servicer
) -> None:
    """Another schedule with its name stays."""
    other = stack.put()
    peak.delete(f"{MODEL}/{env_name}/sched99", _outputs("sched99", env_name=env_name))
    assert (stack.patches, _ids(stack)) == ([], [other])


@pytest.mark.parametrize(("operation", "done"), [(_read, "read"), (_delete, "deleted")])
def test_operation_fails_when_nothing_is_known_about_the_schedule(
    operation: Callable[..., Any], done: str, stack: Stack, peak: Servicer
) -> None:
    """An unreadable list is no empty one, and a missing model may be there for another key: nothing is gone."""
    schedule_id = stack.put()
    argument = schedule_id if operation is _delete else _outputs(schedule_id)
    stack.emulator.faults.add(UNREADABLE)
    error = str(failure(operation, peak, argument))
    unreadable = "Baseten's response has a list of schedules that this release cannot read."
    assert error.startswith(f"{SUBJECT} {'could not be ' if done == 'read' else 'was not '}{done}.\n{unreadable}")
    stack.emulator.faults.clear()
    stack.emulator.remove_model(MODEL)
    missing = failure(operation, peak, argument)
    assert type(missing) is errors.ModelNotFoundError
    assert str(missing).endswith(WAY_OUT)
    assert stack.patches == []


def test_row_warns_when_a_pending_schedule_is_not_found(peak: Servicer, engine: "Engine") -> None:
    """It may still be created after its promotion."""
    _delete(peak, None)
    why = 'its id is not known, and no single schedule is named "peak"'
    assert _notes(engine) == [f"{PENDING}: {why}; if Baseten has it, delete it there"]


# --- what is not deleted --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["create", "update", "diff"])
def test_nothing_is_deleted_when_another_resource_of_the_run_has_the_schedule(
    method: str, stack: Stack, peak: Servicer, engine: "Engine"
) -> None:
    """A rename without an alias adopts the schedule first, and then deletes the resource of the old name."""
    schedule_id, renamed = stack.put(), stack.provider("renamed")
    news = inputs(MODEL)
    getattr(renamed, method)(*([news] if method == "create" else [_outputs(schedule_id), news]))
    stack.emulator.clear_requests()
    engine.lines.clear()
    _delete(peak, schedule_id)
    assert stack.emulator.requests == ()
    assert _notes(engine) == [f'{MODEL}/production/{schedule_id}: kept in Baseten because "renamed" manages it']


def test_nothing_is_deleted_when_another_resource_has_what_is_found_by_name(
    stack: Stack, peak: Servicer, engine: "Engine"
) -> None:
    """A resource whose response was lost is renamed without an alias."""
    schedule_id = stack.put()
    stack.provider("renamed").create(inputs(MODEL))
    engine.lines.clear()
    _delete(peak, None)
    assert _notes(engine) == [f'{PENDING}: kept in Baseten because "renamed" manages it']
    assert _ids(stack) == [schedule_id]


def test_nothing_is_deleted_when_the_resource_that_has_it_learned_its_id_from_a_poll(
    stack: Stack, peak: Servicer
) -> None:
    stack.emulator.faults.add(Fault.body({"status": "ACCEPTED"}, method="PATCH", times=1))
    schedule_id = stack.provider("renamed").create(inputs(MODEL))["schedule_id"]
    _delete(peak, schedule_id)
    assert _ids(stack) == [schedule_id]


def test_nothing_is_deleted_when_the_resource_has_adopted_the_schedule_in_this_run(
    stack: Stack, peak: Servicer, engine: "Engine"
) -> None:
    """A replacement by the engine's own choice creates before it deletes."""
    schedule_id = stack.put()
    peak.check(inputs(MODEL))
    peak.create(inputs(MODEL))
    engine.lines.clear()
    _delete(peak, schedule_id)
    assert _notes(engine) == [f'{MODEL}/production/{schedule_id}: kept in Baseten because "peak" manages it']
    assert _ids(stack) == [schedule_id]


def test_nothing_is_deleted_when_the_last_run_was_interrupted_before_it_deleted_the_replaced_resource(
    stack: Stack, peak: Servicer
) -> None:
    """The state has two resources of one URN and one id; this run compares one and deletes the other."""
    schedule_id = stack.put()
    peak.check(inputs(MODEL))
    peak.diff(_outputs(schedule_id), inputs(MODEL))
    _delete(peak, schedule_id)
    assert _ids(stack) == [schedule_id]


def test_schedule_is_deleted_when_its_resource_is_replaced_by_one_of_another_environment(
    stack: Stack, peak: Servicer
) -> None:
    """The resource has the same URN, and the program no longer declares the schedule."""
    schedule_id, news = stack.put(), inputs(MODEL, env_name="staging")
    peak.check(news)
    peak.diff(_outputs(schedule_id), news)
    peak.create(news)
    _delete(peak, schedule_id)
    assert _ids(stack) == []


def test_schedule_is_deleted_when_its_own_resource_was_only_compared_and_updated_in_this_run(
    stack: Stack, peak: Servicer
) -> None:
    outputs, news = _outputs(stack.put()), inputs(MODEL, end_hour=11)
    peak.diff(outputs, news)
    peak.update(outputs, news)
    _delete(peak, outputs["schedule_id"])
    assert _ids(stack) == []
