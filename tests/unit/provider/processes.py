"""A provider process of Pulumi's, started and called as its engine does."""

import base64
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
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
URN = "urn:pulumi:dev::p::pulumi-python:dynamic/baseten:EnvironmentSettings::settings"
OURS = serialize_provider(EnvironmentSettingsProvider())
# A stranger's provider in the same process, by reference to a module the tests write.
STRANGERS = base64.b64encode(b"cstranger\nStranger\n(tR.").decode()
STRANGER = """
import pathlib, time
from pulumi.dynamic import CreateResult, ResourceProvider

class Stranger(ResourceProvider):
    def create(self, props):
        folder = pathlib.Path(props["folder"]) if "folder" in props else None
        if folder is None:
            raise ValueError("the stranger's own trouble")
        (folder / ("started-" + props["name"])).touch()
        while not (folder / "released").exists():
            time.sleep(0.01)
        return CreateResult(props["name"], {})
"""
# A release of grpcio that keeps what the host is fitted by to itself.
CLOSED_GRPC = """
import sys
from grpc import _server

class ClosedState(_server._ServerState):
    def __getattribute__(self, name):
        if name == "interceptor_pipeline" and sys._getframe(1).f_globals["__name__"] != "grpc._server":
            raise AttributeError(name)
        return super().__getattribute__(name)

_server._ServerState = ClosedState
"""
SECONDS_TO_START = 60.0
SECONDS_TO_ANSWER = 60.0
SECONDS_TO_END = 5.0
SIGNALS = 6
CLEANED = ("BASETEN_", "PULUMI_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


class RefusedError(Exception):
    """What the process answered in place of a result."""

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
        engine_address: Where the engine is that starts it.
        folder: For modules that only this process finds.
        config: The stack's configuration, without `baseten:`.
        site: What Python runs before everything else; nothing unless given.
    """

    def __init__(self, engine_address: str, folder: Path, config: Mapping[str, str], site: str = "") -> None:
        (folder / "stranger.py").write_text(STRANGER)
        (folder / "sitecustomize.py").write_text(site)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(CLEANED)}
        environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "pulumi.dynamic", engine_address]
        self._process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._port()}")
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        args = struct({f"baseten:{key}": value for key, value in config.items()})
        self._stub.Configure(provider_pb2.ConfigureRequest(args=args), timeout=SECONDS_TO_ANSWER)

    def ask(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request, timeout=SECONDS_TO_ANSWER)
        except grpc.RpcError as error:
            raise RefusedError(error) from None

    def create(self, props: dict[str, Any], timeout: float = 0.0, urn: str = URN) -> Any:
        return self.ask("Create", provider_pb2.CreateRequest(urn=urn, properties=struct(props), timeout=timeout))

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
        """End the process, its coverage saved."""
        self._channel.close()
        has_ended = any(self._ends_when_told() for _ in range(SIGNALS))
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        assert has_ended

    def _ends_when_told(self) -> bool:
        """Tell whether SIGTERM is heard: coverage does on the main thread, asleep where another takes the signal."""
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_END)
        return not self.is_alive

    def _port(self) -> int:
        assert self._process.stdout is not None
        first: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: first.put(self._process.stdout.readline()), daemon=True).start()  # type: ignore[union-attr]
        try:
            return int(first.get(timeout=SECONDS_TO_START))
        except BaseException:
            self._process.kill()
            raise


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
