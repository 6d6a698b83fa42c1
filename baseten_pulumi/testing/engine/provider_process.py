"""The provider process: started once an operation needs it, called in Pulumi's protocol, never left behind."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.changes import Detail, Kind, PathDifference
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.failures import ProviderError, meaning_of
from baseten_pulumi.testing.engine.processes import GRACE_SECONDS, end_process, lines_of
from baseten_pulumi.testing.engine.steps import Difference, type_of

CHANNEL_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_PROVIDER_KEY = "__provider"


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start the provider process and what to tell it; `say` gets each line it prints."""

    directory: Path
    environment: Mapping[str, str]
    engine_address: str
    config: Mapping[str, str]
    say: Callable[[str], None]


class Provider:
    """Pulumi's dynamic provider in a process of its own."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._starting = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stub: Any = None
        self._channel: Any = None
        self._reader: threading.Thread | None = None
        self._stopped = False

    def start(self) -> Any:
        """Start and configure the process unless that was done.

        Raises:
            ProviderError: where it does not come up.
        """
        with self._starting:
            if self._stopped:
                raise ProviderError("The provider was stopped.")
            if self._stub is None:
                self._stub = self._started()
            return self._stub

    def check(self, resource: Resource, olds: values.Properties) -> tuple[values.Properties, list[tuple[str, str]]]:
        """Have inputs checked: the inputs to use, and failures as (property, reason)."""
        request = provider_pb2.CheckRequest(olds=_struct(olds), news=_struct(resource.inputs), **_named(resource))
        answer = self._call("Check", request)
        checked = values.annotated(values.from_struct(answer.inputs), resource.inputs)
        return checked, [(failure.property, failure.reason) for failure in answer.failures]

    def diff(self, old: Resource, news: values.Properties, ignored: tuple[str, ...] = ()) -> Difference:
        """Have wanted inputs compared with what is there. An answer of "unknown" is settled by the inputs."""
        request = provider_pb2.DiffRequest(
            id=old.id, olds=_struct(old.outputs), news=_struct(news), ignoreChanges=ignored, **_named(old)
        )
        request.old_inputs.CopyFrom(_struct(old.inputs))
        answer = self._call("Diff", request)
        changed = answer.changes == provider_pb2.DiffResponse.DIFF_SOME
        if answer.changes == provider_pb2.DiffResponse.DIFF_UNKNOWN:
            changed = not values.same(values.revealed(old.inputs), values.revealed(news))
        detail = _detail(answer)
        forced = (path for path, entry in (detail or {}).items() if entry.replaces)
        return Difference(changed, (*answer.replaces, *forced), answer.deleteBeforeReplace, detail)

    def create(self, resource: Resource) -> tuple[str, values.Properties]:
        """Create a resource: its id and outputs."""
        timeout = resource.timeouts.get("create", 0.0)
        request = provider_pb2.CreateRequest(properties=_struct(resource.inputs), timeout=timeout, **_named(resource))
        answer = self._call("Create", request)
        return answer.id, values.from_struct(answer.properties)

    def update(self, old: Resource, new: Resource) -> values.Properties:
        """Update a resource in place: its outputs."""
        request = provider_pb2.UpdateRequest(
            id=old.id,
            olds=_struct(old.outputs),
            news=_struct(new.inputs),
            timeout=new.timeouts.get("update", 0.0),
            ignoreChanges=new.ignore_changes,
            **_named(old),
        )
        request.old_inputs.CopyFrom(_struct(old.inputs))
        return values.from_struct(self._call("Update", request).properties)

    def read(self, resource: Resource) -> tuple[str, values.Properties, values.Properties | None]:
        """Read what is there: id ("" where it is gone), outputs, and inputs (None where they stay as they are)."""
        _require_provider(resource)
        request = provider_pb2.ReadRequest(
            id=resource.id, properties=_struct(resource.outputs), inputs=_struct(resource.inputs), **_named(resource)
        )
        answer = self._call("Read", request)
        inputs = values.from_struct(answer.inputs) if answer.HasField("inputs") else None
        return answer.id, values.from_struct(answer.properties), inputs

    def delete(self, resource: Resource) -> None:
        """Delete a resource."""
        _require_provider(resource)
        timeout = resource.timeouts.get("delete", 0.0)
        request = provider_pb2.DeleteRequest(
            id=resource.id, properties=_struct(resource.outputs), timeout=timeout, **_named(resource)
        )
        request.old_inputs.CopyFrom(_struct(resource.inputs))
        self._call("Delete", request)

    def cancel(self) -> None:
        """Tell the provider to give up what it waits for; nothing happens where none runs."""
        if self._stub is not None:
            with contextlib.suppress(grpc.RpcError):
                self._stub.Cancel(empty_pb2.Empty(), timeout=GRACE_SECONDS)

    def stop(self) -> None:
        """End the process, politely first."""
        with self._starting:
            self._stopped = True
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            end_process(self._process)
        if self._reader is not None:
            self._reader.join(GRACE_SECONDS)

    def _started(self) -> Any:
        self._process = subprocess.Popen(  # noqa: S603 — our own interpreter, a fixed module
            [sys.executable, "-u", "-m", "pulumi.dynamic", self._launch.engine_address],
            cwd=self._launch.directory,
            env=dict(self._launch.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # a terminal's Ctrl-C is ours to pass on, as Cancel
        )
        lines = lines_of(self._process)
        port = self._port(lines)
        self._reader = threading.Thread(target=self._pass_on, args=(lines,), name="provider output", daemon=True)
        self._reader.start()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
        stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._configure(stub)
        return stub

    def _port(self, lines: Iterator[str]) -> int:
        printed = []
        for line in lines:
            if line.isdecimal():
                return int(line)
            printed.append(line)
        raise ProviderError("\n".join(["The provider process did not start.", *printed]))

    def _pass_on(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._launch.say(line)

    def _configure(self, stub: Any) -> None:
        config = self._launch.config
        request = provider_pb2.ConfigureRequest(
            args=values.to_struct(config),
            variables={f"pulumi-python:config:{key}": value for key, value in config.items()},
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
        )
        try:
            stub.Configure(request)
        except grpc.RpcError as error:
            raise self._meaning(error) from error

    def _call(self, method: str, request: Any) -> Any:
        stub = self.start()
        try:
            return getattr(stub, method)(request)
        except grpc.RpcError as error:
            raise self._meaning(error) from error

    def _meaning(self, error: Any) -> ProviderError:
        if self._stopped:
            return ProviderError("The provider was stopped in the middle of the call.")
        ended = self._process.poll() if self._process else None
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            with contextlib.suppress(subprocess.TimeoutExpired, AttributeError):
                ended = self._process.wait(GRACE_SECONDS)  # type: ignore[union-attr]
        if ended is not None:
            return ProviderError(f"The provider process ended in the middle of the call (exit status {ended}).")
        return meaning_of(error)


def _require_provider(resource: Resource) -> None:
    found = resource.outputs.get(_PROVIDER_KEY) or resource.inputs.get(_PROVIDER_KEY)
    if values.is_masked(found):
        raise ProviderError(
            "The code of this resource's provider is a secret, and the local engine writes no secret to disk.\n"
            "Set `serialize_as_secret_always = False` in the provider's class and run `up` once, "
            "or use the real Pulumi CLI."
        )


def _detail(answer: Any) -> Detail | None:
    if not answer.hasDetailedDiff or answer.changes == provider_pb2.DiffResponse.DIFF_UNKNOWN:
        return None
    kinds = (Kind.ADD, Kind.DELETE, Kind.UPDATE)  # each is followed by the same with a replacement
    return {
        path: PathDifference(kinds[entry.kind // 2], entry.kind % 2 == 1, entry.inputDiff)
        for path, entry in answer.detailedDiff.items()
    }


def _named(resource: Resource) -> dict[str, Any]:
    return {"urn": resource.urn, "name": resource.name, "type": type_of(resource.urn)}


def _struct(properties: values.Properties) -> Any:
    return values.to_struct(values.revealed(properties))
