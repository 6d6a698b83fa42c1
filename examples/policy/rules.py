"""What the house allows, as plain functions: the declared settings and the stack in, what is wrong with them out.

A policy sees a resource's inputs, as the engine holds them: numbers are floats, and what is not declared is not there.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Rule: TypeAlias = Callable[[Mapping[str, Any], str], Iterator[str]]

SETTINGS = "pulumi-python:dynamic/baseten:EnvironmentSettings"
"""The type of `BasetenEnvironmentSettings`; those a component declares have it too."""

REPLICA_CAPS = {"dev": 2, "staging": 4}
OTHER_STACKS_CAP = 10
SURGE_LIMIT_PERCENT = 30


def never_to_zero(settings: Mapping[str, Any], _stack: str) -> Iterator[str]:
    """Refuse production that may lose its last replica, be it by a schedule; one that does not say may, too."""
    for path, least in _everywhere(settings, "min_replica") if settings["env_name"] == "production" else ():
        if not least:
            shown = "is not declared" if least is None else "is 0"
            yield f"production never scales to zero: {path} {shown}; declare at least 1."


def within_replica_cap(settings: Mapping[str, Any], stack: str) -> Iterator[str]:
    """Refuse more replicas than the stack may have, at any hour."""
    cap = REPLICA_CAPS.get(stack, OTHER_STACKS_CAP)
    for path, most in _everywhere(settings, "max_replica"):
        if most is not None and most > cap:
            yield f'stack "{stack}" may have {cap} replicas: {path} is {most:g}.'


def within_surge_limit(settings: Mapping[str, Any], _stack: str) -> Iterator[str]:
    """Refuse rolling deploys that need much more hardware than the environment itself."""
    surge = _at(settings, "promotion_settings", "rolling_deploy_config", "max_surge_percent")
    if surge is not None and surge > SURGE_LIMIT_PERCENT:
        path = "promotion_settings.rolling_deploy_config.max_surge_percent"
        yield f"a rolling deploy may add {SURGE_LIMIT_PERCENT} % of replicas: {path} is {surge:g}."


def _everywhere(settings: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    """Yield path and value of an autoscaling setting: the environment's own, and that of each schedule."""
    yield f"autoscaling_settings.{name}", _at(settings, "autoscaling_settings", name)
    for place, schedule in enumerate(_at(settings, "autoscaling_schedule_settings", "schedules") or ()):
        path = f"autoscaling_schedule_settings.schedules[{place}].autoscaling_settings.{name}"
        yield path, _at(schedule, "autoscaling_settings", name)


def _at(settings: Mapping[str, Any], *path: str) -> Any:
    found: Any = settings
    for name in path:
        found = found.get(name) if found is not None else None
    return found
