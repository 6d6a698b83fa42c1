import asyncio
import enum
from typing import Any

import pulumi
import pytest

from baseten_pulumi.resources.component import BasetenModelEnvironments
from baseten_pulumi.resources.settings import BasetenEnvironmentSettings
from tests.mocked import Mocks, run

DEFAULTS: Any = {"autoscaling_settings": {"min_replica": 0, "max_replica": 2}}
ENVIRONMENTS: Any = {"production": {"autoscaling_settings": {"max_replica": 6}}, "staging": {}}


def _component(**arguments: Any) -> BasetenModelEnvironments:
    inputs = {"model_id": "abc123", "environments": ENVIRONMENTS, "defaults": DEFAULTS, **arguments}
    return BasetenModelEnvironments("chat", **inputs)


def _registered(**arguments: Any) -> Mocks:
    return run(lambda: _component(**arguments).in_force)[1]


def _autoscaling(mocks: Mocks, env_name: str = "production") -> Any:
    return mocks.inputs(f"chat-{env_name}")["autoscaling_settings"]


async def _awaitable(value: Any) -> Any:
    return value


def test_each_environment_is_a_resource_when_declared() -> None:
    """Each has its own settings merged over the defaults and does not wait; one joint wait has all of them."""
    others: Any = {
        "promotion_settings": {"rolling_deploy": True},
        "request_backpressure_settings": {"policy": "NONE"},
    }
    mocks = _registered(defaults={**DEFAULTS, **others})
    for env_name, count in (("production", 6), ("staging", 2)):
        assert mocks.inputs(f"chat-{env_name}") == {
            "model_id": "abc123",
            "env_name": env_name,
            "autoscaling_settings": {"min_replica": 0, "max_replica": count},
            **others,
            "wait": False,
        }
    assert set(mocks.inputs("chat-in-force")["environments"]) == {"chat-production", "chat-staging"}
    assert len(mocks.registered) == 4


def test_additional_settings_are_merged_when_an_environment_declares_its_own() -> None:
    """A null in them is sent; one in their place removes the defaults."""
    environments: Any = {
        "production": {"additional_settings": {"later": {"a": 2, "b": None}}},
        "staging": {"additional_settings": None, **DEFAULTS},
    }
    mocks = _registered(
        environments=environments, defaults={"additional_settings": {"later": {"a": 1, "b": 1, "c": 1}}}
    )
    assert mocks.inputs("chat-production")["additional_settings"] == {"later": {"a": 2, "b": "<null>", "c": 1}}
    assert "additional_settings" not in mocks.inputs("chat-staging")


def test_in_force_is_an_output_of_the_component_when_declared() -> None:
    """Pulumi shows it and keeps it in the state."""
    registered: list[Any] = []

    class Recorded(BasetenModelEnvironments):
        def register_outputs(self, outputs: Any) -> None:
            registered.append((self, outputs))

    run(lambda: Recorded("chat", model_id="abc123", environments=ENVIRONMENTS).in_force)
    ((component, outputs),) = registered
    assert outputs == {"in_force": component.in_force}
    assert [*component.settings] == ["production", "staging"]


@pytest.mark.parametrize("applied", [["chat-production", "chat-staging"], ["chat-production"]])
def test_in_force_comes_from_every_child_when_waiting_is_off(applied: list[str]) -> None:
    """There is no joint wait."""

    def observe(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        known = {} if args.name == "chat" else {"in_force": args.name in applied}
        return pulumi.ResourceTransformationResult({**args.props, **known}, args.opts)

    opts = pulumi.ResourceOptions(transformations=[observe])
    value, mocks = run(lambda: _component(wait=False, opts=opts).in_force, outputs={"revision": "1f"})
    assert value is (len(applied) == 2)
    assert {args.name for args in mocks.registered} == {"chat", "chat-production", "chat-staging"}


def test_environments_are_declared_when_missing_ones_are_to_be_created() -> None:
    """All but production, which always exists; the settings of each come after it."""
    components: list[BasetenModelEnvironments] = []
    _, mocks = run(lambda: components.append(_component(create_missing=True)) or components[0].in_force)  # type: ignore[func-returns-value]
    created = [args for args in mocks.registered if args.typ == "pulumi-python:dynamic/baseten:Environment"]
    assert [(args.name, args.inputs["env_name"]) for args in created] == [("chat-staging", "staging")]
    assert [*components[0].environments] == ["staging"]
    types = [args.typ.rpartition(":")[2] for args in mocks.registered if args.name == "chat-staging"]
    assert types == ["Environment", "EnvironmentSettings"]


def test_children_get_the_timeouts_when_the_component_has_some() -> None:
    """Pulumi itself does not pass `custom_timeouts` on to children."""
    timeouts: dict[str, str | None] = {}

    def record(args: pulumi.ResourceTransformationArgs) -> None:
        limits = args.opts.custom_timeouts
        timeouts[args.name] = limits.create if limits else None

    opts = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="5m"), transformations=[record])
    _registered(opts=opts)
    assert timeouts == dict.fromkeys(("chat", "chat-production", "chat-staging", "chat-in-force"), "5m")


@pytest.mark.parametrize("later", [lambda value: value, pulumi.Output.from_input, _awaitable])
@pytest.mark.parametrize("own", [None, {}])
def test_defaults_are_used_alone_when_an_environment_declares_nothing(later: Any, own: Any) -> None:
    """An empty entry, as `production:` in YAML, removes no default, whether it is known at once or later."""
    _, mocks = run(lambda: _component(environments={"production": later(own)}).in_force)
    assert _autoscaling(mocks) == DEFAULTS["autoscaling_settings"]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_settings_are_merged_once_they_are_known_when_they_are_outputs(depth: int) -> None:
    """In place of an environment's settings, of an object in them or of a value."""

    def program() -> pulumi.Output[Any]:
        own: Any = 5
        for level, key in ((2, "max_replica"), (1, "autoscaling_settings"), (0, "production")):
            own = {key: pulumi.Output.from_input(own) if level == depth else own}
        return _component(environments=own).in_force

    assert _autoscaling(run(program)[1]) == {"min_replica": 0, "max_replica": 5}


@pytest.mark.parametrize("side", ["defaults", "environment"])
def test_settings_are_merged_when_they_are_outputs_of_another_resource(side: str) -> None:
    def program() -> pulumi.Output[Any]:
        declared: Any = DEFAULTS if side == "defaults" else ENVIRONMENTS["production"]
        other = BasetenEnvironmentSettings("other", model_id="m", env_name="dev", **declared)
        copied: Any = {"autoscaling_settings": other.autoscaling_settings}
        arguments = {"defaults": copied} if side == "defaults" else {"environments": {"production": copied}}
        return _component(**arguments).in_force

    assert _autoscaling(run(program)[1]) == {"min_replica": 0, "max_replica": 6}


@pytest.mark.parametrize(("awaited", "value"), [("model_id", "abc123"), ("defaults", DEFAULTS)])
def test_every_environment_gets_the_value_when_it_can_be_awaited_once(awaited: str, value: Any) -> None:
    environments = {"staging": None, "production": {"autoscaling_settings": {"min_replica": 1}}}
    _, mocks = run(lambda: _component(environments=environments, **{awaited: _awaitable(value)}).in_force)
    for name in environments:
        assert _autoscaling(mocks, name)["max_replica"] == 2
        assert mocks.inputs(f"chat-{name}")["model_id"] == "abc123"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"environments": {}}, "environments: must name at least one environment"),
        ({"environments": ["dev", "production"]}, "environments: must be a mapping, got list"),
        (
            {"defaults": "small", "environments": {"dev": 5}},
            (
                "defaults: must be a mapping, got str\n"
                'BasetenModelEnvironments "chat": environments.dev: must be a mapping, got int'
            ),
        ),
        (
            {"defaults": {"autoscalingsettings": {}, "wait": False}},
            (
                'defaults.autoscalingsettings: unknown property; did you mean "autoscaling_settings"? '
                "(one newer than this release goes in additional_settings)\n"
                'BasetenModelEnvironments "chat": defaults.wait: unknown property; '
                "use autoscaling_settings, promotion_settings, request_backpressure_settings or additional_settings"
            ),
        ),
        ({"model_id": {1}}, "model_id: must be a list, got {1}; use sorted(…)"),
        ({"environments": {"dev": {1}}}, "environments.dev: must be a list, got {1}; use sorted(…)"),
        ({"defaults": {1}}, "defaults: must be a list, got {1}; use sorted(…)"),
        (
            {"opts": pulumi.ResourceOptions(import_="abc123")},
            "leave import_ out: the first `pulumi up` adopts what exists in Baseten",
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
    """Every rule below the objects of settings runs in the provider's Check alone; enums are plain before."""
    size = enum.Enum("size", {"TWO": 2})
    own = {"max_replicas": "many", "min_replica": size.TWO}
    mocks = _registered(environments={"dev": {"autoscaling_settings": own}})
    assert _autoscaling(mocks, "dev") == {"min_replica": 2, "max_replica": 2, "max_replicas": "many"}
