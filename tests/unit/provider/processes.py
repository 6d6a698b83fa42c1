"""The process of Pulumi's dynamic host, started and called as the engine does."""

import base64
import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from baseten_pulumi.provider import EnvironmentSettingsProvider

ROOT = Path(__file__).parents[3]
KEY = "k-process-4711"
OURS = serialize_provider(EnvironmentSettingsProvider())
# Another provider in the same process, by reference to a module that the tests write.
OTHERS = base64.b64encode(b"cother\nOther\n(tR.").decode()
OTHER = """
import pathlib, time
from pulumi.dynamic import CreateResult, ResourceProvider

class Other(ResourceProvider):
    def create(self, props):
        if "folder" not in props:
            raise ValueError("an error of the other provider")
        folder = pathlib.Path(props["folder"])
        (folder / ("started-" + props["name"])).touch()
        while not (folder / "released").exists():
            time.sleep(0.01)
        return CreateResult(props["name"], {})
"""
# A release of grpcio that hides what the provider wraps.
HIDDEN_PIPELINE = """
import sys
from grpc import _server

class HidingState(_server._ServerState):
    def __getattribute__(self, name):
        if name == "interceptor_pipeline" and sys._getframe(1).f_globals["__name__"] != "grpc._server":
            raise AttributeError(name)
        return super().__getattribute__(name)

_server._ServerState = HidingState
"""
# A release of grpcio that calls it differently: with one more argument, or with something else in place of the call.
CHANGED_PIPELINE = """
from grpc import _server

class Changed:
    def __init__(self, pipeline):
        self._pipeline = pipeline

    def execute(self, find, call):
        {return_handler}

find_handler = _server._find_method_handler
_server._find_method_handler = lambda *arguments: find_handler(
    *arguments[:-1], arguments[-1] and Changed(arguments[-1])
)
"""
MORE_ARGUMENTS = CHANGED_PIPELINE.format(return_handler="return self._pipeline.execute(find, call, None)")
OTHER_ARGUMENTS = CHANGED_PIPELINE.format(
    return_handler="return self._pipeline.execute(lambda _: find(call), object())"
)
SECONDS_TO_ANSWER = 60.0
SECONDS_TO_END = 5.0
CLEANED = ("BASETEN_", "PULUMI_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


class RefusedError(Exception):
    """The error that the process answered."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(error.details())
        self.text: str = error.details()
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
        self.status = None if details is None else status_pb2.Status.FromString(details)

    @property
    def message(self) -> str:
        """What the engine shows."""
        assert self.status is not None, self.text
        return str(self.status.message)

    @property
    def kept(self) -> Any:
        """The resource the engine is asked to keep."""
        assert self.status is not None, self.text
        (packed,) = self.status.details
        detail = provider_pb2.ErrorResourceInitFailed()
        assert packed.Unpack(detail)
        return detail


class Host:
    """One provider process.

    Args:
        engine_address: Address of the engine that starts it.
        folder: For modules that only this process finds.
        config: The stack's configuration, without `baseten:`.
        site: What Python runs first.
    """

    def __init__(self, engine_address: str, folder: Path, config: Mapping[str, str], site: str = "") -> None:
        (folder / "other.py").write_text(OTHER)
        (folder / "sitecustomize.py").write_text(site)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(CLEANED)}
        environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "pulumi.dynamic", engine_address]
        self._process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self._channel = grpc.insecure_channel(f"127.0.0.1:{int(self._process.stdout.readline())}")
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        args = struct({f"baseten:{key}": value for key, value in config.items()})
        try:
            self._stub.Configure(provider_pb2.ConfigureRequest(args=args), timeout=SECONDS_TO_ANSWER)
        except grpc.RpcError:
            self.stop()
            raise

    def ask(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request, timeout=SECONDS_TO_ANSWER)
        except grpc.RpcError as error:
            raise RefusedError(error) from None

    def create(self, props: dict[str, Any], timeout: float = 0.0, urn: str = "") -> Any:
        return self.ask("Create", provider_pb2.CreateRequest(urn=urn or URN, properties=struct(props), timeout=timeout))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def cancel(self) -> None:
        self.ask("Cancel", empty_pb2.Empty())

    def refused(self, method: str, request: Any) -> RefusedError:
        with pytest.raises(RefusedError) as caught:
            self.ask(method, request)
        return caught.value

    def stop(self) -> None:
        """End the process, if possible so that its coverage is saved."""
        self._channel.close()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
        self._process.kill()
        self._process.communicate()


def urn(name: str = "settings", parent: str = "") -> str:
    """Return the URN of settings with this name and, if they have a parent, its type."""
    return f"urn:pulumi:dev::p::{parent}pulumi-python:dynamic/baseten:EnvironmentSettings::{name}"


URN = urn()


def struct(values: Mapping[str, Any]) -> Struct:
    """Return values as the wire holds them."""
    struct = Struct()
    struct.update(values)
    return struct


def inputs(provider: str = OURS, **changes: Any) -> dict[str, Any]:
    """Return what a program declares, as checked."""
    declared = {
        "__provider": provider,
        "model_id": "abc123",
        "env_name": "production",
        "wait": True,
        "autoscaling_settings": {"min_replica": 1, "max_replica": 3},
    }
    return {**declared, **changes}
