"""Check: validate and normalize inputs, and warn. Offline unless `baseten:previewReads` is set."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pulumi.output import Unknown

from baseten_pulumi.config import Config
from baseten_pulumi.provider.diff import dropped, is_replaced
from baseten_pulumi.provider.ownership import settings_owners
from baseten_pulumi.provider.preview_reads import compare
from baseten_pulumi.provider.pulumi_internals import Call, Row
from baseten_pulumi.schema.compare import differences, shown
from baseten_pulumi.schema.environment import PRODUCTION
from baseten_pulumi.schema.settings import FIELDS, MIN_REPLICA, ROLLING_DEPLOY, ROLLING_DEPLOY_CONFIG, flatten
from baseten_pulumi.schema.validate import Failure, validate_inputs

if TYPE_CHECKING:
    from baseten_pulumi.schema.environment import Environment


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
    if failures := failures or settings_owners.register(call.urn, inputs):
        return inputs, failures
    row, where = Row(call.urn), f"{_known(inputs['model_id'])}/{_known(inputs['env_name'])}"
    for warning in () if is_replaced(olds, inputs) else _warnings(olds, inputs):
        row.warn(f"{where}: {warning}")
    failures = compare(olds, inputs, config, call, lambda found: _drift(inputs, found))
    return {**inputs, "in_force": True} if config.waits(inputs["wait"]) else inputs, failures


def _warnings(olds: Mapping[str, Any], inputs: Mapping[str, Any]) -> Iterator[str]:
    settings = flatten(inputs)
    if settings == flatten(olds):  # warned of when they were declared
        return
    is_tuned = any(path.startswith(f"{ROLLING_DEPLOY_CONFIG}.") for path in settings)
    if is_tuned and settings.get(ROLLING_DEPLOY) is False:
        yield "rolling_deploy_config has no effect while rolling_deploy is false; Baseten only stores it."
    if inputs["env_name"] == PRODUCTION and settings.get(MIN_REPLICA) == 0:
        yield "min_replica is 0: production scales to zero without traffic; the next request waits for a cold start."
    for field in FIELDS.values():
        if field.is_deprecated and (value := settings.get(field.path)) is not None:
            rejected = ", and Baseten rejects true for models" if value is True else ""
            yield f"{field.name} is deprecated{rejected}; use rolling_deploy."
    for path, value in dropped(olds, inputs):
        yield f"{path} is no longer managed; Baseten keeps its value ({shown(value)})."


def _drift(inputs: Mapping[str, Any], found: "Environment | None") -> str:
    """Return what Baseten has otherwise."""
    if found is None:
        return ""
    settings = {path: value for path, value in flatten(inputs).items() if not isinstance(value, Unknown)}
    differing = differences(settings, found.observed(settings))
    return "; ".join(it.drift for it in differing)


def _known(name: Any) -> str:
    return "?" if isinstance(name, Unknown) else str(name)
