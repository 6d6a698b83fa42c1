"""The resource that waits for the settings of many environments together."""

from collections.abc import Iterable, Sequence
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.output import Unknown

from baseten_pulumi.provider import SettingsInForceProvider
from baseten_pulumi.resource import BasetenEnvironmentSettings, refuse_subclass


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


def _by_name(
    addressed: Iterable[tuple[str, str, BasetenEnvironmentSettings]],
) -> dict[str, pulumi.Output[dict[str, Any]]]:
    groups: dict[str, list[BasetenEnvironmentSettings]] = {}
    for model_id, env_name, settings in addressed:
        groups.setdefault(f"{model_id}/{env_name}", []).append(settings)
    return {name: _entry(group) for name, group in groups.items()}


def _entry(group: Sequence[BasetenEnvironmentSettings]) -> pulumi.Output[dict[str, Any]]:
    """Describe an environment, by what its resources say of it.

    A preview takes an output that the state lacks for one it does not know yet, and every state has `in_force`: where
    that is known, all there is is known.
    """
    parts = [
        pulumi.Output.all(
            it.status,
            it.requests,
            it.incarnation,
            it.autoscaling_settings,
            it.promotion_settings,
            it.request_backpressure_settings,
        )
        for it in group
    ]
    return pulumi.Output.all(*(it.in_force for it in group)).apply(
        lambda said: pulumi.Output.all(*parts).apply(lambda known: _joined(known, said), run_with_unknowns=True)
    )


def _joined(parts: Sequence[Sequence[Any]], in_force: Sequence[bool]) -> dict[str, Any]:
    """Join what several resources manage of one environment; it is in force where each says so."""
    from baseten_pulumi.fields import flatten, members, nest

    known = [[None if isinstance(value, Unknown) else value for value in part] for part in parts]
    settings: dict[str, Any] = {}
    for _, _, _, *objects in known:
        settings |= flatten({name: _plain(name, it) for name, it in zip(members(""), objects, strict=True)})
    statuses, requests, incarnations = list(zip(*known, strict=True))[:3]
    return {
        **nest(settings),
        "status": "QUEUED" if "QUEUED" in statuses else statuses[-1],
        "in_force": all(in_force),
        "requests": sum(count or 0 for count in requests),
        "incarnation": "+".join(filter(None, incarnations)) or None,
    }


def _plain(group: str, typed: Any) -> dict[str, Any]:
    """Turn a typed output into the object the API knows."""
    from baseten_pulumi.fields import GROUPS, members

    values = {name: getattr(typed, name, None) for name in members(group)}
    return {
        name: _plain(f"{group}.{name}", value) if f"{group}.{name}" in GROUPS else value
        for name, value in values.items()
    }
