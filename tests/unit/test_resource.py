import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import pulumi
import pytest
from pulumi.dynamic.dynamic import PROVIDER_KEY

from baseten_pulumi import BasetenEnvironmentSettings, resource

OUTPUTS = {"status": "ACCEPTED", "in_force": True, "requests": 2.0}


class Mocks(pulumi.runtime.Mocks):
    """Pulumi's own test double of an engine: remembers what was registered and gives outputs back."""

    def __init__(self) -> None:
        self.registered: list[pulumi.runtime.MockResourceArgs] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.registered.append(args)
        return args.resource_id or "abc123/production", {**args.inputs, **OUTPUTS}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        return {}, None


class Run(Protocol):
    """Run a program and return the value of the output it gives back, with what it registered."""

    def __call__(
        self, program: Callable[[], Any], *, preview: bool = False, stack: str = "dev"
    ) -> tuple[Any, Mocks]: ...


@pytest.fixture
def run() -> Run:
    def running(program: Callable[[], Any], *, preview: bool = False, stack: str = "dev") -> tuple[Any, Mocks]:
        async def go() -> Any:
            output = program()
            return await output.future() if isinstance(output, pulumi.Output) else output

        mocks = Mocks()
        loop, threads_loop = asyncio.new_event_loop(), asyncio.new_event_loop()
        # Pulumi's test double makes a loop for each thread that has none, and closes none.
        threads = ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=(threads_loop,))
        loop.set_default_executor(threads)
        asyncio.set_event_loop(loop)
        try:
            pulumi.runtime.set_mocks(mocks, project="p", stack=stack, preview=preview)
            return loop.run_until_complete(go()), mocks
        finally:
            threads.shutdown()
            threads_loop.close()
            loop.close()
            asyncio.set_event_loop(None)

    return running


def _settings(**arguments: Any) -> BasetenEnvironmentSettings:
    how = {"model_id": "abc123", "env_name": "production", "autoscaling_settings": {"min_replica": 1}, **arguments}
    return BasetenEnvironmentSettings("settings", **how)


def test_inputs_are_the_apis_own_when_a_program_declares_settings(run: Run) -> None:
    """Names go out as they are written; nothing else goes with them but the host's entry."""
    promotion = {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}}
    _, mocks = run(lambda: _settings(promotion_settings=promotion, wait=False).urn)
    (args,) = mocks.registered
    assert (args.typ, args.name) == ("pulumi-python:dynamic/baseten:EnvironmentSettings", "settings")
    inputs = {key: value for key, value in args.inputs.items() if value is not None}
    assert isinstance(inputs.pop(PROVIDER_KEY), str)
    assert inputs == {
        "model_id": "abc123",
        "env_name": "production",
        "autoscaling_settings": {"min_replica": 1},
        "promotion_settings": promotion,
        "wait": False,
    }


def test_outputs_are_typed_when_a_program_reads_them(run: Run) -> None:
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


def test_whole_object_is_none_when_none_of_it_is_managed(run: Run) -> None:
    """Nothing is filled in by a server."""
    value, _ = run(lambda: _settings().promotion_settings)
    assert value is None


def test_resource_is_read_and_not_managed_when_it_is_looked_up(run: Run) -> None:
    """`get` registers a read by id, with no inputs of its own."""
    _, mocks = run(lambda: BasetenEnvironmentSettings.get("live", "abc123/staging").id)
    (args,) = mocks.registered
    assert (args.resource_id, args.name) == ("abc123/staging", "live")
    assert {key for key, value in args.inputs.items() if value is not None} == {PROVIDER_KEY}


def test_options_are_kept_when_a_resource_is_looked_up(run: Run) -> None:
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
    return BasetenEnvironmentSettings("other", model_id="abc123").urn


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
    config: dict[str, str], secrets: list[str], is_preview: bool, warnings: int, run: Run, warned: list[str]
) -> None:
    """A key belongs into a secret: a preview says so once, however many resources there are, and quotes no key."""
    pulumi.runtime.set_all_config(config, secrets)
    run(_two, preview=is_preview)
    assert warned == [PLAIN_KEY] * warnings


def test_each_stack_is_warned_of_when_one_process_previews_several(run: Run, warned: list[str]) -> None:
    """As an automation program does; a second preview of the same stack says nothing new."""
    pulumi.runtime.set_all_config({"baseten:apiKey": "k"})
    for stack in ("dev", "dev", "production"):
        run(_two, preview=True, stack=stack)
    assert warned == [PLAIN_KEY] * 2
