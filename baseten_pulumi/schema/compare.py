"""What differs between desired and observed settings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baseten_pulumi.schema.settings import (
    MAX_SURGE_PERCENT,
    MAX_UNAVAILABLE_PERCENT,
    NULL,
    Settings,
    Value,
    decoded,
    same,
)

# Baseten reports the one that is not in use as null; declared, it is 0.
_ZERO_IF_NULL = frozenset({MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT})
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting whose observed value is not the desired one.

    Attributes:
        path: Dotted path of the setting.
        desired: The declared value.
        observed: What Baseten reports; None if it reports nothing.
    """

    path: str
    desired: Value
    observed: Value | None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def short(self) -> str:
        """`max_replica 4→6`, for a row."""
        return f"{self.name} {shown(self.observed)}→{shown(self.desired)}"

    @property
    def drift(self) -> str:
        """`max_replica: now 40, the program says 11`, for a preview."""
        return f"{self.name}: now {shown(self.observed)}, the program says {shown(self.desired)}"

    @property
    def sentence(self) -> str:
        """`autoscaling_settings.min_replica: expected 3, observed 1`, for an error."""
        return f"{self.path}: expected {shown(self.desired)}, observed {shown(self.observed)}"


def differences(desired: Mapping[str, Any], observed: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return every desired setting that is observed with another value, or not at all.

    Settings that are observed and not desired do not count.
    """
    seen = managed(desired, observed)
    found = ((path, value, seen.get(path)) for path, value in desired.items())
    return tuple(Difference(*it) for it in found if not same(it[1], it[2]))


def managed(desired: Mapping[str, Any], observed: Mapping[str, Any]) -> Settings:
    """Return the observed values of the desired settings; those that are not reported are left out.

    A percentage that is desired to be 0 and not reported is a 0, and an additional setting that is desired to be null
    and not reported is a null.
    """
    absent: Settings = {path: 0 for path in _ZERO_IF_NULL if desired.get(path) == 0}
    absent |= {path: NULL for path, value in desired.items() if value == NULL}
    return {path: value for path in desired if (value := observed.get(path, absent.get(path))) is not None}


def shown(value: Any) -> str:
    """Show a value as the API writes it, in at most 80 characters; text without quotation marks if it is printable."""
    is_plain = isinstance(value, str) and value != NULL and value.isprintable()
    text = value if is_plain else json.dumps(decoded(value))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
