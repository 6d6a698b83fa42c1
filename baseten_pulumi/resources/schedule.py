"""The resource for one autoscaling schedule of an environment."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi.dynamic

from baseten_pulumi.provider import AutoscalingScheduleProvider
from baseten_pulumi.resources.arguments import prepared, refuse_subclass
from baseten_pulumi.resources.outputs import none_if_absent
from baseten_pulumi.schema.validate import ID_FORM
from baseten_pulumi.types import (
    AutoscalingSettings,
    AutoscalingSettingsArgsDict,
    ScheduleCadence,
    Weekday,
)


class BasetenAutoscalingSchedule(pulumi.dynamic.Resource, module="baseten", name="AutoscalingSchedule"):
    """One autoscaling schedule, which gives an environment different autoscaling settings at certain times.

    `pulumi up` creates the schedule, or adopts the one with its name, and returns when Baseten lists it as declared.
    Deleting the resource deletes the schedule. After a one-time schedule has ended, the resource can stay in the
    program; the schedule is no longer read or sent.

    All schedules of an environment share one time zone. To change it, change it in every resource that declares one of
    them, in the same `up`.
    """

    def __init__(  # noqa: PLR0913 - the inputs of the resource
        self,
        resource_name: str,
        *,
        model_id: pulumi.Input[str],
        env_name: pulumi.Input[str],
        schedule_name: pulumi.Input[str],
        timezone: pulumi.Input[str],
        cadence: pulumi.Input[ScheduleCadence],
        autoscaling_settings: pulumi.Input[AutoscalingSettingsArgsDict | AutoscalingSettings],
        enabled: pulumi.Input[bool] | None = True,
        weekdays: pulumi.Input[Sequence[pulumi.Input[Weekday]]] | None = None,
        start_hour: pulumi.Input[int] | None = None,
        start_minute: pulumi.Input[int] | None = None,
        end_hour: pulumi.Input[int] | None = None,
        end_minute: pulumi.Input[int] | None = None,
        start_at: pulumi.Input[str] | None = None,
        end_at: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a schedule.

        Args:
            resource_name: Name of the resource in the stack.
            model_id: Baseten's id of the model. A change replaces the resource.
            env_name: Name of the environment, such as "production". A change replaces the resource.
            schedule_name: Name of the schedule, unique in its environment, without leading or trailing spaces.
            timezone: IANA name, such as "Europe/Berlin", of the time zone that all schedules of the environment use.
            cadence: "DAILY" runs once on each weekday, from start to end. "HOURLY" runs in every hour of each weekday,
                from the start minute to the end minute. "ONE_TIME" runs once.
            autoscaling_settings: The settings while the schedule runs. `min_replica` and `max_replica` are required;
                any other setting that is absent or None keeps the environment's value.
            enabled: Whether the schedule runs; None means True.
            weekdays: "SUNDAY" to "SATURDAY", in any order. DAILY and HOURLY require at least one.
            start_hour: 0 to 23. DAILY requires `start_hour` and `end_hour`. For HOURLY, set both, or neither to run all
                day.
            start_minute: 0 to 59. None means 0 for DAILY and HOURLY.
            end_hour: 0 to 23. A DAILY schedule must end later than it starts; a window that crosses midnight needs two
                schedules.
            end_minute: 0 to 59. None means 0 for DAILY. HOURLY requires it, greater than `start_minute`.
            start_at: When a ONE_TIME schedule starts: an ISO 8601 time with a UTC offset, such as
                "2027-01-31T08:00:00+01:00". It must be in the future when the schedule is created.
            end_at: When a ONE_TIME schedule ends, in the same form. It must be later than `start_at`.
            opts: Options of the resource. `custom_timeouts` limit create, update and delete; the default is 30 minutes.

        Raises:
            TypeError: a subclass was instantiated. Its name would be another resource type in the state.
            pulumi.RunError: an argument is of a type that Pulumi cannot send, or `opts` has an `import_` or a malformed
                id.
        """
        refuse_subclass(self, BasetenAutoscalingSchedule)
        arguments: dict[str, Any] = {
            "model_id": model_id,
            "env_name": env_name,
            "schedule_name": schedule_name,
            "timezone": timezone,
            "cadence": cadence,
            "enabled": enabled,
            "weekdays": weekdays,
            "start_hour": start_hour,
            "start_minute": start_minute,
            "end_hour": end_hour,
            "end_minute": end_minute,
            "start_at": start_at,
            "end_at": end_at,
            "autoscaling_settings": autoscaling_settings,
        }
        props = prepared(f'BasetenAutoscalingSchedule "{resource_name}"', arguments, opts, f"{ID_FORM}/SCHEDULE_ID")
        outputs = {"schedule_id": None, "in_force": None}
        super().__init__(AutoscalingScheduleProvider(), resource_name, {**props, **outputs}, opts)

    @property
    @pulumi.getter
    def model_id(self) -> pulumi.Output[str]:
        """Baseten's id of the model."""
        return pulumi.get(self, "model_id")

    @property
    @pulumi.getter
    def env_name(self) -> pulumi.Output[str]:
        """Name of the environment."""
        return pulumi.get(self, "env_name")

    @property
    @pulumi.getter
    def schedule_id(self) -> pulumi.Output[str]:
        """Baseten's id of the schedule."""
        return pulumi.get(self, "schedule_id")

    @property
    @pulumi.getter
    def schedule_name(self) -> pulumi.Output[str]:
        """Name of the schedule."""
        return pulumi.get(self, "schedule_name")

    @property
    @pulumi.getter
    def timezone(self) -> pulumi.Output[str]:
        """IANA name of the time zone."""
        return pulumi.get(self, "timezone")

    @property
    @pulumi.getter
    def cadence(self) -> pulumi.Output[str]:
        """DAILY, HOURLY or ONE_TIME."""
        return pulumi.get(self, "cadence")

    @property
    @pulumi.getter
    def enabled(self) -> pulumi.Output[bool]:
        """Whether the schedule runs."""
        return pulumi.get(self, "enabled")

    @property
    @pulumi.getter
    def weekdays(self) -> pulumi.Output[Sequence[str] | None]:
        """The weekdays on which it runs; None for ONE_TIME."""
        return none_if_absent(pulumi.get(self, "weekdays"), self.model_id)

    @property
    @pulumi.getter
    def start_hour(self) -> pulumi.Output[int | None]:
        """The hour at which it starts, or the first hour; None if there is none."""
        return none_if_absent(pulumi.get(self, "start_hour"), self.model_id)

    @property
    @pulumi.getter
    def start_minute(self) -> pulumi.Output[int | None]:
        """The minute at which it starts; None for ONE_TIME."""
        return none_if_absent(pulumi.get(self, "start_minute"), self.model_id)

    @property
    @pulumi.getter
    def end_hour(self) -> pulumi.Output[int | None]:
        """The hour at which it ends, or the last hour; None if there is none."""
        return none_if_absent(pulumi.get(self, "end_hour"), self.model_id)

    @property
    @pulumi.getter
    def end_minute(self) -> pulumi.Output[int | None]:
        """The minute at which it ends; None for ONE_TIME."""
        return none_if_absent(pulumi.get(self, "end_minute"), self.model_id)

    @property
    @pulumi.getter
    def start_at(self) -> pulumi.Output[str | None]:
        """When it starts; None unless ONE_TIME."""
        return none_if_absent(pulumi.get(self, "start_at"), self.model_id)

    @property
    @pulumi.getter
    def end_at(self) -> pulumi.Output[str | None]:
        """When it ends; None unless ONE_TIME."""
        return none_if_absent(pulumi.get(self, "end_at"), self.model_id)

    @property
    @pulumi.getter
    def autoscaling_settings(self) -> pulumi.Output[AutoscalingSettings]:
        """The settings while it runs; an absent one has the value of the environment."""
        return pulumi.get(self, "autoscaling_settings")

    @property
    @pulumi.getter
    def in_force(self) -> pulumi.Output[bool]:
        """Whether Baseten listed the schedule as declared. False if nothing waited for it."""
        return pulumi.get(self, "in_force")

    @staticmethod
    def get(
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002 - Pulumi's own name for it
        opts: pulumi.ResourceOptions | None = None,
    ) -> "BasetenAutoscalingSchedule":
        """Look up a schedule without managing it.

        Args:
            resource_name: Name of the resource in the stack.
            id: `model_id/env_name/SCHEDULE_ID`.
            opts: Options of the resource.
        """
        from_id: Any = None
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        return BasetenAutoscalingSchedule(
            resource_name,
            model_id=from_id,
            env_name=from_id,
            schedule_name=from_id,
            timezone=from_id,
            cadence=from_id,
            autoscaling_settings=from_id,
            enabled=None,
            opts=options,
        )
