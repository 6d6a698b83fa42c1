"""What lookups find, typed: a model, an environment, a promotion."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pulumi

from baseten_pulumi.settings import (
    AutoscalingScheduleSettings,
    AutoscalingSettings,
    PromotionSettings,
    RequestBackpressureSettings,
)

if TYPE_CHECKING:
    from baseten_pulumi.api import models


@pulumi.output_type
class Model:
    """A model of the account."""

    id: str
    """What stands for it in every other call, as `model_id`."""
    name: str | None = None
    """What people call it."""
    team_name: str | None = None
    """The team it belongs to, within which its name is unique; None where Baseten does not report it."""


@pulumi.output_type
class Promotion:
    """The latest promotion to an environment, which may have ended."""

    status: str
    """Baseten's word: RELEASING, RAMPING_UP, RAMPING_DOWN or PAUSED, at the end SUCCEEDED, FAILED or CANCELED; UNKNOWN
    where Baseten reports none."""
    is_running: bool
    """Whether it still goes on, so that changes queue behind it."""
    percent_traffic_to_new_version: int | None = None
    """Share of the traffic on the new deployment; None where Baseten does not report it."""


@pulumi.output_type
class Environment:
    """An environment as Baseten reports it, whoever manages its settings.

    Inside the settings None means that Baseten reports nothing.
    """

    model_id: str
    """Baseten's id of the model."""
    env_name: str
    """Name of the environment."""
    autoscaling_settings: AutoscalingSettings
    """Its autoscaling."""
    promotion_settings: PromotionSettings
    """How deployments are promoted to it."""
    request_backpressure_settings: RequestBackpressureSettings
    """What it does with more requests than it can take."""
    autoscaling_schedule_settings: AutoscalingScheduleSettings
    """Its autoscaling schedules, one-time schedules too; they cannot all be declared."""
    in_progress_promotion: Promotion | None = None
    """The latest promotion; None where Baseten reports none."""


def model(reported: "models.Model") -> Model:
    """Return what programs see of a model."""
    found: Model = _typed(Model, asdict(reported))
    return found


def environment(model_id: str, env_name: str, reported: "models.Environment") -> Environment:
    """Return what programs see of an environment."""
    from baseten_pulumi.fields import members, nest

    promotion = reported.promotion and reported.promotion.members
    nothing: dict[str, Any] = {group: {} for group in members("")}
    own = {"model_id": model_id, "env_name": env_name, "in_progress_promotion": promotion}
    found: Environment = _typed(Environment, {**nothing, **nest(reported.settings), **own})
    return found


def _typed(kind: Any, value: Any) -> Any:
    """Build an object of a class, and of the classes its attributes are declared with."""
    if isinstance(value, list):
        return [_typed(_class(kind), item) for item in value]
    if not isinstance(value, Mapping):
        return value
    hints = get_type_hints(kind)
    return kind(**{name: _typed(_class(hints[name]), it) for name, it in value.items()})


def _class(hint: Any) -> Any:
    """Return the class of an attribute that may be None, or of a list's items."""
    return next((it for it in get_args(hint) if it is not type(None)), hint)
