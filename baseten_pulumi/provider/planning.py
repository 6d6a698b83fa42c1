"""Decide what a create or an update has to do, and have it done."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from baseten_pulumi.api.sending import SentBefore
from baseten_pulumi.fields import Settings, flatten, with_integers
from baseten_pulumi.provider import applying
from baseten_pulumi.provider.applying import Plan
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.host import Call
from baseten_pulumi.provider.identity import Identity
from baseten_pulumi.provider.session import open_session
from baseten_pulumi.schedules import wanted_names


def create(props: Mapping[str, Any], configuration: Configuration, call: Call) -> tuple[Plan, dict[str, Any]]:
    """Send every declared setting and wait; return what was done and the outputs."""
    plan = replace(_plan(props, configuration), incarnation=secrets.token_hex(4))
    return plan, applying.apply(plan, open_session(configuration), call)


def update(
    olds: Mapping[str, Any], news: Mapping[str, Any], configuration: Configuration, call: Call
) -> dict[str, Any]:
    """Do what is left to do, and return the outputs.

    A changed setting sends all of them, since others may have drifted meanwhile, and so does the lack of Baseten's word
    on them. Where that word is there and the settings were not seen in force, Baseten is asked first, and only what
    differs is sent. Where settings are merely no longer declared there is no request. One look, which may be an old
    one, does not tell that a schedule sent before is gone.
    """
    before = with_integers(flatten(olds))
    is_changed = any(before.get(path) != value for path, value in _wanted(news).items())
    status = olds.get("status")
    plan = replace(
        _plan(news, configuration),
        looks_first=status is not None and not is_changed,
        status=status,
        requests=int(olds.get("requests") or 0),
        incarnation=olds.get("incarnation"),
        sent_before=_sent_before(before, olds) if olds.get("requests") else None,
    )
    if not is_changed and _is_settled(olds, plan):
        return plan.outputs(plan.status, in_force=olds.get("in_force") is True)
    return applying.apply(plan, open_session(configuration), call)


def _sent_before(before: Settings, olds: Mapping[str, Any]) -> SentBefore:
    return SentBefore(wanted_names(before), is_in_doubt=olds.get("in_force") is not True)


def _is_settled(olds: Mapping[str, Any], plan: Plan) -> bool:
    """Tell whether the settings of the last operation need no further request."""
    return olds.get("in_force") is True or (not plan.is_waiting and plan.status is not None)


def _plan(inputs: Mapping[str, Any], configuration: Configuration) -> Plan:
    return Plan(
        identity=Identity(inputs["model_id"], inputs["env_name"]),
        settings=_wanted(inputs),
        wait=inputs.get("wait") is not False,
        is_waiting=configuration.is_waiting(inputs),
    )


def _wanted(inputs: Mapping[str, Any]) -> Settings:
    return with_integers(flatten(inputs))
