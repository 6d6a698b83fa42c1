"""Refuses a setting that two resources of one operation declare, once the engine has resolved their inputs.

This process lives as long as one operation, so what was checked in it is what the program declares.
"""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.fields import flatten
from baseten_pulumi.ownership import Claim, Owners, reason
from baseten_pulumi.provider import host
from baseten_pulumi.provider.judging import Failure

_owners = Owners()
_claiming = threading.Lock()


def contested(inputs: Mapping[str, Any]) -> list[Failure]:
    """Note what the resource under check manages, and return a failure for each setting that another one manages.

    What is not known yet is not compared. Outside Pulumi's host, where nothing names the resource, nothing is.

    Args:
        inputs: Its normalised inputs.
    """
    urn, model_id, env_name = host.current_call().urn, inputs["model_id"], inputs["env_name"]
    if not urn or isinstance(model_id, Unknown) or isinstance(env_name, Unknown):
        return []
    known = (path for path, value in flatten(inputs).items() if not isinstance(value, Unknown))
    claim = Claim(urn, model_id, env_name, tuple(known))
    with _claiming:
        conflicts = _owners.claim(claim)
    return [Failure(it.path, reason(replace(it, owner=_name(it.owner, urn)), claim)) for it in conflicts]


def _name(urn: str, other: str) -> str:
    """Return the name of a resource, or all of its URN where the other one has the same."""
    name = urn.rpartition("::")[2]
    return urn if other.endswith(f"::{name}") else name
