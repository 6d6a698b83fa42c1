from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from pulumi.dynamic.dynamic import PROVIDER_KEY

from baseten_pulumi import BasetenEnvironmentSettings, resource
from tests.mocked import run


def _settings(**arguments: Any) -> BasetenEnvironmentSettings:
    how = {"model_id": "abc123", "env_name": "production", "autoscaling_settings": {"min_replica": 1}, **arguments}
    return BasetenEnvironmentSettings("settings", **how)


def test_inputs_are_the_apis_own_when_a_program_declares_settings() -> None:
    """Names go out as they are written; nothing else goes with them but the host's entry."""
    promotion = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}}
    queue = {"policy": "QUEUE_ON_FULL"}
    _, mocks = run(lambda: _settings(promotion_settings=promotion, request_backpressure_settings=queue, wait=False).urn)
    (args,) = mocks.registered
    assert (args.typ, args.name) == ("pulumi-python:dynamic/baseten:EnvironmentSettings", "settings")
    inputs = {key: value for key, value in args.inputs.items() if value is not None}
    assert isinstance(inputs.pop(PROVIDER_KEY), str)
    assert inputs == {
        "model_id": "abc123",
        "env_name": "production",
        "autoscaling_settings": {"min_replica": 1},
        "promotion_settings": promotion,
        "request_backpressure_settings": queue,
        "wait": False,
    }


def test_outputs_are_typed_when_a_program_reads_them() -> None:
    """Attributes and integers, None for what is not managed."""

    def program() -> pulumi.Output[Any]:
        settings = _settings(promotion_settings={"rolling_deploy_config": {"max_surge_percent": 25.0}})
        return pulumi.Output.all(
            settings.autoscaling_settings, settings.promotion_settings, settings.in_force, settings.requests
        )

    (autoscaling, promotion, in_force, requests), _ = run(program)
    assert (autoscaling.min_replica, type(autoscaling.min_replica)) == (1, int)
    assert autoscaling.max_replica is None
    assert promotion.rolling_deploy_config.max_surge_percent == 25
    assert type(promotion.rolling_deploy_config.max_surge_percent) is int
    assert promotion.rolling_deploy_config.max_unavailable_percent is None
    assert in_force is True
    assert (requests, type(requests)) == (2, int)


def test_each_output_is_the_one_of_its_name_when_a_program_reads_it() -> None:
    """An output has a property, where the SDK finds its type; a mere input and the host's entry have none."""

    def program() -> None:
        settings = _settings()
        outputs = {name for name, value in vars(settings).items() if isinstance(value, pulumi.Output)}
        declared = {name for name, it in vars(BasetenEnvironmentSettings).items() if isinstance(it, property)}
        assert outputs - declared == {"urn", "id", "wait", PROVIDER_KEY}
        assert all(getattr(settings, name) is vars(settings)[name] for name in declared)

    run(program)


def test_whole_object_is_none_when_none_of_it_is_managed() -> None:
    """Nothing is filled in by a server."""
    value, _ = run(lambda: _settings().promotion_settings)
    assert value is None


def test_resource_is_read_and_not_managed_when_it_is_looked_up() -> None:
    """`get` registers a read by id, with no inputs of its own."""
    _, mocks = run(lambda: BasetenEnvironmentSettings.get("live", "abc123/staging").id)
    (args,) = mocks.registered
    assert (args.resource_id, args.name) == ("abc123/staging", "live")
    assert {key for key, value in args.inputs.items() if value is not None} == {PROVIDER_KEY}


def test_options_are_kept_when_a_resource_is_looked_up() -> None:
    """The id joins the options given."""

    def program() -> pulumi.Output[str]:
        options = pulumi.ResourceOptions(protect=True)
        live = BasetenEnvironmentSettings.get("live", "abc123/staging", opts=options)
        assert live._protect is True
        return live.id

    assert run(program)[0] == "abc123/staging"


def test_subclass_is_refused_when_it_is_made() -> None:
    """Its name would be another type in the state."""

    class Mine(BasetenEnvironmentSettings):
        pass

    with pytest.raises(TypeError) as caught:
        Mine("mine", model_id="abc123", env_name="production")
    assert str(caught.value) == (
        "BasetenEnvironmentSettings cannot be subclassed, since the class is the resource's type in the state. "
        "Write a function, or a pulumi.ComponentResource, that declares one."
    )


PLAIN_KEY = (
    "baseten:apiKey is kept in plain text in the stack's configuration and state. "
    "Run `pulumi config set --secret baseten:apiKey` and replace the key at Baseten."
)


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What programs were warned of, in a process that has warned of nothing yet."""
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    resource._warn_of_plain_key.cache_clear()
    yield told
    pulumi.runtime.set_all_config({})
    resource._warn_of_plain_key.cache_clear()


def _two() -> pulumi.Output[str]:
    _settings()
    return BasetenEnvironmentSettings("other", model_id="abc123", env_name="dev").urn


@pytest.mark.parametrize(
    ("config", "secrets", "is_preview", "warnings"),
    [
        ({"baseten:apiKey": "k"}, [], True, 1),
        ({"baseten:apiKey": "k"}, ["baseten:apiKey"], True, 0),
        ({}, [], True, 0),
        ({"baseten:apiKey": "k"}, [], False, 0),
    ],
)
def test_program_is_warned_once_when_its_key_is_kept_in_plain_text(
    config: dict[str, str], secrets: list[str], is_preview: bool, warnings: int, warned: list[str]
) -> None:
    """A key belongs into a secret: a preview says so once, however many resources there are, and quotes no key."""
    pulumi.runtime.set_all_config(config, secrets)
    run(_two, preview=is_preview)
    assert warned == [PLAIN_KEY] * warnings


def test_each_stack_is_warned_of_when_one_process_previews_several(warned: list[str]) -> None:
    """As an automation program does; a second preview of the same stack says nothing new."""
    pulumi.runtime.set_all_config({"baseten:apiKey": "k"})
    for stack in ("dev", "dev", "production"):
        run(_two, preview=True, stack=stack)
    assert warned == [PLAIN_KEY] * 2
