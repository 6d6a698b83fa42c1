"""Check, Diff and Read of an environment."""

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import ReadResult

from baseten_pulumi.config import Config
from baseten_pulumi.provider.diff import identity_changes
from baseten_pulumi.provider.ownership import environment_owners
from baseten_pulumi.provider.preview_reads import compare
from baseten_pulumi.provider.pulumi_internals import Call, Row
from baseten_pulumi.schema.environment import Environment, validate_environment
from baseten_pulumi.schema.validate import ID_FORM, Failure

UNPROTECTED = "not protected: deleting it cancels a promotion under way and scales its serving deployment to zero"


def check(
    olds: Mapping[str, Any], news: Mapping[str, Any], config: Config, call: Call
) -> tuple[dict[str, Any], list[Failure]]:
    """Validate and normalize the inputs of an environment; offline unless `baseten:previewReads` is set.

    Args:
        olds: Inputs of the last operation; empty for a create.
        news: Inputs as the program declared them, with transforms and ignored changes applied.
        config: Configuration of the stack.
        call: The request that is being answered.

    Returns:
        The normalized inputs, with `in_force` true if the operation waits, and every failure.
    """
    inputs, failures = validate_environment(news)
    if failures := failures or environment_owners.register(call.urn, inputs):
        return inputs, failures
    if config.waits():
        inputs["in_force"] = True
    if not olds and news.get("protected") is False:
        Row(call.urn).warn(UNPROTECTED)
    return inputs, compare(olds, inputs, config, call, lambda found: _expected(found, is_create=not olds))


def _expected(found: Environment | None, *, is_create: bool) -> str:
    """Return the note on an environment that exists already, or no longer."""
    if is_create:
        return "exists and will be adopted" if found else ""
    return "" if found else "no longer exists in Baseten; `pulumi up --refresh` creates it again"


def changes(olds: Mapping[str, Any], news: Mapping[str, Any], config: Config) -> dict[str, str]:
    """Return what changes, by property path, in the words of Pulumi's protocol; empty if no update is due.

    If the environment was never observed, there is still something to do while waiting is on, or if no response has
    shown it.
    """
    found = identity_changes(olds, news)
    if not found and olds.get("in_force") is not True and (config.waits() or not olds.get("created_at")):
        found["in_force"] = "UPDATE"
    return found


def read(id_: str, props: Mapping[str, Any], config: Config) -> ReadResult:
    """Read an environment as outputs and inputs of its resource.

    Args:
        id_: `model_id/env_name`.
        props: Outputs of the last operation; empty for a lookup.
        config: Configuration of the stack.

    Returns:
        A result without an id if the model has other environments and not this one.

    Raises:
        ConfigurationError: the id is malformed, or there is no API key.
        ModelNotFoundError: the model was not found, or this API key cannot see it.
        RequestError: Baseten could not be read, or what is looked up does not exist.
    """
    from baseten_pulumi.provider.read import parse, read_environment, recorded  # with httpx, which no preview needs

    model_id, env_name = parse(id_, ID_FORM, "environment", "abc123/staging")
    found = read_environment(model_id, env_name, config, is_lookup="env_name" not in props)
    if found is None:
        return ReadResult(None, {})
    inputs = {"model_id": model_id, "env_name": env_name}
    return ReadResult(id_, outputs_of(inputs, found, in_force=True), recorded(inputs, in_force=True))


def outputs_of(inputs: Mapping[str, Any], found: Environment | None, *, in_force: bool) -> dict[str, Any]:
    """Return the outputs of a resource, as far as they are known."""
    known = {} if found is None else found.facts
    return {"model_id": inputs["model_id"], "env_name": inputs["env_name"], **known, "in_force": in_force}
