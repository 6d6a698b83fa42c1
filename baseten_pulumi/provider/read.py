"""Read: what a refresh finds, and what `BasetenEnvironmentSettings.get` returns."""

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import ReadResult

from baseten_pulumi.api.retry import retry
from baseten_pulumi.config import Config
from baseten_pulumi.errors import ConfigurationError, EnvironmentNotFoundError, Message, ModelNotFoundError
from baseten_pulumi.provider.session import run
from baseten_pulumi.schema.compare import managed
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.settings import flatten, nest
from baseten_pulumi.schema.validate import ID_FORM, split_id

TIMEOUT_SECONDS = 120.0
"""How long reading one resource is tried; custom timeouts do not apply to reads."""


def read(resource_id: str, props: Mapping[str, Any], config: Config) -> ReadResult:
    """Read an environment as outputs and inputs of its resource.

    A resource of this stack gets the observed values of what it manages; a setting that is reported as null keeps its
    last value. A resource that is looked up by its id, whose program declares nothing, gets everything.

    Args:
        resource_id: `model_id/env_name`.
        props: Outputs of the last operation; empty for a lookup.
        config: Configuration of the stack.

    Returns:
        A result without an id if the model has other environments and not this one.

    Raises:
        ConfigurationError: the id is malformed, or there is no API key.
        ModelNotFoundError: the model was not found, or this API key cannot see it: a key of another workspace must
            not remove every resource from the state.
        RequestError: Baseten could not be read, or what is looked up does not exist.
    """
    model_id, env_name = parse(resource_id, ID_FORM, "environment", "abc123/production")
    is_lookup = "env_name" not in props
    observed = read_environment(model_id, env_name, config, is_lookup=is_lookup)
    if observed is None:
        return ReadResult(None, {})
    desired = {**observed.settings, **observed.unknown_settings} if is_lookup else flatten(props)
    found = managed(desired, observed.observed(desired))
    own = {"model_id": model_id, "env_name": env_name, "wait": props.get("wait", True)}
    inputs = {**own, **nest({**desired, **found})}
    is_queued = props.get("status") == "QUEUED" and observed.is_promoting
    in_force = props.get("in_force") is not False or (found == desired and not is_queued)
    # What was sent may be applied after this read: without a revision the next update sends again, even a former value.
    names = ("status", "revision") if in_force else ("status",)
    kept = {name: props[name] for name in names if props.get(name) is not None}
    return ReadResult(resource_id, {**inputs, **kept, "in_force": in_force}, recorded(inputs, in_force=in_force))


def recorded(inputs: Mapping[str, Any], *, in_force: bool) -> dict[str, Any]:
    """Return the inputs to record for what was read.

    Check adds `in_force`, so that a refresh that finds nothing must have it, too; without it the next preview says that
    there is still something to wait for.
    """
    return {**inputs, "in_force": True} if in_force else dict(inputs)


def read_environment(model_id: str, env_name: str, config: Config, *, is_lookup: bool) -> Environment | None:
    """Read the environment of a resource; None if the model has others and not this one.

    Raises:
        EnvironmentNotFoundError: so for a lookup: the engine would keep the id, and the program would go on without
            outputs.
        ModelNotFoundError: the model was not found, or this API key cannot see it.
        RequestError: Baseten could not be read.
    """
    try:
        return run(
            config,
            lambda session: retry(
                lambda left: session.client.read_environment(model_id, env_name, timeout=left), timeout=TIMEOUT_SECONDS
            ),
        )
    except EnvironmentNotFoundError:
        if is_lookup:
            raise
        return None
    except ModelNotFoundError as error:
        raise error if is_lookup else with_way_out(error) from None


def with_way_out(error: ModelNotFoundError) -> ModelNotFoundError:
    """Add what to do if the model was deleted."""
    action = f"{error.message.action} If the model was deleted, remove the resource with `pulumi state delete`."
    return error.with_message(action=action)


def parse(resource_id: str, form: str, what: str, example: str) -> list[str]:
    """Return the parts of the id of a resource.

    Raises:
        ConfigurationError: it has another form.
    """
    parts, failures = split_id(resource_id, form)
    if failures:
        observed = f'The id "{resource_id}" does not have the form {form}.'
        message = Message(
            f"The {what} could not be looked up.", observed, "Nothing was sent.", f'Use an id like "{example}".'
        )
        raise ConfigurationError(message)
    return parts
