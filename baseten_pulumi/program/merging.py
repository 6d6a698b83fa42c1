"""Settings of one environment over the defaults of its model, whether they are known yet or not."""

from collections.abc import Awaitable, Mapping
from typing import Any

import pulumi

from baseten_pulumi.program.schedule_merging import merged_schedules
from baseten_pulumi.schedules import SCHEDULES
from baseten_pulumi.settings import LATER


def merged(defaults: Any, own: Any) -> Any:
    """Lay a value over its default, and an object over its defaults at every depth.

    Where both are objects they are merged, else the own value counts; so None takes a default out. What is not known
    yet is merged once it is, and the result is then an Output.
    """
    if isinstance(own, LATER) or (isinstance(own, Mapping) and isinstance(defaults, LATER)):
        return pulumi.Output.all(defaults, own).apply(lambda known: merged(*known))
    if not (isinstance(own, Mapping) and isinstance(defaults, Mapping)):
        return own
    both = {name: merged(default, own[name]) for name, default in defaults.items() if name in own and name != SCHEDULES}
    if SCHEDULES in defaults:
        both[SCHEDULES] = merged_schedules(defaults[SCHEDULES], own.get(SCHEDULES, {}))
    return {**defaults, **own, **both}


def part(settings: Any, name: str) -> Any:
    """Return one object out of an environment's settings; None where there is none."""
    if isinstance(settings, pulumi.Output):
        return settings.apply(lambda known: part(known, name))
    return settings.get(name)


def reusable(value: Any) -> Any:
    """Make an Output of whatever can be awaited once only, at every depth, so that many can take its value."""
    if isinstance(value, Mapping):
        return {name: reusable(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [reusable(inner) for inner in value]
    return pulumi.Output.from_input(value) if isinstance(value, Awaitable) else value


def without_strangers(path: str, settings: Any) -> Any:
    """Return settings as they are, {} for None, after a look at their keys; those not known yet once they are.

    Args:
        path: What the settings are called in an error.
        settings: Settings of an environment.

    Raises:
        ValueError: a key is no setting. Each is named with its path and what it may have been meant to be.
        TypeError: they are no mapping.
    """
    if isinstance(settings, LATER):
        return pulumi.Output.from_input(settings).apply(lambda known: without_strangers(path, known))
    if settings is None:
        return {}
    _refuse_strangers(path, settings)
    return settings


def _refuse_strangers(path: str, settings: Any) -> None:
    from baseten_pulumi.provider.checking import strangers

    if not isinstance(settings, Mapping):
        raise TypeError(f"{path}: must be an object, got {type(settings).__name__}")
    found = [f"{path}.{failure.path}: {failure.reason}" for failure in strangers(settings)]
    if found:
        raise ValueError("\n".join(found))
