from typing import Any

import pulumi
import pytest

from baseten_pulumi import BasetenModelEnvironments, EnvironmentArgsDict
from tests.mocked import Mocks, run
from tests.schedules import schedule

DEFAULTS: Any = {"autoscaling_settings": {"min_replica": 0, "max_replica": 2}}
ENVIRONMENTS: Any = {"production": {"autoscaling_settings": {"max_replica": 6}}, "staging": {}}


def _component(**arguments: Any) -> BasetenModelEnvironments:
    how = {"model_id": "abc123", "environments": ENVIRONMENTS, "defaults": DEFAULTS, **arguments}
    return BasetenModelEnvironments("chat", **how)


def _registered(**arguments: Any) -> Mocks:
    return run(lambda: _component(**arguments).in_force)[1]


def test_every_environment_gets_a_child_when_declared() -> None:
    """Each sends its own settings over the defaults and does not wait; one joint wait comes last."""
    mocks = _registered()
    assert mocks.inputs("chat-production") == {
        "model_id": "abc123",
        "env_name": "production",
        "autoscaling_settings": {"min_replica": 0, "max_replica": 6},
        "wait": False,
    }
    assert mocks.inputs("chat-staging") == {
        "model_id": "abc123",
        "env_name": "staging",
        "autoscaling_settings": {"min_replica": 0, "max_replica": 2},
        "wait": False,
    }
    assert set(mocks.inputs("chat-in-force")["environments"]) == {"abc123/production", "abc123/staging"}
    assert len(mocks.registered) == 4


def test_children_get_every_object_of_settings_when_declared() -> None:
    """Those of the defaults too."""
    objects: Any = {
        "autoscaling_settings": {"max_replica": 2},
        "promotion_settings": {"rolling_deploy": True},
        "request_backpressure_settings": {"policy": "NONE"},
        "autoscaling_schedule_settings": {"timezone": "Europe/Berlin", "schedules": [schedule()]},
    }
    assert set(objects) == set(EnvironmentArgsDict.__annotations__)
    mocks = _registered(defaults=objects, environments={"dev": {}})
    assert mocks.inputs("chat-dev") == {"model_id": "abc123", "env_name": "dev", **objects, "wait": False}


def test_component_has_its_frozen_type_when_declared() -> None:
    """It is part of every child's URN."""
    (component,) = (args for args in _registered().registered if args.name == "chat")
    assert component.typ == "baseten:index:ModelEnvironments"


def test_children_are_the_components_when_declared() -> None:
    """Their URNs name it, and each is found under its environment's name."""

    def program() -> pulumi.Output[Any]:
        component = _component()
        assert list(component.settings) == ["production", "staging"]
        return pulumi.Output.all(component.settings["staging"].env_name, component.settings["staging"].urn)

    (env_name, urn), _ = run(program)
    assert env_name == "staging"
    assert "::baseten:index:ModelEnvironments$pulumi-python:dynamic/baseten:EnvironmentSettings::chat-staging" in urn


def test_nobody_waits_when_waiting_is_off() -> None:
    """There is no joint wait then, and what is known of each child tells whether all is in force."""
    value, mocks = run(lambda: _component(wait=False).in_force)
    assert value is True
    assert {args.name for args in mocks.registered} == {"chat", "chat-production", "chat-staging"}
    value, _ = run(lambda: _component(wait=False).in_force, outputs={"in_force": False})
    assert value is False


async def _awaited(value: Any) -> Any:
    return value


@pytest.mark.parametrize("later", [lambda value: value, pulumi.Output.from_input, _awaited])
@pytest.mark.parametrize("environment", [None, {}])
def test_defaults_are_all_there_is_when_an_environment_declares_nothing(later: Any, environment: Any) -> None:
    """An empty entry, as `production:` is in YAML, takes no default out; nor does one that turns out to be empty."""
    _, mocks = run(lambda: _component(environments={"production": later(environment)}).in_force)
    assert mocks.inputs("chat-production")["autoscaling_settings"] == DEFAULTS["autoscaling_settings"]


@pytest.mark.parametrize("where", ["defaults", "object", "value", "model"])
def test_every_environment_gets_the_value_when_it_is_to_be_awaited(where: str) -> None:
    """A coroutine gives its value once, whoever asks: the environments share it."""

    def program() -> pulumi.Output[Any]:
        limits: Any = {"min_replica": 0, "max_replica": _awaited(2) if where == "value" else 2}
        defaults: Any = {"autoscaling_settings": _awaited(limits) if where == "object" else limits}
        return _component(
            model_id=_awaited("abc123") if where == "model" else "abc123",
            defaults=_awaited(defaults) if where == "defaults" else defaults,
            environments={"dev": {}, "staging": None, "production": {"autoscaling_settings": {"min_replica": 1}}},
        ).in_force

    _, mocks = run(program)
    found = {name: mocks.inputs(f"chat-{name}") for name in ("dev", "staging", "production")}
    assert {name: it["autoscaling_settings"]["max_replica"] for name, it in found.items()} == dict.fromkeys(found, 2)
    assert {it["model_id"] for it in found.values()} == {"abc123"}


def test_settings_are_merged_once_they_are_known_when_they_are_outputs() -> None:
    """In place of an environment's settings, of an object in them or of a value."""
    later = pulumi.Output.from_input

    def program() -> pulumi.Output[Any]:
        environments = {
            "dev": later({"autoscaling_settings": {"max_replica": 3}}),
            "staging": {"autoscaling_settings": later({"max_replica": 4})},
            "production": {"autoscaling_settings": {"max_replica": later(5)}},
        }
        return _component(environments=environments).in_force

    _, mocks = run(program)
    found = [mocks.inputs(f"chat-{name}")["autoscaling_settings"] for name in ("dev", "staging", "production")]
    assert found == [{"min_replica": 0, "max_replica": count} for count in (3, 4, 5)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environments": {}}, 'BasetenModelEnvironments "chat": environments must name at least one, got none'),
        (
            {"environments": {"dev": {"autoscalingsettings": {}}}},
            'environments.dev.autoscalingsettings: is not a known property; did you mean "autoscaling_settings"?',
        ),
        (
            {"defaults": {"autoscaling_settings": {"max_replicas": 1}}},
            'defaults.autoscaling_settings.max_replicas: is not a known property; did you mean "max_replica"?',
        ),
        (
            {"environments": {"dev": {"request_backpressure_settings": {1: 2}}}},
            'environments.dev.request_backpressure_settings["1"]: is not a known property; known are policy',
        ),
    ],
)
def test_mapping_is_refused_before_anything_is_registered_when_it_is_wrong(
    arguments: dict[str, Any], message: str
) -> None:
    """With path, rule and the name that was meant."""
    with pytest.raises(ValueError, match=r".") as caught:
        _component(**arguments)
    assert str(caught.value) == message


def test_environments_are_refused_when_they_are_no_mapping() -> None:
    """A list of names has no settings to them."""
    message = 'BasetenModelEnvironments "chat": environments must be a mapping, got list'
    with pytest.raises(TypeError, match=f"^{message}$"):
        _component(environments=["dev", "production"])
