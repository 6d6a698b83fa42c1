"""Diff: whether an update is due, of what, and what it replaces."""

from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi.errors import ConfigurationError
from baseten_pulumi.provider.diff import changes
from baseten_pulumi.schema.settings import NULL
from tests.unit.provider.servicer import Servicer

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
INPUTS: dict[str, Any] = {
    "model_id": "abc123",
    "env_name": "production",
    "wait": True,
    "autoscaling_settings": {"min_replica": 1.0, "max_replica": 3.0},
    "additional_settings": {"later": {"old": NULL, "list": [1.0, 2.0], "same": 2.0}},
}
OUTPUTS: dict[str, Any] = {**INPUTS, "status": "ACCEPTED", "in_force": True, "revision": "1f2e3d4c"}


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ({"model_id": "xyz789"}, {"model_id": "UPDATE_REPLACE"}),
        ({"env_name": "staging"}, {"env_name": "UPDATE_REPLACE"}),
        ({"model_id": UNKNOWN, "env_name": UNKNOWN}, {"model_id": "UPDATE", "env_name": "UPDATE"}),
        (
            {"autoscaling_settings": {"min_replica": 2, "scale_down_delay": 0, "concurrency_target": UNKNOWN}},
            {
                "autoscaling_settings.min_replica": "UPDATE",
                "autoscaling_settings.max_replica": "DELETE",
                "autoscaling_settings.scale_down_delay": "ADD",
                "autoscaling_settings.concurrency_target": "UPDATE",
            },
        ),
        ({"autoscaling_settings": UNKNOWN}, {"autoscaling_settings": "UPDATE"}),
        (
            {"promotion_settings": {"rolling_deploy_config": UNKNOWN}},
            {"promotion_settings.rolling_deploy_config": "UPDATE"},
        ),
        (
            {"additional_settings": {"later": {"new": NULL, "list": [1], "same": 2, "unknown": UNKNOWN}}},
            {
                "additional_settings.later.new": "ADD",
                "additional_settings.later.list": "UPDATE",
                "additional_settings.later.old": "DELETE",
                "additional_settings.later.unknown": "UPDATE",
            },
        ),
        ({"wait": False, "promotion_settings": None, "in_force": True}, {}),
        ({"autoscaling_settings": {"min_replica": 1, "max_replica": 3}}, {}),
    ],
)
def test_change_is_named_by_path_and_kind_when_a_setting_changed(
    news: dict[str, Any], expected: dict[str, str]
) -> None:
    """Changed, added, removed or not known yet; `wait` alone is nothing to send."""
    assert changes(OUTPUTS, {**INPUTS, **news}, waits=True) == expected


@pytest.mark.parametrize(
    ("olds", "waits", "is_due"),
    [
        ({"in_force": False}, True, True),
        ({"in_force": None}, True, True),
        ({"in_force": False}, False, False),
        ({"in_force": False, "status": None}, False, True),
        ({"in_force": False, "revision": None}, False, True),
    ],
)
def test_update_is_due_when_settings_were_not_applied_or_may_not_have_been_sent(
    olds: dict[str, Any], waits: bool, is_due: bool
) -> None:
    """A failed wait is repeated; without a status or a revision nobody knows whether the settings were sent."""
    assert changes({**OUTPUTS, **olds}, INPUTS, waits=waits) == ({"in_force": "UPDATE"} if is_due else {})


def test_environment_is_replaced_when_its_model_or_name_changes(offline: Servicer) -> None:
    """The answer is True or False, never None; what is not known yet replaces nothing."""
    results = [offline.diff(OUTPUTS, {**INPUTS, **news}) for news in ({"model_id": "x"}, {"env_name": UNKNOWN}, {})]
    assert [(it.changes, it.replaces) for it in results] == [(True, ["model_id"]), (True, []), (False, [])]


@pytest.mark.parametrize(("stack", "wait"), [({"skipWait": "true"}, True), ({}, False)])
def test_no_update_is_due_when_nothing_waits(stack: dict[str, str], wait: bool) -> None:
    assert Servicer(stack).diff({**OUTPUTS, "in_force": False}, {**INPUTS, "wait": wait}).changes is False


def test_diff_fails_when_the_switch_of_the_stack_is_malformed() -> None:
    provider = Servicer({"skipWait": "maybe"})
    with pytest.raises(ConfigurationError):
        provider.diff(OUTPUTS, INPUTS)
    assert 'baseten:skipWait is malformed.\nIt must be true or false, got "maybe"' in provider.status.message
