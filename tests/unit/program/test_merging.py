from typing import Any

import pulumi
import pytest

from baseten_pulumi.program.merging import merged, part, reusable, without_strangers
from tests.mocked import run

DEFAULTS: dict[str, Any] = {
    "autoscaling_settings": {"min_replica": 0, "max_replica": 2},
    "promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}},
}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, DEFAULTS),
        (
            {"autoscaling_settings": {"max_replica": 6}},
            {**DEFAULTS, "autoscaling_settings": {"min_replica": 0, "max_replica": 6}},
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
            {"autoscaling_settings": {"min_replica": None}},
            {**DEFAULTS, "autoscaling_settings": {"min_replica": None, "max_replica": 2}},
        ),
        ({"promotion_settings": None}, {**DEFAULTS, "promotion_settings": None}),
        ({"autoscaling_settings": "no object"}, {**DEFAULTS, "autoscaling_settings": "no object"}),
    ],
)
def test_own_settings_lie_over_the_defaults_when_merged(own: dict[str, Any], expected: dict[str, Any]) -> None:
    """Setting by setting; None takes a default out, and what is no object is left to be judged later."""
    before = repr(DEFAULTS)
    assert merged(DEFAULTS, own) == expected
    assert repr(DEFAULTS) == before


def test_own_settings_are_all_there_is_when_there_are_no_defaults() -> None:
    """Nothing is filled in."""
    assert merged(None, DEFAULTS) == DEFAULTS


async def _later(value: Any) -> Any:
    return value


@pytest.mark.parametrize("later", [pulumi.Output.from_input, _later])
@pytest.mark.parametrize("where", ["defaults", "own", "inside defaults", "inside own", "value"])
def test_settings_are_merged_once_they_are_known_when_they_are_not_yet(later: Any, where: str) -> None:
    """An Output, or anything else to be awaited, in place of an object or a value, on either side."""

    def program() -> pulumi.Output[Any]:
        defaults: Any = {"autoscaling_settings": {"min_replica": 0, "max_replica": 2}}
        own: Any = {"autoscaling_settings": {"max_replica": 6}}
        if where == "defaults":
            defaults = later(defaults)
        elif where == "own":
            own = later(own)
        elif where == "inside defaults":
            defaults = {"autoscaling_settings": later(defaults["autoscaling_settings"])}
        elif where == "inside own":
            own = {"autoscaling_settings": later(own["autoscaling_settings"])}
        else:
            own = {"autoscaling_settings": {"max_replica": later(6)}}
        return pulumi.Output.from_input(part(merged(defaults, own), "autoscaling_settings"))

    assert run(program)[0] == {"min_replica": 0, "max_replica": 6}


def test_default_is_taken_out_when_the_own_value_turns_out_to_be_none() -> None:
    """As it is when it is None from the start."""

    def program() -> pulumi.Output[Any]:
        own: Any = {"autoscaling_settings": pulumi.Output.from_input(None)}
        return pulumi.Output.from_input(merged(DEFAULTS, own))

    assert run(program)[0]["autoscaling_settings"] is None


def test_part_is_none_when_there_is_none() -> None:
    """Known or not."""
    assert part({}, "autoscaling_settings") is None
    assert run(lambda: part(pulumi.Output.from_input({}), "autoscaling_settings"))[0] is None


@pytest.mark.parametrize("settings", [{}, DEFAULTS, {"autoscaling_settings": {"max_replica": "judged later"}}])
def test_settings_stay_as_they_are_when_every_key_is_known(settings: Any) -> None:
    """Values are judged by the provider."""
    assert without_strangers("defaults", settings) is settings


@pytest.mark.parametrize("later", [pulumi.Output.from_input, _later])
def test_settings_are_empty_when_they_are_none(later: Any) -> None:
    """Known from the start or not."""
    assert without_strangers("defaults", None) == {}
    assert run(lambda: without_strangers("defaults", later(None)))[0] == {}


def _output_of(value: Any) -> pulumi.Output[Any]:
    """Return an Output whose value may hold what is still to be awaited."""
    return pulumi.Output.from_input(0).apply(lambda _: value)


@pytest.mark.parametrize("where", ["settings", "object", "value", "made known later"])
def test_value_can_be_taken_again_when_it_was_to_be_awaited(where: str) -> None:
    """At every depth it becomes an Output, which gives its value as often as it is asked."""

    def program() -> pulumi.Output[Any]:
        limits: Any = {"max_replica": _later(2) if where in ("value", "made known later") else 2}
        settings: Any = {"autoscaling_settings": _later(limits) if where == "object" else limits}
        if where == "settings":
            settings = _later(settings)
        if where == "made known later":
            settings = _output_of(settings)
        once = without_strangers("defaults", reusable(settings))
        return pulumi.Output.all(merged(once, {"promotion_settings": None}), merged(once, {}))

    expected = {"autoscaling_settings": {"max_replica": 2}}
    assert run(program)[0] == [{**expected, "promotion_settings": None}, expected]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"autoscalingsettings": {}},
            'defaults.autoscalingsettings: is not a known property; did you mean "autoscaling_settings"?',
        ),
        (
            {"wait": False},
            (
                "defaults.wait: is not a known property; "
                "known are autoscaling_settings, promotion_settings, request_backpressure_settings, "
                "autoscaling_schedule_settings"
            ),
        ),
        (
            {"autoscaling_settings": {"max_replicas": 1}, "promotion_settings": {"rolling_deployed": True}},
            (
                'defaults.autoscaling_settings.max_replicas: is not a known property; did you mean "max_replica"?\n'
                'defaults.promotion_settings.rolling_deployed: is not a known property; did you mean "rolling_deploy"?'
            ),
        ),
    ],
)
def test_strangers_are_refused_when_a_key_is_misspelt(settings: Any, message: str) -> None:
    """Each with its path and rule, known from the start or later: merged away it would be swallowed in silence."""
    with pytest.raises(ValueError, match="is not a known property") as caught:
        without_strangers("defaults", settings)
    assert str(caught.value) == message
    with pytest.raises(ValueError, match="is not a known property") as caught:
        run(lambda: without_strangers("defaults", pulumi.Output.from_input(settings)))
    assert str(caught.value) == message


def test_settings_are_refused_when_they_are_no_object() -> None:
    """An environment's settings are a mapping."""
    with pytest.raises(TypeError, match=r"^environments\.dev: must be an object, got int$"):
        without_strangers("environments.dev", 5)
