"""The rules as plain functions: each takes the declared settings and the stack, and yields the violations.

A policy sees a resource's inputs as the engine has them: numbers are floats, and a setting that is not declared is
absent.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Rule: TypeAlias = Callable[[Mapping[str, Any], str], Iterator[str]]

SETTINGS = "pulumi-python:dynamic/baseten:EnvironmentSettings"
"""The type of `BasetenEnvironmentSettings`, also of those that a component declares."""

REPLICA_CAPS = {"dev": 2, "staging": 4}
OTHER_STACKS_CAP = 10
SURGE_LIMIT_PERCENT = 30


def never_to_zero(settings: Mapping[str, Any], _stack: str) -> Iterator[str]:
    """Refuse production that may scale to zero; without a declared `min_replica` it may."""
    least = _at(settings, "autoscaling_settings", "min_replica")
    if settings["env_name"] == "production" and not least:
        shown = "is not declared" if least is None else "is 0"
        yield f"production never scales to zero: autoscaling_settings.min_replica {shown}; declare at least 1."


def within_replica_cap(settings: Mapping[str, Any], stack: str) -> Iterator[str]:
    """Refuse more replicas than the stack may have."""
    cap = REPLICA_CAPS.get(stack, OTHER_STACKS_CAP)
    most = _at(settings, "autoscaling_settings", "max_replica")
    if most is not None and most > cap:
        yield f'stack "{stack}" may have {cap} replicas: autoscaling_settings.max_replica is {most:g}.'


def within_surge_limit(settings: Mapping[str, Any], _stack: str) -> Iterator[str]:
    """Refuse rolling deploys that need many more replicas than the environment has."""
    surge = _at(settings, "promotion_settings", "rolling_deploy_config", "max_surge_percent")
    if surge is not None and surge > SURGE_LIMIT_PERCENT:
        path = "promotion_settings.rolling_deploy_config.max_surge_percent"
        yield f"a rolling deploy may add {SURGE_LIMIT_PERCENT} % of replicas: {path} is {surge:g}."


def _at(settings: Mapping[str, Any], *path: str) -> Any:
    found: Any = settings
    for name in path:
        found = found.get(name) if found is not None else None
    return found
