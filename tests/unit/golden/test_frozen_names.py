"""What is in users' states and programs, and so never changes: if a test fails here, the change is wrong."""

import pickletools
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from typing import Any, TypeAlias

import dill
import pulumi
import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider

import baseten_pulumi.provider
from baseten_pulumi import (
    BasetenAutoscalingSchedule,
    BasetenEnvironmentSettings,
    BasetenModelEnvironments,
    BasetenSettingsInForce,
)
from baseten_pulumi.provider import (
    AutoscalingScheduleProvider,
    EnvironmentSettingsProvider,
    SettingsInForceProvider,
    in_force,
)
from baseten_pulumi.testing import Emulator
from tests.mocked import run
from tests.schedules import inputs, one_time_inputs

Provider: TypeAlias = AutoscalingScheduleProvider | EnvironmentSettingsProvider | SettingsInForceProvider
Kind: TypeAlias = type[Provider]
MODULE = "baseten_pulumi.provider"
PROVIDERS: list[Kind] = [AutoscalingScheduleProvider, EnvironmentSettingsProvider, SettingsInForceProvider]
# As the first release writes them, in two protocols; every later one must read them.
FIRST_RELEASE: list[tuple[Kind, bytes]] = [
    (AutoscalingScheduleProvider, b"cbaseten_pulumi.provider\nAutoscalingScheduleProvider\n(tR."),
    (
        AutoscalingScheduleProvider,
        (
            b"\x80\x04\x95>\x00\x00\x00\x00\x00\x00\x00\x8c\x17baseten_pulumi.provider\x94"
            b"\x8c\x1bAutoscalingScheduleProvider\x94\x93\x94)R\x94."
        ),
    ),
    (EnvironmentSettingsProvider, b"cbaseten_pulumi.provider\nEnvironmentSettingsProvider\n(tR."),
    (
        EnvironmentSettingsProvider,
        (
            b"\x80\x04\x95>\x00\x00\x00\x00\x00\x00\x00\x8c\x17baseten_pulumi.provider\x94"
            b"\x8c\x1bEnvironmentSettingsProvider\x94\x93\x94)R\x94."
        ),
    ),
    (SettingsInForceProvider, b"cbaseten_pulumi.provider\nSettingsInForceProvider\n(tR."),
    (
        SettingsInForceProvider,
        (
            b"\x80\x04\x95:\x00\x00\x00\x00\x00\x00\x00\x8c\x17baseten_pulumi.provider\x94"
            b"\x8c\x17SettingsInForceProvider\x94\x93\x94)R\x94."
        ),
    ),
]


def _globals(pickled: bytes) -> set[str]:
    """Return every string in a pickle: names of modules and classes, and attributes if there are any."""
    return {str(argument) for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}


def _configured(kind: Kind) -> Provider:
    provider = kind()
    provider.configure(ConfigureRequest(Config({"baseten:apiKey": "k-secret"}, "p")))
    return provider


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        (BasetenAutoscalingSchedule, "dynamic/baseten:AutoscalingSchedule"),
        (BasetenEnvironmentSettings, "dynamic/baseten:EnvironmentSettings"),
        (BasetenSettingsInForce, "dynamic/baseten:SettingsInForce"),
    ],
)
def test_type_token_is_frozen_when_a_resource_is_declared(kind: type[pulumi.dynamic.Resource], token: str) -> None:
    """Another token would replace every resource of every user."""
    assert kind._resource_type_name == token
    assert issubclass(kind, pulumi.dynamic.Resource)


def test_urns_are_frozen_when_a_component_is_declared() -> None:
    """They contain the type of the component and the names of its children; others would replace every resource."""
    environments: Any = {"production": {"autoscaling_settings": {"max_replica": 3}}}
    _, mocks = run(lambda: BasetenModelEnvironments("chat", model_id="abc123", environments=environments).in_force)
    assert [(args.typ, args.name) for args in mocks.registered] == [
        ("baseten:index:ModelEnvironments", "chat"),
        ("pulumi-python:dynamic/baseten:EnvironmentSettings", "chat-production"),
        ("pulumi-python:dynamic/baseten:SettingsInForce", "chat-in-force"),
    ]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (AutoscalingScheduleProvider, "AutoscalingScheduleProvider"),
        (EnvironmentSettingsProvider, "EnvironmentSettingsProvider"),
        (SettingsInForceProvider, "SettingsInForceProvider"),
    ],
)
def test_class_is_defined_in_its_frozen_module_when_imported(kind: Kind, name: str) -> None:
    """A re-export would freeze the wrong path."""
    assert (kind.__module__, kind.__qualname__) == (MODULE, name)
    assert getattr(baseten_pulumi.provider, name) is kind


@pytest.mark.parametrize("make", [lambda kind: kind(), _configured], ids=["new", "configured"])
@pytest.mark.parametrize("kind", PROVIDERS)
def test_pickle_has_module_and_name_when_a_provider_is_serialized(make: Callable[[Kind], Any], kind: Kind) -> None:
    """No code, no configuration and no API key are in the state."""
    pickled = b64decode(serialize_provider(make(kind)))
    texts = {part for text in _globals(pickled) for part in text.split(" ")}
    assert texts == {MODULE, kind.__name__}
    restored = dill.loads(pickled)  # noqa: S301 - as the host does
    assert type(restored) is kind
    assert vars(restored) == {}


@pytest.mark.parametrize("kind", PROVIDERS)
def test_pickle_is_the_same_when_another_process_writes_it(kind: Kind) -> None:
    """A difference between runs would be an update of every resource."""
    code = (
        "from pulumi.dynamic.dynamic import serialize_provider\n"
        "from baseten_pulumi import provider\n"
        f"print(serialize_provider(provider.{kind.__name__}()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == serialize_provider(kind())


@pytest.mark.parametrize(("kind", "pickled"), FIRST_RELEASE)
def test_pickle_is_read_when_the_first_release_wrote_it(kind: Kind, pickled: bytes) -> None:
    """Destroy and refresh unpickle what is in the state."""
    assert type(dill.loads(pickled)) is kind  # noqa: S301 - as the host does


@pytest.mark.parametrize("kind", PROVIDERS)
def test_provider_is_not_secret_in_state_when_serialized(kind: Kind) -> None:
    """It contains no secret, and a secret provider would make every output secret."""
    assert kind.serialize_as_secret_always is False


def test_joint_wait_keeps_its_id_and_outputs_when_it_is_read() -> None:
    """State files have the id, and the name of each environment's resource."""
    entry = 'abc123/production 1f {"settings":{"autoscaling_settings":{"max_replica":3}},"status":"ACCEPTED"}'
    props = {"environments": {"chat-production": entry}, "in_force": True}
    assert in_force.RESOURCE_ID == "in-force"
    assert in_force.read("in-force", props).outs == props


def test_id_and_property_names_are_the_apis_own_when_settings_are_created() -> None:
    """State files have them: `model_id/env_name`, and every name under the outputs, at every depth."""
    groups = {
        "autoscaling_settings": {"min_replica": 1},
        "promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 1, "max_unavailable_percent": 0}},
        "request_backpressure_settings": {"policy": "NONE"},
    }
    inputs = {"model_id": "lm4chat8", "env_name": "production", "wait": True, **groups}
    provider = EnvironmentSettingsProvider()
    with Emulator() as baseten:
        config = {"baseten:apiKey": "k-secret", "baseten:baseUrl": baseten.url, "baseten:skipWait": "true"}
        provider.configure(ConfigureRequest(Config(config, "p")))
        result = provider.create(inputs)
    outputs = result.outs or {}
    assert result.id == "lm4chat8/production"
    assert outputs == {**inputs, "in_force": False, "status": "ACCEPTED", "revision": outputs["revision"]}


@pytest.mark.parametrize("declared", [inputs("lm4chat8"), one_time_inputs("lm4chat8")], ids=["recurring", "one time"])
def test_id_and_property_names_are_the_apis_own_when_a_schedule_is_created(declared: dict[str, Any]) -> None:
    """State files have them: `model_id/env_name/SCHEDULE_ID`, and every name under the outputs."""
    provider = AutoscalingScheduleProvider()
    with Emulator() as baseten:
        config = {"baseten:apiKey": "k-secret", "baseten:baseUrl": baseten.url, "baseten:skipWait": "true"}
        provider.configure(ConfigureRequest(Config(config, "p")))
        result = provider.create(declared)
        (listed,) = baseten.reported("lm4chat8", "production")["autoscaling_schedules"]["schedules"]
    assert result.id == f"lm4chat8/production/{listed['id']}"
    assert result.outs == {**declared, "schedule_id": listed["id"], "in_force": False}
    own = {"model_id", "env_name", "schedule_name", "timezone", "cadence", "enabled", "autoscaling_settings"}
    recurring = {"weekdays", "start_hour", "start_minute", "end_hour", "end_minute"}
    assert set(declared) - own in (recurring, {"start_at", "end_at"})


def test_argument_names_are_frozen_when_a_program_passes_them() -> None:
    """A program of the first release runs under every later one."""
    import inspect

    assert list(inspect.signature(BasetenEnvironmentSettings.__init__).parameters) == [
        "self",
        "resource_name",
        "model_id",
        "env_name",
        "autoscaling_settings",
        "promotion_settings",
        "request_backpressure_settings",
        "wait",
        "opts",
    ]
    assert list(inspect.signature(BasetenEnvironmentSettings.get).parameters) == ["resource_name", "id", "opts"]
    assert list(inspect.signature(BasetenAutoscalingSchedule.__init__).parameters) == [
        "self",
        "resource_name",
        "model_id",
        "env_name",
        "schedule_name",
        "timezone",
        "cadence",
        "autoscaling_settings",
        "enabled",
        "weekdays",
        "start_hour",
        "start_minute",
        "end_hour",
        "end_minute",
        "start_at",
        "end_at",
        "opts",
    ]
    assert list(inspect.signature(BasetenAutoscalingSchedule.get).parameters) == ["resource_name", "id", "opts"]
    assert list(inspect.signature(BasetenSettingsInForce.__init__).parameters) == [
        "self",
        "resource_name",
        "settings",
        "opts",
    ]
    assert list(inspect.signature(BasetenModelEnvironments.__init__).parameters) == [
        "self",
        "resource_name",
        "model_id",
        "environments",
        "defaults",
        "wait",
        "opts",
    ]
