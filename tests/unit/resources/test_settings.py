import logging
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from pulumi.dynamic.dynamic import PROVIDER_KEY

from baseten_pulumi import BasetenEnvironmentSettings
from tests.mocked import run


def _settings(name: str = "settings", **arguments: Any) -> BasetenEnvironmentSettings:
    declared = {"model_id": "abc123", "env_name": "production", "autoscaling_settings": {"min_replica": 1}}
    return BasetenEnvironmentSettings(name, **{**declared, **arguments})


def test_inputs_are_those_of_the_program_when_settings_are_declared() -> None:
    """Names are the API's own, and nothing else is registered but the host's entry."""
    promotion = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}}
    queue = {"policy": "QUEUE_ON_FULL"}
    _, mocks = run(lambda: _settings(promotion_settings=promotion, request_backpressure_settings=queue, wait=False).urn)
    (args,) = mocks.registered
    assert (args.typ, args.name) == ("pulumi-python:dynamic/baseten:EnvironmentSettings", "settings")
    assert isinstance(args.inputs[PROVIDER_KEY], str)
    assert mocks.inputs("settings") == {
        "model_id": "abc123",
        "env_name": "production",
        "autoscaling_settings": {"min_replica": 1},
        "promotion_settings": promotion,
        "request_backpressure_settings": queue,
        "wait": False,
    }


def test_outputs_are_typed_when_a_program_reads_them() -> None:
    """They have integers and attributes at every depth, and None for what is not managed."""

    def program() -> pulumi.Output[Any]:
        settings = _settings(promotion_settings={"rolling_deploy_config": {"max_surge_percent": 25.0}})
        autoscaling: Any = settings.autoscaling_settings
        config: Any = settings.promotion_settings.apply(lambda it: it and it.rolling_deploy_config)
        return pulumi.Output.all(
            autoscaling.apply(lambda it: f"{it.min_replica!r} {it.max_replica}"),
            config.apply(lambda it: f"{it.max_surge_percent!r} {it.max_unavailable_percent}"),
            settings.request_backpressure_settings,
            settings.in_force,
            settings.revision,
            settings.status,
        )

    assert run(program)[0] == ["1 None", "25 None", None, True, "1f", "ACCEPTED"]


def test_every_output_is_a_property_when_a_resource_is_declared() -> None:
    """Pulumi finds the type of an output there; `wait` and the host's entry are inputs only."""

    def program() -> None:
        settings = _settings()
        outputs = {name for name, value in vars(settings).items() if isinstance(value, pulumi.Output)}
        declared = {name for name, it in vars(BasetenEnvironmentSettings).items() if isinstance(it, property)}
        assert outputs - declared == {"urn", "id", "wait", PROVIDER_KEY}
        assert all(getattr(settings, name) is vars(settings)[name] for name in declared)

    run(program)


def test_resource_is_read_when_it_is_looked_up() -> None:
    """`get` registers a read by id without inputs, and keeps the options."""

    def program() -> pulumi.Output[str]:
        options = pulumi.ResourceOptions(additional_secret_outputs=["status"])
        live = BasetenEnvironmentSettings.get("live", "abc123/staging", opts=options)
        assert live.is_lookup
        assert not _settings().is_lookup
        assert options.id is None
        return live.id

    value, mocks = run(program)
    assert value == "abc123/staging"
    assert [args.resource_id for args in mocks.registered if args.name == "live"] == ["abc123/staging"]
    assert mocks.inputs("live") == {}


@pytest.mark.parametrize(
    ("arguments", "failure"),
    [
        *(
            ({name: {1}}, f"{name}: must be a list, got {{1}}; use sorted(…)")
            for name in ("model_id", "env_name", "wait")
        ),
        (
            {"autoscaling_settings": {"max_replica": b"6"}},
            "autoscaling_settings.max_replica: must be a string, got b'6'; use bytes(…).decode()",
        ),
        ({"promotion_settings": {1}}, "promotion_settings: must be a list, got {1}; use sorted(…)"),
        (
            {"request_backpressure_settings": {1}},
            "request_backpressure_settings: must be a list, got {1}; use sorted(…)",
        ),
        (
            {"opts": pulumi.ResourceOptions(import_="abc123/dev")},
            "leave import_ out: the first `pulumi up` adopts what exists in Baseten",
        ),
        ({"opts": pulumi.ResourceOptions(id="abc123")}, 'id: must be model_id/env_name, got "abc123"'),
    ],
)
def test_settings_are_refused_when_pulumi_cannot_send_them(arguments: dict[str, Any], failure: str) -> None:
    """In the constructor, so that the error is one line and has no traceback."""
    with pytest.raises(pulumi.RunError) as caught:
        run(lambda: _settings(**arguments))
    assert str(caught.value) == f'BasetenEnvironmentSettings "settings": {failure}'


def test_subclass_is_refused_when_it_is_instantiated() -> None:
    """Its name would be another resource type in the state."""

    class Mine(BasetenEnvironmentSettings):
        pass

    with pytest.raises(TypeError) as caught:
        Mine("mine", model_id="abc123", env_name="production")
    assert str(caught.value) == (
        "BasetenEnvironmentSettings cannot be subclassed: the class is the resource's type in the state. "
        "Write a function or a pulumi.ComponentResource that declares one."
    )


@pytest.fixture
def configured() -> Iterator[None]:
    """Leave no configuration behind."""
    yield
    pulumi.runtime.set_all_config({})


@pytest.mark.usefixtures("configured")
def test_program_is_warned_once_a_stack_when_its_key_is_stored_in_plain_text(caplog: pytest.LogCaptureFixture) -> None:
    """One process can run several stacks; the warning does not quote the key."""

    def program() -> pulumi.Output[str]:
        _settings()
        return _settings("other", env_name="dev").urn

    with caplog.at_level(logging.WARNING):
        for stack, config, secrets in (
            ("without-key", {}, []),
            ("secret-key", {"baseten:apiKey": "k-4711"}, ["baseten:apiKey"]),
            ("plain-key", {"baseten:apiKey": "k-4711"}, []),
            ("plain-key", {"baseten:apiKey": "k-4711"}, []),
            ("other-plain-key", {"baseten:apiKey": "k-4711"}, []),
        ):
            pulumi.runtime.set_all_config(config, secrets)
            run(program, stack=stack)
    assert [record.message for record in caplog.records] == [
        (
            "baseten:apiKey is stored in plain text in the stack's configuration and state. "
            "Run `pulumi config set --secret baseten:apiKey KEY` with a new key, and delete the old key in Baseten."
        )
    ] * 2
