"""Who manages which setting of which environment: each setting belongs to one resource.

Two resources may manage different settings of one environment. The same one in both would be sent twice, each `up`
undoing the other's half.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Claim:
    """What one resource manages.

    Attributes:
        owner: The resource, by whatever names it in this run alone.
        model_id: Baseten's id of the model.
        env_name: Name of the environment.
        settings: The settings it declares, by dotted path.
    """

    owner: str
    model_id: str
    env_name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A setting that two resources declare.

    Attributes:
        path: Dotted path of the setting.
        owner: The resource that declared it before.
    """

    path: str
    owner: str


class Owners:
    """Every claim of one run; not to be used by several threads at once."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        self._owners: dict[tuple[str, str], dict[str, str]] = {}

    def claim(self, claim: Claim) -> tuple[Conflict, ...]:
        """Note what a resource manages, in place of what it claimed before; return what others manage already.

        With a conflict nothing is noted.
        """
        self.forget(claim.owner)
        taken = self._owners.setdefault((claim.model_id, claim.env_name), {})
        conflicts = tuple(Conflict(path, taken[path]) for path in claim.settings if path in taken)
        if not conflicts:
            self._claims[claim.owner] = claim
            taken.update(dict.fromkeys(claim.settings, claim.owner))
        return conflicts

    def beside(self, claim: Claim) -> tuple[Claim, ...]:
        """Return what others manage of a claim's environment."""
        owners = dict.fromkeys(self._owners.get((claim.model_id, claim.env_name), {}).values())
        return tuple(self._claims[owner] for owner in owners if owner != claim.owner)

    def forget(self, owner: str) -> None:
        """Take back what a resource claimed, if it did."""
        before = self._claims.pop(owner, None)
        if before is not None:
            taken = self._owners[before.model_id, before.env_name]
            for path in before.settings:
                del taken[path]


def reason(conflict: Conflict, claim: Claim) -> str:
    """Say why a setting is refused, for an error that names resource and setting already."""
    return (
        f'is managed by "{conflict.owner}" already; each setting of environment "{claim.env_name}" of model '
        f'"{claim.model_id}" belongs to one resource'
    )
