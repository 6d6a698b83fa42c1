"""What is in users' state files, and so never changes; a failure here means that the change is wrong, not the test."""

import pickletools
import subprocess
import sys
from base64 import b64decode

import dill
import pulumi
import pytest
from pulumi.dynamic import Config, ConfigureRequest
from pulumi.dynamic.dynamic import serialize_provider

import baseten_pulumi.provider
from baseten_pulumi import BasetenEnvironmentSettings
from baseten_pulumi.provider import EnvironmentSettingsProvider
from baseten_pulumi.provider.applying import Plan
from baseten_pulumi.provider.identity import Identity

PATH = "baseten_pulumi.provider", "EnvironmentSettingsProvider"
# Written by the first release, protocol by protocol; every later one must still read them.
FIRST_RELEASE = [
    b"cbaseten_pulumi.provider\nEnvironmentSettingsProvider\n(tR.",
    (
        b"\x80\x04\x95>\x00\x00\x00\x00\x00\x00\x00\x8c\x17baseten_pulumi.provider\x94"
        b"\x8c\x1bEnvironmentSettingsProvider\x94\x93\x94)R\x94."
    ),
]


def _globals(pickled: bytes) -> set[str]:
    """Return every text in a pickle: names of modules and classes, and attributes if there were any."""
    return {str(argument) for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}


def _configured() -> EnvironmentSettingsProvider:
    provider = EnvironmentSettingsProvider()
    provider.configure(ConfigureRequest(Config({"baseten:apiKey": "k-secret"}, "p")))
    return provider


def test_type_token_is_frozen_when_a_resource_is_declared() -> None:
    """Another token would replace every resource of every user."""
    kind = BasetenEnvironmentSettings
    assert kind._resource_type_name == "dynamic/baseten:EnvironmentSettings"
    assert issubclass(kind, pulumi.dynamic.Resource)


def test_class_is_defined_in_its_frozen_module_when_imported() -> None:
    """A re-export would freeze the wrong path."""
    assert (EnvironmentSettingsProvider.__module__, EnvironmentSettingsProvider.__qualname__) == PATH
    assert baseten_pulumi.provider.EnvironmentSettingsProvider is EnvironmentSettingsProvider


@pytest.mark.parametrize("provider", [EnvironmentSettingsProvider(), _configured()])
def test_pickle_holds_module_and_name_when_a_provider_is_serialized(provider: EnvironmentSettingsProvider) -> None:
    """By reference and without attributes: neither code nor configuration nor key is in the state."""
    pickled = b64decode(serialize_provider(provider))
    texts = {part for text in _globals(pickled) for part in text.split(" ")}
    assert texts == set(PATH)
    restored = dill.loads(pickled)  # noqa: S301 - what the host does with it
    assert type(restored) is EnvironmentSettingsProvider
    assert vars(restored) == {}


def test_pickle_is_the_same_when_it_is_made_in_another_process() -> None:
    """A difference from run to run would show as an update of every resource."""
    code = (
        "from pulumi.dynamic.dynamic import serialize_provider\n"
        "from baseten_pulumi.provider import EnvironmentSettingsProvider\n"
        "print(serialize_provider(EnvironmentSettingsProvider()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == serialize_provider(EnvironmentSettingsProvider())


@pytest.mark.parametrize("pickled", FIRST_RELEASE)
def test_pickle_is_read_when_the_first_release_wrote_it(pickled: bytes) -> None:
    """Destroy and refresh unpickle what an older release put into the state."""
    assert type(dill.loads(pickled)) is EnvironmentSettingsProvider  # noqa: S301 - what the host does with it


def test_provider_is_not_secret_in_state_when_serialized() -> None:
    """There is nothing to hide in it, and hiding it would mark every output of the resource."""
    assert EnvironmentSettingsProvider.serialize_as_secret_always is False


def test_id_is_model_and_environment_when_written() -> None:
    """State files hold it."""
    assert str(Identity("abc123", "production")) == "abc123/production"


def test_property_names_are_the_apis_own_when_kept_in_state() -> None:
    """Every name under `outputs`, at every depth that is not a setting's own."""
    everything = {
        "autoscaling_settings.min_replica": 1,
        "promotion_settings.rolling_deploy_config.max_surge_percent": 1,
    }
    plan = Plan(Identity("abc123", "production"), dict(everything), wait=True, is_waiting=True, requests=2)
    assert plan.outputs("ACCEPTED", in_force=True) == {
        "model_id": "abc123",
        "env_name": "production",
        "wait": True,
        "in_force": True,
        "status": "ACCEPTED",
        "requests": 2,
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
        "wait",
        "opts",
    ]
    assert list(inspect.signature(BasetenEnvironmentSettings.get).parameters) == ["resource_name", "id", "opts"]
