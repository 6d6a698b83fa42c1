"""An environment's settings merged over the defaults, known or not."""

from collections.abc import Awaitable, Mapping
from typing import Any

import pulumi

LATER = (pulumi.Output, Awaitable)
"""The classes of inputs whose value is not known yet."""
_OBJECT_OR_LATER = (Mapping, *LATER)


def merged(defaults: Any, own: Any) -> Any:
    """Deep-merge a value over its default.

    Two objects are merged key by key; otherwise the own value replaces the default, so that None removes it. Objects
    that are not known yet are merged once they are, and the result is then an Output.
    """
    if isinstance(defaults, Mapping) and isinstance(own, Mapping):
        return {**defaults, **{key: merged(defaults.get(key), value) for key, value in own.items()}}
    if isinstance(defaults, _OBJECT_OR_LATER) and isinstance(own, _OBJECT_OR_LATER):
        return pulumi.Output.all(defaults, own).apply(lambda known: merged(*known))
    return own
