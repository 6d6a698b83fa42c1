# Written by `python -m docs.types_module`; do not edit it.
# ruff: noqa: C901, PLR0913, PLW1641 - a constructor has a parameter for each setting; no dict has a hash
# The type of `pulumi.get` is Any:
# mypy: disable-error-code="no-any-return"
"""Argument TypedDicts and output classes, with one entry for each row of `schema.settings.FIELDS`.

The TypedDicts, whose names end in `ArgsDict`, are arguments; the classes are the types of a resource's outputs. Every
name is the API's own. In arguments, a setting that is absent or None is not managed: never sent, never compared. An
output is a dict that has the managed settings alone; as an attribute, a setting that is not managed is None. In a
schedule, a setting that is absent or None keeps the environment's value.
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
"""What happens to requests when every replica is full; NONE clears the policy."""

ScheduleCadence = Literal["DAILY", "HOURLY", "ONE_TIME"]
"""How often an autoscaling schedule runs."""

Weekday = Literal["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]
"""A day on which a recurring autoscaling schedule runs."""


@pulumi.output_type
class AutoscalingSettings(dict[str, Any]):
    """Autoscaling of an environment."""

    def __init__(
        self,
        *,
        min_replica: int | None = None,
        max_replica: int | None = None,
        autoscaling_window: int | None = None,
        scale_down_delay: int | None = None,
        concurrency_target: int | None = None,
        target_utilization_percentage: int | None = None,
        target_in_flight_tokens: int | None = None,
        max_scale_down_rate: int | None = None,
    ) -> None:
        if min_replica is not None:
            pulumi.set(self, "min_replica", min_replica)
        if max_replica is not None:
            pulumi.set(self, "max_replica", max_replica)
        if autoscaling_window is not None:
            pulumi.set(self, "autoscaling_window", autoscaling_window)
        if scale_down_delay is not None:
            pulumi.set(self, "scale_down_delay", scale_down_delay)
        if concurrency_target is not None:
            pulumi.set(self, "concurrency_target", concurrency_target)
        if target_utilization_percentage is not None:
            pulumi.set(self, "target_utilization_percentage", target_utilization_percentage)
        if target_in_flight_tokens is not None:
            pulumi.set(self, "target_in_flight_tokens", target_in_flight_tokens)
        if max_scale_down_rate is not None:
            pulumi.set(self, "max_scale_down_rate", max_scale_down_rate)

    __eq__ = dict.__eq__  # Pulumi's own would differ from every plain dict

    @property
    @pulumi.getter
    def min_replica(self) -> int | None:
        """Replicas kept running without traffic; 0 scales to zero."""
        return pulumi.get(self, "min_replica")

    @property
    @pulumi.getter
    def max_replica(self) -> int | None:
        """Upper limit on replicas; an account can have its own limit, 10 by default."""
        return pulumi.get(self, "max_replica")

    @property
    @pulumi.getter
    def autoscaling_window(self) -> int | None:
        """How far back traffic counts in autoscaling decisions. In seconds."""
        return pulumi.get(self, "autoscaling_window")

    @property
    @pulumi.getter
    def scale_down_delay(self) -> int | None:
        """How long to wait before removing a replica. In seconds."""
        return pulumi.get(self, "scale_down_delay")

    @property
    @pulumi.getter
    def concurrency_target(self) -> int | None:
        """Concurrent requests per replica before another replica is added."""
        return pulumi.get(self, "concurrency_target")

    @property
    @pulumi.getter
    def target_utilization_percentage(self) -> int | None:
        """Share of the concurrency target at which to scale. In percent."""
        return pulumi.get(self, "target_utilization_percentage")

    @property
    @pulumi.getter
    def target_in_flight_tokens(self) -> int | None:
        """Tokens in flight at which to scale (early access; cannot be cleared once set)."""
        return pulumi.get(self, "target_in_flight_tokens")

    @property
    @pulumi.getter
    def max_scale_down_rate(self) -> int | None:
        """Largest share of replicas removed per autoscaling window (cannot be cleared once set). In percent."""
        return pulumi.get(self, "max_scale_down_rate")


@pulumi.output_type
class RollingDeployConfig(dict[str, Any]):
    """How a rolling deploy proceeds. It has an effect only while `rolling_deploy` is on."""

    def __init__(
        self,
        *,
        rolling_deploy_strategy: str | None = None,
        max_surge_percent: int | None = None,
        max_unavailable_percent: int | None = None,
        stabilization_time_seconds: int | None = None,
        replica_overhead_percent: int | None = None,
    ) -> None:
        if rolling_deploy_strategy is not None:
            pulumi.set(self, "rolling_deploy_strategy", rolling_deploy_strategy)
        if max_surge_percent is not None:
            pulumi.set(self, "max_surge_percent", max_surge_percent)
        if max_unavailable_percent is not None:
            pulumi.set(self, "max_unavailable_percent", max_unavailable_percent)
        if stabilization_time_seconds is not None:
            pulumi.set(self, "stabilization_time_seconds", stabilization_time_seconds)
        if replica_overhead_percent is not None:
            pulumi.set(self, "replica_overhead_percent", replica_overhead_percent)

    __eq__ = dict.__eq__  # Pulumi's own would differ from every plain dict

    @property
    @pulumi.getter
    def rolling_deploy_strategy(self) -> str | None:
        """The unit of a step of a rolling deploy."""
        return pulumi.get(self, "rolling_deploy_strategy")

    @property
    @pulumi.getter
    def max_surge_percent(self) -> int | None:
        """Extra replicas during a rolling deploy; exactly one of this and max_unavailable_percent is above 0.

        In percent.
        """
        return pulumi.get(self, "max_surge_percent")

    @property
    @pulumi.getter
    def max_unavailable_percent(self) -> int | None:
        """Replicas that may be missing during a rolling deploy. In percent."""
        return pulumi.get(self, "max_unavailable_percent")

    @property
    @pulumi.getter
    def stabilization_time_seconds(self) -> int | None:
        """Pause between two steps of a rolling deploy. In seconds."""
        return pulumi.get(self, "stabilization_time_seconds")

    @property
    @pulumi.getter
    def replica_overhead_percent(self) -> int | None:
        """Replicas added for the duration of a rolling deploy. In percent."""
        return pulumi.get(self, "replica_overhead_percent")


@pulumi.output_type
class PromotionSettings(dict[str, Any]):
    """How a deployment is promoted to an environment."""

    def __init__(
        self,
        *,
        redeploy_on_promotion: bool | None = None,
        rolling_deploy: bool | None = None,
        promotion_cleanup_strategy: str | None = None,
        ramp_up_while_promoting: bool | None = None,
        ramp_up_duration_seconds: int | None = None,
        rolling_deploy_config: RollingDeployConfig | None = None,
    ) -> None:
        if redeploy_on_promotion is not None:
            pulumi.set(self, "redeploy_on_promotion", redeploy_on_promotion)
        if rolling_deploy is not None:
            pulumi.set(self, "rolling_deploy", rolling_deploy)
        if promotion_cleanup_strategy is not None:
            pulumi.set(self, "promotion_cleanup_strategy", promotion_cleanup_strategy)
        if ramp_up_while_promoting is not None:
            pulumi.set(self, "ramp_up_while_promoting", ramp_up_while_promoting)
        if ramp_up_duration_seconds is not None:
            pulumi.set(self, "ramp_up_duration_seconds", ramp_up_duration_seconds)
        if rolling_deploy_config is not None:
            pulumi.set(self, "rolling_deploy_config", rolling_deploy_config)

    __eq__ = dict.__eq__  # Pulumi's own would differ from every plain dict

    @property
    @pulumi.getter
    def redeploy_on_promotion(self) -> bool | None:
        """Whether every promotion creates a new deployment from a copy of the image."""
        return pulumi.get(self, "redeploy_on_promotion")

    @property
    @pulumi.getter
    def rolling_deploy(self) -> bool | None:
        """Whether promotions roll out in steps (models only, not chains). In new environments of models it is on."""
        return pulumi.get(self, "rolling_deploy")

    @property
    @pulumi.getter
    def promotion_cleanup_strategy(self) -> str | None:
        """What happens to the replaced deployment after a promotion."""
        return pulumi.get(self, "promotion_cleanup_strategy")

    @property
    @pulumi.getter
    def ramp_up_while_promoting(self) -> bool | None:
        """Whether traffic moves to the new deployment in steps (deprecated: models reject true; use rolling_deploy)."""
        return pulumi.get(self, "ramp_up_while_promoting")

    @property
    @pulumi.getter
    def ramp_up_duration_seconds(self) -> int | None:
        """Duration of the traffic ramp-up (deprecated: use rolling_deploy). In seconds."""
        return pulumi.get(self, "ramp_up_duration_seconds")

    @property
    @pulumi.getter
    def rolling_deploy_config(self) -> RollingDeployConfig | None:
        """How a rolling deploy proceeds. It has an effect only while `rolling_deploy` is on."""
        return pulumi.get(self, "rolling_deploy_config")


@pulumi.output_type
class RequestBackpressureSettings(dict[str, Any]):
    """What an environment does with requests when every replica is full."""

    def __init__(
        self,
        *,
        policy: str | None = None,
    ) -> None:
        if policy is not None:
            pulumi.set(self, "policy", policy)

    __eq__ = dict.__eq__  # Pulumi's own would differ from every plain dict

    @property
    @pulumi.getter
    def policy(self) -> str | None:
        """What happens to requests when every replica is full; NONE clears the policy."""
        return pulumi.get(self, "policy")


class AutoscalingSettingsArgsDict(TypedDict, total=False):
    """Autoscaling of an environment."""

    min_replica: pulumi.Input[int | None]
    """Replicas kept running without traffic; 0 scales to zero. At least 0."""
    max_replica: pulumi.Input[int | None]
    """Upper limit on replicas; an account can have its own limit, 10 by default. At least 1."""
    autoscaling_window: pulumi.Input[int | None]
    """How far back traffic counts in autoscaling decisions. 10 to 3600 seconds."""
    scale_down_delay: pulumi.Input[int | None]
    """How long to wait before removing a replica. 0 to 3600 seconds."""
    concurrency_target: pulumi.Input[int | None]
    """Concurrent requests per replica before another replica is added. At least 1."""
    target_utilization_percentage: pulumi.Input[int | None]
    """Share of the concurrency target at which to scale. 1 to 100 percent."""
    target_in_flight_tokens: pulumi.Input[int | None]
    """Tokens in flight at which to scale (early access; cannot be cleared once set)."""
    max_scale_down_rate: pulumi.Input[int | None]
    """Largest share of replicas removed per autoscaling window (cannot be cleared once set). 1 to 50 percent."""


class RollingDeployConfigArgsDict(TypedDict, total=False):
    """How a rolling deploy proceeds. It has an effect only while `rolling_deploy` is on."""

    rolling_deploy_strategy: pulumi.Input[RollingDeployStrategy | None]
    """The unit of a step of a rolling deploy."""
    max_surge_percent: pulumi.Input[int | None]
    """Extra replicas during a rolling deploy; exactly one of this and max_unavailable_percent is above 0.

    0 to 50 percent.
    """
    max_unavailable_percent: pulumi.Input[int | None]
    """Replicas that may be missing during a rolling deploy. 0 to 50 percent."""
    stabilization_time_seconds: pulumi.Input[int | None]
    """Pause between two steps of a rolling deploy. 0 to 3600 seconds."""
    replica_overhead_percent: pulumi.Input[int | None]
    """Replicas added for the duration of a rolling deploy. 0 to 500 percent."""


class PromotionSettingsArgsDict(TypedDict, total=False):
    """How a deployment is promoted to an environment."""

    redeploy_on_promotion: pulumi.Input[bool | None]
    """Whether every promotion creates a new deployment from a copy of the image."""
    rolling_deploy: pulumi.Input[bool | None]
    """Whether promotions roll out in steps (models only, not chains). In new environments of models it is on."""
    promotion_cleanup_strategy: pulumi.Input[PromotionCleanupStrategy | None]
    """What happens to the replaced deployment after a promotion."""
    ramp_up_while_promoting: pulumi.Input[bool | None]
    """Whether traffic moves to the new deployment in steps (deprecated: models reject true; use rolling_deploy)."""
    ramp_up_duration_seconds: pulumi.Input[int | None]
    """Duration of the traffic ramp-up (deprecated: use rolling_deploy). At least 0 seconds."""
    rolling_deploy_config: pulumi.Input[RollingDeployConfigArgsDict | RollingDeployConfig | None]
    """How a rolling deploy proceeds. It has an effect only while `rolling_deploy` is on."""


class RequestBackpressureSettingsArgsDict(TypedDict, total=False):
    """What an environment does with requests when every replica is full."""

    policy: pulumi.Input[RequestBackpressurePolicy | None]
    """What happens to requests when every replica is full; NONE clears the policy."""


class EnvironmentArgsDict(TypedDict, total=False):
    """The settings of one environment of a model."""

    autoscaling_settings: pulumi.Input[AutoscalingSettingsArgsDict | AutoscalingSettings | None]
    """Autoscaling of an environment. None leaves it unmanaged."""
    promotion_settings: pulumi.Input[PromotionSettingsArgsDict | PromotionSettings | None]
    """How a deployment is promoted to an environment. None leaves it unmanaged."""
    request_backpressure_settings: pulumi.Input[
        RequestBackpressureSettingsArgsDict | RequestBackpressureSettings | None
    ]
    """What an environment does with requests when every replica is full. None leaves it unmanaged."""
    additional_settings: pulumi.Input[Mapping[str, Any] | None]
    """Settings in the API's own shape that this release does not know; a null in them is sent.

    None leaves it unmanaged.
    """
