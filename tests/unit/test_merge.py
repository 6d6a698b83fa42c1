from typing import Any

import pulumi
import pytest

from baseten_pulumi.schema.merge import merged
from tests.mocked import run

DEFAULTS: dict[str, Any] = {
    "autoscaling_settings": {"min_replica": 0, "max_replica": 2},
    "promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}},
}


async def _awaitable(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, DEFAULTS),
        (
            {"autoscaling_settings": {"max_replica": 6}, "request_backpressure_settings": {"policy": "NONE"}},
            {
                **DEFAULTS,
                "autoscaling_settings": {"min_replica": 0, "max_replica": 6},
                "request_backpressure_settings": {"policy": "NONE"},
            },
        ),
        (
            {"promotion_settings": {"rolling_deploy_config": {"stabilization_time_seconds": 60}}},
            {
                **DEFAULTS,
                "promotion_settings": {
                    "rolling_deploy": True,
                    "rolling_deploy_config": {"max_surge_percent": 25, "stabilization_time_seconds": 60},
                },
            },
        ),
        (
            {"autoscaling_settings": {"min_replica": None}, "promotion_settings": None},
            {"autoscaling_settings": {"min_replica": None, "max_replica": 2}, "promotion_settings": None},
        ),
        ({"autoscaling_settings": "small"}, {**DEFAULTS, "autoscaling_settings": "small"}),
    ],
)
def test_own_settings_are_merged_over_the_defaults_when_both_are_known(own: Any, expected: Any) -> None:
    """At every depth; None removes a default, and a value that is not an object replaces one. Inputs do not change."""
    before = repr(DEFAULTS)
    assert merged(DEFAULTS, own) == expected
    assert repr(DEFAULTS) == before


def test_defaults_do_not_count_when_they_are_not_an_object() -> None:
    """The own settings are all there is."""
    assert merged(None, DEFAULTS) == DEFAULTS


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
    """So that a preview shows what it can."""

    def program() -> None:
        own = {"autoscaling_settings": {"max_replica": pulumi.Output.from_input(6)}}
        settings = merged(DEFAULTS, own)
        assert settings["promotion_settings"] == DEFAULTS["promotion_settings"]
        assert settings["autoscaling_settings"]["min_replica"] == 0

    run(program)


def test_default_is_removed_when_the_own_value_turns_out_to_be_none() -> None:
    """As if it were None from the start."""

    def program() -> pulumi.Output[Any]:
        return pulumi.Output.from_input(merged(DEFAULTS, {"autoscaling_settings": pulumi.Output.from_input(None)}))

    assert run(program)[0]["autoscaling_settings"] is None
