"""Diff: whether an update is due, and what it replaces."""

from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi.errors import ConfigurationError
from tests.unit.provider.servicer import Servicer

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
INPUTS: dict[str, Any] = {
    "model_id": "abc123",
    "env_name": "production",
    "wait": True,
    "autoscaling_settings": {"min_replica": 1.0, "max_replica": 3.0},
}
OUTPUTS: dict[str, Any] = {**INPUTS, "status": "ACCEPTED", "in_force": True, "revision": "1f2e3d4c"}


def _changes(news: dict[str, Any], olds: dict[str, Any], provider: Servicer) -> tuple[bool | None, list[str] | None]:
    result = provider.diff({**OUTPUTS, **olds}, {**INPUTS, **news})
    return result.changes, result.replaces


@pytest.mark.parametrize(
    ("news", "replaces"),
    [
        ({"model_id": "xyz789"}, ["model_id"]),
        ({"env_name": "staging"}, ["env_name"]),
        ({"model_id": UNKNOWN}, []),
        ({"env_name": UNKNOWN}, []),
        ({"autoscaling_settings": {"min_replica": 2, "max_replica": 3}}, []),
        ({"autoscaling_settings": {"min_replica": 1}}, []),
        ({"autoscaling_settings": {"min_replica": 1, "max_replica": 3, "scale_down_delay": 0}}, []),
        ({"autoscaling_settings": {"min_replica": UNKNOWN, "max_replica": 3}}, []),
        ({"autoscaling_settings": UNKNOWN}, []),
        ({"promotion_settings": {"rolling_deploy_config": UNKNOWN}}, []),
        ({"promotion_settings": {"rolling_deploy": False}}, []),
    ],
)
def test_update_is_due_when_an_input_changed(news: dict[str, Any], replaces: list[str], offline: Servicer) -> None:
    """Changed, added, removed or not known yet; only another model or environment replaces the resource."""
    assert _changes(news, {}, offline) == (True, replaces)


@pytest.mark.parametrize(
    ("news", "olds"),
    [
        ({}, {}),
        ({"wait": False}, {}),
        ({"in_force": True}, {}),
        ({"autoscaling_settings": {"min_replica": 1, "max_replica": 3}}, {}),
        ({"promotion_settings": None}, {}),
        ({"wait": False}, {"in_force": False}),
    ],
)
def test_no_update_is_due_when_no_setting_changed(
    news: dict[str, Any], olds: dict[str, Any], offline: Servicer
) -> None:
    """The answer is False, never None; `wait` alone is nothing to send."""
    assert _changes(news, olds, offline) == (False, [])


@pytest.mark.parametrize(
    ("news", "olds"),
    [({}, {"in_force": False}), ({}, {"in_force": None}), ({"wait": False}, {"in_force": False, "status": None})],
)
def test_update_is_due_when_settings_were_not_applied_or_may_not_have_been_sent(
    news: dict[str, Any], olds: dict[str, Any], offline: Servicer
) -> None:
    """A failed wait is repeated; without a status nobody knows whether the settings were sent."""
    assert _changes(news, olds, offline) == (True, [])


def test_no_update_is_due_when_the_stack_skips_every_wait() -> None:
    """Then there is nothing left to wait for."""
    assert _changes({}, {"in_force": False}, Servicer({"skipWait": "true"})) == (False, [])


def test_diff_fails_when_the_switch_of_the_stack_is_malformed() -> None:
    """With the error's own text."""
    provider = Servicer({"skipWait": "maybe"})
    with pytest.raises(ConfigurationError):
        provider.diff(OUTPUTS, INPUTS)
    assert 'baseten:skipWait is malformed.\nIt must be true or false, got "maybe"' in provider.status.message
