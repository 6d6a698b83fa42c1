"""The component that declares all environments of a model from one mapping."""

from collections.abc import Mapping
from typing import Any

import pulumi

from baseten_pulumi.resources.arguments import prepared, refuse
from baseten_pulumi.resources.environment import BasetenEnvironment
from baseten_pulumi.resources.in_force import BasetenSettingsInForce
from baseten_pulumi.resources.settings import BasetenEnvironmentSettings
from baseten_pulumi.schema.environment import PRODUCTION
from baseten_pulumi.schema.merge import merged
from baseten_pulumi.schema.settings import TOP_LEVEL_GROUPS, properties
from baseten_pulumi.schema.validate import NEWER, member, unknown_property
from baseten_pulumi.types import EnvironmentArgsDict


class BasetenModelEnvironments(pulumi.ComponentResource):
    """The settings of several environments of one model, with one wait for all of them.

    Each environment is a `BasetenEnvironmentSettings` that does not wait; one `BasetenSettingsInForce` waits for all of
    them. `pulumi up --target` on one environment skips that wait.
    """

    environments: Mapping[str, BasetenEnvironment]
    """The environments that `create_missing` declares, by name; empty without it."""
    settings: Mapping[str, BasetenEnvironmentSettings]
    """The resource of each environment, by the environment's name."""
    in_force: pulumi.Output[bool]
    """Whether Baseten reported every managed setting of every environment as applied. False if nothing waited."""

    def __init__(  # noqa: PLR0913 - what all environments share
        self,
        resource_name: str,
        *,
        model_id: pulumi.Input[str],
        environments: Mapping[str, pulumi.Input[EnvironmentArgsDict | None]],
        defaults: pulumi.Input[EnvironmentArgsDict | None] = None,
        create_missing: bool = False,
        wait: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the settings of a model's environments.

        Args:
            resource_name: Name of the component in the stack; its children are named `<resource_name>-<environment>`.
            model_id: Baseten's id of the model.
            environments: The settings of each environment, by its name. They are deep-merged over the defaults. None
                for a setting, or for an object of settings, removes its default; None for an environment uses the
                defaults alone. Inside `additional_settings`, None is a null that is sent.
            defaults: Settings of every environment that does not declare its own.
            create_missing: Whether to declare a `BasetenEnvironment` for every environment but `production`, which
                always exists. They are protected unless `opts` has `protect=False`.
            wait: Whether `pulumi up` waits until all settings are applied.
            opts: Options of the component. `custom_timeouts` is passed to all children, `protect` to the
                `BasetenEnvironment` resources.

        Raises:
            pulumi.RunError: `environments` is empty or not a mapping; `create_missing` or `wait` is not a bool;
                `defaults` or an environment's settings are not a mapping or have an unknown key; Pulumi could not send
                an argument to the engine, such as a dataclass, a Decimal or a set; or `import_` is set. Each
                environment's resource validates everything else.
        """
        component = f'BasetenModelEnvironments "{resource_name}"'
        if not isinstance(environments, Mapping):
            raise pulumi.RunError(f"{component}: environments: must be a mapping, got {type(environments).__name__}")
        for name, flag in (("create_missing", create_missing), ("wait", wait)):
            if not isinstance(flag, bool):  # the string "false" would count as true
                raise pulumi.RunError(f"{component}: {name}: must be True or False, got {flag!r}")
        if not environments:
            raise pulumi.RunError(f"{component}: environments: must name at least one environment")
        given = {"model_id": model_id, "environments": environments, "defaults": defaults}
        arguments = prepared(component, given, opts)  # an awaitable in them is an Output, which several children use
        failures: list[str] = []
        shared = _validated(component, "defaults", arguments["defaults"], failures)
        declared = {
            name: _validated(component, member("environments", name), own, failures)
            for name, own in arguments["environments"].items()
        }
        refuse(component, failures)
        super().__init__("baseten:index:ModelEnvironments", resource_name, None, opts)
        child_opts = pulumi.ResourceOptions(parent=self, custom_timeouts=opts.custom_timeouts if opts else None)
        self.environments = {
            name: BasetenEnvironment(
                f"{resource_name}-{name}",
                model_id=arguments["model_id"],
                env_name=name,
                opts=pulumi.ResourceOptions.merge(
                    child_opts, pulumi.ResourceOptions(protect=opts.protect if opts else None)
                ),
            )
            for name in declared
            if create_missing and name != PRODUCTION
        }
        self.settings = {}
        for name, own in declared.items():
            settings = merged(shared, own)
            self.settings[name] = BasetenEnvironmentSettings(
                f"{resource_name}-{name}",
                model_id=arguments["model_id"],
                env_name=self.environments[name].env_name if name in self.environments else name,
                **{name: _group(settings, name) for name in TOP_LEVEL_GROUPS},
                wait=False,
                opts=child_opts,
            )
        children = list(self.settings.values())
        if wait:
            joint_wait = BasetenSettingsInForce(f"{resource_name}-in-force", settings=children, opts=child_opts)
            self.in_force = joint_wait.in_force
        else:
            self.in_force = pulumi.Output.all(*(child.in_force for child in children)).apply(all)
        self.register_outputs({"in_force": self.in_force})


def _validated(component: str, path: str, settings: Any, failures: list[str]) -> Any:
    """Return settings, and add a failure for each unknown top-level key; {} for None, an Output for an Output.

    An unknown key would be lost here: no child has an input for it. All other rules are the children's own.
    """
    if isinstance(settings, pulumi.Output):
        return settings.apply(lambda known: _validated_or_error(component, path, known))
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        failures.append(f"{path}: must be a mapping, got {type(settings).__name__}")
        return {}
    known = properties("")
    failures += [f"{member(path, key)}: {unknown_property(key, known, NEWER)}" for key in settings if key not in known]
    return settings


def _validated_or_error(component: str, path: str, settings: Any) -> Any:
    failures: list[str] = []
    valid = _validated(component, path, settings, failures)
    refuse(component, failures)
    return valid


def _group(settings: Any, name: str) -> Any:
    if isinstance(settings, pulumi.Output):
        return settings.apply(lambda known: known.get(name))
    return settings.get(name)
