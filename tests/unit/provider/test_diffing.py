from typing import Any

import pytest
from pulumi.output import Unknown

from baseten_pulumi.provider.diffing import Change, changes, replaced_by

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


def _changes(news: dict[str, Any], *, is_waiting: bool = True, **olds: Any) -> dict[str, Change]:
    return changes({**OLDS, **olds}, news, is_waiting=is_waiting)


MIN, MAX = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"
ROLLING, CONFIG = "promotion_settings.rolling_deploy", "promotion_settings.rolling_deploy_config"


def test_nothing_changes_when_the_program_declares_the_same() -> None:
    """Outputs beyond the inputs, and floats for integers, are no difference."""
    same = _news(autoscaling_settings={"max_replica": 3, "min_replica": 1})
    assert _changes(same) == {}
    assert replaced_by(OLDS, same) == []


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ({"autoscaling_settings": {"min_replica": 0, "max_replica": 3}}, {MIN: "UPDATE"}),
        (
            {"autoscaling_settings": {"min_replica": 1, "max_replica": 3, "scale_down_delay": 60}},
            {"autoscaling_settings.scale_down_delay": "ADD"},
        ),
        ({"autoscaling_settings": {"min_replica": 1}}, {MAX: "DELETE"}),
        ({"autoscaling_settings": None}, {MIN: "DELETE", MAX: "DELETE"}),
        (
            {"promotion_settings": {"rolling_deploy": False, "rolling_deploy_config": {"max_surge_percent": 25}}},
            {ROLLING: "UPDATE"},
        ),
        ({"promotion_settings": {"rolling_deploy": True}}, {f"{CONFIG}.max_surge_percent": "DELETE"}),
    ],
)
def test_update_is_due_when_a_managed_setting_changes_comes_or_goes(
    news: dict[str, Any], expected: dict[str, Change]
) -> None:
    """Each setting is named; a removed one is a difference too, and nothing is replaced for a setting."""
    assert _changes(_news(**news)) == expected
    assert replaced_by(OLDS, _news(**news)) == []


@pytest.mark.parametrize("wait", [False, None, UNKNOWN])
def test_nothing_changes_when_only_the_wait_differs(wait: object) -> None:
    """Whether to wait is no setting of the environment, be it known or not."""
    assert _changes(_news(wait=wait)) == {}


@pytest.mark.parametrize("name", ["model_id", "env_name"])
def test_resource_is_replaced_when_it_names_another_environment(name: str) -> None:
    """Model and environment are what the resource is."""
    news = _news(**{name: "other"})
    assert _changes(news) == {name: "UPDATE_REPLACE"}
    assert replaced_by(OLDS, news) == [name]


@pytest.mark.parametrize("name", ["model_id", "env_name"])
def test_replacement_is_not_forced_when_the_name_is_not_known_yet(name: str) -> None:
    """It may turn out the same: the preview says update."""
    news = _news(**{name: UNKNOWN})
    assert _changes(news) == {name: "UPDATE"}
    assert replaced_by(OLDS, news) == []


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        ({"autoscaling_settings": UNKNOWN}, {"autoscaling_settings": "UPDATE"}),
        ({"autoscaling_settings": {"min_replica": UNKNOWN, "max_replica": 3}}, {MIN: "UPDATE"}),
        (
            {"autoscaling_settings": {"min_replica": 1, "max_replica": 3, "scale_down_delay": UNKNOWN}},
            {"autoscaling_settings.scale_down_delay": "ADD"},
        ),
        ({"promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": UNKNOWN}}, {CONFIG: "UPDATE"}),
        (
            {"promotion_settings": {"rolling_deploy": UNKNOWN, "rolling_deploy_config": {"max_surge_percent": 5}}},
            {ROLLING: "UPDATE", f"{CONFIG}.max_surge_percent": "UPDATE"},
        ),
    ],
)
def test_update_is_due_when_a_setting_is_not_known_yet(news: dict[str, Any], expected: dict[str, Change]) -> None:
    """Nobody can tell that it stays the same, at whatever depth it stands."""
    assert _changes(_news(**news)) == expected
    assert replaced_by(OLDS, _news(**news)) == []


@pytest.mark.parametrize("in_force", [False, None])
@pytest.mark.parametrize("is_waiting", [True, False])
def test_update_is_due_when_settings_were_not_seen_in_force(in_force: bool | None, is_waiting: bool) -> None:
    """Where waiting is on there is still to wait; where it is off, and they were sent, there is nothing to do."""
    assert _changes(NEWS, is_waiting=is_waiting, in_force=in_force) == ({"in_force": "DELETE"} if is_waiting else {})


@pytest.mark.parametrize("is_waiting", [True, False])
def test_update_is_due_when_nobody_knows_whether_settings_were_sent(is_waiting: bool) -> None:
    """Without Baseten's word on them they are sent again, even if nobody waits; seen in force, they need no word."""
    assert _changes(NEWS, is_waiting=is_waiting, in_force=False, status=None) == {"in_force": "DELETE"}
    assert _changes(NEWS, is_waiting=is_waiting, in_force=True, status=None) == {}


def test_settings_alone_are_named_when_they_change_and_were_not_seen_in_force() -> None:
    """What changes is what the program changed; that the last wait failed adds nothing to it."""
    assert _changes(_news(autoscaling_settings={"min_replica": 1, "max_replica": 4}), in_force=False) == {MAX: "UPDATE"}


def test_update_is_due_when_state_is_empty() -> None:
    """A state without outputs is an update, unless it says that all is in force."""
    assert changes({}, NEWS, is_waiting=False)
    assert changes({}, {}, is_waiting=False)
    assert changes({}, {}, is_waiting=True)
    assert not changes({"in_force": True}, {}, is_waiting=True)
