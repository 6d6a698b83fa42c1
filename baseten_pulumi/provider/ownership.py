"""Each environment, and each setting and autoscaling schedule of one, belongs to one resource of a program.

Two resources may manage different settings of one environment. The same setting in both would be sent twice, and each
`up` would undo half of the other. The provider's process lives as long as one operation of Pulumi, so what Check has
seen in it is what the program declares, with transforms and ignored changes applied.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.schema.schedules import Schedule
from baseten_pulumi.schema.settings import flatten
from baseten_pulumi.schema.validate import Failure, validate_together


@dataclass
class SettingsOwners:
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
        rule = f'is also declared by {_name(other, urn)} for environment "{env_name}" of model "{model_id}"'
        failures += [Failure(path, rule) for path in settings if path in theirs]
    if failures or not others:
        return failures
    owners = " and ".join(_name(other, urn) for other in others)
    return [
        replace(broken, rule=f"combined with the settings of {owners} for the same environment, {broken.rule}")
        for broken in validate_together({**together, **settings})
    ]


class EnvironmentOwners:
    """The environments that the resources of a program declare.

    What a program declares is never deleted: a rename without an alias, a move into a component and a replacement adopt
    the environment before the engine deletes the resource that had it, even if a run in between was interrupted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._declared: dict[str, tuple[str, str]] = {}

    def register(self, urn: str, inputs: Mapping[str, Any]) -> list[Failure]:
        """Record which environment a resource declares, in place of the one before; nothing with a failure.

        Args:
            urn: The resource.
            inputs: Its validated inputs.

        Returns:
            A failure if another resource declares the environment.
        """
        environment = (inputs["model_id"], inputs["env_name"])
        if not urn or not _are_known(*environment):
            return []
        with self._lock:
            self._declared.pop(urn, None)
            other = self._owner(environment)
            if other is not None:
                rule = f'is also declared by {_name(other, urn)} for model "{environment[0]}"'
                return [Failure("env_name", rule, environment[1])]
            self._declared[urn] = environment
            return []

    def owner(self, environment: tuple[str, str], other: str = "") -> str | None:
        """Return the name of the resource that declares an environment, with that of another resource its URN."""
        with self._lock:
            owner = self._owner(environment)
            return None if owner is None else _name(owner, "" if owner == other else other)

    def _owner(self, environment: tuple[str, str]) -> str | None:
        return next((urn for urn, theirs in self._declared.items() if theirs == environment), None)


class ScheduleOwners:
    """The autoscaling schedules that the resources of a program declare, and which resources have those of Baseten's.

    A rename without an alias, a move into a component and a replacement create before they delete: the schedule is
    adopted first, and deleting it by its id would delete what the program declares.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._declared: dict[str, tuple[tuple[str, str], Any, Any]] = {}
        self._holders: dict[str, set[str]] = {}

    def register(self, urn: str, inputs: Mapping[str, Any]) -> list[Failure]:
        """Record which schedule a resource declares, in place of the one before; nothing is recorded with a failure.

        Args:
            urn: The resource.
            inputs: Its validated inputs.

        Returns:
            A failure if another resource declares a schedule of that name, or another time zone, for the environment.
        """
        environment = (inputs["model_id"], inputs["env_name"])
        if not urn or any(isinstance(name, Unknown) for name in environment):
            return []
        name, zone = inputs["schedule_name"], inputs["timezone"]
        with self._lock:
            self._declared.pop(urn, None)
            failures = []
            for other, (theirs, other_name, other_zone) in self._declared.items():
                if theirs != environment:
                    continue
                where = f'{_name(other, urn)} for environment "{environment[1]}" of model "{environment[0]}"'
                if _are_known(name, other_name) and name == other_name:
                    failures.append(Failure("schedule_name", f"is also declared by {where}"))
                if _are_known(zone, other_zone) and zone != other_zone:
                    rule = f'must be "{other_zone}" as in {where} (all schedules of an environment share one)'
                    failures.append(Failure("timezone", rule, zone))
            if not failures:
                self._declared[urn] = (environment, name, zone)
            return failures

    def declares(self, environment: tuple[str, str], schedule: Schedule) -> bool:
        """Return whether a resource of this program declares a schedule, by its name or by its id."""
        with self._lock:
            names = [name for theirs, name, _ in self._declared.values() if theirs == environment]
            return schedule.name in names or schedule.id in self._holders

    def hold(self, urn: str, schedule_id: str) -> None:
        """Record that a resource of this program has a schedule; nothing is recorded without a URN."""
        if not urn:
            return
        with self._lock:
            self._holders.setdefault(schedule_id, set()).add(urn)

    def is_held_by_another(self, urn: str, schedule_id: str) -> bool:
        """Return whether another resource of this program has a schedule."""
        with self._lock:
            return bool(self._holders.get(schedule_id, set()) - {urn})

    def keeper(self, urn: str, environment: tuple[str, str], schedule_id: str) -> str | None:
        """Return the name of the resource for which a schedule must stay although `urn` is deleted; None for none.

        What is deleted can also be the earlier resource of the same URN, even in the run after a replacement that was
        interrupted, if the program declares that URN for this environment.
        """
        with self._lock:
            holders = self._holders.get(schedule_id, set())
            if others := holders - {urn}:
                return _name(min(others), urn)
            is_declared = urn in self._declared and self._declared[urn][0] == environment
            return _name(urn, "") if is_declared and urn in holders else None


settings_owners = SettingsOwners()
environment_owners = EnvironmentOwners()
schedule_owners = ScheduleOwners()


def _are_known(*values: Any) -> bool:
    return not any(isinstance(value, Unknown) for value in values)


def _name(urn: str, other: str) -> str:
    """Return the name of a resource, or its URN if the other resource has the same name."""
    name = urn.rpartition("::")[2]
    return f'"{urn}"' if other.endswith(f"::{name}") else f'"{name}"'
