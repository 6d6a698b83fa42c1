"""Read the program's requests. What is not served is refused by name, never ignored."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.steps import STACK_REFERENCE

_SERVED_BY_REGISTER = {
    "type", "name", "parent", "custom", "object", "protect", "dependencies", "propertyDependencies",
    "deleteBeforeReplace", "deleteBeforeReplaceDefined", "ignoreChanges", "additionalSecretOutputs", "aliasURNs",
    "aliases", "customTimeouts", "retainOnDelete",
}  # fmt: skip
_SERVED_BY_READ = {"id", "type", "name", "parent", "properties", "dependencies", "additionalSecretOutputs"}
# What the SDK says of itself or of the source text; none of it changes what is done.
_ABOUT_THE_SDK = {
    "acceptSecrets", "acceptResources", "supportsPartialValues", "supportsResultReporting", "aliasSpecs",
    "accepts_byte_string", "sourcePosition", "stackTrace", "parentStackTraceHandle", "snippetId",
}  # fmt: skip
_DYNAMIC = "pulumi-python:dynamic"
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class RefusedError(Exception):
    """The program asks for something this engine does not do; the real one may."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The local engine does not serve {what}. Run this program with the real Pulumi CLI.")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a program wants of one resource. `protect` and `retain_on_delete` are None where it does not say."""

    type: str
    name: str
    parent: str
    custom: bool
    inputs: values.Properties
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] | None = None
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_first: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    secret_outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    timeouts: Mapping[str, float] | None = None
    id: str = ""

    def resource(self, urn: str, parent: Resource | None) -> Resource:
        """Give the resource as wanted; what the program does not say of it is as its parent has it."""
        return Resource(
            urn=urn,
            type=self.type,
            custom=self.custom,
            inputs=self.inputs,
            parent=self.parent,
            dependencies=self.dependencies,
            property_dependencies=dict(self.property_dependencies or {}),
            protect=_said(self.protect, parent is not None and parent.protect),
            retain_on_delete=_said(self.retain_on_delete, parent is not None and parent.retain_on_delete),
            aliases=self.aliases,
            timeouts=dict(self.timeouts or {}),
            ignore_changes=self.ignore_changes,
            secret_outputs=self.secret_outputs,
        )


def goal_of_registration(request: Any) -> Goal:
    """Read a RegisterResourceRequest.

    Raises:
        RefusedError: naming the option that is not served.
    """
    present = _present(request, _SERVED_BY_REGISTER)
    _require_dynamic(request.type, custom=request.custom)
    return Goal(
        type=request.type,
        name=request.name,
        parent=request.parent,
        custom=request.custom,
        inputs=values.from_struct(request.object),
        dependencies=_sorted(request.dependencies),
        property_dependencies={key: _sorted(found.urns) for key, found in sorted(request.propertyDependencies.items())},
        protect=request.protect if "protect" in present else None,
        retain_on_delete=request.retainOnDelete if "retainOnDelete" in present else None,
        delete_first=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        ignore_changes=tuple(request.ignoreChanges),
        secret_outputs=_sorted(request.additionalSecretOutputs),
        aliases=(*request.aliasURNs, *_alias_urns(request)),
        timeouts=_timeouts(request.customTimeouts),
    )


def goal_of_read(request: Any) -> Goal:
    """Read a ReadResourceRequest.

    Raises:
        RefusedError: naming the option that is not served.
    """
    _present(request, _SERVED_BY_READ)
    _require_dynamic(request.type, custom=request.type != STACK_REFERENCE)
    return Goal(
        type=request.type,
        name=request.name,
        parent=request.parent,
        custom=True,
        inputs=values.from_struct(request.properties),
        dependencies=_sorted(request.dependencies),
        secret_outputs=_sorted(request.additionalSecretOutputs),
        id=request.id,
    )


def seconds_of(duration: str) -> float:
    """Read a duration such as `5m` or `1h30m`.

    Raises:
        RefusedError: where it is none.
    """
    parts = _DURATION.findall(duration)
    if "".join(number + unit for number, unit in parts) != duration:
        raise RefusedError(f"the timeout {duration!r} (write it as 300s, 5m or 1h30m)")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _present(request: Any, served: set[str]) -> set[str]:
    fields = {field.name: value for field, value in request.ListFields()}
    for name, value in fields.items():
        if name not in served | _ABOUT_THE_SDK and not _is_empty_message(value):
            raise RefusedError(f"the option {_python_name(name)} of {request.type} {request.name!r}")
    return set(fields)


def _is_empty_message(value: Any) -> bool:
    return hasattr(value, "ByteSize") and value.ByteSize() == 0


def _python_name(field: str) -> str:
    renamed = {"importId": "import_", "hideDiffs": "hide_diffs", "pluginDownloadURL": "plugin_download_url"}
    return renamed.get(field) or re.sub(r"(?<=[a-z])([A-Z]+)", lambda found: f"_{found[1].lower()}", field)


def _require_dynamic(token: str, *, custom: bool) -> None:
    if custom and not token.startswith(_DYNAMIC):
        raise RefusedError(f"resources of type {token} (it runs dynamic resources and components alone)")


def _said(own: bool | None, parents: bool) -> bool:
    return parents if own is None else own


def _alias_urns(request: Any) -> list[str]:
    if any(alias.HasField("spec") for alias in request.aliases):
        raise RefusedError(f"aliases other than URNs ({request.type} {request.name!r})")
    return [alias.urn for alias in request.aliases]


def _timeouts(timeouts: Any) -> dict[str, float]:
    return {field.name: seconds_of(duration) for field, duration in timeouts.ListFields()}


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(texts))
