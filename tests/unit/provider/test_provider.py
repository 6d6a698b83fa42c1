from collections.abc import Callable
from typing import Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest

from baseten_pulumi.errors import AuthenticationError, ConfigurationError, MissingApiKeyError
from baseten_pulumi.provider import EnvironmentSettingsProvider
from baseten_pulumi.provider.session import Session
from baseten_pulumi.testing import Emulator, Fault

ID = "abc123/production"
INPUTS: dict[str, Any] = {
    "model_id": "abc123",
    "env_name": "production",
    "wait": True,
    "autoscaling_settings": {"min_replica": 1.0, "max_replica": 3.0},
    "__provider": "pickle",
}
OUTPUTS: dict[str, Any] = {**INPUTS, "status": "ACCEPTED", "in_force": True}


def _provider(**stack: str) -> EnvironmentSettingsProvider:
    provider = EnvironmentSettingsProvider()
    config = {f"baseten:{key}": value for key, value in stack.items()}
    provider.configure(ConfigureRequest(Config(config, "project")))
    return provider


@pytest.fixture
def provider(session: Session, monkeypatch: pytest.MonkeyPatch) -> EnvironmentSettingsProvider:
    """A provider whose session is with the emulator."""
    monkeypatch.setattr("baseten_pulumi.provider.session.open_session", lambda configuration: session)
    return _provider()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> EnvironmentSettingsProvider:
    """A provider that has neither key nor network."""
    monkeypatch.delenv("BASETEN_API_KEY", raising=False)
    monkeypatch.setattr("baseten_pulumi.provider.session.Session", None)
    return _provider()


def test_inputs_are_normalised_when_checked_offline(offline: EnvironmentSettingsProvider) -> None:
    """Previews of forks' pull requests have no key."""
    result = offline.check({}, INPUTS)
    assert result.failures == []
    assert result.inputs["autoscaling_settings"] == {"min_replica": 1, "max_replica": 3}


def test_failures_are_told_when_inputs_are_wrong(offline: EnvironmentSettingsProvider) -> None:
    """Each names its property and the rule."""
    result = offline.check({}, {**INPUTS, "autoscaling_settings": {"min_replica": 3, "max_replica": 2}})
    assert [(failure.property, failure.reason) for failure in result.failures] == [
        ("", "autoscaling_settings.min_replica: must be at most max_replica (2), got 3")
    ]


@pytest.mark.parametrize(
    ("olds", "news", "changes", "replaces"),
    [
        (OUTPUTS, INPUTS, False, []),
        (OUTPUTS, {**INPUTS, "autoscaling_settings": {"min_replica": 1}}, True, []),
        (OUTPUTS, {**INPUTS, "env_name": "staging"}, True, ["env_name"]),
        ({**OUTPUTS, "in_force": False}, INPUTS, True, []),
        ({**OUTPUTS, "in_force": False}, {**INPUTS, "wait": False}, False, []),
    ],
)
def test_difference_is_told_when_compared_offline(
    olds: dict[str, Any], news: dict[str, Any], changes: bool, replaces: list[str], offline: EnvironmentSettingsProvider
) -> None:
    """True or False, never None, and what it replaces."""
    result = offline.diff(ID, olds, news)
    assert (result.changes, result.replaces) == (changes, replaces)


def test_stack_is_heeded_when_it_skips_the_wait() -> None:
    """Without a wait there is nothing left to wait for."""
    assert _provider(skipWait="true").diff(ID, {**OUTPUTS, "in_force": False}, INPUTS).changes is False
    with pytest.raises(ConfigurationError):
        _provider(skipWait="maybe").diff(ID, OUTPUTS, INPUTS)


def test_resource_lives_when_every_operation_is_called(
    provider: EnvironmentSettingsProvider, baseten: Emulator
) -> None:
    """Create, update, read and delete, one after another, as the host calls them."""
    created = provider.create(INPUTS)
    outputs = created.outs or {}
    assert (created.id, outputs["in_force"]) == (ID, True)
    news = {**INPUTS, "autoscaling_settings": {"min_replica": 2.0, "max_replica": 3.0}}
    outputs = provider.update(ID, outputs, news).outs or {}
    assert outputs["autoscaling_settings"] == {"min_replica": 2, "max_replica": 3}
    assert provider.read(ID, outputs).outs == outputs
    baseten.clear_requests()
    provider.delete(ID, outputs)
    assert baseten.requests == ()
    assert baseten.reported("abc123", "production")["autoscaling_settings"]["min_replica"] == 2


def test_error_reaches_the_host_when_baseten_refuses(provider: EnvironmentSettingsProvider, baseten: Emulator) -> None:
    """An error of a create is raised as it is."""
    baseten.faults.add(Fault.status(401))
    with pytest.raises(AuthenticationError):
        provider.create(INPUTS)


@pytest.mark.parametrize("operation", ["create", "update", "read"])
def test_key_is_asked_for_when_an_operation_needs_it(operation: str, offline: EnvironmentSettingsProvider) -> None:
    """Whatever asks Baseten says that the key is missing."""
    news = {**INPUTS, "autoscaling_settings": {"min_replica": 2}}
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: offline.create(INPUTS),
        "update": lambda: offline.update(ID, OUTPUTS, news),
        "read": lambda: offline.read(ID, OUTPUTS),
    }
    with pytest.raises(MissingApiKeyError):
        calls[operation]()


def test_delete_needs_no_key_when_called(offline: EnvironmentSettingsProvider) -> None:
    """It asks nothing of Baseten."""
    offline.delete(ID, OUTPUTS)
