"""A plain dynamic provider, as Pulumi's documentation teaches it: send, then ask every second until it shows."""

import os
import time
from typing import Any

import httpx
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

POLL_SECONDS = 1.0


class PlainProvider(ResourceProvider):
    """Send the settings of one environment and wait for them."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Send, and sleep until every setting is reported."""
        path = f"/v1/models/{props['model_id']}/environments/{props['env_name']}"
        wanted = {name: props[name] for name in ("autoscaling_settings", "promotion_settings")}
        headers = {"Authorization": f"Api-Key {os.environ['BASETEN_API_KEY']}"}
        with httpx.Client(base_url=os.environ["BASETEN_BASE_URL"], headers=headers, trust_env=False) as client:
            client.patch(path, json=_whole(wanted)).raise_for_status()
            while not _is_applied(wanted, client.get(path).raise_for_status().json()):
                time.sleep(POLL_SECONDS)
        return CreateResult(f"{props['model_id']}/{props['env_name']}", props)


class PlainSettings(Resource, module="bench", name="PlainSettings"):
    """The settings of one environment."""

    def __init__(self, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(PlainProvider(), name, dict(inputs), opts)


def _whole(wanted: dict[str, Any]) -> dict[str, Any]:
    """Turn the engine's floats back into the integers that the API takes."""
    return {
        group: {name: int(value) if isinstance(value, float) else value for name, value in settings.items()}
        for group, settings in wanted.items()
    }


def _is_applied(wanted: dict[str, Any], reported: dict[str, Any]) -> bool:
    return all(reported[group][name] == value for group, settings in wanted.items() for name, value in settings.items())
