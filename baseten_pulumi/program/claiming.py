"""Refuses a setting that two resources of one program declare, before anything is registered.

Only what the program wrote as plain values is compared here, for next to nothing; what is an Output is compared by the
provider's check, once the engine has resolved it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from baseten_pulumi import schedules
from baseten_pulumi.ownership import Claim, Owners, reason
from baseten_pulumi.program.running import PerRun
from baseten_pulumi.schedules import SCHEDULES
from baseten_pulumi.settings import LATER


@dataclass
class _Program:
    """What one run of a program declares, and why it is refused; empty where it is not."""

    owners: Owners = field(default_factory=Owners)
    refusal: str = ""


_programs = PerRun(_Program)


def claim(resource_name: str, model_id: Any, env_name: Any, settings: Mapping[str, Any]) -> None:
    """Note that a resource declares settings of an environment.

    Args:
        resource_name: The resource; a second one of this name is the engine's to judge.
        model_id: Its model, as the program wrote it.
        env_name: Its environment, as the program wrote it.
        settings: Its settings, as the program wrote them.

    Raises:
        RunError: another resource of this run declares one of them.
    """
    if not (isinstance(model_id, str) and isinstance(env_name, str)):
        return
    made = Claim(resource_name, model_id, env_name, dict(_plain("", settings)))
    program = _programs.get()
    conflicts = program.owners.claim(made)
    if conflicts:
        refused = [f"{conflict.path} {reason(conflict, made)}" for conflict in conflicts]
        program.refusal = "\n".join(f'BasetenEnvironmentSettings "{resource_name}": {it}' for it in refused)
        raise pulumi.RunError(program.refusal)


def require_no_refusal() -> None:
    """Do nothing, unless a resource of this run was refused: Pulumi goes on to register those declared before it.

    Raises:
        RunError: one was.
    """
    refusal = _programs.get().refusal
    if refusal:
        raise pulumi.RunError(refusal)


def _plain(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the path and value of everything declared as a plain value."""
    for name, value in settings.items():
        if name == SCHEDULES:
            plain = schedules.flatten(value)
            yield from ((path, it) for path, it in plain.items() if not isinstance(it, LATER))
        elif isinstance(value, Mapping):
            yield from _plain(f"{prefix}{name}.", value)
        elif value is not None and not isinstance(value, LATER):
            yield f"{prefix}{name}", value
