"""An environment's settings: nested mappings that are never changed in place, their defaults and their rules.

Rules are those of Baseten's documentation; the API's description has types alone.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

from baseten_pulumi.testing.emulator.errors import ApiError

Settings: TypeAlias = dict[str, Any]

ROLLING_DEPLOY_DEFAULTS: Settings = {
    "rolling_deploy_strategy": "REPLICA",
    "max_surge_percent": 25,
    "max_unavailable_percent": 0,
    "stabilization_time_seconds": 0,
    "replica_overhead_percent": 0,
}
"""What Baseten fills in once a rolling deploy is configured."""

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
"""Baseten's documented defaults."""

NEW_ENVIRONMENT: Settings = {
    **DEFAULTS,
    "promotion_settings": {**DEFAULTS["promotion_settings"], "rolling_deploy": True},
}
"""Settings of an environment that a request creates: since October 2026, rolling deploys are on."""

_ENVIRONMENT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

_RANGES: dict[str, tuple[int, int | None]] = {
    "min_replica": (0, None),
    "max_replica": (1, None),
    "autoscaling_window": (10, 3600),
    "scale_down_delay": (0, 3600),
    "concurrency_target": (1, None),
    "target_utilization_percentage": (1, 100),
    "ramp_up_duration_seconds": (0, None),
    "max_surge_percent": (0, 50),
    "max_unavailable_percent": (0, 50),
    "stabilization_time_seconds": (0, 3600),
    "replica_overhead_percent": (0, 500),
}


def overlaid(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> Settings:
    """Return `settings` with every leaf of `changes` in place of its own, null included.

    An empty object changes nothing.
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
    """Return the part of `changes` with the named fields; a field's name is its last part, such as `max_replica`."""
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


def check_values(changes: Settings, *, allow_ramp_up: bool = False) -> None:
    """Check each value on its own.

    Args:
        changes: The settings of a request.
        allow_ramp_up: Whether `ramp_up_while_promoting: true` is accepted, as it was until October 2026.

    Raises:
        ApiError: 400, with the field, the rule and the value.
    """
    for path, value in leaves(changes):
        lowest, highest = _RANGES.get(path.rpartition(".")[2], (None, None))
        if lowest is not None and value is not None and (value < lowest or (highest is not None and value > highest)):
            bounds = f"at least {lowest}" if highest is None else f"between {lowest} and {highest}"
            raise ApiError(400, f"{path} must be {bounds}, got {value}")
        if path == "promotion_settings.ramp_up_while_promoting" and value and not allow_ramp_up:
            raise ApiError(400, f"{path}: models don't support canary promotions; use rolling_deploy")


def check_together(settings: Settings) -> None:
    """Check the rules between fields.

    Raises:
        ApiError: 400, with both fields.
    """
    autoscaling = settings["autoscaling_settings"]
    if autoscaling["min_replica"] > autoscaling["max_replica"]:
        replicas = f"min_replica ({autoscaling['min_replica']}) must not exceed max_replica"
        raise ApiError(400, f"{replicas} ({autoscaling['max_replica']})")
    config = settings["promotion_settings"]["rolling_deploy_config"]
    if config is None:
        return
    surge, unavailable = config["max_surge_percent"], config["max_unavailable_percent"]
    if surge and unavailable:
        both = f"max_surge_percent ({surge}) and max_unavailable_percent ({unavailable})"
        raise ApiError(400, f"{both} must not both be above 0")
    if settings["promotion_settings"]["rolling_deploy"] and not surge and not unavailable:
        raise ApiError(400, "one of max_surge_percent and max_unavailable_percent must be above 0")


def check_environment_name(name: str) -> None:
    """Check the name of a new environment.

    Raises:
        ApiError: 400, with the pattern.
    """
    if not _ENVIRONMENT_NAME.fullmatch(name):
        raise ApiError(400, f"name must match {_ENVIRONMENT_NAME.pattern}, got {name!r}")
