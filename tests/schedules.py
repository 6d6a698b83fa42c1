"""Autoscaling schedules for tests: as a program declares them and as Baseten reports them."""

from typing import Any

SCHEDULES = "autoscaling_schedule_settings"
NULLS = (
    "autoscaling_window",
    "scale_down_delay",
    "concurrency_target",
    "target_utilization_percentage",
    "target_in_flight_tokens",
    "max_scale_down_rate",
)


def schedule(name: Any = "peak", *, overrides: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """Return a complete daily schedule as a program may declare it; parts and overrides given count."""
    return {
        "name": name,
        "enabled": True,
        "cadence": "DAILY",
        "weekdays": ["MONDAY", "FRIDAY"],
        "start_hour": 8,
        "start_minute": 0,
        "end_hour": 10,
        "end_minute": 30,
        "autoscaling_settings": {"min_replica": 2, "max_replica": 8, **(overrides or {})},
        **parts,
    }


def reported(declared: dict[str, Any], schedule_id: str | None = None) -> dict[str, Any]:
    """Return a schedule as the API holds it, with every null."""
    overrides = {**dict.fromkeys(NULLS), **declared["autoscaling_settings"]}
    known = {} if schedule_id is None else {"id": schedule_id}
    return {**known, **declared, "autoscaling_settings": overrides}


def one_time(name: Any = "launch", *, overrides: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """Return a one-time schedule that is still to come, as Baseten reports it; parts and overrides given count."""
    window = {"start_at": "2099-01-01T08:00:00Z", "end_at": "2099-01-01T10:00:00Z"}
    scaling = {"min_replica": 4, "max_replica": 9, **dict.fromkeys(NULLS), **(overrides or {})}
    return {
        "name": name,
        "enabled": True,
        "cadence": "ONE_TIME",
        **window,
        "autoscaling_settings": scaling,
        **parts,
    }


def inputs(model_id: Any, name: Any = "peak", zone: Any = "UTC", **changes: Any) -> dict[str, Any]:
    """Return the checked inputs of a resource that declares `schedule(name)`; what is changed to None is left out."""
    found = {**_inputs(model_id, schedule(name)), "timezone": zone, **changes}
    return {key: value for key, value in found.items() if value is not None}


def one_time_inputs(model_id: Any, name: Any = "launch", **changes: Any) -> dict[str, Any]:
    """Return the checked inputs of a resource that declares `one_time(name)`; given changes count."""
    overrides = {"min_replica": 4, "max_replica": 9}
    return {**_inputs(model_id, one_time(name)), "autoscaling_settings": overrides, **changes}


def _inputs(model_id: Any, parts: dict[str, Any]) -> dict[str, Any]:
    own = {"model_id": model_id, "env_name": "production", "schedule_name": parts.pop("name"), "timezone": "UTC"}
    return {**own, **parts}
