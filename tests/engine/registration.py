"""What the program registers; options that the stand-in does not serve are refused by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.engine.values import Properties, from_struct, to_struct

DYNAMIC = "pulumi-python:dynamic"
_SERVED = {
    "type", "name", "parent", "custom", "object", "protect", "dependencies", "propertyDependencies", "customTimeouts",
    "id", "properties",
}  # fmt: skip
# What the SDK says about itself or about the source text.
_IGNORED = {
    "acceptSecrets", "acceptResources", "supportsPartialValues", "supportsResultReporting", "aliasSpecs",
    "accepts_byte_string", "sourcePosition", "stackTrace", "parentStackTraceHandle", "snippetId",
    "deleteBeforeReplaceDefined",
}  # fmt: skip
_DURATION = re.compile(r"(\d+(?:\.\d*)?)(h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class RefusedError(Exception):
    """The program asks for something that the stand-in does not serve."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The local engine does not serve {what}. Use the Pulumi CLI.")


@dataclass(frozen=True, slots=True)
class Registration:
    """A resource as the program registers it, or reads it by its id."""

    type: str
    name: str
    parent: str
    custom: bool
    inputs: Properties
    dependencies: tuple[str, ...]
    protect: bool = False
    timeouts: Mapping[str, float] = field(default_factory=dict)
    id: str = ""


def registration(request: Any) -> Registration:
    """Read a RegisterResourceRequest or a ReadResourceRequest.

    Raises:
        RefusedError: it has an option that is not served.
    """
    present = {it.name: value for it, value in request.ListFields()}
    for name, value in present.items():
        is_empty = hasattr(value, "ByteSize") and value.ByteSize() == 0
        if name not in _SERVED | _IGNORED and not is_empty:
            raise RefusedError(f"the option {name} of {request.type} {request.name!r}")
    custom = present.get("custom", "id" in present)
    if custom and not request.type.startswith(DYNAMIC):
        raise RefusedError(f"resources of type {request.type}")
    timeouts = present.get("customTimeouts")
    return Registration(
        type=request.type,
        name=request.name,
        parent=request.parent,
        custom=custom,
        inputs=from_struct(present.get("object", present.get("properties", to_struct({})))),
        dependencies=tuple(sorted(request.dependencies)),
        protect=present.get("protect", False),
        timeouts={it.name: _seconds(value) for it, value in timeouts.ListFields()} if timeouts else {},
        id=present.get("id", ""),
    )


def _seconds(duration: str) -> float:
    parts = _DURATION.findall(duration)
    if "".join(number + unit for number, unit in parts) != duration:
        raise RefusedError(f"the timeout {duration!r}; write it as 300s, 5m or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
