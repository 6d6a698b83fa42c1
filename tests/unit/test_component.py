import asyncio
import enum
from typing import Any

import pulumi
import pytest

from baseten_pulumi.resources.component import BasetenModelEnvironments
from baseten_pulumi.resources.settings import BasetenEnvironmentSettings
from baseten_pulumi.types import EnvironmentArgsDict
from tests.mocked import Mocks, run

DEFAULTS: Any = {"autoscaling_settings": {"min_replica": 0, "max_replica": 2}}
ENVIRONMENTS: Any = {"production": {"autoscaling_settings": {"max_replica": 6}}, "staging": {}}


def _component(**arguments: Any) -> BasetenModelEnvironments:
    inputs = {"model_id": "abc123", "environments": ENVIRONMENTS, "defaults": DEFAULTS, **arguments}
    return BasetenModelEnvironments("chat", **inputs)


def _registered(**arguments: Any) -> Mocks:
    return run(lambda: _component(**arguments).in_force)[1]


async def _awaitable(value: Any) -> Any:
    return value


def test_each_environment_is_a_resource_when_declared() -> None:
    """Each has its own settings merged over the defaults and does not wait; one joint wait has all of them."""
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
    assert set(mocks.inputs("chat-in-force")["environments"]) == {"chat-production", "chat-staging"}
    assert len(mocks.registered) == 4


def test_each_object_of_settings_reaches_the_child_when_declared() -> None:
    """Those of the defaults as well."""
    objects: Any = {
        "autoscaling_settings": {"max_replica": 2},
        "promotion_settings": {"rolling_deploy": True},
        "request_backpressure_settings": {"policy": "NONE"},
    }
    assert set(objects) == set(EnvironmentArgsDict.__annotations__)
    mocks = _registered(defaults=objects, environments={"dev": {}})
    assert mocks.inputs("chat-dev") == {"model_id": "abc123", "env_name": "dev", **objects, "wait": False}


def test_urn_of_a_child_has_the_frozen_type_when_declared() -> None:
    """`settings` holds the children by environment, in the order of the program."""

    def program() -> pulumi.Output[Any]:
        component = _component()
        assert list(component.settings) == ["production", "staging"]
        return pulumi.Output.all(component.settings["staging"].env_name, component.settings["staging"].urn)

    (env_name, urn), _ = run(program)
    assert env_name == "staging"
    assert "::baseten:index:ModelEnvironments$pulumi-python:dynamic/baseten:EnvironmentSettings::chat-staging" in urn


def test_in_force_is_an_output_of_the_component_when_declared() -> None:
    """Pulumi shows it and keeps it in the state."""
    registered: list[Any] = []

    class Recorded(BasetenModelEnvironments):
        def register_outputs(self, outputs: Any) -> None:
            registered.append((self, outputs))

    run(lambda: Recorded("chat", model_id="abc123", environments=ENVIRONMENTS).in_force)
    ((component, outputs),) = registered
    assert outputs == {"in_force": component.in_force}


@pytest.mark.parametrize("in_force", [True, False])
def test_in_force_comes_from_the_children_when_waiting_is_off(in_force: bool) -> None:
    """There is no joint wait."""
    value, mocks = run(lambda: _component(wait=False).in_force, outputs={"in_force": in_force})
    assert value is in_force
    assert {args.name for args in mocks.registered} == {"chat", "chat-production", "chat-staging"}


def test_children_get_the_timeouts_when_the_component_has_some() -> None:
    """Pulumi itself does not pass `custom_timeouts` on to children."""
    timeouts: dict[str, str | None] = {}

    def record(args: pulumi.ResourceTransformationArgs) -> None:
        limits = args.opts.custom_timeouts
        timeouts[args.name] = limits.create if limits else None

    opts = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="5m"), transformations=[record])
    run(lambda: _component(opts=opts).in_force)
    assert timeouts == dict.fromkeys(("chat", "chat-production", "chat-staging", "chat-in-force"), "5m")


@pytest.mark.parametrize("later", [lambda value: value, pulumi.Output.from_input, _awaitable])
@pytest.mark.parametrize("own", [None, {}])
def test_defaults_are_used_alone_when_an_environment_declares_nothing(later: Any, own: Any) -> None:
    """An empty entry, as `production:` in YAML, removes no default, whether it is known at once or later."""
    mocks = run(lambda: _component(environments={"production": later(own)}).in_force)[1]
    assert mocks.inputs("chat-production")["autoscaling_settings"] == DEFAULTS["autoscaling_settings"]


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


@pytest.mark.parametrize("side", ["defaults", "environment"])
def test_settings_are_merged_when_they_are_outputs_of_another_resource(side: str) -> None:
    """As in every other input."""

    def program() -> pulumi.Output[Any]:
        declared: Any = DEFAULTS if side == "defaults" else ENVIRONMENTS["production"]
        other = BasetenEnvironmentSettings("other", model_id="m", env_name="dev", **declared)
        copied = {"autoscaling_settings": other.autoscaling_settings}
        if side == "defaults":
            return _component(defaults=copied).in_force
        return _component(environments={"production": copied}).in_force

    _, mocks = run(program)
    assert mocks.inputs("chat-production")["autoscaling_settings"] == {"min_replica": 0, "max_replica": 6}


@pytest.mark.parametrize("awaited", ["model_id", "defaults"])
def test_every_environment_gets_the_value_when_it_can_be_awaited_once(awaited: str) -> None:
    """The environments share it."""

    def program() -> pulumi.Output[Any]:
        value = "abc123" if awaited == "model_id" else DEFAULTS
        environments = {"dev": {}, "staging": None, "production": {"autoscaling_settings": {"min_replica": 1}}}
        return _component(environments=environments, **{awaited: _awaitable(value)}).in_force

    _, mocks = run(program)
    found = [mocks.inputs(f"chat-{name}") for name in ("dev", "staging", "production")]
    assert [inputs["autoscaling_settings"]["max_replica"] for inputs in found] == [2, 2, 2]
    assert {inputs["model_id"] for inputs in found} == {"abc123"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environments": {}}, "environments: must name at least one environment"),
        ({"environments": ["dev", "production"]}, "environments: must be a mapping, got list"),
        ({"environments": {"dev": 5}}, "environments.dev: must be a mapping, got int"),
        ({"defaults": "small"}, "defaults: must be a mapping, got str"),
        (
            {"environments": {"dev": {"autoscalingsettings": {}}}},
            'environments.dev.autoscalingsettings: unknown property; did you mean "autoscaling_settings"?',
        ),
        (
            {"defaults": {"wait": False}},
            (
                "defaults.wait: unknown property; "
                "use autoscaling_settings, promotion_settings or request_backpressure_settings"
            ),
        ),
    ],
)
def test_settings_are_refused_when_they_are_not_mappings_of_known_objects(
    arguments: dict[str, Any], message: str
) -> None:
    """Before anything is registered; Pulumi shows a RunError without a traceback."""
    with pytest.raises(pulumi.RunError) as caught:
        _component(**arguments)
    assert str(caught.value) == f'BasetenModelEnvironments "chat": {message}'


@pytest.mark.parametrize(
    ("arguments", "failure"),
    [
        ({"model_id": {1}}, "model_id: must be a list, got {1}; use sorted(…)"),
        (
            {"defaults": {"autoscaling_settings": {1}}},
            "defaults.autoscaling_settings: must be a list, got {1}; use sorted(…)",
        ),
        ({"environments": {"dev": {1}}}, "environments.dev: must be a list, got {1}; use sorted(…)"),
        ({"environments": {1: {}}}, "environments: must have only valid strings as keys, got 1"),
        (
            {"opts": pulumi.ResourceOptions(import_="abc123")},
            "leave import_ out: the first `pulumi up` adopts what exists in Baseten",
        ),
    ],
)
def test_settings_are_refused_when_pulumi_cannot_send_them(arguments: dict[str, Any], failure: str) -> None:
    """The error has the name of the component, and the path in its arguments."""
    with pytest.raises(pulumi.RunError) as caught:
        _component(**arguments)
    assert str(caught.value) == f'BasetenModelEnvironments "chat": {failure}'


def test_settings_are_plain_when_they_have_enums() -> None:
    """In the defaults and in an environment."""
    size = enum.Enum("size", {"TWO": 2, "SIX": 6})
    defaults = {"autoscaling_settings": {"min_replica": size.TWO}}
    environments = {"dev": {"autoscaling_settings": {"max_replica": size.SIX}}}
    mocks = _registered(defaults=defaults, environments=environments)
    assert mocks.inputs("chat-dev")["autoscaling_settings"] == {"min_replica": 2, "max_replica": 6}


def test_every_unknown_key_is_named_when_there_are_several() -> None:
    """One line for each."""
    with pytest.raises(pulumi.RunError) as caught:
        _component(environments={"dev": {"autoscaling": {}, "promotion": {}}})
    assert [line.partition(" unknown")[0] for line in str(caught.value).splitlines()] == [
        'BasetenModelEnvironments "chat": environments.dev.autoscaling:',
        'BasetenModelEnvironments "chat": environments.dev.promotion:',
    ]


@pytest.mark.parametrize("later", [pulumi.Output.from_input, _awaitable])
def test_unknown_key_is_refused_when_the_settings_are_known_later(later: Any) -> None:
    """Otherwise it would be ignored silently: the children have no input for it."""

    def program() -> pulumi.Output[bool]:
        # Nobody asks for the other outputs of the children, and asyncio reports that each of them failed too.
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        return _component(environments={"dev": later({"autoscalingsettings": {}})}, wait=False).in_force

    with pytest.raises(pulumi.RunError, match=r'"chat": environments\.dev\.autoscalingsettings: unknown property'):
        run(program)


def test_deeper_mistakes_are_left_to_the_children_when_declared() -> None:
    """Every rule below the objects of settings runs in the provider's Check alone."""
    mocks = _registered(environments={"dev": {"autoscaling_settings": {"max_replicas": "many"}}})
    assert mocks.inputs("chat-dev")["autoscaling_settings"]["max_replicas"] == "many"
