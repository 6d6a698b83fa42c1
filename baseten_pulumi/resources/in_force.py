"""The resource that waits for the settings of many environments together."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.output import UNKNOWN

from baseten_pulumi.provider import SettingsInForceProvider
from baseten_pulumi.resources.arguments import prepared, refuse_subclass
from baseten_pulumi.resources.settings import BasetenEnvironmentSettings
from baseten_pulumi.schema.in_force import LEFT_OUT, format_entry
from baseten_pulumi.schema.settings import TOP_LEVEL_GROUPS


class BasetenSettingsInForce(pulumi.dynamic.Resource, module="baseten", name="SettingsInForce"):
    """Wait for the settings of many environments together.

    Pulumi's engine runs few operations at a time. Declare each `BasetenEnvironmentSettings` with `wait=False`, and one
    joint wait for all of them: together they take as long as the slowest environment. The wait sends nothing. Later
    waits poll only the environments whose settings were sent again.
    """

    in_force: pulumi.Output[bool]
    """Whether every managed setting of every environment was observed with its value."""

    def __init__(
        self,
        resource_name: str,
        *,
        settings: Sequence[BasetenEnvironmentSettings],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a joint wait.

        Args:
            resource_name: Name of the resource in the stack.
            settings: The resources to wait for; their order does not matter.
            opts: Options of the resource. `custom_timeouts` limit create and update; the default is 30 minutes.

        Raises:
            pulumi.RunError: `settings` is empty, contains a resource that was looked up (which manages nothing), or
                contains two resources with the same name; or `import_` is set.
            TypeError: a subclass was instantiated. Its name would be another resource type in the state.
        """
        refuse_subclass(self, BasetenSettingsInForce)
        distinct = list(dict.fromkeys(settings))
        names = [it.pulumi_resource_name for it in distinct]
        resource = f'BasetenSettingsInForce "{resource_name}"'
        prefix = f"{resource}: settings"
        if not distinct:
            raise pulumi.RunError(f"{prefix}: must contain at least one resource")
        if lookups := [it.pulumi_resource_name for it in distinct if it.is_lookup]:
            raise pulumi.RunError(f"{prefix}: must be declared, not looked up, got {', '.join(lookups)}")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise pulumi.RunError(f"{prefix}: must have unique names, got {', '.join(twice)} more than once")
        environments = {name: _entry(it) for name, it in zip(names, distinct, strict=True)}
        props = {"environments": environments, **prepared(resource, {"in_force": None}, opts)}
        super().__init__(SettingsInForceProvider(), resource_name, props, opts)


def _entry(settings: BasetenEnvironmentSettings) -> pulumi.Output[str]:
    """Describe settings by one line; not known in a preview in which they will be sent, or in which they are left out.

    Made by hand of the outputs' futures: `Output.all` over seven outputs of each of a thousand resources costs the
    program more than everything else. In a preview, an output that the state does not have is not known; every state
    has `revision`, so if that is known, a group that is not is one that is not managed.
    """
    groups = {name: pulumi.get(settings, name) for name in TOP_LEVEL_GROUPS}
    own = {name: pulumi.get(settings, name) for name in ("model_id", "env_name", "revision", "status")}

    async def is_sent() -> bool:
        return all([await own[name].is_known() for name in ("model_id", "env_name", "revision")])

    async def text() -> Any:
        if not await is_sent():
            return UNKNOWN if pulumi.runtime.is_dry_run() else LEFT_OUT
        managed = {name: await output.future() for name, output in groups.items()}
        declared = {name: value for name, value in managed.items() if value is not None}
        return format_entry({name: await output.future() for name, output in own.items()}, declared)

    async def is_known() -> bool:
        return not pulumi.runtime.is_dry_run() or await is_sent()

    async def is_secret() -> bool:
        return any([await output.is_secret() for output in (*own.values(), *groups.values())])

    return pulumi.Output({settings}, text(), is_known(), is_secret())
