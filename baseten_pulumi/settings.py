"""What programs write and read: argument TypedDicts and output classes, one entry for each row of `fields.FIELDS`.

Arguments ending in `ArgsDict` are what a program passes; the classes without it are what a resource's outputs hold.
Every name is the API's own. In arguments an absent setting or None is left as it is at Baseten: never sent, never
compared. In outputs None means that the program does not manage the setting.
"""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Literal

import pulumi
from typing_extensions import Required, TypedDict

LATER = (pulumi.Output, Awaitable)
"""The classes of arguments whose value is known only later."""

PromotionCleanupStrategy = Literal["KEEP", "SCALE_TO_ZERO", "DEACTIVATE"]
"""What becomes of the replaced deployment after a promotion."""

RollingDeployStrategy = Literal["REPLICA"]
"""What a rolling deploy steps by."""

RequestBackpressurePolicy = Literal["QUEUE_ON_FULL", "REJECT_ON_FULL", "NONE"]
"""What becomes of requests that find every replica full."""

AutoscalingScheduleCadence = Literal["DAILY", "HOURLY"]
"""How often a schedule runs on each of its weekdays."""

Weekday = Literal["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]
"""A day on which a schedule runs."""


class AutoscalingSettingsArgsDict(TypedDict, total=False):
    """Autoscaling of an environment. Ranges are those of Baseten's documentation."""

    min_replica: pulumi.Input[int] | None
    """Replicas kept running without any traffic, at least 0 and at most `max_replica`; 0 scales to zero."""
    max_replica: pulumi.Input[int] | None
    """Replicas at most, at least 1; an account may be capped, at 10 unless Baseten raised it."""
    autoscaling_window: pulumi.Input[int] | None
    """How far back traffic counts in autoscaling decisions, 10 to 3600 seconds."""
    scale_down_delay: pulumi.Input[int] | None
    """How long to wait before removing a replica, 0 to 3600 seconds."""
    concurrency_target: pulumi.Input[int] | None
    """Requests a replica takes at once before another is added, at least 1."""
    target_utilization_percentage: pulumi.Input[int] | None
    """Share of the concurrency target at which to scale, 1 to 100 percent."""
    target_in_flight_tokens: pulumi.Input[int] | None
    """Tokens in flight at which to scale. Early access; once set it cannot be cleared."""
    max_scale_down_rate: pulumi.Input[int] | None
    """Share of the replicas removed per autoscaling window at most, 1 to 50 percent; once set it cannot be cleared."""


class RollingDeployConfigArgsDict(TypedDict, total=False):
    """How a rolling deploy proceeds. It has an effect only while `rolling_deploy` is on."""

    rolling_deploy_strategy: pulumi.Input[RollingDeployStrategy] | None
    """What a rolling deploy steps by."""
    max_surge_percent: pulumi.Input[int] | None
    """Extra replicas during a rolling deploy, 0 to 50 percent. Exactly one of this and `max_unavailable_percent` is
    above 0; where one alone is declared above 0, the other becomes a declared 0."""
    max_unavailable_percent: pulumi.Input[int] | None
    """Replicas that may be missing during a rolling deploy, 0 to 50 percent."""
    stabilization_time_seconds: pulumi.Input[int] | None
    """Pause between two steps of a rolling deploy, 0 to 3600 seconds."""
    replica_overhead_percent: pulumi.Input[int] | None
    """Replicas added for the length of a rolling deploy, 0 to 500 percent."""


class PromotionSettingsArgsDict(TypedDict, total=False):
    """How a deployment is promoted to an environment."""

    redeploy_on_promotion: pulumi.Input[bool] | None
    """Whether every promotion makes a new deployment from a copy of the image."""
    rolling_deploy: pulumi.Input[bool] | None
    """Whether promotions roll out in steps (models only, not chains)."""
    promotion_cleanup_strategy: pulumi.Input[PromotionCleanupStrategy] | None
    """What becomes of the replaced deployment after a promotion."""
    rolling_deploy_config: pulumi.Input[RollingDeployConfigArgsDict] | None
    """How a rolling deploy proceeds."""
    ramp_up_while_promoting: pulumi.Input[bool] | None
    """Whether traffic moves to the new deployment step by step."""
    ramp_up_duration_seconds: pulumi.Input[int] | None
    """How long that ramp takes, at least 0 seconds."""


class RequestBackpressureSettingsArgsDict(TypedDict, total=False):
    """What an environment does with more requests than it can take."""

    policy: pulumi.Input[RequestBackpressurePolicy] | None
    """What becomes of requests that find every replica full. "NONE" sets no policy and clears the one there is; None
    manages nothing."""


class AutoscalingOverridesArgsDict(TypedDict, total=False):
    """What a schedule changes while it runs. What it leaves out is as the environment has it."""

    min_replica: Required[pulumi.Input[int]]
    """Replicas kept running without any traffic, at least 0 and at most `max_replica`."""
    max_replica: Required[pulumi.Input[int]]
    """Replicas at most, at least 1."""
    autoscaling_window: pulumi.Input[int] | None
    """How far back traffic counts in autoscaling decisions, 10 to 3600 seconds."""
    scale_down_delay: pulumi.Input[int] | None
    """How long to wait before removing a replica, 0 to 3600 seconds."""
    concurrency_target: pulumi.Input[int] | None
    """Requests a replica takes at once before another is added, at least 1."""
    target_utilization_percentage: pulumi.Input[int] | None
    """Share of the concurrency target at which to scale, 1 to 100 percent."""
    target_in_flight_tokens: pulumi.Input[int] | None
    """Tokens in flight at which to scale. Early access."""
    max_scale_down_rate: pulumi.Input[int] | None
    """Share of the replicas removed per autoscaling window at most, 1 to 50 percent."""


class AutoscalingScheduleArgsDict(TypedDict, total=False):
    """One schedule, known by its name. It is one setting as a whole: what it leaves out is part of what is wanted."""

    name: Required[pulumi.Input[str]]
    """What the schedule is known by; once in the list, and once at Baseten."""
    enabled: pulumi.Input[bool] | None
    """Whether the schedule runs; None means True."""
    cadence: Required[pulumi.Input[AutoscalingScheduleCadence]]
    """"DAILY" runs once on each weekday, "HOURLY" every hour between the two minutes."""
    weekdays: Required[pulumi.Input[Sequence[pulumi.Input[Weekday]]]]
    """Days on which it runs, at least one; their order does not count."""
    start_hour: pulumi.Input[int] | None
    """When it begins, 0 to 23 hours; required for "DAILY", an "HOURLY" one without hours runs all day."""
    start_minute: Required[pulumi.Input[int]]
    """The minute it begins, 0 to 59 minutes."""
    end_hour: pulumi.Input[int] | None
    """When it ends, 0 to 23 hours; required with `start_hour`."""
    end_minute: Required[pulumi.Input[int]]
    """The minute it ends, 0 to 59 minutes."""
    autoscaling_settings: Required[pulumi.Input[AutoscalingOverridesArgsDict]]
    """What it changes while it runs."""


class AutoscalingScheduleSettingsArgsDict(TypedDict, total=False):
    """Autoscaling by the clock. Each schedule named here is managed; others at Baseten are never touched."""

    timezone: pulumi.Input[str] | None
    """What the hours of every schedule are meant in, an IANA name such as "America/Los_Angeles". Baseten requires it
    for the first schedule and reports it only while there are schedules."""
    schedules: pulumi.Input[Sequence[pulumi.Input[AutoscalingScheduleArgsDict]]] | None
    """Schedules to put in force. One taken out of the program stays at Baseten."""
    delete_schedules: pulumi.Input[Sequence[pulumi.Input[str]]] | None
    """Names of schedules that are to be gone; nothing is sent for one that is."""


class EnvironmentArgsDict(TypedDict, total=False):
    """The settings of one environment of a model."""

    autoscaling_settings: pulumi.Input[AutoscalingSettingsArgsDict] | None
    """Autoscaling to put in force; None manages none of it."""
    promotion_settings: pulumi.Input[PromotionSettingsArgsDict] | None
    """Promotion settings to put in force; None manages none of them."""
    request_backpressure_settings: pulumi.Input[RequestBackpressureSettingsArgsDict] | None
    """Backpressure to put in force; None manages none of it."""
    autoscaling_schedule_settings: pulumi.Input[AutoscalingScheduleSettingsArgsDict] | None
    """Autoscaling schedules to put in force; None manages none of them."""


class _Read:
    """What every output class is. No mapping: of one that is no dict an export shows the keys alone."""


@pulumi.output_type
class AutoscalingSettings(_Read):
    """The managed part of an environment's autoscaling, as last read from or sent to Baseten."""

    min_replica: int | None = None
    """Replicas kept running without any traffic."""
    max_replica: int | None = None
    """Replicas at most."""
    autoscaling_window: int | None = None
    """How far back traffic counts in autoscaling decisions, in seconds."""
    scale_down_delay: int | None = None
    """How long to wait before removing a replica, in seconds."""
    concurrency_target: int | None = None
    """Requests a replica takes at once before another is added."""
    target_utilization_percentage: int | None = None
    """Share of the concurrency target at which to scale, in percent."""
    target_in_flight_tokens: int | None = None
    """Tokens in flight at which to scale."""
    max_scale_down_rate: int | None = None
    """Share of the replicas removed per autoscaling window at most, in percent."""


@pulumi.output_type
class RollingDeployConfig(_Read):
    """The managed part of how a rolling deploy proceeds."""

    rolling_deploy_strategy: str | None = None
    """What a rolling deploy steps by."""
    max_surge_percent: int | None = None
    """Extra replicas during a rolling deploy, in percent."""
    max_unavailable_percent: int | None = None
    """Replicas that may be missing during a rolling deploy, in percent."""
    stabilization_time_seconds: int | None = None
    """Pause between two steps of a rolling deploy, in seconds."""
    replica_overhead_percent: int | None = None
    """Replicas added for the length of a rolling deploy, in percent."""


@pulumi.output_type
class PromotionSettings(_Read):
    """The managed part of how a deployment is promoted to an environment."""

    redeploy_on_promotion: bool | None = None
    """Whether every promotion makes a new deployment from a copy of the image."""
    rolling_deploy: bool | None = None
    """Whether promotions roll out in steps."""
    promotion_cleanup_strategy: str | None = None
    """What becomes of the replaced deployment after a promotion."""
    rolling_deploy_config: RollingDeployConfig | None = None
    """How a rolling deploy proceeds."""
    ramp_up_while_promoting: bool | None = None
    """Whether traffic moves to the new deployment step by step."""
    ramp_up_duration_seconds: int | None = None
    """How long that ramp takes, in seconds."""


@pulumi.output_type
class RequestBackpressureSettings(_Read):
    """The managed part of what an environment does with more requests than it can take."""

    policy: str | None = None
    """What becomes of requests that find every replica full; "NONE" where no policy is set."""


@pulumi.output_type
class AutoscalingOverrides(_Read):
    """What a schedule changes while it runs; None is as the environment has it."""

    min_replica: int | None = None
    """Replicas kept running without any traffic."""
    max_replica: int | None = None
    """Replicas at most."""
    autoscaling_window: int | None = None
    """How far back traffic counts in autoscaling decisions, in seconds."""
    scale_down_delay: int | None = None
    """How long to wait before removing a replica, in seconds."""
    concurrency_target: int | None = None
    """Requests a replica takes at once before another is added."""
    target_utilization_percentage: int | None = None
    """Share of the concurrency target at which to scale, in percent."""
    target_in_flight_tokens: int | None = None
    """Tokens in flight at which to scale."""
    max_scale_down_rate: int | None = None
    """Share of the replicas removed per autoscaling window at most, in percent."""


@pulumi.output_type
class AutoscalingSchedule(_Read):
    """One schedule of an environment."""

    name: str | None = None
    """What the schedule is known by."""
    enabled: bool | None = None
    """Whether the schedule runs."""
    cadence: str | None = None
    """How often it runs on each of its weekdays; "ONE_TIME" in what is looked up only."""
    weekdays: Sequence[str] | None = None
    """Days on which it runs."""
    start_hour: int | None = None
    """When it begins; None where it runs all day."""
    start_minute: int | None = None
    """The minute it begins."""
    end_hour: int | None = None
    """When it ends; None where it runs all day."""
    end_minute: int | None = None
    """The minute it ends."""
    autoscaling_settings: AutoscalingOverrides | None = None
    """What it changes while it runs."""
    start_at: str | None = None
    """When a one-time schedule begins."""
    end_at: str | None = None
    """When a one-time schedule ends."""


@pulumi.output_type
class AutoscalingScheduleSettings(_Read):
    """The managed part of autoscaling by the clock."""

    timezone: str | None = None
    """What the hours of every schedule are meant in."""
    schedules: Sequence[AutoscalingSchedule] | None = None
    """The managed schedules."""
    delete_schedules: Sequence[str] | None = None
    """Names of schedules that are to be gone."""


def written(value: Any) -> Any:
    """Return what was read as a program would write it, so that it can be an argument.

    What is None in an output class is left out; what a program wrote itself stays as it is.
    """
    if isinstance(value, pulumi.Output):
        return value.apply(written)
    if isinstance(value, _Read):
        value = vars(value)  # None is not kept there
    if isinstance(value, Mapping):
        return {name: written(it) for name, it in value.items()}
    return [written(it) for it in value] if isinstance(value, list) else value
