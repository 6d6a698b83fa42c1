from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi.provider.diffing import has_changes, replaced_by

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
OLDS: dict[str, Any] = {
    "model_id": "abc123",
    "env_name": "production",
    "wait": True,
    "status": "ACCEPTED",
    "in_force": True,
    "requests": 2.0,
    "autoscaling_settings": {"min_replica": 1.0, "max_replica": 3.0},
    "promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25.0}},
    "__provider": "pickle",
}
NEWS: dict[str, Any] = {key: OLDS[key] for key in OLDS if key not in ("status", "in_force", "requests")}


def _news(**changes: Any) -> dict[str, Any]:
    return {**NEWS, **changes}


def _changes(news: dict[str, Any], *, is_waiting: bool = True, **olds: Any) -> bool:
    return has_changes({**OLDS, **olds}, news, is_waiting=is_waiting)


def test_nothing_changes_when_the_program_declares_the_same() -> None:
    """Outputs beyond the inputs, and floats for integers, are no difference."""
    same = _news(autoscaling_settings={"max_replica": 3, "min_replica": 1})
    assert _changes(same) is False
    assert replaced_by(OLDS, same) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"autoscaling_settings": {"min_replica": 0, "max_replica": 3}},
        {"autoscaling_settings": {"min_replica": 1, "max_replica": 3, "scale_down_delay": 60}},
        {"autoscaling_settings": {"min_replica": 1}},
        {"autoscaling_settings": None},
        {"promotion_settings": {"rolling_deploy": False, "rolling_deploy_config": {"max_surge_percent": 25}}},
        {"promotion_settings": {"rolling_deploy": True}},
    ],
)
def test_update_is_due_when_a_managed_setting_changes_comes_or_goes(changes: dict[str, Any]) -> None:
    """A removed setting is a difference too, and nothing is replaced for a setting."""
    assert _changes(_news(**changes)) is True
    assert replaced_by(OLDS, _news(**changes)) == []


@pytest.mark.parametrize("wait", [False, None, UNKNOWN])
def test_nothing_changes_when_only_the_wait_differs(wait: object) -> None:
    """Whether to wait is no setting of the environment, be it known or not."""
    assert _changes(_news(wait=wait)) is False


@pytest.mark.parametrize("name", ["model_id", "env_name"])
def test_resource_is_replaced_when_it_names_another_environment(name: str) -> None:
    """Model and environment are what the resource is."""
    news = _news(**{name: "other"})
    assert _changes(news) is True
    assert replaced_by(OLDS, news) == [name]


@pytest.mark.parametrize("name", ["model_id", "env_name"])
def test_replacement_is_not_forced_when_the_name_is_not_known_yet(name: str) -> None:
    """It may turn out the same: the preview says update."""
    news = _news(**{name: UNKNOWN})
    assert _changes(news) is True
    assert replaced_by(OLDS, news) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"autoscaling_settings": UNKNOWN},
        {"autoscaling_settings": {"min_replica": UNKNOWN, "max_replica": 3}},
        {"promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": UNKNOWN}},
        {"promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": UNKNOWN}}},
    ],
)
def test_update_is_due_when_a_setting_is_not_known_yet(changes: dict[str, Any]) -> None:
    """Nobody can tell that it stays the same, at whatever depth it stands."""
    assert _changes(_news(**changes)) is True
    assert replaced_by(OLDS, _news(**changes)) == []


@pytest.mark.parametrize("in_force", [False, None])
@pytest.mark.parametrize("is_waiting", [True, False])
def test_update_is_due_when_settings_were_not_seen_in_force(in_force: bool | None, is_waiting: bool) -> None:
    """Where waiting is on there is still to wait; where it is off, and they were sent, there is nothing to do."""
    assert _changes(NEWS, is_waiting=is_waiting, in_force=in_force) is is_waiting


@pytest.mark.parametrize("is_waiting", [True, False])
def test_update_is_due_when_nobody_knows_whether_settings_were_sent(is_waiting: bool) -> None:
    """Without Baseten's word on them they are sent again, even if nobody waits; seen in force, they need no word."""
    assert _changes(NEWS, is_waiting=is_waiting, in_force=False, status=None) is True
    assert _changes(NEWS, is_waiting=is_waiting, in_force=True, status=None) is False


def test_answer_is_a_boolean_when_state_is_empty() -> None:
    """`diff` must never answer None."""
    assert has_changes({}, NEWS, is_waiting=False) is True
    assert has_changes({}, {}, is_waiting=False) is True
    assert has_changes({}, {}, is_waiting=True) is True
    assert has_changes({"in_force": True}, {}, is_waiting=True) is False
