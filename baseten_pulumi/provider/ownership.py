"""Each setting of an environment belongs to one resource of a program.

Two resources may manage different settings of one environment. The same setting in both would be sent twice, and each
`up` would undo half of the other. The provider's process lives as long as one operation of Pulumi, so what Check has
seen in it is what the program declares, with transforms and ignored changes applied.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.schema.settings import flatten
from baseten_pulumi.schema.validate import Failure, validate_together


@dataclass
class Owners:
    """The settings of every resource that was checked, by environment and URN."""

    _settings: dict[tuple[str, str], dict[str, dict[str, Any]]] = field(default_factory=dict)
    _environment_of: dict[str, tuple[str, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def register(self, urn: str, inputs: Mapping[str, Any]) -> list[Failure]:
        """Record what a resource manages, in place of what it managed before; nothing is recorded with a failure.

        What is not known yet is not compared, and neither is anything without a URN.

        Args:
            urn: The resource.
            inputs: Its validated inputs.

        Returns:
            A failure for each setting that another resource manages or, if there is none, for each rule that the
            settings of several resources break together.
        """
        environment = (inputs["model_id"], inputs["env_name"])
        if not urn or any(isinstance(name, Unknown) for name in environment):
            return []
        settings = {path: value for path, value in flatten(inputs).items() if not isinstance(value, Unknown)}
        with self._lock:
            previous = self._environment_of.pop(urn, None)
            if previous is not None:
                del self._settings[previous][urn]
            others = self._settings.setdefault(environment, {})
            failures = _conflicts(urn, environment, settings, others)
            if not failures:
                others[urn] = settings
                self._environment_of[urn] = environment
            return failures


def _conflicts(
    urn: str, environment: tuple[str, str], settings: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]
) -> list[Failure]:
    model_id, env_name = environment
    failures = []
    together: dict[str, Any] = {}
    for other, theirs in others.items():
        together |= theirs
        rule = f'is already managed by {_name(other, urn)} for environment "{env_name}" of model "{model_id}"'
        failures += [Failure(path, rule) for path in settings if path in theirs]
    if failures or not others:
        return failures
    owners = " and ".join(_name(other, urn) for other in others)
    return [
        replace(broken, rule=f"combined with the settings of {owners} for the same environment, {broken.rule}")
        for broken in validate_together({**together, **settings})
    ]


def _name(urn: str, other: str) -> str:
    """Return the name of a resource, or its URN if the other resource has the same name."""
    name = urn.rpartition("::")[2]
    return f'"{urn}"' if other.endswith(f"::{name}") else f'"{name}"'
