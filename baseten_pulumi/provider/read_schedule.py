"""Read of an autoscaling schedule, and how it is found among those of its environment."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pulumi.dynamic import ReadResult

from baseten_pulumi.config import Config
from baseten_pulumi.errors import Message, ScheduleConflictError
from baseten_pulumi.provider.read import parse, read_environment, recorded
from baseten_pulumi.schema.environment import Environment, schedule_of
from baseten_pulumi.schema.schedules import Schedule, as_declared, inputs_of, is_over, schedule_differences
from baseten_pulumi.schema.validate import ID_FORM


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
    model_id, env_name, schedule_id = parse_schedule_id(resource_id)
    in_force = props.get("in_force") is True
    unchanged = ReadResult(resource_id, dict(props), recorded(inputs_of(props), in_force=in_force))
    is_lookup = "env_name" not in props
    if is_over(props, datetime.now(timezone.utc)):
        return unchanged
    environment = read_environment(model_id, env_name, config, is_lookup=is_lookup)
    if environment is None:
        return ReadResult(None, {})
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
    return ReadResult(f"{model_id}/{env_name}/{found.id}", outputs, recorded(inputs, in_force=in_force))


def find(environment: Environment, schedule_id: str | None, name: str | None, failed: str) -> Schedule | None:
    """Return the schedule with the id; without one, the only one with the name."""
    schedules = listed(environment, failed)
    if schedule_id is not None:
        return next((it for it in schedules if it.id == schedule_id), None)
    named = [it for it in schedules if it.name == name]
    return named[0] if len(named) == 1 else None


def listed(environment: Environment, failed: str) -> tuple[Schedule, ...]:
    """Return the schedules of an environment.

    Raises:
        ScheduleConflictError: Baseten's list of them cannot be read, which is not the same as an empty one.
    """
    if environment.schedules is None:
        observed = "Baseten's response has a list of schedules that this release cannot read."
        action = "Update baseten-pulumi. If this is the latest release, please report it."
        raise ScheduleConflictError(Message(failed, observed, "Nothing was changed.", action))
    return environment.schedules


def parse_schedule_id(resource_id: str) -> tuple[str, str, str]:
    """Return model, environment and Baseten's id of a schedule.

    Raises:
        ConfigurationError: the id has another form.
    """
    model_id, env_name, schedule_id = parse(resource_id, f"{ID_FORM}/SCHEDULE_ID", "schedule", "abc123/production/s1")
    return model_id, env_name, schedule_id
