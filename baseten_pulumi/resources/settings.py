"""The resource for the settings of one environment."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi.dynamic

from baseten_pulumi.provider import EnvironmentSettingsProvider
from baseten_pulumi.resources.arguments import prepared, refuse_subclass
from baseten_pulumi.resources.outputs import none_if_absent
from baseten_pulumi.schema.settings import decoded, encoded
from baseten_pulumi.schema.validate import ID_FORM
from baseten_pulumi.types import (
    AutoscalingSettings,
    AutoscalingSettingsArgsDict,
    PromotionSettings,
    PromotionSettingsArgsDict,
    RequestBackpressureSettings,
    RequestBackpressureSettingsArgsDict,
)


class BasetenEnvironmentSettings(pulumi.dynamic.Resource, module="baseten", name="EnvironmentSettings"):
    """Autoscaling, promotion and backpressure settings of one environment of a model.

    `pulumi up` sends every declared setting and returns when Baseten has applied them. The first `up` adopts the
    environment, which must exist or be declared as a `BasetenEnvironment`. A setting that is absent or None is not
    managed: it is never sent and never compared. A setting that is removed from the program keeps its value in Baseten.
    Deleting the resource sends nothing.

    Settings are not secrets. A setting passed as a secret is encrypted in the state, but rows and errors show it.

    The API key comes from the stack configuration `baseten:apiKey` or from BASETEN_API_KEY, never from an input.
    """

    def __init__(  # noqa: PLR0913 - the inputs of the resource
        self,
        resource_name: str,
        *,
        model_id: pulumi.Input[str],
        env_name: pulumi.Input[str],
        autoscaling_settings: pulumi.Input[AutoscalingSettingsArgsDict | AutoscalingSettings | None] = None,
        promotion_settings: pulumi.Input[PromotionSettingsArgsDict | PromotionSettings | None] = None,
        request_backpressure_settings: pulumi.Input[
            RequestBackpressureSettingsArgsDict | RequestBackpressureSettings | None
        ] = None,
        additional_settings: pulumi.Input[Mapping[str, Any] | None] = None,
        wait: pulumi.Input[bool] | None = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare settings of one environment; at least one.

        Args:
            resource_name: Name of the resource in the stack.
            model_id: Baseten's id of the model. A change replaces the resource.
            env_name: Name of the environment, such as "production". A change replaces the resource.
            autoscaling_settings: Autoscaling settings to apply; None leaves them unmanaged.
            promotion_settings: Promotion settings to apply; None leaves them unmanaged.
            request_backpressure_settings: Backpressure settings to apply; None leaves them unmanaged.
            additional_settings: Settings, and values of an enum, that Baseten added after this release, in the API's
                own shape. They are managed like any other setting, but only Baseten validates them. A None inside is
                sent as null. None leaves them unmanaged.
            wait: Whether `pulumi up` waits until the settings are applied; None means True. The stack configuration
                `baseten:skipWait` turns off waiting for every resource.
            opts: Options of the resource. `custom_timeouts` limit create and update; the default is 30 minutes.

        Raises:
            pulumi.RunError: Pulumi could not send an argument to the engine, such as a dataclass, a Decimal or a set;
                `import_` is set; or the id to look up is not `model_id/env_name`.
            TypeError: a subclass was instantiated. Its name would be another resource type in the state.
        """
        refuse_subclass(self, BasetenEnvironmentSettings)
        arguments = {
            "model_id": model_id,
            "env_name": env_name,
            "autoscaling_settings": autoscaling_settings,
            "promotion_settings": promotion_settings,
            "request_backpressure_settings": request_backpressure_settings,
            "additional_settings": additional_settings,
            "wait": wait,
        }
        props: dict[str, Any] = {
            **prepared(f'BasetenEnvironmentSettings "{resource_name}"', arguments, opts, ID_FORM),
            "status": None,
            "in_force": None,
            "revision": None,
        }
        props["additional_settings"] = _encoded(props["additional_settings"])
        self.is_lookup: bool = opts is not None and opts.id is not None
        """Whether the settings were looked up. Such a resource manages no settings and sends nothing."""
        super().__init__(EnvironmentSettingsProvider(), resource_name, props, opts)

    # Outputs are properties, as in generated SDKs: Pulumi reads their types once, while it resolves the annotations of
    # a class again for every resource.

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
        """The managed autoscaling settings; None if none are managed."""
        return none_if_absent(pulumi.get(self, "autoscaling_settings"), self.model_id)

    @property
    @pulumi.getter
    def promotion_settings(self) -> pulumi.Output[PromotionSettings | None]:
        """The managed promotion settings; None if none are managed."""
        return none_if_absent(pulumi.get(self, "promotion_settings"), self.model_id)

    @property
    @pulumi.getter
    def request_backpressure_settings(self) -> pulumi.Output[RequestBackpressureSettings | None]:
        """The managed backpressure settings; None if none are managed."""
        return none_if_absent(pulumi.get(self, "request_backpressure_settings"), self.model_id)

    @property
    @pulumi.getter
    def additional_settings(self) -> pulumi.Output[dict[str, Any] | None]:
        """The managed additional settings, in the API's own shape; None if none are managed."""
        return none_if_absent(pulumi.get(self, "additional_settings"), self.model_id).apply(decoded)

    @property
    @pulumi.getter
    def status(self) -> pulumi.Output[str | None]:
        """Status of Baseten's last response: ACCEPTED, QUEUED or UNCHANGED; None if the response was lost."""
        return self._sent("status")

    @property
    @pulumi.getter
    def in_force(self) -> pulumi.Output[bool]:
        """Whether every managed setting was observed with its value. False if nothing waited for it."""
        return pulumi.get(self, "in_force")

    @property
    @pulumi.getter
    def revision(self) -> pulumi.Output[str | None]:
        """A random token of the last operation that sent the settings; a new token means that they were sent again."""
        return self._sent("revision")

    def _sent(self, name: str) -> Any:
        """Return an output of sending, which a lookup does not have."""
        output = pulumi.get(self, name)
        return none_if_absent(output, self.model_id) if self.is_lookup else output

    @staticmethod
    def get(
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002 - Pulumi's own name for it
        opts: pulumi.ResourceOptions | None = None,
    ) -> "BasetenEnvironmentSettings":
        """Look up the settings of an environment without managing them.

        Args:
            resource_name: Name of the resource in the stack.
            id: `model_id/env_name`.
            opts: Options of the resource.

        Returns:
            A resource whose outputs contain everything Baseten reports. It sends nothing.
        """
        from_id: Any = None
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        return BasetenEnvironmentSettings(resource_name, model_id=from_id, env_name=from_id, wait=None, opts=options)


def _encoded(settings: Any) -> Any:
    """Encode the nulls in additional settings, which Pulumi would lose; None itself is no setting."""
    if isinstance(settings, pulumi.Output):
        return settings.apply(_encoded)
    return None if settings is None else encoded(settings)
