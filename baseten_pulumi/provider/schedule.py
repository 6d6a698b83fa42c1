"""Check, Diff and Read of an autoscaling schedule."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pulumi.dynamic import ReadResult
from pulumi.output import Unknown

from baseten_pulumi.config import Config
from baseten_pulumi.errors import (
    ConfigurationError,
    EnvironmentNotFoundError,
    Message,
    ModelNotFoundError,
    ScheduleConflictError,
)
from baseten_pulumi.provider.diff import replaced_properties
from baseten_pulumi.provider.ownership import schedule_owners
from baseten_pulumi.provider.pulumi_internals import Call
from baseten_pulumi.provider.session import run
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.schedules import (
    Schedule,
    as_declared,
    fields,
    inputs_of,
    is_over,
    schedule_differences,
    validate_schedule,
)
from baseten_pulumi.schema.settings import walk
from baseten_pulumi.schema.validate import Failure, validate_names

_ID_PARTS = 3


def check(
    olds: Mapping[str, Any], news: Mapping[str, Any], config: Config, call: Call
) -> tuple[dict[str, Any], list[Failure]]:
    """Validate and normalize the inputs of a schedule; offline.

    Args:
        olds: Inputs of the last operation; empty for a create.
        news: Inputs as the program declared them, with transforms and ignored changes applied.
        config: Configuration of the stack.
        call: The request that is being answered.

    Returns:
        The normalized inputs, with `in_force` true if the operation waits, and every failure.
    """
    inputs, failures = validate_schedule(news, {} if replaced_properties(olds, news) else olds, _now())
    if failures := failures or schedule_owners.register(call.urn, inputs):
        return inputs, failures
    return {**inputs, "in_force": True} if config.waits() else inputs, []


def changes(olds: Mapping[str, Any], news: Mapping[str, Any], config: Config, call: Call) -> dict[str, str]:
    """Return what changes, by property path, in the words of Pulumi's protocol; empty if no update is due.

    If the schedule was never observed as declared, there is still something to do while waiting is on, or if its id is
    not known, unless it is a one-time schedule whose end has passed.
    """
    if schedule_id := olds.get("schedule_id"):
        schedule_owners.hold(call.urn, schedule_id)
    found = dict.fromkeys(replaced_properties(olds, news), "UPDATE_REPLACE")
    found |= {name: "UPDATE" for name in ("model_id", "env_name") if isinstance(news.get(name), Unknown)}
    before = fields(olds)
    for path, value in fields(news).items():
        old = before.get(path)
        if any(isinstance(inner, Unknown) for _, inner in walk(value)):
            found[path] = "UPDATE"
        elif value != old:
            found[path] = "ADD" if old is None else "DELETE" if value is None else "UPDATE"
    is_unfinished = olds.get("in_force") is not True and (config.waits() or not olds.get("schedule_id"))
    if not found and is_unfinished and not is_over(olds, _now()):
        found["in_force"] = "UPDATE"
    return found


def read(resource_id: str, props: Mapping[str, Any], config: Config) -> ReadResult:
    """Read a schedule as outputs and inputs of its resource.

    A one-time schedule whose end has passed is not read: Baseten may have removed it, and nothing is to be restored.

    Args:
        resource_id: `model_id/env_name/SCHEDULE_ID`.
        props: Outputs of the last operation; empty for a lookup.
        config: Configuration of the stack.

    Returns:
        A result without an id if the schedule is gone.

    Raises:
        ConfigurationError: the id is malformed, or there is no API key.
        ModelNotFoundError: the model was not found, or this API key cannot see it.
        RequestError: Baseten could not be read, or the environment of a lookup does not exist.
        ScheduleConflictError: the schedule of a lookup does not exist.
    """
    from baseten_pulumi.api.client import schedule_of
    from baseten_pulumi.api.retry import retry
    from baseten_pulumi.provider.read import TIMEOUT_SECONDS, with_way_out

    model_id, env_name, schedule_id = parse(resource_id)
    unchanged = ReadResult(resource_id, dict(props), inputs_of(props))
    is_lookup = "env_name" not in props
    if is_over(props, _now()):
        return unchanged
    try:
        environment = run(
            config,
            lambda session: retry(
                lambda left: session.client.read_environment(model_id, env_name, timeout=left), timeout=TIMEOUT_SECONDS
            ),
        )
    except EnvironmentNotFoundError:
        if is_lookup:
            raise
        return ReadResult(None, {})
    except ModelNotFoundError as error:
        raise error if is_lookup else with_way_out(error) from None
    known_id = schedule_id if is_lookup else props.get("schedule_id")
    failed = f"{schedule_of(props.get('schedule_name', schedule_id), model_id, env_name)} could not be read."
    found = find(environment, known_id, props.get("schedule_name"), failed)
    if found is None and is_lookup:
        known = ", ".join(f'"{it.name}" ({it.id})' for it in environment.schedules or ()) or "none"
        observed = f"The environment has no schedule with the id {schedule_id}. Its schedules: {known}."
        raise ScheduleConflictError(Message(failed, observed, "", "Use the id of one of them."))
    if found is None:
        return ReadResult(None, {}) if known_id else unchanged
    inputs = {"model_id": model_id, "env_name": env_name, **as_declared(props, found.properties)}
    in_force = props.get("in_force") is not False or not schedule_differences(props, found.properties)
    outputs = {**inputs, "schedule_id": found.id, "in_force": in_force}
    return ReadResult(f"{model_id}/{env_name}/{found.id}", outputs, inputs)


def find(environment: Environment, schedule_id: str | None, name: str | None, failed: str) -> Schedule | None:
    """Return the schedule with the id; without one, the only one with the name."""
    from baseten_pulumi.provider.apply_schedule import listed

    schedules = listed(environment, failed)
    if schedule_id is not None:
        return next((it for it in schedules if it.id == schedule_id), None)
    named = [it for it in schedules if it.name == name]
    return named[0] if len(named) == 1 else None


def parse(resource_id: str) -> tuple[str, str, str]:
    """Return the three parts of the id of a schedule's resource.

    Raises:
        ConfigurationError: it has another form.
    """
    parts = resource_id.split("/")
    if len(parts) != _ID_PARTS or not parts[2] or validate_names({"model_id": parts[0], "env_name": parts[1]}):
        observed = f'The id "{resource_id}" does not have the form model_id/env_name/SCHEDULE_ID.'
        action = 'Use an id like "abc123/production/s1".'
        raise ConfigurationError(Message("The schedule could not be looked up.", observed, "Nothing was sent.", action))
    return parts[0], parts[1], parts[2]


def _now() -> datetime:
    return datetime.now(timezone.utc)
