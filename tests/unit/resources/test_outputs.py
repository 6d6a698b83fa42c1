"""What previews and programs get of an output that a resource does not have."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi.runtime.rpc import UNKNOWN

from baseten_pulumi import BasetenAutoscalingSchedule, BasetenEnvironment, BasetenEnvironmentSettings
from tests.mocked import run
from tests.schedules import inputs

MODEL = "abc123"
SETTINGS = ("promotion_settings", "request_backpressure_settings")


def _settings(**arguments: Any) -> BasetenEnvironmentSettings:
    return BasetenEnvironmentSettings("chat", **{"model_id": MODEL, "env_name": "production", **arguments})


def _schedule() -> BasetenAutoscalingSchedule:
    return BasetenAutoscalingSchedule("peak", **inputs(MODEL, cadence="HOURLY", start_hour=None, end_hour=None))


def _known_in_preview(declare: Callable[[], pulumi.Resource], names: tuple[str, ...], **outputs: Any) -> dict[str, Any]:
    """Return the outputs that a preview knows, with their values."""

    async def known(resource: pulumi.Resource) -> dict[str, Any]:
        found = {name: getattr(resource, name) for name in names}
        return {name: await output.future() for name, output in found.items() if await output.is_known()}

    found: dict[str, Any] = run(lambda: pulumi.Output.from_input(known(declare())), preview=True, outputs=outputs)[0]
    return found


@pytest.mark.parametrize(
    ("declare", "names"),
    [
        (_settings, ("autoscaling_settings", "additional_settings", *SETTINGS)),
        (lambda: BasetenEnvironmentSettings.get("live", f"{MODEL}/dev"), ("status", "revision", *SETTINGS)),
        (_schedule, ("start_hour", "end_hour", "start_at", "end_at")),
        (lambda: BasetenAutoscalingSchedule.get("live", f"{MODEL}/dev/s1"), ("weekdays", "start_minute", "end_minute")),
        (
            lambda: BasetenEnvironment.get("live", f"{MODEL}/dev"),
            ("created_at", "current_deployment_id", "instance_type"),
        ),
    ],
    ids=["settings", "settings by id", "schedule", "schedule by id", "environment by id"],
)
def test_output_is_known_to_be_none_when_a_resource_does_not_have_it(
    declare: Callable[[], pulumi.Resource], names: tuple[str, ...]
) -> None:
    """An export of it would otherwise be a change in every preview. A lookup's inputs come from Baseten."""
    assert _known_in_preview(declare, names, model_id=MODEL) == dict.fromkeys(names)


def test_output_is_not_known_when_it_depends_on_what_is_not_known_yet() -> None:
    """What an update will send, an object of settings not known yet, and everything of a resource that is left out."""
    declare = lambda: _settings(promotion_settings=pulumi.Output.from_input({"rolling_deploy": True}))  # noqa: E731
    assert _known_in_preview(declare, ("status", "revision")) == {}
    assert _known_in_preview(declare, SETTINGS, promotion_settings=UNKNOWN) == {SETTINGS[1]: None}
    assert _known_in_preview(declare, SETTINGS[1:], model_id=UNKNOWN) == {}


def test_output_stays_a_secret_when_it_is_one() -> None:
    def program() -> pulumi.Output[bool]:
        settings = _settings(promotion_settings=pulumi.Output.secret({"rolling_deploy": True}))
        return pulumi.Output.from_input(settings.promotion_settings.is_secret())

    assert run(program)[0] is True
