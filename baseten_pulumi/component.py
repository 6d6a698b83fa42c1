"""All environments of a model from one mapping, and one wait for all of them."""

from collections.abc import Mapping
from typing import Any

import pulumi

from baseten_pulumi.barrier import BasetenSettingsInForce
from baseten_pulumi.program.merging import merged, part, reusable, without_strangers
from baseten_pulumi.resource import BasetenEnvironmentSettings
from baseten_pulumi.settings import EnvironmentArgsDict


class BasetenModelEnvironments(pulumi.ComponentResource):
    """The settings of several environments of one model, put in force together.

    Each environment becomes a `BasetenEnvironmentSettings` that sends its settings and goes on; one
    `BasetenSettingsInForce` then waits for all of them. `pulumi up --target` on one environment passes that over.
    """

    settings: Mapping[str, BasetenEnvironmentSettings]
    """The resource of each environment, by the environment's name."""
    in_force: pulumi.Output[bool]
    """Whether every managed setting of every environment was read back with its value. False where nobody waited."""

    def __init__(
        self,
        resource_name: str,
        *,
        model_id: pulumi.Input[str],
        environments: Mapping[str, pulumi.Input[EnvironmentArgsDict] | None],
        defaults: pulumi.Input[EnvironmentArgsDict] | None = None,
        wait: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the settings of a model's environments.

        Args:
            resource_name: Name of the component in the stack; its children are called `<resource_name>-<environment>`.
            model_id: Baseten's id of the model.
            environments: The settings of each environment, by its name. They lie over the defaults, setting by setting;
                None for a setting, or for an object of settings, takes the default out; None for the environment leaves
                it all defaults. Schedules are merged by name; one that an environment deletes is taken out,
                and a default timezone counts where there are schedules.
            defaults: Settings of every environment that does not declare its own.
            wait: Whether `pulumi up` waits until everything is in force.
            opts: Options of the component. `custom_timeouts` goes to the children: it limits each request and the wait.

        Raises:
            ValueError: there is no environment, or a mapping has a key that is no setting.
            TypeError: the environments, or the settings of one, are no mapping.
        """
        if not isinstance(environments, Mapping):
            raise TypeError(
                f'BasetenModelEnvironments "{resource_name}": environments must be a mapping, '
                f"got {type(environments).__name__}"
            )
        if not environments:
            raise ValueError(
                f'BasetenModelEnvironments "{resource_name}": environments must name at least one, got none'
            )
        defaults = without_strangers("defaults", reusable(defaults))
        own = {name: without_strangers(f"environments.{name}", reusable(it)) for name, it in environments.items()}
        model_id = reusable(model_id)
        super().__init__("baseten:index:ModelEnvironments", resource_name, None, opts)
        inner = pulumi.ResourceOptions(parent=self, custom_timeouts=opts.custom_timeouts if opts else None)
        self.settings = {
            name: _child(f"{resource_name}-{name}", model_id, name, merged(defaults, it), inner)
            for name, it in own.items()
        }
        children = list(self.settings.values())
        if wait:
            self.in_force = BasetenSettingsInForce(f"{resource_name}-in-force", settings=children, opts=inner).in_force
        else:
            self.in_force = pulumi.Output.all(*(it.in_force for it in children)).apply(all)
        self.register_outputs({"in_force": self.in_force})


def _child(
    name: str, model_id: pulumi.Input[str], env_name: str, settings: Any, opts: pulumi.ResourceOptions
) -> BasetenEnvironmentSettings:
    return BasetenEnvironmentSettings(
        name,
        model_id=model_id,
        env_name=env_name,
        autoscaling_settings=part(settings, "autoscaling_settings"),
        promotion_settings=part(settings, "promotion_settings"),
        request_backpressure_settings=part(settings, "request_backpressure_settings"),
        autoscaling_schedule_settings=part(settings, "autoscaling_schedule_settings"),
        wait=False,
        opts=opts,
    )
