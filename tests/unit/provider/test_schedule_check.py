"""Check of an autoscaling schedule: what becomes of its inputs, and which schedules a program may declare together."""

from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi.provider import AutoscalingScheduleProvider
from tests.schedules import inputs, one_time_inputs
from tests.unit.provider.servicer import PICKLE, Servicer

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
PAST = {"start_at": "2020-01-01T08:00:00Z", "end_at": "2020-01-01T10:00:00Z"}


# --- one schedule ---------------------------------------------------------------------------------------------------


def test_inputs_are_normalized_when_they_come_from_the_engine(schedules: Servicer, model: str) -> None:
    """Integers for floats, defaults, no nulls and no outputs; what a preview does not know is kept."""
    news = {**inputs(model, start_hour=8.0, start_minute=None, timezone=UNKNOWN), "start_at": None, **PICKLE}
    result = schedules.check({**news, "schedule_id": None})
    assert result.failures == []
    assert result.inputs == {**inputs(model, timezone=UNKNOWN), "in_force": True}
    assert type(result.inputs["start_hour"]) is int


def test_in_force_is_no_input_when_nothing_waits(model: str) -> None:
    """As an input it shows in the preview that an operation waits."""
    skipping = Servicer({"skipWait": "true"}, AutoscalingScheduleProvider)
    assert skipping.check(inputs(model)).inputs == inputs(model)


def test_every_failure_is_returned_when_several_rules_are_broken(schedules: Servicer, model: str) -> None:
    news = inputs(model, zone=None, start_hour=None)
    assert schedules.reasons(news) == ["timezone: is required", "start_hour: is required with cadence DAILY"]
    assert schedules.check(news).inputs == news


@pytest.mark.parametrize(
    ("olds", "is_refused"),
    [({}, True), ({"env_name": "staging"}, True), ({"model_id": "other"}, True), ({"env_name": "production"}, False)],
)
def test_past_start_is_refused_when_the_schedule_is_created_or_replaced(
    olds: dict[str, Any], is_refused: bool, schedules: Servicer, model: str
) -> None:
    """A one-time schedule that exists has begun, or is over."""
    news = one_time_inputs(model, **PAST)
    result = schedules.check(news, {**news, **olds} if olds else {})
    assert [failure.reason.partition(":")[0] for failure in result.failures] == (["start_at"] if is_refused else [])


# --- two schedules --------------------------------------------------------------------------------------------------


def test_schedule_is_refused_when_another_resource_declares_its_name_or_another_zone(
    schedules: Servicer, model: str
) -> None:
    """Baseten has one time zone for all schedules of an environment; what was refused counts for nothing."""
    assert schedules.reasons(inputs(model), "a") == []
    where = f'"a" for environment "production" of model "{model}"'
    assert schedules.reasons(inputs(model, zone="Europe/Berlin"), "b") == [
        f"schedule_name: is also declared by {where}",
        f'timezone: must be "UTC" as in {where} (all schedules of an environment share one), got "Europe/Berlin"',
    ]
    assert schedules.reasons(inputs(model, "night"), "b") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"env_name": "staging"},
        {"model_id": "another-model"},
        {"model_id": UNKNOWN},
        {"env_name": UNKNOWN},
        {"schedule_name": UNKNOWN, "timezone": "UTC"},
        {"schedule_name": "night", "timezone": UNKNOWN},
    ],
)
def test_schedule_is_accepted_when_it_is_not_known_to_conflict(
    changes: dict[str, Any], schedules: Servicer, model: str
) -> None:
    """Other environments have names and a time zone of their own; what a preview does not know, the update compares."""
    if changes.get("model_id") == "another-model":
        changes = {"model_id": f"{model}-other"}
    assert schedules.reasons(inputs(model), "a") == []
    assert schedules.reasons({**inputs(model, zone="Europe/Berlin"), **changes}, "b") == []


def test_declaration_is_replaced_when_a_resource_is_checked_again(schedules: Servicer, model: str) -> None:
    """The engine checks a resource that it replaces twice; only what it was checked with last counts."""
    for declared in (inputs(model), inputs(model), inputs(model, "night", "Europe/Berlin")):
        assert schedules.reasons(declared, "a") == []
    assert schedules.reasons(inputs(model, "peak", "Europe/Berlin"), "b") == []
