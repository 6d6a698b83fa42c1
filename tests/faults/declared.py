"""Programs of the campaign, as the model knows them: independent of how the product reads its inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.faults import schedules

Settings: TypeAlias = Mapping[str, Any]
"""Settings by dotted path."""

_CONFIG = "promotion_settings.rolling_deploy_config"
SURGE, UNAVAILABLE = f"{_CONFIG}.max_surge_percent", f"{_CONFIG}.max_unavailable_percent"
BACKPRESSURE = "request_backpressure_settings.policy"
NO_POLICY = "NONE"
"""What a program says for the null that Baseten means no policy by."""
MIN, MAX = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"

VALUES: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "autoscaling": {
        MIN: (0, 1, 2),
        MAX: (3, 6, 9),
        "autoscaling_settings.concurrency_target": (1, 2, 8),
        "autoscaling_settings.scale_down_delay": (0, 900),
        "autoscaling_settings.autoscaling_window": (60, 120),
        **schedules.VALUES,
        schedules.TIMEZONE: schedules.TIMEZONES,
    },
    "promotion": {
        "promotion_settings.rolling_deploy": (True, False),
        "promotion_settings.promotion_cleanup_strategy": ("KEEP", "SCALE_TO_ZERO"),
        "promotion_settings.ramp_up_duration_seconds": (0, 600),
        f"{_CONFIG}.stabilization_time_seconds": (0, 30),
        f"{_CONFIG}.replica_overhead_percent": (0, 100),
        SURGE: (10, 25),
        UNAVAILABLE: (15, 30),
        BACKPRESSURE: (NO_POLICY, "QUEUE_ON_FULL", "REJECT_ON_FULL"),
    },
}
"""What a program may declare, by the family of settings a resource of it manages; any choice that `valid` returns is
valid at Baseten. Few values, so that programs come back to earlier ones."""
ADDED = frozenset({BACKPRESSURE, schedules.TIMEZONE, *schedules.PATHS})
"""What the founding page does not know."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One resource of a program.

    Attributes:
        environment: `model_id/env_name`.
        settings: What the program declares, by dotted path.
        wait: Whether the resource waits.
        timeout_seconds: Its custom timeout.
        delete_first: Whether a replaced one is deleted first; None where the program does not say.
    """

    environment: str
    settings: Settings
    wait: bool = True
    timeout_seconds: float = 60.0
    delete_first: bool | None = None

    @property
    def managed(self) -> dict[str, Any]:
        """The settings with what Baseten's rule adds: of the two percentages, the one left out is 0."""
        pairs = ((SURGE, UNAVAILABLE), (UNAVAILABLE, SURGE))
        zeros = {other: 0 for one, other in pairs if self.settings.get(one) and other not in self.settings}
        return {**self.settings, **zeros}

    def inputs(self) -> dict[str, Any]:
        """Return what the program's resource registers."""
        model_id, env_name = address(self.environment)
        own = {"model_id": model_id, "env_name": env_name, "wait": self.wait}
        outputs = dict.fromkeys(("status", "in_force", "requests", "incarnation"))
        return {**own, **outputs, **nested(self.settings)}

    @property
    def made(self) -> set[str]:
        """The paths of the schedules that it wants to be there."""
        return {it for it in schedules.PATHS if self.settings.get(it, schedules.ABSENT) != schedules.ABSENT}


@dataclass(frozen=True, slots=True)
class Program:
    """What a program declares.

    Attributes:
        resources: By name.
        joint_timeout_seconds: The custom timeout of one joint wait for all of them; None where there is none.
    """

    resources: Mapping[str, Declared] = field(default_factory=dict)
    joint_timeout_seconds: float | None = None


def address(environment: str) -> tuple[str, str]:
    """Return the model's id and the environment's name."""
    model_id, env_name = environment.split("/")
    return model_id, env_name


def valid(settings: Settings, api: str) -> dict[str, Any]:
    """Return as much of a choice as makes sense together: one of the two percentages, a timezone with schedules."""
    kept = {path: value for path, value in settings.items() if api == "current" or path not in ADDED}
    if SURGE in kept:
        kept.pop(UNAVAILABLE, None)
    if Declared("", kept).made:
        return {schedules.TIMEZONE: schedules.TIMEZONES[0], **kept}
    return {path: value for path, value in kept.items() if path != schedules.TIMEZONE}


def nested(settings: Settings) -> dict[str, Any]:
    """Build the objects that dotted paths describe."""
    root: dict[str, Any] = schedules.declared(settings)
    for path, value in settings.items():
        if path.startswith(schedules.PREFIX):
            continue
        *parents, name = path.split(".")
        place = root
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    return root


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each dotted path of nested objects with its value."""
    for name, inner in value.items() if isinstance(value, Mapping) else ():
        if isinstance(inner, Mapping):
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner


def settings_of(properties: Any) -> dict[str, Any]:
    """Return every setting that objects of the API or of a state hold, nulls left out that mean nothing."""
    if not isinstance(properties, Mapping):
        return {}
    groups = ("autoscaling_settings.", "promotion_settings.")
    plain = {path: value for path, value in leaves(properties) if path.startswith(groups) and value is not None}
    backpressure = properties.get("request_backpressure_settings")
    policy = {BACKPRESSURE: backpressure.get("policy") or NO_POLICY} if isinstance(backpressure, Mapping) else {}
    return {**plain, **policy, **schedules.settings_of(properties)}
