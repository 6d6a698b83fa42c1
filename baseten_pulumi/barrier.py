"""The resource that waits for the settings of many environments together."""

from collections.abc import Iterable, Sequence
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.output import UNKNOWN, Unknown

from baseten_pulumi.provider import SettingsInForceProvider
from baseten_pulumi.resource import BasetenEnvironmentSettings, refuse_subclass
from baseten_pulumi.settings import written

_RECORD = ("status", "in_force", "requests", "incarnation")


class BasetenSettingsInForce(pulumi.dynamic.Resource, module="baseten", name="SettingsInForce"):
    """One joint wait: `pulumi up` returns once the settings of every environment given are in force.

    A fleet is fastest where each `BasetenEnvironmentSettings` has `wait=False` and one of these waits for all together:
    then the time it takes does not depend on how many resources Pulumi handles at once. It waits for an environment
    that is new to it or has been sent something since; what it saw in force it does not look at again. After an error
    it waits again at the next `up`, and sends anew what differs then, since an earlier run may have lost it. A refresh
    of it asks nothing, and destroying it leaves everything as it is.

    Where nobody waits, the next whole `up` does: `pulumi up --target` on an environment's settings passes the joint
    wait over, and `--continue-on-error` skips it where one of them failed, though the others are sent. With the joint
    wait itself as a target, settings that are new to it have to be targets too.
    """

    in_force: pulumi.Output[bool]
    """Whether every managed setting was read back with its value, now or by an earlier wait: also True where nothing
    was left to wait for. False where `baseten:skipWait` left something unseen."""

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
            settings: What to wait for. Those that wait by themselves cost one look more. Where several manage
                different settings of one environment, these are waited for together.
            opts: Options of the resource. `custom_timeouts` limits create and update, 30 minutes by default.

        Raises:
            ValueError: there is nothing to wait for, or settings were looked up: those manage nothing.
            TypeError: a subclass was made. Its name would be another resource type in the state.
        """
        refuse_subclass(self, BasetenSettingsInForce)
        if not settings:
            raise ValueError(f'BasetenSettingsInForce "{resource_name}": settings must hold at least one, got none')
        looked_up = ", ".join(f'"{it.pulumi_resource_name}"' for it in settings if it.is_looked_up)
        if looked_up:
            raise ValueError(
                f'BasetenSettingsInForce "{resource_name}": settings must be declared, got looked-up ones: {looked_up}'
            )
        props: dict[str, Any] = {"environments": _environments(settings), "in_force": None}
        super().__init__(SettingsInForceProvider(), resource_name, props, opts)


def _environments(settings: Sequence[BasetenEnvironmentSettings]) -> pulumi.Output[dict[str, Any]]:
    """Describe every environment under its resource id; one that is not known yet hides no other in a preview."""
    distinct = list(dict.fromkeys(settings))
    addresses = pulumi.Output.all(*(part for it in distinct for part in (it.model_id, it.env_name)))
    return addresses.apply(lambda found: _by_name(zip(found[::2], found[1::2], distinct, strict=True)))


def _by_name(addressed: Iterable[tuple[str, str, BasetenEnvironmentSettings]]) -> dict[str, Any]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for model_id, env_name, settings in addressed:
        groups.setdefault(f"{model_id}/{env_name}", []).append(_described(settings))
    return {name: parts[0] if len(parts) == 1 else _together(parts) for name, parts in groups.items()}


def _described(settings: BasetenEnvironmentSettings) -> dict[str, Any]:
    """Name a resource's outputs, nearly as they are: what is made of several costs the SDK more than all the rest."""
    from baseten_pulumi.fields import members

    managed = {group: written(getattr(settings, group)) for group in members("")}
    return {**managed, **{name: getattr(settings, name) for name in _RECORD}}


def _together(parts: Sequence[dict[str, Any]]) -> pulumi.Output[Any]:
    return pulumi.Output.all(*parts).apply(_joined, run_with_unknowns=True)


def _joined(parts: Sequence[Any]) -> Any:
    """Join what several resources manage of one environment; it is in force where each says so.

    A preview takes an output that the state lacks for one it does not know yet, and every state has `in_force`: where
    that is known, all there is is known.
    """
    from baseten_pulumi.fields import flatten, nest

    if any(isinstance(part, Unknown) or isinstance(part["in_force"], Unknown) for part in parts):
        return UNKNOWN
    known = [{name: value for name, value in part.items() if not isinstance(value, Unknown)} for part in parts]
    settings: dict[str, Any] = {}
    for part in known:
        settings |= flatten(part)
    statuses = [part.get("status") for part in known]
    return {
        **nest(settings),
        "status": "QUEUED" if "QUEUED" in statuses else statuses[-1],
        "in_force": all(part["in_force"] for part in known),
        "requests": sum(part.get("requests") or 0 for part in known),
        "incarnation": "+".join(filter(None, (part.get("incarnation") for part in known))) or None,
    }
