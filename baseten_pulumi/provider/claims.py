"""Refuses what two resources of one operation cannot both declare, once the engine has resolved their inputs.

That is the same setting, or settings of one environment that break a rule between them.

This process lives as long as one operation, so what was checked in it is what the program declares.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.fields import flatten
from baseten_pulumi.ownership import Claim, Owners, reason
from baseten_pulumi.provider import checking, host
from baseten_pulumi.provider.judging import Failure

_owners = Owners()
_claiming = threading.Lock()


def contested(inputs: Mapping[str, Any]) -> list[Failure]:
    """Note what the resource under check manages, and return a failure for each setting that another one manages.

    Where there is none, each rule is one that its settings break together with those of others. With a failure nothing
    is noted.

    What is not known yet is not compared. Outside Pulumi's host, where nothing names the resource, nothing is.

    Args:
        inputs: Its normalised inputs.
    """
    urn, model_id, env_name = host.current_call().urn, inputs["model_id"], inputs["env_name"]
    if not urn or isinstance(model_id, Unknown) or isinstance(env_name, Unknown):
        return []
    known = {path: value for path, value in flatten(inputs).items() if not isinstance(value, Unknown)}
    claim = Claim(urn, model_id, env_name, known)
    with _claiming:
        conflicts = _owners.claim(claim)
        broken = [] if conflicts else _broken(claim, _owners.beside(claim))
        if broken:
            _owners.forget(urn)
    return broken or [Failure(it.path, reason(replace(it, owner=_name(it.owner, urn)), claim)) for it in conflicts]


def _broken(claim: Claim, others: Sequence[Claim]) -> list[Failure]:
    """Return the rules between settings that a claim breaks with others, which are named."""
    if not others:
        return []
    together: dict[str, Any] = {}
    for each in (claim, *others):
        together |= each.settings
    names = " and ".join(f'"{_name(it.owner, claim.owner)}"' for it in others)
    shared = f'in environment "{claim.env_name}" of model "{claim.model_id}", shared with {names}'
    return [Failure(it.path, f"{it.reason} {shared}") for it in checking.opposed(together)]


def _name(urn: str, other: str) -> str:
    """Return the name of a resource, or all of its URN where the other one has the same."""
    name = urn.rpartition("::")[2]
    return urn if other.endswith(f"::{name}") else name
