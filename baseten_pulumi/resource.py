"""The resource programs declare."""

import functools
from typing import Any

import pulumi
import pulumi.dynamic
import pulumi.runtime
from pulumi.dynamic.dynamic import PROVIDER_KEY

from baseten_pulumi.program.claiming import claim, require_no_refusal
from baseten_pulumi.provider import EnvironmentSettingsProvider
from baseten_pulumi.settings import (
    AutoscalingScheduleSettings,
    AutoscalingScheduleSettingsArgsDict,
    AutoscalingSettings,
    AutoscalingSettingsArgsDict,
    PromotionSettings,
    PromotionSettingsArgsDict,
    RequestBackpressureSettings,
    RequestBackpressureSettingsArgsDict,
    written,
)

_API_KEY = "baseten:apiKey"


class BasetenEnvironmentSettings(pulumi.dynamic.Resource, module="baseten", name="EnvironmentSettings"):
    """The settings of one environment of a model at Baseten, put in force.

    The environment itself exists already. Every setting declared here is managed: `pulumi up` sends it and returns once
    Baseten reports it back. A setting that is absent or None is never sent, never compared and never drifts; one taken
    out of the program keeps its value. Destroying the resource reverts nothing.

    Settings are no secrets. One given as a secret stays encrypted in the state, but rows and errors show its value.

    The API key is read from the stack configuration `baseten:apiKey` or from BASETEN_API_KEY, never from an input.
    """

    def __init__(  # noqa: PLR0913 - the resource's inputs
        self,
        resource_name: str,
        *,
        model_id: pulumi.Input[str],
        env_name: pulumi.Input[str],
        autoscaling_settings: pulumi.Input[AutoscalingSettingsArgsDict] | None = None,
        promotion_settings: pulumi.Input[PromotionSettingsArgsDict] | None = None,
        request_backpressure_settings: pulumi.Input[RequestBackpressureSettingsArgsDict] | None = None,
        autoscaling_schedule_settings: pulumi.Input[AutoscalingScheduleSettingsArgsDict] | None = None,
        wait: pulumi.Input[bool] | None = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare settings of one environment; at least one.

        Args:
            resource_name: Name of the resource in the stack.
            model_id: Baseten's id of the model. A change replaces the resource.
            env_name: Name of the environment, such as "production". A change replaces the resource.
            autoscaling_settings: Autoscaling to put in force; None manages none of it.
            promotion_settings: Promotion settings to put in force; None manages none of them.
            request_backpressure_settings: Backpressure to put in force; None manages none of it.
            autoscaling_schedule_settings: Autoscaling schedules to put in force; None manages none of them.
            wait: Whether `pulumi up` waits until the settings are in force; None means True. The stack configuration
                `baseten:skipWait` turns every wait off.
            opts: Options of the resource. `custom_timeouts` limits create and update, 30 minutes by default.

        Raises:
            pulumi.RunError: another resource of the program declares one of these settings of the environment.
            TypeError: a subclass was made. Its name would be another resource type in the state.
        """
        refuse_subclass(self, BasetenEnvironmentSettings)
        settings = {
            "autoscaling_settings": written(autoscaling_settings),
            "promotion_settings": written(promotion_settings),
            "request_backpressure_settings": written(request_backpressure_settings),
            "autoscaling_schedule_settings": written(autoscaling_schedule_settings),
        }
        props: dict[str, Any] = {
            "model_id": model_id,
            "env_name": env_name,
            **settings,
            "wait": wait,
            "status": None,
            "in_force": None,
            "requests": None,
            "incarnation": None,
        }
        self.is_looked_up: bool = opts is not None and opts.id is not None
        """Whether the settings were looked up: then the resource manages none of them, and nothing is sent for it."""
        if not self.is_looked_up:
            claim(resource_name, model_id, env_name, settings)
        super().__init__(EnvironmentSettingsProvider(), resource_name, props, opts)
        if pulumi.runtime.is_dry_run():
            _warn_of_plain_key(pulumi.get_project(), pulumi.get_stack())
            self._annotate(props)

    # Outputs are properties, as in the SDKs that Pulumi generates: it reads the types of those once, while it resolves
    # a class's annotations anew for every resource.

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
    def autoscaling_settings(self) -> pulumi.Output[AutoscalingSettings | None]:
        """The managed autoscaling settings; None where none is managed."""
        return pulumi.get(self, "autoscaling_settings")

    @property
    @pulumi.getter
    def promotion_settings(self) -> pulumi.Output[PromotionSettings | None]:
        """The managed promotion settings; None where none is managed."""
        return pulumi.get(self, "promotion_settings")

    @property
    @pulumi.getter
    def request_backpressure_settings(self) -> pulumi.Output[RequestBackpressureSettings | None]:
        """The managed backpressure; None where it is not managed."""
        return pulumi.get(self, "request_backpressure_settings")

    @property
    @pulumi.getter
    def autoscaling_schedule_settings(self) -> pulumi.Output[AutoscalingScheduleSettings | None]:
        """The managed autoscaling schedules; None where none is managed."""
        return pulumi.get(self, "autoscaling_schedule_settings")

    @property
    @pulumi.getter
    def status(self) -> pulumi.Output[str | None]:
        """Baseten's answer to the last request: ACCEPTED, QUEUED or UNCHANGED; None before there was one."""
        return pulumi.get(self, "status")

    @property
    @pulumi.getter
    def in_force(self) -> pulumi.Output[bool]:
        """Whether every managed setting was read back with its value. False where nobody waited."""
        return pulumi.get(self, "in_force")

    @property
    @pulumi.getter
    def requests(self) -> pulumi.Output[int | None]:
        """How many requests that change settings it has sent, those in doubt included.

        Not those that Baseten refused, nor what a joint wait sends again. None counts as 0: state of a release without
        this output, and what is looked up.
        """
        return pulumi.get(self, "requests")

    @property
    @pulumi.getter
    def incarnation(self) -> pulumi.Output[str | None]:
        """Tells the resource from any that managed the same environment before it.

        Chosen when it is created, None where `requests` may be.
        """
        return pulumi.get(self, "incarnation")

    def translate_input_property(self, prop: str) -> str:
        """Return the name of a property as it is. Pulumi asks when it is about to register the resource."""
        if prop == PROVIDER_KEY:  # once for each resource: every one has it
            require_no_refusal()
        return prop

    def _annotate(self, props: dict[str, Any]) -> None:
        from baseten_pulumi.program.previewing import annotate

        if not self.is_looked_up:
            annotate(self, props)

    @staticmethod
    def get(
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002 - Pulumi's own name for it
        opts: pulumi.ResourceOptions | None = None,
    ) -> "BasetenEnvironmentSettings":
        """Look up an environment's settings without managing them.

        Args:
            resource_name: Name of the resource in the stack.
            id: `model_id/env_name`.
            opts: Options of the resource.

        Returns:
            A resource whose outputs are everything Baseten reports; `pulumi up` sends nothing for it.
        """
        said_by_id: Any = None
        return BasetenEnvironmentSettings(
            resource_name,
            model_id=said_by_id,
            env_name=said_by_id,
            wait=None,
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id)),
        )


def refuse_subclass(resource: pulumi.dynamic.Resource, declared: type[pulumi.dynamic.Resource]) -> None:
    """Refuse a resource of any other class than the one that state knows.

    Raises:
        TypeError: it is of a subclass.
    """
    if type(resource) is not declared:
        raise TypeError(
            f"{declared.__name__} cannot be subclassed, since the class is the resource's type in the state. "
            "Write a function, or a pulumi.ComponentResource, that declares one."
        )


@functools.cache
def _warn_of_plain_key(_project: str, _stack: str) -> None:
    """Warn where the key would stand readable in the stack's files and state; once for each stack a process runs."""
    is_set = pulumi.runtime.config.get_config(_API_KEY) is not None
    if is_set and not pulumi.runtime.config.is_config_secret(_API_KEY):
        pulumi.log.warn(
            f"{_API_KEY} is kept in plain text in the stack's configuration and state. "
            f"Run `pulumi config set --secret {_API_KEY}` and replace the key at Baseten."
        )
