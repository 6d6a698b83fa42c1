import inspect
import json
import logging
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from pulumi.dynamic.dynamic import PROVIDER_KEY

from baseten_pulumi import (
    BasetenAutoscalingSchedule,
    BasetenEnvironment,
    BasetenEnvironmentSettings,
    BasetenSettingsInForce,
)
from tests.mocked import run
from tests.schedules import inputs, one_time_inputs


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


def test_inputs_are_those_of_the_program_when_a_schedule_is_declared() -> None:
    declared = {**one_time_inputs("abc123"), **inputs("abc123", start_minute=5)}
    _, mocks = run(lambda: BasetenAutoscalingSchedule("peak", **declared).urn)
    assert mocks.inputs("peak") == declared


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


def test_nulls_are_kept_when_they_are_in_additional_settings() -> None:
    """Pulumi would lose them; they are also kept inside an Output."""
    known = {"a": None, "b": [None, 2.0]}

    def program() -> pulumi.Output[Any]:
        given = {"known": known, "later": pulumi.Output.from_input(known), "none": pulumi.Output.from_input(None)}
        outputs = [
            _settings(str(number), additional_settings=settings).additional_settings
            for number, settings in enumerate((given, pulumi.Output.from_input(given), pulumi.Output.from_input(None)))
        ]
        return pulumi.Output.all(*outputs)

    found, mocks = run(program)
    expected = {"known": {"a": None, "b": [None, 2]}, "later": {"a": None, "b": [None, 2]}, "none": None}
    assert json.dumps(found, sort_keys=True) == json.dumps([expected, expected, None], sort_keys=True)
    sent = {"a": "<null>", "b": ["<null>", 2]}
    assert mocks.inputs("0")["additional_settings"] == {"known": sent, "later": sent, "none": "<null>"}


def test_every_output_is_a_property_when_a_resource_is_declared() -> None:
    """Pulumi finds the type of an output there; `wait` and the host's entry are inputs only."""

    def program() -> None:
        settings = _settings()
        outputs = {name for name, value in vars(settings).items() if isinstance(value, pulumi.Output)}
        declared = {name for name, it in vars(BasetenEnvironmentSettings).items() if isinstance(it, property)}
        assert outputs - declared == {"urn", "id", "wait", PROVIDER_KEY}

    run(program)


def test_resource_is_read_when_it_is_looked_up() -> None:

    def program() -> pulumi.Output[str]:
        options = pulumi.ResourceOptions(additional_secret_outputs=["status"])
        live = BasetenEnvironmentSettings.get("live", "abc123/staging", opts=options)
        assert live.is_lookup
        assert not _settings().is_lookup
        assert options.id is None
        BasetenAutoscalingSchedule.get("night", "abc123/staging/s1")
        BasetenEnvironment.get("canary", "abc123/canary")
        return live.id

    value, mocks = run(program)
    assert value == "abc123/staging"
    assert [args.resource_id for args in mocks.registered if args.name == "live"] == ["abc123/staging"]
    assert [mocks.inputs(name) for name in ("live", "night", "canary")] == [{}, {}, {}]


def test_settings_are_refused_when_pulumi_cannot_send_them() -> None:
    """In the constructor, so that the error is one line for each argument and has no traceback."""
    groups = ("autoscaling_settings", "promotion_settings", "request_backpressure_settings", "additional_settings")
    names = ("model_id", "env_name", *groups, "wait")
    arguments: dict[str, Any] = {name: {1} for name in names}
    with pytest.raises(pulumi.RunError) as caught:
        run(lambda: _settings(**arguments, opts=pulumi.ResourceOptions(id="abc123")))
    failures = [f"{name}: must be a list, got {{1}}; use sorted(…)" for name in names]
    failures.append('id: must be model_id/env_name, got "abc123"')
    assert str(caught.value) == "\n".join(f'BasetenEnvironmentSettings "settings": {it}' for it in failures)


@pytest.mark.parametrize(
    "kind",
    [BasetenEnvironment, BasetenEnvironmentSettings, BasetenAutoscalingSchedule, BasetenSettingsInForce],
    ids=lambda it: it.__name__,
)
def test_subclass_is_refused_when_it_is_instantiated(kind: Any) -> None:
    arguments = {name: None for name in inspect.signature(kind).parameters if name not in ("resource_name", "opts")}
    with pytest.raises(TypeError) as caught:
        type("Mine", (kind,), {})("mine", **arguments)
    assert str(caught.value) == (
        f"{kind.__name__} cannot be subclassed: the class is the resource's type in the state. "
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
