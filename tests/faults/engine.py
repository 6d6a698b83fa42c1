"""What Pulumi's engine and its dynamic host do with the resources of a program, as far as the campaign needs it.

Calls go to the provider classes with the protocol's own messages; what is missing is gRPC.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
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
_TYPE = "pulumi-python:dynamic/baseten:"
_PROVIDER_KEY = "__provider"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the state.

    Attributes:
        id: The provider's id.
        inputs: Checked inputs.
        outputs: Outputs.
        is_unfinished: Whether its last operation failed and left it in the state.
    """

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    is_unfinished: bool = False


@dataclass(frozen=True, slots=True)
class _Goal:
    name: str
    inputs: Mapping[str, Any]
    timeout: float


class _FailedCallError(Exception):
    """A call that failed; with the resource to keep, if there is one."""

    def __init__(self, text: str, kept: Resource | None = None) -> None:
        super().__init__(text)
        self.kept = kept


@dataclass
class Engine:
    """One operation on a stack.

    Attributes:
        process: The provider process.
        config: Configuration of the stack.
        resources: The state by name, which every step changes.
        texts: What the engine shows.
        steps: How many steps there were of each kind.
        is_cancelled: Whether Ctrl-C was pressed.
        joint_wait_seconds: When the joint wait began, and when it ended.
        seconds: How long the last call for each resource took.
    """

    process: Process
    config: Mapping[str, str]
    resources: dict[str, Resource]
    texts: list[str] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)
    is_cancelled: bool = False
    joint_wait_seconds: tuple[float, float] | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._providers: dict[bool, ResourceProvider] = {
            False: EnvironmentSettingsProvider(),
            True: SettingsInForceProvider(),
        }
        for provider in self._providers.values():
            provider.configure(ConfigureRequest(Config(dict(self.config), "serving")))

    @property
    def has_failed(self) -> bool:
        """Whether a step failed, or the operation was cancelled."""
        return self.is_cancelled or self.steps["failed"] > 0

    def cancel(self) -> None:
        """Press Ctrl-C."""
        self.is_cancelled = True
        self.process.cancel()

    async def up(self, program: Program, *, is_preview: bool = False) -> None:
        """Make the state what a program declares; a preview only looks what there is to do."""
        goals = [_Goal(name, it.inputs(), it.timeout_seconds) for name, it in program.resources.items()]
        made = await asyncio.gather(*(self._step(goal, is_preview) for goal in goals))
        declared = {goal.name for goal in goals}
        if program.joint_timeout_seconds is not None:
            declared.add(JOINT)
            entries = {goal.name: _entry(it.outputs) for goal, it in zip(goals, made, strict=True) if it}
            if len(entries) == len(goals):
                began = asyncio.get_running_loop().time()
                inputs = {"environments": entries, "in_force": None}
                await self._step(_Goal(JOINT, inputs, program.joint_timeout_seconds), is_preview)
                self.joint_wait_seconds = (began, asyncio.get_running_loop().time())
        for name in self.resources.keys() - declared if not self.has_failed else ():
            self.steps["delete"] += 1
            if not is_preview:
                await self._delete(name)

    async def refresh(self) -> None:
        """Read every resource."""
        await asyncio.gather(*map(self._refresh, [*self.resources]))

    async def _refresh(self, name: str) -> None:
        old = self.resources[name]
        request = provider_pb2.ReadRequest(urn=_urn(name), id=old.id, properties=_struct(old.outputs))
        try:
            found = await self._call(name, request, lambda it: it.read(old.id, _dict(request.properties)))
        except _FailedCallError as error:
            self._fail(name, error)
            return
        if found.id is None:
            del self.resources[name]
        else:
            self.resources[name] = Resource(found.id, _plain(found.inputs), _plain(found.outs))

    async def _step(self, goal: _Goal, is_preview: bool) -> Resource | None:
        """Create, update, replace or keep a resource; return it if that succeeded."""
        try:
            return await self._registered(goal, is_preview) if not self.is_cancelled else None
        except _FailedCallError as error:
            if error.kept is not None:
                self.resources[goal.name] = error.kept
            self._fail(goal.name, error)
            return None

    async def _registered(self, goal: _Goal, is_preview: bool) -> Resource | None:
        old = self.resources.get(goal.name)
        inputs = self._checked(goal, old)
        kind = self._due(goal.name, old, inputs)
        self.steps[kind] += 1
        if kind == "same" and old is not None:
            self.resources[goal.name] = replace(old, inputs=inputs)
            return self.resources[goal.name]
        if is_preview or self.is_cancelled:
            return None
        if kind == "update" and old is not None:
            made = await self._update(goal, old, inputs)
        else:
            made = await self._create(goal, inputs)
        self.resources[goal.name] = made
        return made

    def _checked(self, goal: _Goal, old: Resource | None) -> dict[str, Any]:
        olds = _struct(old.inputs if old else {})
        request = provider_pb2.CheckRequest(urn=_urn(goal.name), olds=olds, news=_struct(goal.inputs))
        checked = self._call_offline(goal.name, request, lambda it: it.check(_dict(olds), _dict(request.news)))
        if checked.failures:
            raise _FailedCallError("\n".join(failure.reason for failure in checked.failures))
        return _plain(checked.inputs)

    def _due(self, name: str, old: Resource | None, inputs: Mapping[str, Any]) -> str:
        if old is None:
            return "create"
        request = provider_pb2.DiffRequest(urn=_urn(name), id=old.id, olds=_struct(old.outputs), news=_struct(inputs))
        found = self._call_offline(name, request, lambda it: it.diff(old.id, _dict(request.olds), _dict(request.news)))
        if found.replaces:
            return "replace"
        return "update" if found.changes or old.is_unfinished else "same"

    async def _create(self, goal: _Goal, inputs: Mapping[str, Any]) -> Resource:
        request = provider_pb2.CreateRequest(urn=_urn(goal.name), properties=_struct(inputs), timeout=goal.timeout)
        created = await self._call(goal.name, request, lambda it: it.create(_dict(request.properties)))
        return Resource(created.id, dict(inputs), _plain(created.outs))

    async def _update(self, goal: _Goal, old: Resource, inputs: Mapping[str, Any]) -> Resource:
        request = provider_pb2.UpdateRequest(
            urn=_urn(goal.name), id=old.id, olds=_struct(old.outputs), news=_struct(inputs), timeout=goal.timeout
        )
        updated = await self._call(
            goal.name, request, lambda it: it.update(old.id, _dict(request.olds), _dict(request.news))
        )
        return Resource(old.id, dict(inputs), _plain(updated.outs))

    async def _delete(self, name: str) -> None:
        old = self.resources[name]
        request = provider_pb2.DeleteRequest(urn=_urn(name), id=old.id, properties=_struct(old.outputs))
        try:
            await self._call(name, request, lambda it: it.delete(old.id, _dict(request.properties)))
            del self.resources[name]
        except _FailedCallError as error:
            self._fail(name, error)

    async def _call(self, name: str, request: Any, method: Callable[[Any], Any]) -> Any:
        now = asyncio.get_running_loop().time
        began = now()
        try:
            return await self.process.call(partial(_answer, self._providers[name == JOINT], request, method))
        finally:
            self.seconds[name] = now() - began

    def _call_offline(self, name: str, request: Any, method: Callable[[Any], Any]) -> Any:
        """Make a call that must not need the event loop, which is blocked meanwhile."""
        return _answer(self._providers[name == JOINT], request, method)

    def _fail(self, name: str, error: Exception) -> None:
        self.steps["failed"] += 1
        self.texts.append(f"{name}: {error}")


class _Trailers(grpc.ServicerContext):  # type: ignore[misc] # gRPC has no types
    trailers: tuple[tuple[str, bytes], ...] = ()

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self.trailers = trailing_metadata


# gRPC's interface has two dozen methods, of which one is used.
_Context = type("_Context", (_Trailers,), dict.fromkeys(_Trailers.__abstractmethods__ - {"set_trailing_metadata"}))


def _answer(provider: ResourceProvider, request: Any, method: Callable[[Any], Any]) -> Any:
    """Answer a call as the host does; the provider finds the request and the context on the stack."""
    context = _Context()
    try:
        return method(provider)
    except KilledError:
        raise _FailedCallError("the process was killed") from None
    except Exception as error:
        details = dict(context.trailers).get("grpc-status-details-bin")
        if details is None:
            raise _FailedCallError(f"Traceback: {error!r}") from error
        raise _failed(status_pb2.Status.FromString(details)) from None


def _failed(status: status_pb2.Status) -> _FailedCallError:
    detail = provider_pb2.ErrorResourceInitFailed()
    if not status.details:
        return _FailedCallError(status.message)
    assert status.details[0].Unpack(detail)
    kept = Resource(detail.id, _plain(_dict(detail.inputs)), _plain(_dict(detail.properties)), is_unfinished=True)
    return _FailedCallError(status.message, kept)


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


def _dict(struct: Struct) -> dict[str, Any]:
    return dict(rpc.deserialize_properties(struct))


def _plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as a checkpoint holds them."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(properties)))
    plain.pop(_PROVIDER_KEY, None)
    return plain


def _urn(name: str) -> str:
    return f"urn:pulumi:dev::serving::{_TYPE}{'SettingsInForce' if name == JOINT else 'EnvironmentSettings'}::{name}"
