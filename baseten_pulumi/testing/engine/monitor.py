"""What the program and the provider talk to: Pulumi's ResourceMonitor and Engine services, on loopback."""

import contextlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from baseten_pulumi.testing.engine import goals, values
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.display import Display
from baseten_pulumi.testing.engine.provider_process import CHANNEL_OPTIONS

_WAITING_AT_ONCE = 256
_THREADS_PER_OPERATION = 4  # the program sends so many registrations for each operation it may run
# Options refused by name in goals.py are announced as supported all the same: the SDK's own refusal
# ("update the Pulumi CLI") would send its reader the wrong way. Without aliasSpecs the SDK sends aliases as URNs.
_FEATURES = {
    "secrets", "resourceReferences", "deletedWith", "replaceWith", "transforms", "invokeTransforms", "resourceHooks",
    "errorHooks", "parameterization", "stateMigrations",
}  # fmt: skip
_SEVERITIES = {engine_pb2.INFO: "info", engine_pb2.WARNING: "warning", engine_pb2.ERROR: "error"}
_ECHO_OF_OUR_REFUSAL = "Resource monitor has terminated"


class StoppedError(Exception):
    """Nothing new is started any more: the run failed or was cancelled."""


class NotDoneError(Exception):
    """This one resource failed or was left out; the run goes on."""

    def __init__(self, urn: str) -> None:
        super().__init__(urn)
        self.urn = urn


class Registry(Protocol):
    """Who answers the program's requests."""

    def register(self, goal: goals.Goal) -> Resource:
        """Bring a resource to what the program wants of it."""
        ...

    def read(self, goal: goals.Goal) -> Resource:
        """Read a resource that Pulumi does not manage."""
        ...

    def set_outputs(self, urn: str, outputs: values.Properties) -> None:
        """Record what a component or the stack gives out."""
        ...

    def refuse(self, reason: str) -> None:
        """Fail the run for something the program asked."""
        ...


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Pulumi's ResourceMonitor: every call is one resource's whole way through the run."""

    def __init__(self, registry: Callable[[], Registry]) -> None:
        self._registry = registry

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802, D102
        known = resource_pb2.ResourceMonitorFeature
        names = (f"RESOURCE_MONITOR_FEATURE_{re.sub('(?=[A-Z])', '_', feature).upper()}" for feature in _FEATURES)
        return resource_pb2.DeploymentInfo(
            supportedFeatures=[known.Value(name) for name in names if name in known.keys()]  # noqa: SIM118 — an enum
        )

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802, D102
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        try:
            with self._answered(context):
                done = self._registry().register(goals.goal_of_registration(request))
        except NotDoneError as error:
            return resource_pb2.RegisterResourceResponse(urn=error.urn, result=resource_pb2.FAIL)
        return resource_pb2.RegisterResourceResponse(urn=done.urn, id=done.id, object=_outputs(done))

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        try:
            with self._answered(context):
                found = self._registry().read(goals.goal_of_read(request))
        except NotDoneError as error:
            return _read_response(urn=error.urn, result=resource_pb2.FAIL)
        return _read_response(urn=found.urn, id=found.id, properties=_outputs(found))

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        with self._answered(context):
            self._registry().set_outputs(request.urn, values.from_struct(request.outputs))
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802, D102
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        self._refuse(context, f"the function {request.tok}")

    def Call(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        self._refuse(context, f"the method {request.tok}")

    def RegisterStackTransform(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802, D102
        self._refuse(context, "transforms")

    def RegisterStackInvokeTransform(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802, D102
        self._refuse(context, "transforms of functions")

    def RegisterResourceHook(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        self._refuse(context, f"resource hooks ({request.name})")

    def RegisterErrorHook(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        self._refuse(context, f"error hooks ({request.name})")

    def RegisterPackage(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        self._refuse(context, f"the package {request.name}")

    def ExistsResource(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        self._refuse(context, f"asking whether {request.type} {request.id} exists")

    def _refuse(self, context: Any, what: str) -> None:
        with self._answered(context):
            raise goals.RefusedError(what)

    @contextlib.contextmanager
    def _answered(self, context: Any) -> Iterator[None]:
        """Turn what ends the run into the answer by which the program knows that the monitor is gone."""
        try:
            yield
        except goals.RefusedError as error:
            self._registry().refuse(str(error))
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except StoppedError:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the run was stopped")


class Engine(engine_pb2_grpc.EngineServicer):
    """Pulumi's Engine: log lines and live status from the program and the provider."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._root = ""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802, D102
        severity = _SEVERITIES.get(request.severity)
        if severity and _ECHO_OF_OUR_REFUSAL not in request.message:
            if request.ephemeral and request.urn:
                self._display.status(request.urn, request.message)
            elif not request.ephemeral:
                self._display.message(severity, request.urn, request.message)
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802, D102
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802, D102
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()


@contextlib.contextmanager
def serving(registry: Callable[[], Registry], display: Display, *, parallel: int) -> Iterator[str]:
    """Serve both services on a free port of the loopback interface and give the address."""
    threads = ThreadPoolExecutor(_WAITING_AT_ONCE + parallel * (_THREADS_PER_OPERATION + 1), "monitor")
    server = grpc.server(threads, options=CHANNEL_OPTIONS)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(Monitor(registry), server)
    engine_pb2_grpc.add_EngineServicer_to_server(Engine(display), server)
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


def _outputs(resource: Resource) -> Any:
    return values.to_struct(values.unmasked(resource.outputs))
