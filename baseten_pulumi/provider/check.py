"""Check: validate and normalize inputs, and warn. Offline unless `baseten:previewReads` is set."""

import asyncio
from collections.abc import Awaitable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pulumi.output import Unknown

from baseten_pulumi.config import Config, Endpoint
from baseten_pulumi.errors import BasetenError, ModelNotFoundError
from baseten_pulumi.provider.diff import dropped
from baseten_pulumi.provider.ownership import Owners
from baseten_pulumi.provider.pulumi_internals import Call, Row
from baseten_pulumi.provider.session import Session, run
from baseten_pulumi.schema.compare import differences, shown
from baseten_pulumi.schema.settings import MIN_REPLICA, ROLLING_DEPLOY, ROLLING_DEPLOY_CONFIG, flatten
from baseten_pulumi.schema.validate import Failure, validate_inputs

if TYPE_CHECKING:
    from baseten_pulumi.schema.environment import Environment

READ_SECONDS = 10.0
"""How long `baseten:previewReads` tries to read the environments of a model."""

_owners = Owners()
# The process lives as long as one operation of Pulumi, for which each model is read once.
_listed: dict[tuple[Endpoint, str], "asyncio.Task[dict[str, Environment]]"] = {}


def check(
    olds: Mapping[str, Any], news: Mapping[str, Any], config: Config, call: Call
) -> tuple[dict[str, Any], list[Failure]]:
    """Validate and normalize the inputs of a resource; warnings and notes go to its row.

    Args:
        olds: Inputs of the last operation; empty for a create.
        news: Inputs as the program declared them, with transforms and ignored changes applied.
        config: Configuration of the stack.
        call: The request that is being answered.

    Returns:
        The normalized inputs, with `in_force` true if the operation waits, and every failure.

    Raises:
        ConfigurationError: a switch of the stack is malformed.
    """
    inputs, failures = validate_inputs(news)
    if failures := failures or _owners.register(call.urn, inputs):
        return inputs, failures
    row, where = Row(call.urn), f"{_known(inputs['model_id'])}/{_known(inputs['env_name'])}"
    for warning in _warnings(olds, inputs):
        row.warn(f"{where}: {warning}")
    is_known = not any(isinstance(inputs[name], Unknown) for name in ("model_id", "env_name"))
    if is_known and config.reads_in_previews():
        note, failures = _compared_with_baseten(inputs, config)
        if note:
            row.note(f"{where}: {note}")
    return {**inputs, "in_force": True} if config.waits(inputs["wait"]) else inputs, failures


def _warnings(olds: Mapping[str, Any], inputs: Mapping[str, Any]) -> Iterator[str]:
    settings = flatten(inputs)
    is_tuned = any(path.startswith(f"{ROLLING_DEPLOY_CONFIG}.") for path in settings)
    if is_tuned and settings.get(ROLLING_DEPLOY) is False:
        yield "rolling_deploy_config has no effect while rolling_deploy is false; Baseten only stores it."
    if inputs["env_name"] == "production" and settings.get(MIN_REPLICA) == 0:
        yield "min_replica is 0: production scales to zero without traffic; the next request waits for a cold start."
    for path, value in dropped(olds, inputs):
        yield f"{path} is no longer managed; Baseten keeps its value ({shown(value)})."


def _compared_with_baseten(inputs: Mapping[str, Any], config: Config) -> tuple[str, list[Failure]]:
    """Return a note on what Baseten reports otherwise, and failures for a model or environment that does not exist."""
    model_id, env_name = inputs["model_id"], inputs["env_name"]
    try:
        endpoint = config.endpoint()
        environments = run(config, lambda session: _environments(session, endpoint, model_id))
    except ModelNotFoundError as error:
        return "", [Failure("model_id", error.message.observed.rstrip("."))]
    except BasetenError as error:
        return f"could not compare with Baseten: {error.message.observed}", []
    if env_name not in environments:
        listed = ", ".join(sorted(environments)) or "none"
        return "", [Failure("env_name", f'model "{model_id}" has no environment "{env_name}"; it has {listed}')]
    settings = {path: value for path, value in flatten(inputs).items() if not isinstance(value, Unknown)}
    found = differences(settings, environments[env_name].settings)
    return "; ".join(f"{it.name}: now {shown(it.observed)}, the program says {shown(it.desired)}" for it in found), []


def _environments(session: Session, endpoint: Endpoint, model_id: str) -> "Awaitable[dict[str, Environment]]":
    """Read the environments of a model, once for all resources of the program."""
    from baseten_pulumi.api.retry import retry

    key = (endpoint, model_id)
    if key not in _listed:
        reading = retry(lambda left: session.client.list_environments(model_id, timeout=left), timeout=READ_SECONDS)
        _listed[key] = asyncio.ensure_future(reading)
    return asyncio.shield(_listed[key])


def _known(name: Any) -> str:
    return "?" if isinstance(name, Unknown) else str(name)
