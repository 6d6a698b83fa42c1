"""Diff of an autoscaling schedule: whether an update is due, of what, and what it replaces."""

from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi.config import Config
from baseten_pulumi.provider.pulumi_internals import Call
from baseten_pulumi.provider.schedule import changes
from tests.schedules import NULLS, inputs, one_time_inputs
from tests.unit.provider.servicer import Servicer

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
PAST = {"start_at": "2020-01-01T08:00:00Z", "end_at": "2020-01-01T10:00:00Z"}
WEEKLY, ONCE = inputs("abc123"), one_time_inputs("abc123")
OVERRIDES = {"min_replica": 2, "max_replica": 8}


def _outputs(declared: dict[str, Any], **known: Any) -> dict[str, Any]:
    return {**declared, "schedule_id": "diffed-1", "in_force": True, **known}


def _changes(olds: dict[str, Any], news: dict[str, Any], **stack: str) -> dict[str, str]:
    config = Config({f"baseten:{key}": value for key, value in stack.items()}.get, environ={})
    return changes(olds, news, config, Call())


@pytest.mark.parametrize(
    ("news", "kind"),
    [
        ({"schedule_name": "night"}, "UPDATE"),
        ({"timezone": "Europe/Berlin"}, "UPDATE"),
        ({"cadence": "HOURLY"}, "UPDATE"),
        ({"enabled": False}, "UPDATE"),
        ({"weekdays": ["MONDAY"]}, "UPDATE"),
        ({"weekdays": None}, "DELETE"),
        ({"start_hour": 7}, "UPDATE"),
        ({"start_minute": 5}, "UPDATE"),
        ({"end_hour": None}, "DELETE"),
        ({"end_minute": 0}, "UPDATE"),
        ({"start_at": "2099-01-01T08:00:00Z"}, "ADD"),
        ({"end_at": "2099-01-01T08:00:00Z"}, "ADD"),
        ({"autoscaling_settings": UNKNOWN}, "UPDATE"),
        ({"weekdays": UNKNOWN}, "UPDATE"),
        ({"weekdays": ["MONDAY", UNKNOWN]}, "UPDATE"),
        ({"start_at": UNKNOWN}, "UPDATE"),
        ({"model_id": "xyz789"}, "UPDATE_REPLACE"),
        ({"env_name": "staging"}, "UPDATE_REPLACE"),
        ({"model_id": UNKNOWN}, "UPDATE"),
        ({"env_name": UNKNOWN}, "UPDATE"),
    ],
)
def test_change_is_named_by_path_and_kind_when_a_property_changed(
    news: dict[str, Any], kind: str, schedules: Servicer
) -> None:
    """Each of them is managed, and nothing else is named; what a preview does not know yet replaces nothing."""
    assert _changes(_outputs(WEEKLY), {**WEEKLY, **news}) == dict.fromkeys(news, kind)
    result = schedules.diff(_outputs(WEEKLY), {**WEEKLY, **news})
    assert (result.changes, result.replaces) == (True, [*news] if kind == "UPDATE_REPLACE" else [])


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({**OVERRIDES, **dict.fromkeys(NULLS, 20)}, dict.fromkeys(NULLS, "ADD")),
        ({"min_replica": 1, "max_replica": UNKNOWN}, {"min_replica": "UPDATE", "max_replica": "UPDATE"}),
        ({"max_replica": 9}, {"min_replica": "DELETE", "max_replica": "UPDATE"}),
    ],
)
def test_change_is_named_by_path_and_kind_when_an_override_changed(
    overrides: dict[str, Any], expected: dict[str, str]
) -> None:
    found = _changes(_outputs(WEEKLY), {**WEEKLY, "autoscaling_settings": overrides})
    assert found == {f"autoscaling_settings.{name}": kind for name, kind in expected.items()}


def test_unknown_is_an_update_when_there_was_nothing_before() -> None:
    """Also inside a list: it may turn out to be nothing."""
    olds = _outputs(inputs("abc123", weekdays=None))
    assert _changes(olds, inputs("abc123", weekdays=["MONDAY", UNKNOWN])) == {"weekdays": "UPDATE"}


@pytest.mark.parametrize(
    ("olds", "changed"),
    [
        (WEEKLY, {"start_hour": 8.0, "in_force": True, "start_at": None}),
        (WEEKLY, {"weekdays": ["FRIDAY", "MONDAY"]}),
        (ONCE, {"start_at": "2099-01-01T09:00:00+01:00", "end_at": "2099-01-01T10:00+00:00"}),
    ],
)
def test_no_update_is_due_when_the_schedule_means_the_same(
    olds: dict[str, Any], changed: dict[str, Any], schedules: Servicer
) -> None:
    """Whatever the notation of an instant and the order of weekdays; the answer is False, never None."""
    result = schedules.diff(_outputs(olds), {**olds, **changed})
    assert (result.changes, result.replaces) == (False, [])


@pytest.mark.parametrize(
    ("olds", "stack", "is_due"),
    [
        ({"in_force": False}, {}, True),
        ({"in_force": None}, {}, True),
        ({"in_force": False}, {"skipWait": "true"}, False),
        ({"in_force": False, "schedule_id": None}, {"skipWait": "true"}, True),
        ({"in_force": True, "schedule_id": None}, {}, False),
        ({"in_force": False, "schedule_id": None, **PAST}, {}, False),
    ],
)
def test_update_is_due_when_the_schedule_was_not_observed(
    olds: dict[str, Any], stack: dict[str, str], is_due: bool
) -> None:
    """A failed wait is repeated, and an id is looked for; a one-time schedule that is over needs neither."""
    declared = {**ONCE, **{name: olds[name] for name in PAST if name in olds}}
    assert _changes({**_outputs(declared), **olds}, declared, **stack) == ({"in_force": "UPDATE"} if is_due else {})
