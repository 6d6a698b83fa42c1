"""What Pulumi's engine and its dynamic host do with the resources of a program, as far as the campaign needs it.

Calls go to the provider classes with the protocol's own messages; what is missing is gRPC.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import grpc
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic import Config, ConfigureRequest, ResourceProvider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, status_pb2

from baseten_pulumi.provider import EnvironmentSettingsProvider, SettingsInForceProvider
from baseten_pulumi.schema.in_force import format_entry, parse_entry
from tests.faults.declared import GROUPS, Program
from tests.faults.process import KilledError, Process

JOINT = "together"
_PROVIDER_KEY = "__provider"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the state; one whose last operation failed is unfinished."""

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    is_unfinished: bool = False


class _FailedCallError(Exception):
    """A call that failed; with the resource to keep, if there is one."""

    def __init__(self, text: str, kept: Resource | None = None) -> None:
        super().__init__(text)
        self.kept = kept


@dataclass
class Engine:
    """One operation on a stack."""

    process: Process
    config: Mapping[str, str]
    resources: dict[str, Resource]  # the state by name, which every step changes
    texts: list[str] = field(default_factory=list)  # what the engine shows
    steps: Counter[str] = field(default_factory=Counter)  # by kind
    is_cancelled: bool = False
    joint_wait_seconds: tuple[float, float] | None = None  # when it began, and when it ended
    seconds: dict[str, float] = field(default_factory=dict)  # how long the last call for each resource took

    def __post_init__(self) -> None:
        kinds = (EnvironmentSettingsProvider(), SettingsInForceProvider())
        self._settings, self._joint = kinds
        for provider in kinds:
            provider.configure(ConfigureRequest(Config(dict(self.config), "serving")))

    @property
    def has_failed(self) -> bool:
        return self.is_cancelled or self.steps["failed"] > 0

    def cancel(self) -> None:
        self.is_cancelled = True
        self.process.cancel()

    async def up(self, program: Program, *, is_preview: bool = False) -> None:
        """Make the state what a program declares; a preview only looks what there is to do."""
        steps = (
            self._step(name, it.inputs(), it.timeout_seconds, is_preview) for name, it in program.resources.items()
        )
        made = dict(zip(program.resources, await asyncio.gather(*steps), strict=True))
        declared = {*program.resources}
        if program.joint_timeout_seconds is not None:
            declared.add(JOINT)
            entries = {name: _entry(it.outputs) for name, it in made.items() if it}
            if len(entries) == len(made):
                began = asyncio.get_running_loop().time()
                inputs = {"environments": entries, "in_force": None}
                await self._step(JOINT, inputs, program.joint_timeout_seconds, is_preview)
                self.joint_wait_seconds = (began, asyncio.get_running_loop().time())
        for name in self.resources.keys() - declared if not self.has_failed else ():
            self.steps["delete"] += 1
            if not is_preview:
                await self._change_state(name, self._delete(name))

    async def refresh(self) -> None:
        await asyncio.gather(*(self._change_state(name, self._refresh(name)) for name in [*self.resources]))

    async def _change_state(self, name: str, change: Any) -> Resource | None:
        """Carry out a change of the state; a call that failed may leave a resource in it."""
        try:
            made: Resource | None = await change
        except _FailedCallError as error:
            if error.kept is not None:
                self.resources[name] = error.kept
            self.steps["failed"] += 1
            self.texts.append(f"{name}: {error}")
            return None
        return made

    async def _step(self, name: str, declared: Mapping[str, Any], timeout: float, is_preview: bool) -> Resource | None:
        """Create, update, replace or keep a resource; return it if that succeeded."""
        if self.is_cancelled:
            return None
        return await self._change_state(name, self._registered(name, declared, timeout, is_preview))

    async def _registered(
        self, name: str, declared: Mapping[str, Any], timeout: float, is_preview: bool
    ) -> Resource | None:
        old = self.resources.get(name)
        olds = old.inputs if old else {}
        # Check and Diff must not need the event loop, which is blocked meanwhile.
        request = provider_pb2.CheckRequest(urn=_urn(name), news=_struct(declared))
        checked = self._answer(name, "check", request, _received(olds), _received(declared))
        if checked.failures:
            raise _FailedCallError("\n".join(failure.reason for failure in checked.failures))
        inputs = _plain(checked.inputs)
        kind = self._due(name, old, inputs)
        self.steps[kind] += 1
        if kind == "same" and old is not None:
            self.resources[name] = replace(old, inputs=inputs)
            return self.resources[name]
        if is_preview or self.is_cancelled:
            return None
        if kind == "update" and old is not None:
            update = provider_pb2.UpdateRequest(urn=_urn(name), news=_struct(inputs), timeout=timeout)
            done = await self._call(name, "update", update, old.id, _received(old.outputs), _received(inputs))
            resource_id = old.id
        else:
            create = provider_pb2.CreateRequest(urn=_urn(name), properties=_struct(inputs), timeout=timeout)
            done = await self._call(name, "create", create, _received(inputs))
            resource_id = done.id
        self.resources[name] = Resource(resource_id, inputs, _plain(done.outs))
        return self.resources[name]

    def _due(self, name: str, old: Resource | None, inputs: Mapping[str, Any]) -> str:
        if old is None:
            return "create"
        request = provider_pb2.DiffRequest(urn=_urn(name), news=_struct(inputs))
        found = self._answer(name, "diff", request, old.id, _received(old.outputs), _received(inputs))
        if found.replaces:
            return "replace"
        return "update" if found.changes or old.is_unfinished else "same"

    async def _refresh(self, name: str) -> None:
        old = self.resources[name]
        request = provider_pb2.ReadRequest(urn=_urn(name), id=old.id, properties=_struct(old.outputs))
        found = await self._call(name, "read", request, old.id, _received(old.outputs))
        if found.id is None:
            del self.resources[name]
        else:
            self.resources[name] = Resource(found.id, _plain(found.inputs), _plain(found.outs))

    async def _delete(self, name: str) -> None:
        old = self.resources[name]
        await self._call(name, "delete", provider_pb2.DeleteRequest(urn=_urn(name)), old.id, _received(old.outputs))
        del self.resources[name]

    async def _call(self, name: str, method: str, request: Any, *arguments: Any) -> Any:
        now = asyncio.get_running_loop().time
        began = now()
        try:
            return await self.process.call(partial(self._answer, name, method, request, *arguments))
        finally:
            self.seconds[name] = now() - began

    def _answer(self, name: str, method: str, request: Any, *arguments: Any) -> Any:
        """Answer a call as the host does; the provider finds the request and the context on the stack."""
        provider: ResourceProvider = self._joint if name == JOINT else self._settings
        context = _Context()
        try:
            return getattr(provider, method)(*arguments)
        except KilledError:
            raise _FailedCallError("the process was killed") from None
        except Exception as error:
            details = dict(context.trailers).get("grpc-status-details-bin")
            if details is None:
                raise _FailedCallError(f"Traceback: {error!r}") from error
            raise _failed(status_pb2.Status.FromString(details)) from None


class _Trailers(grpc.ServicerContext):  # type: ignore[misc] # gRPC has no types
    trailers: tuple[tuple[str, bytes], ...] = ()

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self.trailers = trailing_metadata


# gRPC's interface has two dozen methods, of which one is used.
_Context = type("_Context", (_Trailers,), dict.fromkeys(_Trailers.__abstractmethods__ - {"set_trailing_metadata"}))


def _failed(status: status_pb2.Status) -> _FailedCallError:
    if not status.details:
        return _FailedCallError(status.message)
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    inputs, outputs = (_plain(rpc.deserialize_properties(it)) for it in (detail.inputs, detail.properties))
    return _FailedCallError(status.message, Resource(detail.id, inputs, outputs, is_unfinished=True))


def _entry(outputs: Mapping[str, Any]) -> str:
    """Return what a joint wait gets of a resource."""
    own = {name: outputs.get(name) for name in ("model_id", "env_name", "revision", "status")}
    return format_entry(own, {name: outputs[name] for name in GROUPS if outputs.get(name) is not None})


def joined(line: str) -> tuple[str, dict[str, Any]]:
    """Return the environment that a joint wait got, and its settings by path with their revision."""
    entry = parse_entry(line)
    return f"{entry.model_id}/{entry.env_name}", {**entry.settings, "revision": line.split(" ")[1]}


def _struct(values: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update({**values, _PROVIDER_KEY: "pickled"})
    return struct


def _received(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as the host receives them: numbers are floats."""
    return dict(rpc.deserialize_properties(_struct(values)))


def _plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as a checkpoint holds them."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(properties)))
    plain.pop(_PROVIDER_KEY, None)
    return plain


def _urn(name: str) -> str:
    kind = "SettingsInForce" if name == JOINT else "EnvironmentSettings"
    return f"urn:pulumi:dev::serving::pulumi-python:dynamic/baseten:{kind}::{name}"
