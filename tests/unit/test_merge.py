import copy
from typing import Any

import pulumi
import pytest

from baseten_pulumi.schema.merge import merged
from tests.mocked import run

DEFAULTS: dict[str, Any] = {
    "autoscaling_settings": {"min_replica": 0, "max_replica": 2},
    "promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}},
}
PROMOTION = DEFAULTS["promotion_settings"]
BACKPRESSURE = {"request_backpressure_settings": {"policy": "NONE"}}


async def _awaitable(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("own", "changes"),
    [
        ({}, {}),
        (BACKPRESSURE, BACKPRESSURE),
        (
            {"promotion_settings": {"rolling_deploy_config": {"replica_overhead_percent": 60}}},
            {
                "promotion_settings": {
                    "rolling_deploy": True,
                    "rolling_deploy_config": {"max_surge_percent": 25, "replica_overhead_percent": 60},
                }
            },
        ),
        (
            {"autoscaling_settings": {"min_replica": None, "max_replica": 6}, "promotion_settings": None},
            {"autoscaling_settings": {"min_replica": None, "max_replica": 6}, "promotion_settings": None},
        ),
        ({"autoscaling_settings": "small"}, {"autoscaling_settings": "small"}),
    ],
)
def test_own_settings_are_merged_over_the_defaults_when_both_are_known(own: Any, changes: dict[str, Any]) -> None:
    """At every depth; None removes a default, and a value that is not an object replaces one. Inputs do not change."""
    before = copy.deepcopy(DEFAULTS)
    assert merged(DEFAULTS, own) == {**DEFAULTS, **changes}
    assert before == DEFAULTS
    assert merged(None, own) == own


@pytest.mark.parametrize("later", [pulumi.Output.from_input, _awaitable])
@pytest.mark.parametrize("unknown", ["defaults", "own", "object of defaults", "own object", "value"])
def test_settings_are_merged_once_they_are_known_when_they_are_not_yet(later: Any, unknown: str) -> None:
    """An Output or another awaitable can be the settings, an object in them or a value, on either side."""

    def at(name: str, value: Any) -> Any:
        return later(value) if name == unknown else value

    def program() -> pulumi.Output[Any]:
        defaults = {"autoscaling_settings": at("object of defaults", {"min_replica": 0, "max_replica": 2})}
        own = {"autoscaling_settings": at("own object", {"max_replica": at("value", 6)})}
        return pulumi.Output.from_input(merged(at("defaults", defaults), at("own", own)))

    assert run(program)[0] == {"autoscaling_settings": {"min_replica": 0, "max_replica": 6}}


def test_other_settings_stay_known_when_one_value_is_not() -> None:
    """So that a preview shows what it can; an object that turns out to be None removes a default."""

    def program() -> pulumi.Output[Any]:
        own = {"autoscaling_settings": {"max_replica": pulumi.Output.from_input(6)}}
        settings = merged(DEFAULTS, own)
        assert settings["promotion_settings"] == PROMOTION
        assert settings["autoscaling_settings"]["min_replica"] == 0
        return pulumi.Output.from_input(merged(DEFAULTS, {"promotion_settings": pulumi.Output.from_input(None)}))

    assert run(program)[0] == {**DEFAULTS, "promotion_settings": None}
