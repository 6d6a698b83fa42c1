"""The services the program talks to."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import callback_pb2, engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.display import Display
from baseten_pulumi.testing.engine.goals import Goal
from baseten_pulumi.testing.engine.monitor import NotDoneError, StoppedError, serving

THING = "pulumi-python:dynamic/tests:Thing"
AT_ONCE = 256


class Registry:
    """Answers every registration with its own inputs, once as many wait as the barrier wants."""

    def __init__(self, waiting: int = 1) -> None:
        self.barrier = threading.Barrier(waiting, timeout=30)
        self.refusals: list[str] = []
        self.outputs: dict[str, values.Properties] = {}

    def register(self, goal: Goal) -> Resource:
        self.barrier.wait()
        if goal.name == "failed":
            raise NotDoneError("urn:failed")
        if goal.name == "stopped":
            raise StoppedError
        return Resource(urn=f"urn:{goal.name}", type=goal.type, custom=True, id="x", outputs=goal.inputs)

    def read(self, goal: Goal) -> Resource:
        return self.register(goal)

    def set_outputs(self, urn: str, outputs: values.Properties) -> None:
        self.outputs[urn] = outputs

    def refuse(self, reason: str) -> None:
        self.refusals.append(reason)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def display() -> Display:
    return Display(io.StringIO())


@pytest.fixture
def channel(registry: Registry, display: Display) -> Iterator[Any]:
    with serving(lambda: registry, display, parallel=1) as address, grpc.insecure_channel(address) as channel:
        yield channel


@pytest.fixture
def monitor(channel: Any) -> Any:
    return resource_pb2_grpc.ResourceMonitorStub(channel)


def register(monitor: Any, name: str, **inputs: Any) -> Any:
    return monitor.RegisterResource(
        resource_pb2.RegisterResourceRequest(type=THING, name=name, custom=True, object=values.to_struct(inputs))
    )


def test_every_registration_is_heard_when_hundreds_wait_at_once() -> None:
    """Registrations block until their step is done: as many as a program may have waiting must get a thread."""
    registry = Registry(AT_ONCE)
    with (
        serving(lambda: registry, Display(io.StringIO()), parallel=1) as address,
        grpc.insecure_channel(address) as channel,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
        answers = list(threads.map(lambda number: register(monitor, str(number)), range(AT_ONCE)))
    assert {answer.urn for answer in answers} == {f"urn:{number}" for number in range(AT_ONCE)}


def test_masked_secrets_travel_with_a_text_when_outputs_are_answered(monitor: Any) -> None:
    """The SDK reads every secret's value."""
    masked = {values.SIGNATURE: values.SECRET, "ciphertext": "local-engine:1"}
    answer = register(monitor, "a", word=masked, size=2)
    assert values.from_struct(answer.object) == {"size": 2, "word": values.secret("[secret]")}
    assert (answer.urn, answer.id, answer.result) == ("urn:a", "x", resource_pb2.SUCCESS)


def test_the_program_hears_of_a_failure_when_the_run_goes_on(monitor: Any) -> None:
    """One failed resource is an answer; its outputs are unknown to the rest."""
    assert register(monitor, "failed").result == resource_pb2.FAIL
    read = resource_pb2.ReadResourceRequest(type=THING, name="failed", id="x")
    assert monitor.ReadResource(read).urn == "urn:failed"


def test_the_monitor_seems_gone_when_the_run_is_stopping(monitor: Any) -> None:
    """UNAVAILABLE is what makes the SDK end a program without a trace."""
    with pytest.raises(grpc.RpcError) as caught:
        register(monitor, "stopped")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_components_outputs_arrive_when_they_are_registered(monitor: Any, registry: Registry) -> None:
    """The stack's exports come this way, too."""
    request = resource_pb2.RegisterResourceOutputsRequest(urn="urn:a", outputs=values.to_struct({"size": 1}))
    monitor.RegisterResourceOutputs(request)
    assert registry.outputs == {"urn:a": {"size": 1}}
    monitor.SignalAndWaitForShutdown(empty_pb2.Empty())


@pytest.mark.parametrize(
    ("method", "request_type", "fields", "name"),
    [
        ("Invoke", "ResourceInvokeRequest", {"tok": "t:i:find"}, "the function t:i:find"),
        ("Call", "ResourceCallRequest", {"tok": "t:i:T/m"}, "the method t:i:T/m"),
        ("RegisterPackage", "RegisterPackageRequest", {"name": "aws"}, "the package aws"),
        ("RegisterResourceHook", "RegisterResourceHookRequest", {"name": "h"}, "resource hooks (h)"),
        ("RegisterErrorHook", "RegisterErrorHookRequest", {"name": "h"}, "error hooks (h)"),
        ("RegisterStackTransform", "Callback", {}, "transforms"),
        ("RegisterStackInvokeTransform", "Callback", {}, "transforms of functions"),
        ("ExistsResource", "ExistsResourceRequest", {"type": "t", "id": "x"}, "asking whether t x exists"),
    ],
)
def test_the_call_is_refused_by_name_when_it_is_not_served(
    monitor: Any, registry: Registry, method: str, request_type: str, fields: dict[str, str], name: str
) -> None:
    """The run fails with the refusal, and the program ends."""
    message = getattr(resource_pb2, request_type, None) or getattr(callback_pb2, request_type, None)
    if message is None:
        pytest.skip(f"this SDK has no {request_type}")
    with pytest.raises(grpc.RpcError) as caught:
        getattr(monitor, method)(message(**fields))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert registry.refusals == [f"The local engine does not serve {name}. Run this program with the real Pulumi CLI."]


def test_features_are_announced_when_the_sdk_asks_one_way_or_the_other(monitor: Any) -> None:
    """Older SDKs ask for each by name; aliases have to come as URNs."""
    if hasattr(resource_pb2, "DeploymentInfo"):
        announced = set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures)
        assert resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS in announced
        assert resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS in announced
        assert resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS not in announced
    ask = resource_pb2.SupportsFeatureRequest
    assert monitor.SupportsFeature(ask(id="secrets")).hasSupport
    assert not monitor.SupportsFeature(ask(id="aliasSpecs")).hasSupport


def test_log_lines_reach_the_display_when_they_are_meant_for_people(channel: Any, display: Display) -> None:
    """Debug output, status of nothing in particular and the echo of our own refusal are not."""
    engine = engine_pb2_grpc.EngineStub(channel)
    log = engine_pb2.LogRequest
    urn = f"urn:pulumi:dev::p::{THING}::a"
    engine.Log(log(severity=engine_pb2.DEBUG, message="debug"))
    engine.Log(log(severity=engine_pb2.INFO, message="nothing in particular", ephemeral=True))
    engine.Log(log(severity=engine_pb2.ERROR, message="Resource monitor has terminated, shutting down"))
    engine.Log(log(severity=engine_pb2.WARNING, message="mind", urn=urn))
    engine.Log(log(severity=engine_pb2.INFO, message="waiting", urn=urn, ephemeral=True))
    assert [(message.severity, message.text) for message in display.messages] == [("warning", "mind")]
    assert display.text == "    tests:Thing  a  warning: mind\n    same  tests:Thing  a  waiting\n"


def test_the_root_resource_is_remembered_when_it_is_set(channel: Any) -> None:
    """Older SDKs keep it with the engine."""
    engine = engine_pb2_grpc.EngineStub(channel)
    engine.SetRootResource(engine_pb2.SetRootResourceRequest(urn="urn:root"))
    assert engine.GetRootResource(engine_pb2.GetRootResourceRequest()).urn == "urn:root"
