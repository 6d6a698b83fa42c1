"""Read models and environments from Baseten without managing them.

Each function comes in two forms, as in Pulumi's own packages. The plain form takes values, blocks, and returns what it
read. The form that ends in `_output` also accepts outputs, and returns an output.

All of them read what Baseten reports at that moment, including in previews. To read settings after the same program
changed them, pass an output of the resource to the `_output` form (`env_name=settings.env_name`), or call the plain
form in an `apply` or a hook of the resource. Identical reads of the `_output` forms that run at the same time share one
request; results are not cached.

Without an API key the plain forms raise `MissingApiKeyError`. In a preview the results of the other forms are then
unknown, with one warning. Every error is one of `baseten_pulumi.errors`, which Pulumi shows without a traceback.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi
import pulumi.runtime

from baseten_pulumi.run_errors import run_errors
from baseten_pulumi.types import (
    AutoscalingSettings,
    PromotionSettings,
    RequestBackpressureSettings,
    RollingDeployConfig,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from baseten_pulumi.api.background import SharedByEndpoint, SharedReads
    from baseten_pulumi.api.client import BasetenClient
    from baseten_pulumi.schema import environment

TIMEOUT_SECONDS = 120.0
"""How long one read is retried."""

_Result = TypeVar("_Result")


class _Properties(dict[str, Any]):
    """A dict, every key of which is an attribute too. What Baseten does not report is None."""

    if not TYPE_CHECKING:  # or every attribute would exist for type checkers

        def __getattr__(self, name: str) -> Any:
            if name in type(self).__annotations__:
                return self.get(name)
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}", name=name, obj=self)


class Model(_Properties):
    """A model of the account."""

    id: str
    """Baseten's id: the `model_id` of resources and other lookups."""
    name: str | None
    """Name of the model, as Baseten shows it; None if Baseten does not report it."""
    team_name: str | None
    """The team within which the name is unique; None if Baseten does not report it."""


class Deployment(_Properties):
    """A deployment that serves an environment or is being promoted to it."""

    id: str | None
    """Baseten's id of the deployment."""
    name: str | None
    """Name of the deployment."""
    created_at: str | None
    """When it was created, in ISO 8601."""
    status: str | None
    """Such as DEPLOYING, LOADING_MODEL, ACTIVE, SCALED_TO_ZERO, INACTIVE or FAILED."""
    active_replica_count: int | None
    """Number of active replicas."""
    instance_type_name: str | None
    """Name of the instance type it runs on."""
    labels: dict[str, Any] | None
    """Labels that the user gave it."""


class InstanceType(_Properties):
    """The machine that an environment's deployments run on."""

    id: str | None
    """Baseten's id of the instance type, such as "L4:4x16"."""
    name: str | None
    """Name of the instance type."""
    memory_limit_mib: int | None
    """Memory, in mebibytes."""
    millicpu_limit: int | None
    """CPU, in thousandths of a core."""
    gpu_count: int | None
    """Number of GPUs."""
    gpu_type: str | None
    """Type of its GPUs, such as "H100"."""
    gpu_memory_limit_mib: int | None
    """Memory of a GPU, in mebibytes."""


class Promotion(_Properties):
    """The latest promotion to an environment; it may have ended."""

    status: str
    """RELEASING, RAMPING_UP, RAMPING_DOWN or PAUSED while it runs; SUCCEEDED, FAILED or CANCELED once it has ended;
    UNKNOWN if Baseten reports none."""
    is_running: bool
    """Whether it is still in progress, so that changes queue behind it."""
    percent_traffic_to_new_version: int | None
    """Share of the traffic on the candidate deployment, in percent."""
    error_message: str | None
    """Why it failed, in Baseten's words."""
    rolling_deploy: bool | None
    """Whether it is a rolling deploy."""


class Environment(_Properties):
    """An environment as Baseten reports it.

    Inside the settings, an attribute is None, and a key is absent, if Baseten reports no value.
    """

    model_id: str
    """Baseten's id of the model."""
    env_name: str
    """Name of the environment."""
    created_at: str | None
    """When it was created, in ISO 8601."""
    instance_type: InstanceType | None
    """The machine that its deployments run on."""
    current_deployment: Deployment | None
    """The deployment that serves it; None if none does."""
    candidate_deployment: Deployment | None
    """The deployment that is being promoted to it; None if no promotion is running."""
    in_progress_promotion: Promotion | None
    """The latest promotion; None if Baseten reports none."""
    autoscaling_settings: AutoscalingSettings
    """Its autoscaling settings."""
    promotion_settings: PromotionSettings
    """Its promotion settings."""
    request_backpressure_settings: RequestBackpressureSettings
    """Its backpressure settings."""


def get_environment(*, model_id: str, env_name: str) -> Environment:
    """Read an environment.

    Args:
        model_id: Baseten's id of the model.
        env_name: Name of the environment, such as "production".

    Raises:
        ConfigurationError: there is no API key, or an argument is malformed.
        ModelNotFoundError, EnvironmentNotFoundError: there is no such environment.
        RequestError: Baseten could not be read.
    """
    return _now(_read_environment, model_id=model_id, env_name=env_name)


def get_environment_output(*, model_id: pulumi.Input[str], env_name: pulumi.Input[str]) -> pulumi.Output[Environment]:
    """Read an environment once its model and name are known; otherwise like `get_environment`."""
    return _later(_read_environment, model_id=model_id, env_name=env_name)


def list_environments(*, model_id: str) -> Sequence[Environment]:
    """Read every environment of a model, sorted by name.

    Args:
        model_id: Baseten's id of the model.

    Raises:
        ConfigurationError: there is no API key, or the argument is malformed.
        ModelNotFoundError: there is no such model.
        RequestError: Baseten could not be read.
    """
    return _now(_list_environments, model_id=model_id)


def list_environments_output(*, model_id: pulumi.Input[str]) -> pulumi.Output[Sequence[Environment]]:
    """Read every environment of a model once its id is known; otherwise like `list_environments`."""
    return _later(_list_environments, model_id=model_id)


def find_model(*, name: str, team: str | None = None) -> Model:
    """Find a model by its name.

    Args:
        name: The full name, as Baseten shows it.
        team: Name of the model's team; None for every team. Names are unique only within a team.

    Raises:
        ConfigurationError: there is no API key, or an argument is malformed.
        ModelNotFoundError: no model has the name; those of other teams or similar names are listed.
        AmbiguousModelError: several models have it; their ids and teams are listed.
        RequestError: Baseten could not be read.
    """
    return _now(_find_model, name=name, team=team)


def find_model_output(*, name: pulumi.Input[str], team: pulumi.Input[str | None] = None) -> pulumi.Output[Model]:
    """Find a model by its name once the arguments are known; otherwise like `find_model`."""
    return _later(_find_model, name=name, team=team)


def list_models(*, team: str | None = None) -> Sequence[Model]:
    """Read every model that the API key can see, sorted by name.

    Args:
        team: Name of a team, to read only its models; None for every team.

    Raises:
        ConfigurationError: there is no API key, or the argument is malformed.
        ModelNotFoundError: the team has no models; the teams that have some are listed.
        RequestError: Baseten could not be read.
    """
    return _now(_list_models, team=team)


def list_models_output(*, team: pulumi.Input[str | None] = None) -> pulumi.Output[Sequence[Model]]:
    """Read every model once the team is known; otherwise like `list_models`."""
    return _later(_list_models, team=team)


async def _read_environment(client: "BasetenClient", timeout: float, *, model_id: str, env_name: str) -> Environment:
    return _environment(model_id, env_name, await client.read_environment(model_id, env_name, timeout=timeout))


async def _list_environments(client: "BasetenClient", timeout: float, *, model_id: str) -> Sequence[Environment]:
    found = await client.list_environments(model_id, timeout=timeout)
    return [_environment(model_id, env_name, found[env_name]) for env_name in sorted(found)]


async def _find_model(client: "BasetenClient", timeout: float, *, name: str, team: str | None) -> Model:
    return Model((await client.find_model(name, team, timeout=timeout)).model_dump())


async def _list_models(client: "BasetenClient", timeout: float, *, team: str | None) -> Sequence[Model]:
    from baseten_pulumi.api.models import of_team

    return [Model(it.model_dump()) for it in of_team(await client.list_models(timeout=timeout), team)]


class _Reads:
    """A client for one endpoint, and its pending reads."""

    def __init__(self, client: "BasetenClient", shared: "SharedReads") -> None:
        self.client, self.shared = client, shared

    async def close(self) -> None:
        """Close every connection."""
        await self.client.close()


@functools.cache
def _reads() -> "SharedByEndpoint[_Reads]":
    from baseten_pulumi.api.background import SharedByEndpoint, SharedReads
    from baseten_pulumi.api.client import BasetenClient

    return SharedByEndpoint(lambda endpoint: _Reads(BasetenClient(endpoint), SharedReads()))


def _start(
    read: Callable[..., Awaitable[_Result]],
    arguments: Mapping[str, Any],
    after: frozenset[pulumi.Resource] | None,
) -> "Future[_Result]":
    """Start a read on the background loop.

    Args:
        read: Sends the request.
        arguments: Its arguments.
        after: The resources it waited for; None if that is not known. It does not share a read that did not wait for
            them: that one may have been answered before they changed.

    Raises:
        ConfigurationError: there is no API key, or an argument is malformed.
    """
    from baseten_pulumi.api.background import background_loop
    from baseten_pulumi.api.retry import retry
    from baseten_pulumi.config import Config

    _refuse_malformed(arguments)
    endpoint = Config(pulumi.runtime.config.get_config).endpoint()

    async def reading() -> _Result:
        async with _reads().use(endpoint) as reads:

            def send() -> Awaitable[_Result]:
                return retry(lambda left: read(reads.client, left, **arguments), timeout=TIMEOUT_SECONDS)

            if after is None:
                return await send()
            return await reads.shared.read((read, tuple(arguments.items()), after), send)

    return background_loop().submit(reading())


def _now(read: Callable[..., Awaitable[_Result]], **arguments: Any) -> _Result:
    with run_errors():
        return _start(read, arguments, after=None).result()


def _later(read: Callable[..., Awaitable[_Result]], **arguments: Any) -> pulumi.Output[_Result]:
    known = pulumi.Output.all(**arguments)

    async def reading(values: dict[str, Any]) -> Any:
        from baseten_pulumi.errors import MissingApiKeyError

        with run_errors():
            try:
                return await asyncio.wrap_future(_start(read, values, frozenset(await known.resources())))
            except MissingApiKeyError:
                if not pulumi.runtime.is_dry_run():
                    raise
        _warn_of_missing_key(pulumi.get_project(), pulumi.get_stack())
        return pulumi.output.UNKNOWN

    return known.apply(reading)


@functools.cache
def _warn_of_missing_key(_project: str, _stack: str) -> None:
    pulumi.log.warn(
        "No API key is configured, so values that this program reads from Baseten are unknown in this preview. "
        "Set baseten:apiKey or BASETEN_API_KEY to see them."
    )


def _refuse_malformed(arguments: Mapping[str, Any]) -> None:
    from baseten_pulumi.errors import ConfigurationError, Message
    from baseten_pulumi.schema.validate import Failure, validate_names

    outputs = [name for name, value in arguments.items() if isinstance(value, pulumi.Output)]
    texts = {name: arguments[name] for name in ("name", "team") if name in arguments}
    failures = [] if outputs else validate_names({k: v for k, v in arguments.items() if k not in texts})
    if texts.get("team", "") is None:
        del texts["team"]
    failures += [
        Failure(name, "must be a non-empty string", text)
        for name, text in texts.items()
        if not outputs and not (isinstance(text, str) and text)
    ]
    failures += [Failure(name, "is an Output, whose value is not known yet") for name in outputs]
    if failures:
        action = (
            "Use the function whose name ends in _output; it accepts outputs."
            if outputs
            else "Correct it in the program."
        )
        observed = " ".join(f"{failure}." for failure in failures)
        raise ConfigurationError(Message("The lookup failed.", observed, "Nothing was sent.", action))


def _environment(model_id: str, env_name: str, found: "environment.Environment") -> Environment:
    from baseten_pulumi.schema.settings import nest

    settings = nest(found.settings)
    promotion_settings = settings.get("promotion_settings", {})
    if "rolling_deploy_config" in promotion_settings:
        promotion_settings["rolling_deploy_config"] = RollingDeployConfig(**promotion_settings["rolling_deploy_config"])
    return Environment(
        model_id=model_id,
        env_name=env_name,
        created_at=found.created_at,
        instance_type=None if found.instance_type is None else InstanceType(found.instance_type),
        current_deployment=None if found.current_deployment is None else Deployment(found.current_deployment),
        candidate_deployment=None if found.candidate_deployment is None else Deployment(found.candidate_deployment),
        in_progress_promotion=None if found.promotion is None else Promotion(found.promotion.outputs()),
        autoscaling_settings=AutoscalingSettings(**settings.get("autoscaling_settings", {})),
        promotion_settings=PromotionSettings(**promotion_settings),
        request_backpressure_settings=RequestBackpressureSettings(**settings.get("request_backpressure_settings", {})),
    )
