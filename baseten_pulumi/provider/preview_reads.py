"""With `baseten:previewReads`, Check compares what a program declares with what Baseten has.

Check cannot tell a preview from an `up`, so both compare.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pulumi.output import Unknown

from baseten_pulumi.config import Config, Endpoint
from baseten_pulumi.errors import BasetenError, ModelNotFoundError
from baseten_pulumi.provider.diff import is_replaced
from baseten_pulumi.provider.ownership import environment_owners
from baseten_pulumi.provider.pulumi_internals import Call, Row
from baseten_pulumi.provider.session import Session, run
from baseten_pulumi.schema.validate import Failure

if TYPE_CHECKING:
    from baseten_pulumi.schema.environment import Environment

READ_SECONDS = 10.0
"""How long reading the environments of a model is tried."""

# The environments of each model. The process lives as long as one operation of Pulumi, for which each is read once.
listed_environments: dict[tuple[Endpoint, str], "asyncio.Task[dict[str, Environment]]"] = {}


def compare(
    olds: Mapping[str, Any],
    inputs: Mapping[str, Any],
    config: Config,
    call: Call,
    note: Callable[["Environment | None"], str],
) -> list[Failure]:
    """Compare with Baseten, if that is on and model and environment are known; what differs goes to the row.

    Nothing is compared before a replacement, which Pulumi checks again as a create.

    Args:
        olds: Inputs of the last operation; empty for a create.
        inputs: Validated inputs.
        config: Configuration of the stack.
        call: The request that is being answered.
        note: Returns what to say of the environment as Baseten has it, "" for nothing. None is given for one that does
            not exist, but which this run declares.

    Returns:
        A failure if the model does not exist, or if the environment does not and this run does not declare it.
    """
    model_id, env_name = inputs["model_id"], inputs["env_name"]
    is_known = not (isinstance(model_id, Unknown) or isinstance(env_name, Unknown))
    if not (is_known and config.reads_in_previews()) or is_replaced(olds, inputs):
        return []
    try:
        endpoint = config.endpoint()
        environments = run(config, lambda session: _environments(session, endpoint, model_id))
    except ModelNotFoundError as error:
        return [Failure("model_id", error.message.observed.rstrip("."))]
    except BasetenError as error:
        text = f"could not compare with Baseten: {error.message.observed}"
    else:
        if not environments:
            rule = f'model "{model_id}" has no environments that this API key can see'
            return [Failure("model_id", rule)]
        if env_name not in environments and environment_owners.owner((model_id, env_name)) is None:
            listed = ", ".join(sorted(environments))
            rule = f'model "{model_id}" has no environment "{env_name}"; it has {listed}. Declare a BasetenEnvironment'
            return [Failure("env_name", rule)]
        text = note(environments.get(env_name))
    if text:
        Row(call.urn).note(f"{model_id}/{env_name}: {text}")
    return []


def _environments(session: Session, endpoint: Endpoint, model_id: str) -> "Awaitable[dict[str, Environment]]":
    """Read the environments of a model, once for all resources of the program."""
    from baseten_pulumi.api.retry import retry

    key = (endpoint, model_id)
    if key not in listed_environments:
        reading = retry(lambda left: session.client.list_environments(model_id, timeout=left), timeout=READ_SECONDS)
        listed_environments[key] = asyncio.ensure_future(reading)
    return asyncio.shield(listed_environments[key])
