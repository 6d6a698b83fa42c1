"""What a program declares, and what check makes of it."""

from typing import Any

from pulumi.output import Unknown

from baseten_pulumi.fields import nest
from baseten_pulumi.provider.checking import check
from baseten_pulumi.provider.judging import Failure

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call] # Pulumi's own
MODEL = {"model_id": "abc123", "env_name": "production"}
AUTOSCALING, PROMOTION = "autoscaling_settings", "promotion_settings"
KNOWN_OBJECTS = "autoscaling_settings, promotion_settings, request_backpressure_settings, autoscaling_schedule_settings"
CONFIG = f"{PROMOTION}.rolling_deploy_config"
MIN, MAX = f"{AUTOSCALING}.min_replica", f"{AUTOSCALING}.max_replica"
SURGE, UNAVAILABLE = f"{CONFIG}.max_surge_percent", f"{CONFIG}.max_unavailable_percent"
KNOWN_AUTOSCALING = (
    "min_replica, max_replica, autoscaling_window, scale_down_delay, concurrency_target, "
    "target_utilization_percentage, target_in_flight_tokens, max_scale_down_rate"
)


def declared(settings: dict[str, Any], **own: Any) -> dict[str, Any]:
    """Return what a program declares: settings by path, and the resource's own."""
    return {**MODEL, **nest(settings), **own}


def refusals(settings: dict[str, Any], **own: Any) -> list[Failure]:
    """Return what check finds; with a failure the inputs are those given."""
    given = declared(settings, **own)
    found, refused = check(given)
    assert refused == [] or found == given
    return refused


def normalised(settings: dict[str, Any], **own: Any) -> dict[str, Any]:
    """Return what check makes of inputs that nothing is wrong with."""
    found, refused = check(declared(settings, **own))
    assert refused == []
    return found
