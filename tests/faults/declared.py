"""Programs of the campaign, as the model knows them: independent of how the product reads its inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Settings: TypeAlias = Mapping[str, Any]
"""Settings by dotted path."""

_CONFIG = "promotion_settings.rolling_deploy_config"
SURGE, UNAVAILABLE = f"{_CONFIG}.max_surge_percent", f"{_CONFIG}.max_unavailable_percent"
BACKPRESSURE = "request_backpressure_settings.policy"
MIN, MAX = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"
GROUPS = ("autoscaling_settings", "promotion_settings", "request_backpressure_settings")

VALUES: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "autoscaling": {
        MIN: (0, 1, 2),
        MAX: (3, 6, 9),
        "autoscaling_settings.concurrency_target": (1, 2, 8),
        "autoscaling_settings.scale_down_delay": (0, 900, 3600),
        "autoscaling_settings.autoscaling_window": (10, 120, 3600),
        "autoscaling_settings.target_utilization_percentage": (1, 70, 100),
    },
    "promotion": {
        "promotion_settings.rolling_deploy": (True, False),
        "promotion_settings.promotion_cleanup_strategy": ("KEEP", "SCALE_TO_ZERO"),
        "promotion_settings.ramp_up_duration_seconds": (0, 600),
        f"{_CONFIG}.stabilization_time_seconds": (0, 30, 3600),
        f"{_CONFIG}.replica_overhead_percent": (0, 100, 500),
        SURGE: (10, 50),
        UNAVAILABLE: (15, 50),
        BACKPRESSURE: ("NONE", "QUEUE_ON_FULL", "REJECT_ON_FULL"),
    },
}
"""What a program may declare, by the family of settings that a resource of it manages. Few values, bounds included, so
that programs come back to earlier ones. Any choice that `valid` returns is valid at Baseten."""
INVALID: Mapping[str, tuple[Any, ...]] = {
    MIN: (-1, 10, "two"),
    MAX: (0, -1),
    "autoscaling_settings.concurrency_target": (0,),
    "autoscaling_settings.scale_down_delay": (-1, 3601),
    "autoscaling_settings.autoscaling_window": (9, 3601),
    "autoscaling_settings.target_utilization_percentage": (0, 101),
    "autoscaling_settings.max_replicas": (3,),
}
"""Values beside the bounds, between which nothing is valid, and a misspelled setting."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One resource of a program; its settings are by dotted path."""

    environment: str  # model_id/env_name
    settings: Settings
    wait: bool = True
    timeout_seconds: float = 60.0

    @property
    def managed(self) -> dict[str, Any]:
        """The settings, with what Baseten's rule adds: of the two percentages, the one left out is 0."""
        pairs = ((SURGE, UNAVAILABLE), (UNAVAILABLE, SURGE))
        zeros = {other: 0 for one, other in pairs if self.settings.get(one) and other not in self.settings}
        return {**self.settings, **zeros}

    def inputs(self) -> dict[str, Any]:
        model_id, env_name = address(self.environment)
        outputs = dict.fromkeys(("status", "in_force", "revision"))
        return {"model_id": model_id, "env_name": env_name, "wait": self.wait, **outputs, **nested(self.settings)}


@dataclass(frozen=True, slots=True)
class Program:
    """Resources by name, and the timeout of a joint wait for all of them; None if there is none."""

    resources: Mapping[str, Declared] = field(default_factory=dict)
    joint_timeout_seconds: float | None = None


def address(environment: str) -> tuple[str, str]:
    model_id, env_name = environment.split("/")
    return model_id, env_name


def valid(settings: Settings) -> dict[str, Any]:
    """Return as much of a choice as is valid together: one of the two percentages."""
    return {path: value for path, value in settings.items() if path != UNAVAILABLE or SURGE not in settings}


def nested(settings: Settings) -> dict[str, Any]:
    """Build the objects that dotted paths describe."""
    root: dict[str, Any] = {}
    for path, value in settings.items():
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
    """Return every setting in objects of the API or of a state; a null is left out, except for backpressure."""
    if not isinstance(properties, Mapping):
        return {}
    found = dict(leaves({group: properties.get(group) for group in GROUPS}))
    plain = {path: value for path, value in found.items() if value is not None and path not in GROUPS}
    return {**plain, BACKPRESSURE: found[BACKPRESSURE] or "NONE"} if BACKPRESSURE in found else plain


def holds(settings: Settings, among: Settings) -> bool:
    """Return whether all settings have these values; a percentage that is not reported is a 0."""
    zeros = {SURGE: 0, UNAVAILABLE: 0} if among else {}
    found = {path: {**zeros, **among}.get(path) for path in settings}
    return all(
        it == found[path] and isinstance(it, bool) == isinstance(found[path], bool) for path, it in settings.items()
    )
