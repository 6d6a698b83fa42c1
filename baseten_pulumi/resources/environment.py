"""The resource for an environment itself."""

from typing import Any

import pulumi
import pulumi.dynamic

from baseten_pulumi.provider import EnvironmentProvider
from baseten_pulumi.resources.arguments import prepared, refuse_subclass
from baseten_pulumi.resources.outputs import none_if_absent
from baseten_pulumi.schema.validate import ID_FORM


class BasetenEnvironment(pulumi.dynamic.Resource, module="baseten", name="Environment"):
    """An environment of a model, to which deployments are promoted. `production` always exists and is not declared.

    `pulumi up` creates the environment, or adopts the one that exists, and returns once Baseten lists it. Declare its
    settings with `BasetenEnvironmentSettings(env_name=environment.env_name)`, which is then created after it.

    Deleting the resource deletes the environment: Baseten cancels a promotion under way and scales the deployment that
    serves there to zero. So the resource is protected, and Pulumi refuses to delete or replace it, unless `opts` has
    `protect=False`.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        model_id: pulumi.Input[str],
        env_name: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare an environment.

        Args:
            resource_name: Name of the resource in the stack.
            model_id: Baseten's id of the model. A change replaces the resource.
            env_name: Name of the environment: lowercase letters, digits and "-", starting and ending with a letter or
                digit. A change replaces the resource.
            opts: Options of the resource. `protect` is True unless it is set here. `custom_timeouts` limit create,
                update and delete; the default is 30 minutes.

        Raises:
            TypeError: a subclass was instantiated. Its name would be another resource type in the state.
            pulumi.RunError: an argument is of a type that Pulumi cannot send, or `opts` has an `import_` or a malformed
                id.
        """
        refuse_subclass(self, BasetenEnvironment)
        arguments: dict[str, Any] = {"model_id": model_id, "env_name": env_name}
        props = prepared(f'BasetenEnvironment "{resource_name}"', arguments, opts, ID_FORM)
        self._is_lookup = opts is not None and opts.id is not None
        is_protected = not self._is_lookup if opts is None or opts.protect is None else opts.protect
        if not self._is_lookup and not is_protected:
            props["protected"] = False  # Check warns of it before a create, and drops it
        outputs = dict.fromkeys(("created_at", "current_deployment_id", "instance_type", "in_force"))
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=is_protected))
        super().__init__(EnvironmentProvider(), resource_name, {**props, **outputs}, options)

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
    def created_at(self) -> pulumi.Output[str | None]:
        """When Baseten created it, in ISO 8601; None if Baseten does not report it."""
        return self._reported("created_at")

    @property
    @pulumi.getter
    def current_deployment_id(self) -> pulumi.Output[str | None]:
        """The deployment that served when the resource was last created or refreshed; None if there was none."""
        return self._reported("current_deployment_id")

    @property
    @pulumi.getter
    def instance_type(self) -> pulumi.Output[str | None]:
        """Name of its instance type; None if Baseten does not report it."""
        return self._reported("instance_type")

    @property
    @pulumi.getter
    def in_force(self) -> pulumi.Output[bool]:
        """Whether Baseten listed the environment. False if nothing waited for it."""
        return pulumi.get(self, "in_force")

    def _reported(self, name: str) -> Any:
        """Return an output that only Baseten knows. A preview does not know the id of what is looked up."""
        return none_if_absent(pulumi.get(self, name), self.model_id if self._is_lookup else self.id)

    @staticmethod
    def get(
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002 - Pulumi's own name for it
        opts: pulumi.ResourceOptions | None = None,
    ) -> "BasetenEnvironment":
        """Look up an environment without managing it.

        Args:
            resource_name: Name of the resource in the stack.
            id: `model_id/env_name`.
            opts: Options of the resource.
        """
        from_id: Any = None
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        return BasetenEnvironment(resource_name, model_id=from_id, env_name=from_id, opts=options)
