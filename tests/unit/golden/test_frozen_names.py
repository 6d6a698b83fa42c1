"""What is in users' state files, and so never changes; a failure here means that the change is wrong, not the test."""

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
from baseten_pulumi import BasetenEnvironmentSettings, BasetenModelEnvironments, BasetenSettingsInForce
from baseten_pulumi.provider import EnvironmentSettingsProvider, SettingsInForceProvider, joint_wait
from baseten_pulumi.provider.applying import Plan
from baseten_pulumi.provider.identity import Identity
from tests.mocked import run

Kind: TypeAlias = type[EnvironmentSettingsProvider] | type[SettingsInForceProvider]
MODULE = "baseten_pulumi.provider"
PROVIDERS: list[Kind] = [EnvironmentSettingsProvider, SettingsInForceProvider]
# Written by the first release, protocol by protocol; every later one must still read them.
FIRST_RELEASE: list[tuple[Kind, bytes]] = [
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
    """Return every text in a pickle: names of modules and classes, and attributes if there were any."""
    return {str(argument) for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}


def _configured(kind: Kind) -> EnvironmentSettingsProvider | SettingsInForceProvider:
    provider = kind()
    provider.configure(ConfigureRequest(Config({"baseten:apiKey": "k-secret"}, "p")))
    return provider


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        (BasetenEnvironmentSettings, "dynamic/baseten:EnvironmentSettings"),
        (BasetenSettingsInForce, "dynamic/baseten:SettingsInForce"),
    ],
)
def test_type_token_is_frozen_when_a_resource_is_declared(kind: type[pulumi.dynamic.Resource], token: str) -> None:
    """Another token would replace every resource of every user."""
    assert kind._resource_type_name == token
    assert issubclass(kind, pulumi.dynamic.Resource)


def test_urns_are_frozen_when_a_component_is_declared() -> None:
    """The component's type and its children's names are part of them: others would replace every resource."""
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
def test_pickle_holds_module_and_name_when_a_provider_is_serialized(make: Callable[[Kind], Any], kind: Kind) -> None:
    """By reference and without attributes: neither code nor configuration nor key is in the state."""
    pickled = b64decode(serialize_provider(make(kind)))
    texts = {part for text in _globals(pickled) for part in text.split(" ")}
    assert texts == {MODULE, kind.__name__}
    restored = dill.loads(pickled)  # noqa: S301 - what the host does with it
    assert type(restored) is kind
    assert vars(restored) == {}


@pytest.mark.parametrize("kind", PROVIDERS)
def test_pickle_is_the_same_when_it_is_made_in_another_process(kind: Kind) -> None:
    """A difference from run to run would show as an update of every resource."""
    code = (
        "from pulumi.dynamic.dynamic import serialize_provider\n"
        "from baseten_pulumi import provider\n"
        f"print(serialize_provider(provider.{kind.__name__}()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == serialize_provider(kind())


@pytest.mark.parametrize(("kind", "pickled"), FIRST_RELEASE)
def test_pickle_is_read_when_the_first_release_wrote_it(kind: Kind, pickled: bytes) -> None:
    """Destroy and refresh unpickle what an older release put into the state."""
    assert type(dill.loads(pickled)) is kind  # noqa: S301 - what the host does with it


@pytest.mark.parametrize("kind", PROVIDERS)
def test_provider_is_not_secret_in_state_when_serialized(kind: Kind) -> None:
    """There is nothing to hide in it, and hiding it would mark every output of the resource."""
    assert kind.serialize_as_secret_always is False


def test_id_is_model_and_environment_when_written() -> None:
    """State files hold it."""
    assert str(Identity("abc123", "production")) == "abc123/production"


def test_joint_wait_is_kept_by_environment_when_in_state() -> None:
    """Its id, and every name under its outputs."""
    entry = {"autoscaling_settings": {"max_replica": 3}, "status": "ACCEPTED", "requests": 2, "incarnation": "1f"}
    props = {"environments": {"abc123/production": entry}, "in_force": True}
    assert joint_wait.RESOURCE_ID == "in-force"
    assert joint_wait.read("in-force", props).outs == props


def test_property_names_are_the_apis_own_when_kept_in_state() -> None:
    """Every name under `outputs`, at every depth that is not a setting's own."""
    everything = {
        "autoscaling_settings.min_replica": 1,
        "promotion_settings.rolling_deploy_config.max_surge_percent": 1,
    }
    plan = Plan(
        Identity("abc123", "production"),
        dict(everything),
        wait=True,
        is_waiting=True,
        requests=2,
        incarnation="1f2e3d4c",
    )
    assert plan.outputs("ACCEPTED", in_force=True) == {
        "model_id": "abc123",
        "env_name": "production",
        "wait": True,
        "in_force": True,
        "status": "ACCEPTED",
        "requests": 2,
        "incarnation": "1f2e3d4c",
        "autoscaling_settings": {"min_replica": 1},
        "promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 1}},
    }


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
        "autoscaling_schedule_settings",
        "wait",
        "opts",
    ]
    assert list(inspect.signature(BasetenEnvironmentSettings.get).parameters) == ["resource_name", "id", "opts"]
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
