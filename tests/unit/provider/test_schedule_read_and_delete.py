"""Read and Delete of an autoscaling schedule: what a refresh finds, and what is deleted in Baseten."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.testing import Fault
from tests.key_scan import holds, told
from tests.schedules import inputs, one_time, one_time_inputs
from tests.unit.provider.servicer import PICKLE
from tests.unit.provider.stack import KEY, MODEL, Stack

if TYPE_CHECKING:
    from pulumi.dynamic import ReadResult

    from tests.unit.provider.listening import Engine

SUBJECT = f'Autoscaling schedule "peak" of environment "production" (model {MODEL})'
PENDING = f"{MODEL}/production/pending"
PAST = {"start_at": "2020-01-01T08:00:00Z", "end_at": "2020-01-01T10:00:00Z"}
UNREADABLE = Fault.body(
    {"name": "production", "autoscaling_schedules": {"timezone": "UTC", "schedules": [7]}}, method="GET"
)


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack() as running:
        yield running


def _props(schedule_id: str | None, **changes: Any) -> dict[str, Any]:
    """Return the outputs of the last operation; without an id, of one whose response was lost."""
    known = {"schedule_id": schedule_id, "in_force": True} if schedule_id else {"in_force": False}
    return {**inputs(MODEL), **known, **changes, **PICKLE}


def _read(stack: Stack, props: dict[str, Any], resource_id: str = "") -> "ReadResult":
    known_id = resource_id or f"{MODEL}/production/{props.get('schedule_id', 'pending')}"
    provider = stack.provider()
    found: ReadResult = stack.call(lambda: provider.read(known_id, props))
    return found


def _outputs(props: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**props, **changes}.items() if name not in PICKLE}


# --- read -----------------------------------------------------------------------------------------------------------


def test_nothing_changes_when_nothing_drifted(stack: Stack) -> None:
    """One request."""
    props = _props(stack.put())
    found = _read(stack, props)
    assert (found.id, found.outs, found.inputs) == (
        f"{MODEL}/production/{props['schedule_id']}",
        _outputs(props),
        inputs(MODEL),
    )
    assert [request.method for request in stack.emulator.requests] == ["GET"]


def test_properties_are_as_observed_when_somebody_changed_them(stack: Stack) -> None:
    """As inputs too, so that the next preview shows the change; overrides that nobody declared included."""
    drift: dict[str, Any] = {"end_hour": 12, "enabled": False, "weekdays": ["SUNDAY"]}
    schedule_id = stack.put("night", "Europe/Berlin", overrides={"scale_down_delay": 60}, **drift)
    found = _read(stack, _props(schedule_id))
    overrides = {"min_replica": 2, "max_replica": 8, "scale_down_delay": 60}
    assert found.inputs == inputs(MODEL, "night", "Europe/Berlin", **drift, autoscaling_settings=overrides)
    assert found.outs == {**found.inputs, "schedule_id": schedule_id, "in_force": True}


def test_declared_text_is_kept_when_it_means_the_same(stack: Stack) -> None:
    """Baseten reports instants in UTC, and weekdays in its own order."""
    weekly = _props(stack.put(weekdays=["MONDAY", "FRIDAY"]), weekdays=["FRIDAY", "MONDAY"])
    assert _read(stack, weekly).outs == _outputs(weekly)
    schedule_id = stack.emulator.put_schedule(MODEL, "production", one_time(), "UTC")
    declared = one_time_inputs(MODEL, start_at="2099-01-01T09:00:00+01:00")
    found = _read(stack, {**declared, "schedule_id": schedule_id, "in_force": True})
    assert found.inputs == declared


def test_resource_is_gone_when_its_schedule_was_deleted(stack: Stack) -> None:
    """Also if another one has its name: an empty id tells the engine so."""
    stack.put()
    found = _read(stack, _props("sched99"))
    assert (found.id, found.outs, found.inputs) == (None, {}, None)


def test_resource_is_gone_when_its_environment_was_deleted(stack: Stack) -> None:
    """The schedules went with it."""
    found = _read(stack, _props("sched1", env_name="canary"), f"{MODEL}/canary/sched1")
    assert (found.id, found.outs, found.inputs) == (None, {}, None)


def test_read_fails_when_the_model_is_missing(stack: Stack) -> None:
    """A key of another workspace must not empty a state."""
    props = _props(stack.put())
    stack.emulator.remove_model(MODEL)
    provider = stack.provider()
    error = stack.error(lambda: provider.read(f"{MODEL}/production/{props['schedule_id']}", props))
    assert type(error) is errors.ModelNotFoundError
    assert str(error).endswith(
        "Check model_id, and check that the API key belongs to the model's workspace. "
        "If the model was deleted, remove the resource with `pulumi state delete`."
    )


def test_read_fails_when_the_list_of_schedules_cannot_be_read(stack: Stack) -> None:
    """An unreadable list is no empty one: nothing is gone."""
    props = _props(stack.put())
    stack.emulator.faults.add(UNREADABLE)
    provider = stack.provider()
    error = stack.error(lambda: provider.read(f"{MODEL}/production/{props['schedule_id']}", props))
    assert type(error) is errors.ScheduleConflictError
    assert (
        f"{SUBJECT} could not be read.\nBaseten's response has a list of schedules that this release cannot read."
        in str(error)
    )


def test_one_time_schedule_is_unchanged_when_it_is_over(stack: Stack) -> None:
    """Baseten may have removed it: nothing is asked, and nothing is restored."""
    props = {**one_time_inputs(MODEL, **PAST), "schedule_id": "sched99", "in_force": True, **PICKLE}
    found = _read(stack, props)
    assert (found.id, _outputs(found.outs or {})) == (f"{MODEL}/production/sched99", _outputs(props))
    assert found.inputs == one_time_inputs(MODEL, **PAST)
    assert stack.emulator.requests == ()


def test_pending_resource_gets_its_id_when_its_schedule_is_found_by_name(stack: Stack) -> None:
    """The response that had the id was lost."""
    schedule_id = stack.put()
    stack.put("night")
    found = _read(stack, _props(None))
    assert found.id == f"{MODEL}/production/{schedule_id}"
    assert found.outs == {**inputs(MODEL), "schedule_id": schedule_id, "in_force": True}


@pytest.mark.parametrize("count", [0, 2])
def test_pending_resource_is_unchanged_when_its_name_does_not_tell_which_schedule_it_is(
    count: int, stack: Stack
) -> None:
    """Its creation may still be queued, so it is not gone."""
    for _ in range(count):
        stack.put()
    props = _props(None)
    found = _read(stack, props)
    assert (found.id, _outputs(found.outs or {}), found.inputs) == (PENDING, _outputs(props), inputs(MODEL))


@pytest.mark.parametrize(("end_hour", "expected"), [(10, True), (12, False)])
def test_schedule_counts_as_applied_when_it_is_read_back_as_declared(
    end_hour: int, expected: bool, stack: Stack
) -> None:
    """Otherwise there is still something to wait for."""
    schedule_id = stack.put(end_hour=end_hour)
    found = _read(stack, _props(schedule_id, in_force=False))
    assert (found.outs or {})["in_force"] is expected


def test_everything_is_returned_when_a_program_looks_a_schedule_up(stack: Stack) -> None:
    """By its id, without nulls."""
    schedule_id = stack.put()
    found = _read(stack, dict(PICKLE), f"{MODEL}/production/{schedule_id}")
    assert found.outs == {**inputs(MODEL), "schedule_id": schedule_id, "in_force": True}
    assert found.id == f"{MODEL}/production/{schedule_id}"


def test_lookup_fails_when_there_is_no_such_schedule(stack: Stack) -> None:
    """The engine would keep the id, and the program would go on without outputs."""
    schedule_id = stack.put()
    provider = stack.provider()
    error = stack.error(lambda: provider.read(f"{MODEL}/production/sched99", dict(PICKLE)))
    assert type(error) is errors.ScheduleConflictError
    assert str(error) == (
        f'Autoscaling schedule "sched99" of environment "production" (model {MODEL}) could not be read.\n'
        f'The environment has no schedule with the id sched99. Its schedules: "peak" ({schedule_id}).\n'
        "Use the id of one of them."
    )


@pytest.mark.parametrize(
    ("environment", "kind"),
    [(f"{MODEL}/canary", errors.EnvironmentNotFoundError), ("missing/production", errors.ModelNotFoundError)],
)
def test_lookup_fails_when_there_is_no_such_environment(
    environment: str, kind: type[errors.BasetenError], stack: Stack
) -> None:
    """There is no resource that could be removed."""
    provider = stack.provider()
    error = stack.error(lambda: provider.read(f"{environment}/sched1", dict(PICKLE)))
    assert type(error) is kind
    assert "state delete" not in str(error)


@pytest.mark.parametrize("resource_id", ["abc123", "abc123/production", "abc123/production/", "a/b/c/d", "a/B/s1", ""])
def test_lookup_fails_when_the_id_is_malformed(resource_id: str, stack: Stack) -> None:
    """Before anything is sent."""
    provider = stack.provider()
    error = stack.error(lambda: provider.read(resource_id, dict(PICKLE)))
    assert type(error) is errors.ConfigurationError
    assert str(error) == (
        "The schedule could not be looked up.\n"
        f'The id "{resource_id}" does not have the form model_id/env_name/SCHEDULE_ID. Nothing was sent.\n'
        'Use an id like "abc123/production/s1".'
    )
    assert stack.emulator.requests == ()


def test_read_is_retried_when_the_error_is_transient(stack: Stack) -> None:
    """A refresh does not fail for one 503."""
    props = _props(stack.put())
    stack.emulator.faults.add(Fault.status(503, times=1))
    assert _read(stack, props).outs == _outputs(props)


# --- delete ---------------------------------------------------------------------------------------------------------


def _delete(stack: Stack, schedule_id: str | None, name: str = "peak", **config: str) -> None:
    provider, resource_id = stack.provider(name, **config), f"{MODEL}/production/{schedule_id or 'pending'}"
    stack.call(lambda: provider.delete(resource_id, _props(schedule_id)))


def _notes(engine: "Engine") -> list[str]:
    return [line.message for line in engine.lines if not line.ephemeral]


def test_only_the_id_is_sent_when_a_schedule_is_deleted(stack: Stack) -> None:
    """Neither a time zone nor another schedule; it is gone when the operation ends."""
    schedule_id, other = stack.put(), stack.put("night")
    _delete(stack, schedule_id)
    assert stack.sent == [{"delete_schedules": [schedule_id]}]
    assert [it["id"] for it in stack.listed()] == [other]


def test_delete_waits_when_the_schedule_is_still_listed() -> None:
    """Baseten takes its time."""
    with Stack(apply_seconds=20.0) as stack:
        schedule_id, began = stack.put(), stack.now
        _delete(stack, schedule_id)
        assert stack.listed() == []
        assert stack.now - began > 20.0


def test_delete_does_not_wait_when_the_stack_skips_every_wait() -> None:
    """It ends after the PATCH."""
    with Stack(apply_seconds=20.0) as stack:
        schedule_id, began = stack.put(), stack.now
        _delete(stack, schedule_id, skipWait="true")
        assert (len(stack.patches), stack.now - began < 1.0) == (1, True)


def test_delete_fails_when_the_schedule_stays(stack: Stack) -> None:
    """The engine keeps the resource, and the next run tries again."""
    schedule_id = stack.put()
    stack.emulator.faults.add(Fault.never_applies())
    provider = stack.provider()
    error = stack.error(lambda: provider.delete(f"{MODEL}/production/{schedule_id}", _props(schedule_id)))
    assert type(error) is errors.WaitTimeoutError
    assert "schedule: expected deleted, observed listed. Baseten accepted the request" in str(error)


@pytest.mark.parametrize("takes_effect", [True, False])
def test_schedule_is_gone_when_the_response_to_its_deletion_was_lost(takes_effect: bool, stack: Stack) -> None:
    """It is looked for before it is deleted again: Baseten refuses an id that it does not know."""
    schedule_id = stack.put()
    stack.emulator.faults.add(Fault.dropped(takes_effect=takes_effect, method="PATCH", times=1))
    _delete(stack, schedule_id)
    assert (stack.listed(), len(stack.patches)) == ([], 1 if takes_effect else 2)


@pytest.mark.parametrize("skip", ["false", "true"])
def test_schedule_is_gone_when_baseten_refuses_to_delete_it_twice(skip: str) -> None:
    """The response to the first request was lost and the schedule is listed a little longer: its end is awaited."""
    with Stack(apply_seconds=10.0) as stack:
        schedule_id = stack.put()
        stack.emulator.faults.add(Fault.dropped(takes_effect=True, method="PATCH", times=1))
        _delete(stack, schedule_id, skipWait=skip)
        assert stack.listed() == []
        assert [request.status for request in stack.patches] == [None, 400]


def test_delete_fails_when_baseten_rejects_it(stack: Stack) -> None:
    """Nothing was changed, and the engine keeps the resource."""
    schedule_id = stack.put()
    stack.emulator.faults.add(Fault.status(400, {"error": "no"}, method="PATCH"))
    provider = stack.provider()
    error = stack.error(lambda: provider.delete(f"{MODEL}/production/{schedule_id}", _props(schedule_id)))
    assert type(error) is errors.RejectedError
    assert str(error).startswith(f"{SUBJECT} was not deleted.\nBaseten returned 400")


def test_nothing_is_sent_when_the_schedule_is_gone_already(stack: Stack) -> None:
    """Another one with its name stays."""
    stack.put()
    _delete(stack, "sched99")
    assert (stack.patches, len(stack.listed())) == ([], 1)


def test_nothing_is_sent_when_the_environment_is_gone(stack: Stack) -> None:
    """Its schedules went with it."""
    schedule_id = stack.put(env_name="staging")
    stack.emulator.remove_environment(MODEL, "staging")
    provider = stack.provider()
    stack.call(lambda: provider.delete(f"{MODEL}/staging/{schedule_id}", _props(schedule_id)))
    assert stack.patches == []


def test_delete_fails_when_the_model_is_missing(stack: Stack) -> None:
    """It may be there, for another key."""
    schedule_id = stack.put()
    stack.emulator.remove_model(MODEL)
    provider = stack.provider()
    error = stack.error(lambda: provider.delete(f"{MODEL}/production/{schedule_id}", _props(schedule_id)))
    assert type(error) is errors.ModelNotFoundError
    assert "If the model was deleted, remove the resource with `pulumi state delete`." in str(error)


def test_delete_fails_when_the_list_of_schedules_cannot_be_read(stack: Stack) -> None:
    """An unreadable list is no empty one: the schedule may be there."""
    schedule_id = stack.put()
    stack.emulator.faults.add(UNREADABLE)
    provider = stack.provider()
    error = stack.error(lambda: provider.delete(f"{MODEL}/production/{schedule_id}", _props(schedule_id)))
    assert str(error).startswith(f"{SUBJECT} was not deleted.\nBaseten's response has a list of schedules")
    assert stack.patches == []


def test_pending_schedule_is_deleted_when_it_is_found_by_its_name(stack: Stack) -> None:
    """The response that had its id was lost."""
    schedule_id, other = stack.put(), stack.put("night")
    _delete(stack, None)
    assert stack.sent == [{"delete_schedules": [schedule_id]}]
    assert [it["id"] for it in stack.listed()] == [other]


def test_row_warns_when_a_pending_schedule_is_not_found(stack: Stack, engine: "Engine") -> None:
    """It may still be created after its promotion."""
    _delete(stack, None)
    why = 'its id is not known, and no single schedule is named "peak"'
    assert _notes(engine) == [f"{PENDING}: {why}; if Baseten has it, delete it there"]


@pytest.mark.parametrize("method", ["create", "update", "diff"])
def test_nothing_is_deleted_when_another_resource_of_the_run_has_the_schedule(
    method: str, stack: Stack, engine: "Engine"
) -> None:
    """A rename without an alias adopts the schedule first, and then deletes the resource of the old name."""
    schedule_id = stack.put()
    renamed, outputs = stack.provider("renamed"), _outputs(_props(schedule_id))
    calls: dict[str, Any] = {
        "create": lambda: renamed.create(inputs(MODEL)),
        "update": lambda: renamed.update(outputs, inputs(MODEL, end_hour=11)),
        "diff": lambda: renamed.diff(outputs, inputs(MODEL)),
    }
    stack.call(calls[method])
    stack.emulator.clear_requests()
    engine.lines.clear()
    _delete(stack, schedule_id)
    assert stack.emulator.requests == ()
    assert _notes(engine) == [f'{MODEL}/production/{schedule_id}: kept in Baseten because "renamed" manages it']
    assert len(stack.listed()) == 1


@pytest.mark.parametrize("declared_end", [10, 11])
def test_nothing_is_deleted_when_the_resource_has_adopted_the_schedule_in_this_run(
    declared_end: int, stack: Stack, engine: "Engine"
) -> None:
    """A replacement by the engine's own choice creates before it deletes."""
    schedule_id = stack.put()
    provider = stack.provider()
    stack.call(lambda: provider.check(inputs(MODEL, end_hour=declared_end)))
    stack.call(lambda: provider.create(inputs(MODEL, end_hour=declared_end)))
    engine.lines.clear()
    _delete(stack, schedule_id)
    assert _notes(engine) == [f'{MODEL}/production/{schedule_id}: kept in Baseten because "peak" manages it']
    assert len(stack.listed()) == 1


def test_nothing_is_deleted_when_the_last_run_was_interrupted_before_it_deleted_the_replaced_resource(
    stack: Stack,
) -> None:
    """The state has two resources of one URN and one id; this run compares one and deletes the other."""
    schedule_id = stack.put()
    provider, outputs = stack.provider(), _outputs(_props(schedule_id))
    stack.call(lambda: provider.check(inputs(MODEL)))
    stack.call(lambda: provider.diff(outputs, inputs(MODEL)))
    _delete(stack, schedule_id)
    assert [it["id"] for it in stack.listed()] == [schedule_id]


def test_schedule_is_deleted_when_its_resource_is_replaced_by_one_of_another_environment(stack: Stack) -> None:
    """The resource has the same URN, and the program no longer declares the schedule."""
    schedule_id = stack.put()
    provider, outputs, news = stack.provider(), _outputs(_props(schedule_id)), inputs(MODEL, env_name="staging")
    stack.call(lambda: provider.check(news))
    stack.call(lambda: provider.diff(outputs, news))
    stack.call(lambda: provider.create(news))
    _delete(stack, schedule_id)
    assert stack.listed() == []


def test_nothing_is_deleted_when_the_resource_that_has_it_learned_its_id_from_a_poll(stack: Stack) -> None:
    """The response to its creation did not list it."""
    stack.emulator.faults.add(Fault.body({"status": "ACCEPTED"}, method="PATCH", times=1))
    provider = stack.provider("renamed")
    schedule_id = stack.call(lambda: provider.create(inputs(MODEL)))["schedule_id"]
    _delete(stack, schedule_id)
    assert [it["id"] for it in stack.listed()] == [schedule_id]


def test_schedule_is_deleted_when_its_own_resource_was_only_compared_and_updated_in_this_run(stack: Stack) -> None:
    """A resource does not keep its own schedule from being deleted."""
    schedule_id = stack.put()
    provider, outputs = stack.provider(), _outputs(_props(schedule_id))
    stack.call(lambda: provider.diff(outputs, inputs(MODEL, end_hour=11)))
    stack.call(lambda: provider.update(outputs, inputs(MODEL, end_hour=11)))
    _delete(stack, schedule_id)
    assert stack.listed() == []


def test_nothing_is_deleted_when_another_resource_has_adopted_what_is_found_by_name(
    stack: Stack, engine: "Engine"
) -> None:
    """A resource whose response was lost is renamed without an alias."""
    schedule_id = stack.put()
    renamed = stack.provider("renamed")
    stack.call(lambda: renamed.create(inputs(MODEL)))
    engine.lines.clear()
    _delete(stack, None)
    assert [it["id"] for it in stack.listed()] == [schedule_id]
    assert _notes(engine) == [f'{PENDING}: kept in Baseten because "renamed" manages it']


def test_key_is_in_no_error_when_baseten_sends_it_back(stack: Stack) -> None:
    """Of a read and of a delete."""
    schedule_id = stack.put()
    stack.emulator.faults.add(Fault.status(403, {"error": f"key {KEY}"}, {"X-Request-Id": KEY}))
    provider, resource_id = stack.provider(), f"{MODEL}/production/{schedule_id}"
    for error in (
        stack.error(lambda: provider.read(resource_id, _props(schedule_id))),
        stack.error(lambda: provider.delete(resource_id, _props(schedule_id))),
    ):
        assert "Baseten returned 403" in str(error)
        assert not holds(told(error), KEY)
