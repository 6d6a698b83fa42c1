"""The joint wait: one resource that waits for the settings of many environments. Reads only.

Its input `environments` maps the Pulumi name of each resource to one line (`schema.in_force`). A new revision in it, or
other settings, is something to wait for.
"""

import json
from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import ReadResult
from pulumi.output import Unknown

from baseten_pulumi.config import Config
from baseten_pulumi.errors import Message, NotAppliedError
from baseten_pulumi.provider.pulumi_internals import Call, Row
from baseten_pulumi.provider.session import former_settings, run
from baseten_pulumi.schema.in_force import LEFT_OUT, parse_entry
from baseten_pulumi.schema.validate import Failure
from baseten_pulumi.wait.desired import DesiredSettings

RESOURCE_ID = "in-force"
"""The id of every joint wait; it identifies nothing in Baseten."""
_ENVIRONMENTS = "environments"


def check(news: Mapping[str, Any], config: Config) -> tuple[dict[str, Any], list[Failure]]:
    """Validate the inputs; what a preview does not know yet is passed through."""
    environments = news.get(_ENVIRONMENTS)
    if isinstance(environments, Unknown):
        return {_ENVIRONMENTS: environments}, []
    if not isinstance(environments, Mapping) or not environments:
        return dict(news), [Failure(_ENVIRONMENTS, "must contain at least one environment", environments)]
    failures = [
        Failure(_path(name), "must be an id, a revision, and settings and status as JSON", entry)
        for name, entry in environments.items()
        if not isinstance(entry, Unknown) and not _is_valid(entry)
    ]
    if failures:
        return dict(news), failures
    waiting = {"in_force": True} if config.waits() else {}
    return {_ENVIRONMENTS: dict(environments), **waiting}, []


def changes(olds: Mapping[str, Any], news: Mapping[str, Any], config: Config) -> dict[str, str]:
    """Return what changes, by property path, in the words of Pulumi's protocol; empty if no update is due."""
    before, after = olds.get(_ENVIRONMENTS) or {}, news.get(_ENVIRONMENTS)
    if not isinstance(after, Mapping):
        return {_ENVIRONMENTS: "UPDATE"}
    found = {_path(name): "DELETE" for name in before if name not in after}
    for name, entry in after.items():
        if isinstance(entry, Unknown) or before.get(name) != entry:
            found[_path(name)] = "UPDATE" if name in before else "ADD"
    if not found and olds.get("in_force") is not True and config.waits():
        found["in_force"] = "UPDATE"
    return found


def wait(olds: Mapping[str, Any], news: Mapping[str, Any], config: Config, call: Call) -> dict[str, Any]:
    """Wait until the settings of every environment that is new or has changed are applied; return the outputs.

    What the last wait observed is not read again. If nothing is left to wait for, or the stack skips every wait, there
    is no request and no key is needed.

    Raises:
        NotAppliedError: the timeout is over, the wait was cancelled, or an environment was left out of this run. The
            next `up` waits again.
        BasetenError: Baseten could not be read.
    """
    environments: Mapping[str, str] = news[_ENVIRONMENTS]
    if left_out := sorted(name for name, line in environments.items() if line == LEFT_OUT):
        # Pulumi writes a state that no command accepts if a resource depends on one that does not exist.
        observed = f"This run leaves out resources that do not exist yet: {', '.join(left_out)}."
        action = "Run `pulumi up` with `--exclude-dependents`, or without `--exclude`."
        raise NotAppliedError(Message("The wait for settings was not started.", observed, "Nothing was sent.", action))
    before = olds.get(_ENVIRONMENTS) or {} if olds.get("in_force") is True else {}
    desired = []
    for name, line in environments.items():
        if before.get(name) != line:
            entry = parse_entry(line)
            former = former_settings.get(entry.revision)
            it = DesiredSettings(entry.model_id, entry.env_name, entry.settings, entry.status, name, before=former)
            desired.append(it)
    waits = config.waits()
    if desired and waits:
        row = Row(call.urn)
        try:
            notes = run(config, lambda session: session.watcher.wait(desired, timeout=call.timeout, report=row.report))
            row.end("applied")
        finally:
            row.flush()
        for note in notes:
            row.warn(note)
    return {_ENVIRONMENTS: dict(environments), "in_force": waits or not desired}


def read(resource_id: str, props: Mapping[str, Any]) -> ReadResult:
    """Return what is known; nothing of it exists at Baseten."""
    environments = dict(props.get(_ENVIRONMENTS) or {})
    outputs = {_ENVIRONMENTS: environments, "in_force": props.get("in_force") is True}
    return ReadResult(resource_id, outputs, {_ENVIRONMENTS: environments})


def _is_valid(entry: Any) -> bool:
    if entry == LEFT_OUT:
        return True
    try:
        parse_entry(entry)
    except ValueError:
        return False
    return True


def _path(name: str) -> str:
    return f"{_ENVIRONMENTS}[{json.dumps(name, ensure_ascii=False)}]"
