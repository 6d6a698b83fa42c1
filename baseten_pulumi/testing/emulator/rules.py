"""Rules of Baseten's documentation for values that the API's description allows; a broken one is answered with 400."""

import re
from typing import Any

from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.settings import Settings, leaves

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


def check_ranges(changes: Settings) -> None:
    """Hold every number to its documented range.

    Raises:
        RefusalError: 400, naming the field, the range and the value.
    """
    for path, value in leaves(changes):
        lowest, highest = _RANGES.get(path.rpartition(".")[2], (None, None))
        if lowest is not None and value is not None and (value < lowest or (highest is not None and value > highest)):
            bounds = f"at least {lowest}" if highest is None else f"between {lowest} and {highest}"
            raise RefusalError(400, f"{path} must be {bounds}, got {value}")


def check_together(settings: Settings) -> None:
    """Hold the settings that an environment would then have to the rules between fields.

    Raises:
        RefusalError: 400, naming both fields.
    """
    autoscaling = settings["autoscaling_settings"]
    if autoscaling["min_replica"] > autoscaling["max_replica"]:
        replicas = f"min_replica ({autoscaling['min_replica']}) must not exceed max_replica"
        raise RefusalError(400, f"{replicas} ({autoscaling['max_replica']})")
    _check_rolling_deploy(settings["promotion_settings"])


def check_environment_name(name: str) -> None:
    """Hold the name of a new environment to what the documentation allows.

    Raises:
        RefusalError: 400, with the pattern.
    """
    if not _ENVIRONMENT_NAME.fullmatch(name):
        raise RefusalError(400, f"name must match {_ENVIRONMENT_NAME.pattern}, got {name!r}")


def _check_rolling_deploy(promotion: dict[str, Any]) -> None:
    config = promotion["rolling_deploy_config"]
    if config is None:
        return
    surge, unavailable = config["max_surge_percent"], config["max_unavailable_percent"]
    if surge and unavailable:
        both = f"max_surge_percent ({surge}) and max_unavailable_percent ({unavailable})"
        raise RefusalError(400, f"{both} must not both be above 0")
    if promotion["rolling_deploy"] and not surge and not unavailable:
        raise RefusalError(400, "one of max_surge_percent and max_unavailable_percent must be above 0")
