"""Check and Diff of an autoscaling schedule."""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.config import Config
from baseten_pulumi.provider.diff import identity_changes, kind_of_change, replaced_properties
from baseten_pulumi.provider.ownership import schedule_owners
from baseten_pulumi.provider.preview_reads import compare
from baseten_pulumi.provider.pulumi_internals import Call
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.schedules import fields, is_over, schedule_differences, validate_schedule
from baseten_pulumi.schema.settings import walk
from baseten_pulumi.schema.validate import Failure


def check(
    olds: Mapping[str, Any], news: Mapping[str, Any], config: Config, call: Call
) -> tuple[dict[str, Any], list[Failure]]:
    """Validate and normalize the inputs of a schedule; offline unless `baseten:previewReads` is set.

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
    failures = compare(olds, inputs, config, call, lambda found: _drift(olds, inputs, found))
    return {**inputs, "in_force": True} if config.waits() else inputs, failures


def _drift(olds: Mapping[str, Any], inputs: Mapping[str, Any], found: Environment | None) -> str:
    """Return what Baseten has otherwise of the only schedule with the name."""
    name = inputs["schedule_name"]
    if found is None or found.schedules is None or isinstance(name, Unknown):
        return ""
    named = [it for it in found.schedules if it.name == name]
    if not named and olds.get("schedule_name") == name and not is_over(olds, _now()):
        return "the schedule no longer exists in Baseten; `pulumi up --refresh` creates it again"
    if len(named) != 1:
        return ""
    texts = [
        it.drift
        for it in schedule_differences(inputs, named[0].properties)
        if not any(isinstance(inner, Unknown) for _, inner in walk(it.desired))
    ]
    return "; ".join(["exists and will be adopted"] * (not olds) + texts)


def changes(olds: Mapping[str, Any], news: Mapping[str, Any], config: Config, call: Call) -> dict[str, str]:
    """Return what changes, by property path, in the words of Pulumi's protocol; empty if no update is due.

    If the schedule was never observed as declared, there is still something to do while waiting is on, or if its id is
    not known, unless it is a one-time schedule whose end has passed.
    """
    if schedule_id := olds.get("schedule_id"):
        schedule_owners.hold(call.urn, schedule_id)
    found = identity_changes(olds, news)
    before = fields(olds)
    for path, value in fields(news).items():
        old = before.get(path)
        if any(isinstance(inner, Unknown) for _, inner in walk(value)):
            found[path] = "UPDATE"
        elif value != old:
            found[path] = kind_of_change(old, value)
    is_unfinished = olds.get("in_force") is not True and (config.waits() or not olds.get("schedule_id"))
    if not found and is_unfinished and not is_over(olds, _now()):
        found["in_force"] = "UPDATE"
    return found


def _now() -> datetime:
    return datetime.now(timezone.utc)
