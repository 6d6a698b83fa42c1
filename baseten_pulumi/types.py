"""Argument TypedDicts and output classes, with one entry for each row of `schema.settings.FIELDS`.

The TypedDicts, whose names end in `ArgsDict`, are arguments; the classes are the types of a resource's outputs. Every
name is the API's own. In arguments, a setting that is absent or None is not managed: never sent, never compared. In
outputs, None means that the program does not manage the setting.
"""

from collections.abc import Mapping
from typing import Any, Literal

import pulumi
from typing_extensions import TypedDict

PromotionCleanupStrategy = Literal["KEEP", "SCALE_TO_ZERO", "DEACTIVATE"]
"""What happens to the replaced deployment after a promotion."""

RollingDeployStrategy = Literal["REPLICA"]
"""The unit of a step of a rolling deploy."""

RequestBackpressurePolicy = Literal["QUEUE_ON_FULL", "REJECT_ON_FULL", "NONE"]
"""What happens to requests when every replica is full."""


class AutoscalingSettingsArgsDict(TypedDict, total=False):
    """Autoscaling of an environment. Ranges are from Baseten's documentation."""

    min_replica: pulumi.Input[int] | None
    """Replicas kept running without traffic, at least 0 and at most `max_replica`; 0 scales to zero."""
    max_replica: pulumi.Input[int] | None
    """Upper limit on replicas, at least 1; an account can have its own limit, 10 by default."""
    autoscaling_window: pulumi.Input[int] | None
    """How far back traffic counts in autoscaling decisions, 10 to 3600 seconds."""
    scale_down_delay: pulumi.Input[int] | None
    """How long to wait before removing a replica, 0 to 3600 seconds."""
    concurrency_target: pulumi.Input[int] | None
    """Concurrent requests per replica before another replica is added, at least 1."""
    target_utilization_percentage: pulumi.Input[int] | None
    """Share of the concurrency target at which to scale, 1 to 100 percent."""
    target_in_flight_tokens: pulumi.Input[int] | None
    """Tokens in flight at which to scale. Early access; once set it cannot be cleared."""
    max_scale_down_rate: pulumi.Input[int] | None
    """Largest share of replicas removed per autoscaling window, 1 to 50 percent; once set it cannot be cleared."""


class RollingDeployConfigArgsDict(TypedDict, total=False):
    """How a rolling deploy proceeds. It has an effect only while `rolling_deploy` is on."""

    rolling_deploy_strategy: pulumi.Input[RollingDeployStrategy] | None
    """The unit of a step of a rolling deploy."""
    max_surge_percent: pulumi.Input[int] | None
    """Extra replicas during a rolling deploy, 0 to 50 percent. Exactly one of this and `max_unavailable_percent` is
    above 0; if only one is declared, with a value above 0, the other is set to 0."""
    max_unavailable_percent: pulumi.Input[int] | None
    """Replicas that may be missing during a rolling deploy, 0 to 50 percent."""
    stabilization_time_seconds: pulumi.Input[int] | None
    """Pause between two steps of a rolling deploy, 0 to 3600 seconds."""
    replica_overhead_percent: pulumi.Input[int] | None
    """Replicas added for the duration of a rolling deploy, 0 to 500 percent."""


class PromotionSettingsArgsDict(TypedDict, total=False):
    """How a deployment is promoted to an environment."""

    redeploy_on_promotion: pulumi.Input[bool] | None
    """Whether every promotion creates a new deployment from a copy of the image."""
    rolling_deploy: pulumi.Input[bool] | None
    """Whether promotions roll out in steps (models only, not chains)."""
    promotion_cleanup_strategy: pulumi.Input[PromotionCleanupStrategy] | None
    """What happens to the replaced deployment after a promotion."""
    rolling_deploy_config: pulumi.Input[RollingDeployConfigArgsDict] | None
    """How a rolling deploy proceeds."""
    ramp_up_while_promoting: pulumi.Input[bool] | None
    """Whether traffic moves to the new deployment in steps."""
    ramp_up_duration_seconds: pulumi.Input[int] | None
    """How long that ramp-up takes, at least 0 seconds."""


class RequestBackpressureSettingsArgsDict(TypedDict, total=False):
    """What an environment does with requests when every replica is full."""

    policy: pulumi.Input[RequestBackpressurePolicy] | None
    """What happens to requests when every replica is full. "NONE" clears the policy; None leaves it unmanaged."""


class EnvironmentArgsDict(TypedDict, total=False):
    """The settings of one environment of a model."""

    autoscaling_settings: pulumi.Input[AutoscalingSettingsArgsDict] | None
    """Autoscaling settings to apply; None leaves them unmanaged."""
    promotion_settings: pulumi.Input[PromotionSettingsArgsDict] | None
    """Promotion settings to apply; None leaves them unmanaged."""
    request_backpressure_settings: pulumi.Input[RequestBackpressureSettingsArgsDict] | None
    """Backpressure settings to apply; None leaves them unmanaged."""


class _OutputType:
    """The base of every output class."""


@pulumi.output_type
class AutoscalingSettings(_OutputType):
    """The managed autoscaling settings of an environment, as last read from or sent to Baseten."""

    min_replica: int | None = None
    """Replicas kept running without traffic."""
    max_replica: int | None = None
    """Upper limit on replicas."""
    autoscaling_window: int | None = None
    """How far back traffic counts in autoscaling decisions, in seconds."""
    scale_down_delay: int | None = None
    """How long to wait before removing a replica, in seconds."""
    concurrency_target: int | None = None
    """Concurrent requests per replica before another replica is added."""
    target_utilization_percentage: int | None = None
    """Share of the concurrency target at which to scale, in percent."""
    target_in_flight_tokens: int | None = None
    """Tokens in flight at which to scale."""
    max_scale_down_rate: int | None = None
    """Largest share of replicas removed per autoscaling window, in percent."""


@pulumi.output_type
class RollingDeployConfig(_OutputType):
    """The managed settings of rolling deploys."""

    rolling_deploy_strategy: str | None = None
    """The unit of a step of a rolling deploy."""
    max_surge_percent: int | None = None
    """Extra replicas during a rolling deploy, in percent."""
    max_unavailable_percent: int | None = None
    """Replicas that may be missing during a rolling deploy, in percent."""
    stabilization_time_seconds: int | None = None
    """Pause between two steps of a rolling deploy, in seconds."""
    replica_overhead_percent: int | None = None
    """Replicas added for the duration of a rolling deploy, in percent."""


@pulumi.output_type
class PromotionSettings(_OutputType):
    """The managed promotion settings of an environment."""

    redeploy_on_promotion: bool | None = None
    """Whether every promotion creates a new deployment from a copy of the image."""
    rolling_deploy: bool | None = None
    """Whether promotions roll out in steps."""
    promotion_cleanup_strategy: str | None = None
    """What happens to the replaced deployment after a promotion."""
    rolling_deploy_config: RollingDeployConfig | None = None
    """How a rolling deploy proceeds."""
    ramp_up_while_promoting: bool | None = None
    """Whether traffic moves to the new deployment in steps."""
    ramp_up_duration_seconds: int | None = None
    """How long that ramp-up takes, in seconds."""


@pulumi.output_type
class RequestBackpressureSettings(_OutputType):
    """The managed backpressure settings of an environment."""

    policy: str | None = None
    """What happens to requests when every replica is full; "NONE" if no policy is set."""


def to_inputs(value: Any) -> Any:
    """Turn output classes back into what a program writes, so that an output can be an input of another resource.

    None in an output class is left out; a value that the program wrote itself is kept as it is.
    """
    if isinstance(value, pulumi.Output):
        return value.apply(to_inputs)
    if isinstance(value, _OutputType):
        value = vars(value)  # None is not kept there
    if isinstance(value, Mapping):
        return {name: to_inputs(it) for name, it in value.items()}
    return [to_inputs(it) for it in value] if isinstance(value, list) else value
