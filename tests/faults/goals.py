"""What a program registers with the engine, as the SDK does for the resources of this package."""

import functools
from collections.abc import Mapping
from typing import Any

from pulumi.dynamic.dynamic import serialize_provider

from baseten_pulumi.provider import EnvironmentSettingsProvider, SettingsInForceProvider
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.goals import Goal
from tests.faults.declared import Declared, Program

JOINT = "together"
_SETTINGS_TYPE = "pulumi-python:dynamic/baseten:EnvironmentSettings"
_JOINT_TYPE = "pulumi-python:dynamic/baseten:SettingsInForce"
_GROUPS = (
    "autoscaling_settings",
    "promotion_settings",
    "request_backpressure_settings",
    "autoscaling_schedule_settings",
)


def settings_goal(name: str, declared: Declared) -> Goal:
    """Return what the program wants of one environment."""
    return Goal(
        type=_SETTINGS_TYPE,
        name=name,
        parent="",
        custom=True,
        inputs={**declared.inputs(), "__provider": _pickled(EnvironmentSettingsProvider)},
        timeouts=dict.fromkeys(("create", "update"), declared.timeout_seconds),
        delete_first=declared.delete_first,
    )


def joint_goal(program: Program, made: Mapping[str, Resource]) -> Goal:
    """Return the wait for everything that was made, from the outputs of each."""
    entries: dict[str, dict[str, Any]] = {}
    for name in program.resources:
        environment = program.resources[name].environment
        entries[environment] = _joined(entries.get(environment), made[name].outputs)
    return Goal(
        type=_JOINT_TYPE,
        name=JOINT,
        parent="",
        custom=True,
        inputs={"environments": entries, "in_force": None, "__provider": _pickled(SettingsInForceProvider)},
        property_dependencies={"environments": tuple(sorted(resource.urn for resource in made.values()))},
        timeouts=dict.fromkeys(("create", "update"), program.joint_timeout_seconds or 0.0),
    )


def _joined(entry: Mapping[str, Any] | None, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Join what several resources manage of one environment."""
    before = entry or {"requests": 0, "in_force": True}
    statuses = [before.get("status"), outputs.get("status")]
    incarnations = [it for it in (before.get("incarnation"), outputs.get("incarnation")) if it]
    return {
        **before,
        **{name: outputs[name] for name in _GROUPS if outputs.get(name)},
        "status": "QUEUED" if "QUEUED" in statuses else statuses[-1],
        "in_force": before["in_force"] and outputs.get("in_force") is True,
        "requests": before["requests"] + (outputs.get("requests") or 0),
        "incarnation": "+".join(incarnations) or None,
    }


@functools.cache
def _pickled(provider: type) -> str:
    pickled: str = serialize_provider(provider())
    return pickled
