"""What is in users' states and programs, and so never changes: if a test fails here, the change is wrong."""

import inspect
import pickletools
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import dill
import pulumi
import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider

from baseten_pulumi import (
    BasetenAutoscalingSchedule,
    BasetenEnvironment,
    BasetenEnvironmentSettings,
    BasetenModelEnvironments,
    BasetenSettingsInForce,
    provider,
)
from baseten_pulumi.provider import in_force
from baseten_pulumi.testing import Emulator
from tests.mocked import run
from tests.schedules import inputs, one_time_inputs

MODULE = "baseten_pulumi.provider"
PROVIDERS = (
    "AutoscalingScheduleProvider",
    "EnvironmentProvider",
    "EnvironmentSettingsProvider",
    "SettingsInForceProvider",
)


def _configured(name: str, **config: str) -> Any:
    configured = getattr(provider, name)()
    configured.configure(ConfigureRequest(Config({f"baseten:{key}": value for key, value in config.items()}, "p")))
    return configured


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        (BasetenAutoscalingSchedule, "dynamic/baseten:AutoscalingSchedule"),
        (BasetenEnvironment, "dynamic/baseten:Environment"),
        (BasetenEnvironmentSettings, "dynamic/baseten:EnvironmentSettings"),
        (BasetenSettingsInForce, "dynamic/baseten:SettingsInForce"),
    ],
)
def test_type_token_is_frozen_when_a_resource_is_declared(kind: type[pulumi.dynamic.Resource], token: str) -> None:
    """Another token would replace every resource of every user."""
    assert kind._resource_type_name == token


def test_urns_are_frozen_when_a_component_is_declared() -> None:
    """They contain the type of the component and the names of its children; others would replace every resource."""
    environments: Any = {"production": {"autoscaling_settings": {"max_replica": 3}}}
    environments["dev"] = None

    def program() -> pulumi.Output[bool]:
        declared = {"model_id": "abc123", "environments": environments, "create_missing": True}
        return BasetenModelEnvironments("chat", **declared).in_force

    _, mocks = run(program)
    assert sorted((args.typ, args.name) for args in mocks.registered) == [
        ("baseten:index:ModelEnvironments", "chat"),
        ("pulumi-python:dynamic/baseten:Environment", "chat-dev"),
        ("pulumi-python:dynamic/baseten:EnvironmentSettings", "chat-dev"),
        ("pulumi-python:dynamic/baseten:EnvironmentSettings", "chat-production"),
        ("pulumi-python:dynamic/baseten:SettingsInForce", "chat-in-force"),
    ]


@pytest.mark.parametrize("name", PROVIDERS)
def test_state_has_only_a_name_when_a_provider_is_pickled(name: str) -> None:
    """No code, no configuration and no API key; no secret, which would make every output secret."""
    kind = getattr(provider, name)
    assert (kind.__module__, kind.__qualname__) == (MODULE, name)  # a re-export would freeze the wrong path
    assert kind.serialize_as_secret_always is False
    for each in (kind(), _configured(name, apiKey="k-secret")):
        pickled = b64decode(serialize_provider(each))
        texts = [argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)]
        assert " ".join(texts) == f"{MODULE} {name}"
        assert type(dill.loads(pickled)) is kind  # noqa: S301 - as the host does
        assert vars(dill.loads(pickled)) == {}  # noqa: S301


def test_pickle_is_the_same_when_another_process_writes_it() -> None:
    """A difference between runs would be an update of every resource."""
    code = (
        "from pulumi.dynamic.dynamic import serialize_provider\n"
        "from baseten_pulumi import provider\n"
        f"print(*(serialize_provider(getattr(provider, name)()) for name in {PROVIDERS}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [serialize_provider(getattr(provider, name)()) for name in PROVIDERS]


@pytest.mark.parametrize(
    ("name", "framed"),
    [
        ("AutoscalingScheduleProvider", b"\x80\x04\x95>\0\0\0\0\0\0\0\x8c\x17%b\x94\x8c\x1b%b\x94\x93\x94)R\x94."),
        ("EnvironmentProvider", b"\x80\x04\x956\0\0\0\0\0\0\0\x8c\x17%b\x94\x8c\x13%b\x94\x93\x94)R\x94."),
        ("EnvironmentSettingsProvider", b"\x80\x04\x95>\0\0\0\0\0\0\0\x8c\x17%b\x94\x8c\x1b%b\x94\x93\x94)R\x94."),
        ("SettingsInForceProvider", b"\x80\x04\x95:\0\0\0\0\0\0\0\x8c\x17%b\x94\x8c\x17%b\x94\x93\x94)R\x94."),
    ],
)
def test_pickle_is_read_when_the_first_release_wrote_it(name: str, framed: bytes) -> None:
    """Destroy and refresh unpickle what is in the state, in either of two protocols."""
    for pickled in (b"c%b\n%b\n(tR.", framed):
        written = pickled % (MODULE.encode(), name.encode())
        assert type(dill.loads(written)) is getattr(provider, name)  # noqa: S301 - as the host does


def test_joint_wait_keeps_its_id_and_outputs_when_it_is_read() -> None:
    """State files have the id, and the name of each environment's resource."""
    entry = 'abc123/production 1f {"settings":{"autoscaling_settings":{"max_replica":3}},"status":"ACCEPTED"}'
    props = {"environments": {"chat-production": entry}, "in_force": True}
    assert in_force.RESOURCE_ID == "in-force"
    assert in_force.read("in-force", props).outs == props


def test_id_and_property_names_are_the_apis_own_when_settings_are_created() -> None:
    """State files have them: `model_id/env_name`, and every name under the outputs, at every depth."""
    declared = {
        "model_id": "lm4chat8",
        "env_name": "production",
        "wait": True,
        "autoscaling_settings": {"min_replica": 1},
        "promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 1, "max_unavailable_percent": 0}},
        "request_backpressure_settings": {"policy": "NONE"},
    }
    with Emulator() as baseten:
        settings = _configured("EnvironmentSettingsProvider", apiKey="k", baseUrl=baseten.url, skipWait="true")
        result = settings.create(declared)
    assert result.id == "lm4chat8/production"
    revision = result.outs["revision"]
    assert result.outs == {**declared, "in_force": False, "status": "ACCEPTED", "revision": revision}


def test_id_and_property_names_are_frozen_when_an_environment_is_created() -> None:
    """State files have them: `model_id/env_name`, and every name under the outputs."""
    declared = {"model_id": "lm4chat8", "env_name": "production"}
    with Emulator() as baseten:
        deployment = baseten.reported("lm4chat8", "production")["current_deployment"]
        environments = _configured("EnvironmentProvider", apiKey="k", baseUrl=baseten.url, skipWait="true")
        found = environments.read("lm4chat8/production", declared)
        result = environments.create({**declared, "env_name": "canary"})
    assert (result.id, found.id) == ("lm4chat8/canary", "lm4chat8/production")
    facts = {
        "created_at": "2026-03-02T09:30:00Z",
        "instance_type": "H100:26x234",
        "current_deployment_id": deployment["id"],
    }
    assert found.outs == {**declared, **facts, "in_force": True}
    assert set(result.outs) == {*found.outs} - {"current_deployment_id"}


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        (inputs("lm4chat8"), {"weekdays", "start_hour", "start_minute", "end_hour", "end_minute"}),
        (one_time_inputs("lm4chat8"), {"start_at", "end_at"}),
    ],
)
def test_id_and_property_names_are_the_apis_own_when_a_schedule_is_created(
    declared: dict[str, Any], names: set[str]
) -> None:
    """State files have them: `model_id/env_name/SCHEDULE_ID`, and every name under the outputs."""
    with Emulator() as baseten:
        schedules = _configured("AutoscalingScheduleProvider", apiKey="k", baseUrl=baseten.url, skipWait="true")
        result = schedules.create(declared)
        (listed,) = baseten.reported("lm4chat8", "production")["autoscaling_schedules"]["schedules"]
    assert result.id == f"lm4chat8/production/{listed['id']}"
    assert result.outs == {**declared, "schedule_id": listed["id"], "in_force": False}
    own = {"model_id", "env_name", "schedule_name", "timezone", "cadence", "enabled", "autoscaling_settings"}
    assert set(declared) == own | names


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (
            BasetenEnvironmentSettings,
            (
                "resource_name, model_id, env_name, autoscaling_settings, promotion_settings, "
                "request_backpressure_settings, additional_settings, wait, opts"
            ),
        ),
        (BasetenEnvironmentSettings.get, "resource_name, id, opts"),
        (BasetenEnvironment, "resource_name, model_id, env_name, opts"),
        (BasetenEnvironment.get, "resource_name, id, opts"),
        (
            BasetenAutoscalingSchedule,
            (
                "resource_name, model_id, env_name, schedule_name, timezone, cadence, autoscaling_settings, enabled, "
                "weekdays, start_hour, start_minute, end_hour, end_minute, start_at, end_at, opts"
            ),
        ),
        (BasetenAutoscalingSchedule.get, "resource_name, id, opts"),
        (BasetenSettingsInForce, "resource_name, settings, opts"),
        (BasetenModelEnvironments, "resource_name, model_id, environments, defaults, create_missing, wait, opts"),
    ],
)
def test_argument_names_are_frozen_when_a_program_passes_them(function: Callable[..., object], names: str) -> None:
    """A program of the first release runs under every later one."""
    assert ", ".join(inspect.signature(function).parameters) == names
