"""An environment's settings as Baseten holds them: nested mappings, never changed in place."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

Settings: TypeAlias = dict[str, Any]

ROLLING_DEPLOY_DEFAULTS: Settings = {
    "rolling_deploy_strategy": "REPLICA",
    "max_surge_percent": 10,
    "max_unavailable_percent": 0,
    "stabilization_time_seconds": 0,
    "replica_overhead_percent": 0,
}
"""What Baseten fills in once a rolling deploy is configured at all (its documentation)."""

DEFAULTS: Settings = {
    "autoscaling_settings": {
        "min_replica": 0,
        "max_replica": 1,
        "autoscaling_window": 60,
        "scale_down_delay": 900,
        "concurrency_target": 1,
        "target_utilization_percentage": 70,
        "target_in_flight_tokens": None,
        "max_scale_down_rate": 50,
    },
    "promotion_settings": {
        "redeploy_on_promotion": False,
        "rolling_deploy": False,
        "promotion_cleanup_strategy": "SCALE_TO_ZERO",
        "rolling_deploy_config": None,
        "ramp_up_while_promoting": False,
        "ramp_up_duration_seconds": 600,
    },
    "request_backpressure_settings": {"policy": None},
    "autoscaling_schedules": {"timezone": None, "schedules": {}},
}
"""What an environment is created with (Baseten's documentation)."""


def overlaid(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> Settings:
    """Return `settings` with every leaf of `changes` in place of its own, null included.

    An empty object says nothing.
    """
    result = dict(settings)
    for name, value in changes.items():
        if not isinstance(value, dict):
            result[name] = value
        elif value:
            result[name] = overlaid(result.get(name) or {}, value)
    return result


def merged(settings: Settings, changes: Settings) -> Settings:
    """Return `settings` with `changes` over them as Baseten merges, a rolling deploy that begins filled in."""
    return overlaid(settings, completed(changes, settings))


def former(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> Settings:
    """Return the changes that take `settings` back from `overlaid(settings, changes)`."""
    result: Settings = {}
    for name, value in changes.items():
        current = settings.get(name)
        result[name] = former(current, value) if isinstance(value, dict) and isinstance(current, dict) else current
    return result


def only(changes: Mapping[str, Any], fields: Collection[str]) -> Settings:
    """Return what `changes` says of the named fields; a field is named by its last part, such as `max_replica`."""
    result: Settings = {}
    for name, value in changes.items():
        if name in fields:
            result[name] = value
        elif isinstance(value, dict) and (kept := only(value, fields)):
            result[name] = kept
    return result


def completed(changes: Settings, settings: Settings) -> Settings:
    """Fill in the defaults of a rolling deploy that `settings` does not configure yet and `changes` begins to.

    Surge and unavailability exclude each other, so a declared unavailability leaves no surge by default.
    """
    given = (changes.get("promotion_settings") or {}).get("rolling_deploy_config")
    if not given or settings["promotion_settings"]["rolling_deploy_config"] is not None:
        return changes
    surge = {"max_surge_percent": 0} if given.get("max_unavailable_percent") else {}
    filled = {**ROLLING_DEPLOY_DEFAULTS, **surge, **given}
    return overlaid(changes, {"promotion_settings": {"rolling_deploy_config": filled}})


def leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each dotted path with its value."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
