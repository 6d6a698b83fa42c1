"""Defects planted in the product, one at a time, to see that the campaign finds each.

A mutant replaces one name of one module while the campaign runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias
from unittest import mock

from baseten_pulumi.api import client, failures, models, retrying
from baseten_pulumi.convergence import watch
from baseten_pulumi.provider import applying, diffing, joint_members, joint_wait, planning, reading, target
from tests.faults.running import run

Mutant: TypeAlias = tuple[Any, str, Callable[[Any], Any]]
"""Where a name stands, the name, and what makes the defect of what it stood for."""


def _no_wait(true: Any) -> Any:
    async def wait(self: Any, status: str) -> None:
        return None

    return wait


def _without_null(true: Any) -> Any:
    def body(settings: Any, *more: Any) -> Any:
        sent = true(settings, *more)
        config = (sent.get("promotion_settings") or {}).get("rolling_deploy_config") or {}
        if "max_surge_percent" in config and config["max_surge_percent"] is None:
            del config["max_surge_percent"]
        return sent

    return body


def _changed_only(true: Any) -> Any:
    """An update of a changed setting that looks first, and sends the difference to what is reported."""

    def plan(*arguments: Any, **changes: Any) -> Any:
        return true(*arguments, **{**changes, **({"looks_first": True} if "looks_first" in changes else {})})

    return plan


def _sure(true: Any) -> Any:
    def doubtless(error: Any) -> Any:
        return error

    return doubtless


def _plain(true: Any) -> Any:
    """An error in place of one that keeps the resource."""

    def partial(self: Any, error: Any, status: Any) -> Any:
        return error

    return partial


def _claiming(true: Any) -> Any:
    def outputs(self: Any, status: Any, *, in_force: bool) -> Any:
        return true(self, status, in_force=True)

    return outputs


def _says(word: Any) -> Callable[[Any], Any]:
    return lambda true: lambda *arguments, **more: word


def _first_only(true: Any) -> Any:
    def differences(wanted: Any, reported: Any) -> Any:
        return true(dict(list(wanted.items())[:1]), reported)

    return differences


def _settled(true: Any) -> Any:
    def result(identity: Any, props: Any, *more: Any) -> Any:
        found = true(identity, props, *more)
        found.outs.update({**({"status": props["status"]} if props.get("status") else {}), "in_force": True})
        return found

    return result


def _forgetful(true: Any) -> Any:
    return lambda managed, reported: dict(managed)


def _untold(true: Any) -> Any:
    def line(text: str, api_key: str) -> Any:
        return true(text, "")

    return line


def _uncounted(true: Any) -> Any:
    def mark(self: Any) -> None:
        self._session.sent.add(self._identity)

    return mark


def _never_lost(true: Any) -> Any:
    return property(lambda self: False)


def _tries_for_ever(true: Any) -> Any:
    async def retrying_(attempt: Any, *, within_seconds: float, **more: Any) -> Any:
        return await true(attempt, within_seconds=10 * within_seconds, **more)

    return retrying_


def _everything(true: Any) -> Any:
    def plan(inputs: Any, configuration: Any) -> Any:
        found = true(inputs, configuration)
        return replace(found, settings={"promotion_settings.redeploy_on_promotion": True, **found.settings})

    return plan


MUTANTS: Mapping[str, Mutant] = {
    "max_surge_percent is left out in place of an explicit null": (models, "update_body", _without_null),
    "in_force is claimed without reading": (applying._Application, "_wait", _no_wait),
    "in_force is claimed whatever happened": (applying._Application, "_outputs", _claiming),
    "a request in doubt is forgotten": (applying._Application, "_partial", _plain),
    "doubt of an earlier attempt is forgotten": (retrying, "in_doubt", _sure),
    "only the first setting is compared": (watch, "differences", _first_only),
    "an update looks first though a setting changed": (planning, "replace", _changed_only),
    "an update of an unfinished one is settled": (planning, "_is_settled", _says(True)),
    "an unfinished wait is no difference": (diffing, "changes", lambda true: lambda olds, news, is_waiting: {
        path: change for path, change in true(olds, news, is_waiting=is_waiting).items() if path != "in_force"}),
    "a refresh takes what is on its way for settled": (reading, "_result", _settled),
    "a refresh gives back what was declared": (reading, "restated", _forgetful),
    "the key is quoted": (failures, "_one_line", _untold),
    "requests are not counted": (target.Target, "_mark", _uncounted),
    "a joint wait sends nothing again": (joint_members.Member, "may_be_lost", _never_lost),
    "a joint wait sees what it did not look at": (joint_wait, "unseen", _says({})),
    "a joint wait of changed environments is none": (joint_members, "has_changes", _says(False)),
    "sending goes on after its time": (client, "retrying", _tries_for_ever),
    "an undeclared setting is sent": (planning, "_plan", _everything),
}  # fmt: skip
"""By what is wrong."""


def caught(mutant: Mutant, runs: int, chance: int) -> tuple[str | None, int]:
    """Return what the campaign says of a mutant, None where nothing, and after how many runs."""
    where, name, made = mutant
    with mock.patch.object(where, name, made(getattr(where, name))):
        report = run(runs, chance, is_shrinking=False)
    said = [str(violation).splitlines()[0] for violation in report.violations]
    return (said[0] if said else None), report.tally.runs
