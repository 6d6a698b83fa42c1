"""The gRPC services that the program and the provider talk to: Pulumi's ResourceMonitor and Engine."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from tests.engine.deployment import Deployment, NotDoneError, StoppedError
from tests.engine.display import Display
from tests.engine.provider import CHANNEL_OPTIONS
from tests.engine.registration import RefusedError, registration
from tests.engine.steps import Registrar
from tests.engine.values import from_struct, to_struct

_SEVERITIES = {engine_pb2.INFO: "info", engine_pb2.WARNING: "warning", engine_pb2.ERROR: "error"}
_WAITING_AT_ONCE = 256
_THREADS_PER_OPERATION = 5  # the program sends four registrations for each operation that it may run
_TERMINATED = "Resource monitor has terminated"  # what the SDK makes of a run that ends
_SECRETS = "secrets"


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Pulumi's ResourceMonitor; a call lasts as long as its resource's step."""

    def __init__(self, deployment: Deployment, registrar: Registrar) -> None:
        self._deployment = deployment
        self._registrar = registrar

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return resource_pb2.DeploymentInfo(supportedFeatures=[resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS])

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id == _SECRETS)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            with self._running(context):
                made = self._registrar.register(registration(request))
        except NotDoneError as error:
            return resource_pb2.RegisterResourceResponse(urn=error.urn, result=resource_pb2.FAIL)
        return resource_pb2.RegisterResourceResponse(urn=made.urn, id=made.id, object=to_struct(made.outputs))

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            with self._running(context):
                found = self._registrar.read(registration(request))
        except NotDoneError as error:
            return _read_response(urn=error.urn, result=resource_pb2.FAIL)
        return _read_response(urn=found.urn, id=found.id, properties=to_struct(found.outputs))

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._running(context):
            self._registrar.register_outputs(request.urn, from_struct(request.outputs))
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    @contextlib.contextmanager
    def _running(self, context: Any) -> Iterator[None]:
        """Answer as an engine that is gone once the run ends."""
        try:
            yield
        except RefusedError as error:
            self._deployment.end_with(str(error))
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except StoppedError:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the run was stopped")


class Engine(engine_pb2_grpc.EngineServicer):
    """Pulumi's Engine: messages and live rows of the program and the provider."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = ""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        severity = _SEVERITIES.get(request.severity)
        if severity and _TERMINATED not in request.message:
            if not request.ephemeral:
                self._display.message(severity, request.urn, request.message)
            elif request.urn:
                self._display.status(request.urn, request.message)
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()


@contextlib.contextmanager
def serving(deployment: Deployment, registrar: Registrar) -> Iterator[str]:
    """Serve both on a free port of this machine, and give the address."""
    threads = ThreadPoolExecutor(_WAITING_AT_ONCE + deployment.parallel * _THREADS_PER_OPERATION, "monitor")
    server = grpc.server(threads, options=CHANNEL_OPTIONS)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(Monitor(deployment, registrar), server)
    engine_pb2_grpc.add_EngineServicer_to_server(Engine(deployment.display), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
        threads.shutdown(wait=True)


def _read_response(**fields: Any) -> Any:
    known = resource_pb2.ReadResourceResponse.DESCRIPTOR.fields_by_name  # older SDKs know neither id nor result
    return resource_pb2.ReadResourceResponse(**{name: value for name, value in fields.items() if name in known})
