"""Pulumi's dynamic provider, called over gRPC."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from tests.engine.diff import Kind
from tests.engine.process import GRACE_SECONDS, Process
from tests.engine.project import Project
from tests.engine.resource import Resource, type_of
from tests.engine.values import Properties, from_struct, is_equal, plain, to_struct, with_secrets

CHANNEL_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_KINDS = (Kind.ADD, Kind.DELETE, Kind.UPDATE)  # in the protocol each is followed by the same with a replacement


class ProviderError(Exception):
    """The provider failed; the message is its own."""


class InitFailedError(ProviderError):
    """The operation had begun: the resource exists, and is kept with the reasons."""

    def __init__(self, detail: Any) -> None:
        super().__init__("\n".join(detail.reasons))
        self.id: str = detail.id
        self.outputs = from_struct(detail.properties)
        self.inputs = from_struct(detail.inputs) if detail.HasField("inputs") else None
        self.reasons = tuple(detail.reasons)


@dataclass(frozen=True, slots=True)
class DiffResult:
    """What Diff returned; `paths` is None if it named none."""

    has_changes: bool
    is_replacement: bool
    paths: Mapping[str, Kind] | None = None


class ReadResult(NamedTuple):
    """What Read returned; an empty id means that the resource is gone."""

    id: str
    outputs: Properties
    inputs: Properties | None


class Provider:
    """The provider's process, started by the first call."""

    def __init__(
        self, project: Project, environment: Mapping[str, str], engine_address: str, show: Callable[[str], None]
    ) -> None:
        self._project = project
        self._environment = {**environment, "PULUMI_PROJECT": project.name, "PULUMI_CONFIG": "{}"}
        self._engine_address = engine_address
        self._show = show
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._channel: Any = None
        self._stub: Any = None
        self._is_stopped = False

    def start(self) -> Any:
        """Start and configure the process, unless that was done, and return its stub.

        Raises:
            ProviderError: it does not start.
        """
        with self._lock:
            if self._is_stopped:
                raise ProviderError("The provider was stopped.")
            if self._stub is None:
                self._stub = self._started()
            return self._stub

    def check(self, resource: Resource, olds: Properties) -> tuple[Properties, list[str]]:
        """Return the inputs to use, and what is wrong with them."""
        request = provider_pb2.CheckRequest(olds=_struct(olds), news=_struct(resource.inputs), **_named(resource))
        answer = self._call("Check", request)
        failures = [f"{it.property}: {it.reason}" if it.property else it.reason for it in answer.failures]
        return with_secrets(from_struct(answer.inputs), resource.inputs), failures

    def diff(self, old: Resource, news: Properties) -> DiffResult:
        """Compare inputs with what there is; where the provider cannot tell, the inputs decide."""
        request = provider_pb2.DiffRequest(id=old.id, olds=_struct(old.outputs), news=_struct(news), **_named(old))
        request.old_inputs.CopyFrom(_struct(old.inputs))
        answer = self._call("Diff", request)
        if answer.deleteBeforeReplace:
            raise ProviderError("The local engine does not serve delete_before_replace. Use the Pulumi CLI.")
        if answer.changes == provider_pb2.DiffResponse.DIFF_UNKNOWN:
            return DiffResult(not is_equal(plain(old.inputs), plain(news)), bool(answer.replaces))
        details = answer.detailedDiff
        return DiffResult(
            answer.changes == provider_pb2.DiffResponse.DIFF_SOME,
            bool(answer.replaces) or any(it.kind % 2 for it in details.values()),
            {path: _KINDS[it.kind // 2] for path, it in details.items()} if answer.hasDetailedDiff else None,
        )

    def create(self, resource: Resource) -> tuple[str, Properties]:
        """Create a resource, and return its id and outputs."""
        timeout = resource.timeouts.get("create", 0.0)
        request = provider_pb2.CreateRequest(properties=_struct(resource.inputs), timeout=timeout, **_named(resource))
        answer = self._call("Create", request)
        return answer.id, from_struct(answer.properties)

    def update(self, old: Resource, new: Resource) -> Properties:
        """Update a resource, and return its outputs."""
        timeout = new.timeouts.get("update", 0.0)
        request = provider_pb2.UpdateRequest(
            id=old.id, olds=_struct(old.outputs), news=_struct(new.inputs), timeout=timeout, **_named(old)
        )
        request.old_inputs.CopyFrom(_struct(old.inputs))
        return from_struct(self._call("Update", request).properties)

    def read(self, resource: Resource) -> ReadResult:
        """Read a resource."""
        inputs, outputs = _struct(resource.inputs), _struct(resource.outputs)
        request = provider_pb2.ReadRequest(id=resource.id, properties=outputs, inputs=inputs, **_named(resource))
        answer = self._call("Read", request)
        found = from_struct(answer.inputs) if answer.HasField("inputs") else None
        return ReadResult(answer.id, from_struct(answer.properties), found)

    def delete(self, resource: Resource) -> None:
        """Delete a resource."""
        timeout, outputs = resource.timeouts.get("delete", 0.0), _struct(resource.outputs)
        request = provider_pb2.DeleteRequest(id=resource.id, properties=outputs, timeout=timeout, **_named(resource))
        request.old_inputs.CopyFrom(_struct(resource.inputs))
        self._call("Delete", request)

    def cancel(self) -> None:
        """Tell the provider to end what it waits for."""
        if self._stub is not None:
            with contextlib.suppress(grpc.RpcError):
                self._stub.Cancel(empty_pb2.Empty(), timeout=GRACE_SECONDS)

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            self._is_stopped = True
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.stop()

    def _started(self) -> Any:
        arguments = ["-m", "pulumi.dynamic", self._engine_address]
        self._process = Process(arguments, self._project.directory, self._environment)
        printed = []
        for line in self._process.lines():
            if line.isdecimal():
                self._process.pass_on(self._show)
                return self._configured(line)
            printed.append(line)
        raise ProviderError("\n".join(["The provider process did not start.", *printed]))

    def _configured(self, port: str) -> Any:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
        stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        config = self._project.config
        request = provider_pb2.ConfigureRequest(
            args=to_struct(config),
            variables={f"pulumi-python:config:{key}": value for key, value in config.items()},
            acceptSecrets=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
        )
        try:
            stub.Configure(request)
        except grpc.RpcError as error:
            raise self._meaning(error) from error
        return stub

    def _call(self, method: str, request: Any) -> Any:
        stub = self.start()
        try:
            return getattr(stub, method)(request)
        except grpc.RpcError as error:
            raise self._meaning(error) from error

    def _meaning(self, error: Any) -> ProviderError:
        if self._is_stopped:
            return ProviderError("The provider was stopped in the middle of the call.")
        if error.code() is grpc.StatusCode.UNAVAILABLE and self._process is not None:
            status = self._process.wait(GRACE_SECONDS)
            if status is not None:
                return ProviderError(f"The provider process ended in the middle of the call (exit status {status}).")
        return provider_error(error)


def provider_error(error: Any) -> ProviderError:
    """Read a failed call as the engine does: the details count, if they have the call's own code."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            with contextlib.suppress(DecodeError):
                return _with_details(error, status_pb2.Status.FromString(value))
    return ProviderError(error.details() or f"The call ended with {error.code().name}.")


def _with_details(error: Any, status: Any) -> ProviderError:
    if status.code != error.code().value[0]:
        return ProviderError(f"The details of the failure have code {status.code}, the call {error.code().value[0]}.")
    for packed in status.details:
        detail = provider_pb2.ErrorResourceInitFailed()
        if packed.Unpack(detail):
            return InitFailedError(detail)
    return ProviderError(status.message)


def _named(resource: Resource) -> dict[str, Any]:
    return {"urn": resource.urn, "name": resource.name, "type": type_of(resource.urn)}


def _struct(properties: Properties) -> Any:
    return to_struct(plain(properties))
