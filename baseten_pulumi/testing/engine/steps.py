"""Decide what becomes of a resource and in which order resources go. Pure functions of state."""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from baseten_pulumi.testing.engine.changes import Detail
from baseten_pulumi.testing.engine.checkpoint import Resource

STACK = "pulumi:pulumi:Stack"
STACK_REFERENCE = "pulumi:pulumi:StackReference"


class Op(enum.Enum):
    """What is done to a resource. The value is the word of a preview."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    CREATE_REPLACEMENT = "create replacement"
    DELETE_REPLACED = "delete original"
    READ = "read"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Difference:
    """A provider's answer to Diff.

    Attributes:
        changed: Whether anything did.
        replaces: What forces a replacement.
        delete_first: Whether to delete before creating the replacement.
        detail: What differs, path by path; None where the provider does not say.
    """

    changed: bool
    replaces: tuple[str, ...] = ()
    delete_first: bool = False
    detail: Detail | None = None


def decide(old: Resource, difference: Difference) -> Op:
    """Choose between same, update and replace; a resource whose last operation stopped half-way is updated anyway."""
    if difference.changed and difference.replaces:
        return Op.REPLACE
    return Op.UPDATE if difference.changed or old.init_errors else Op.SAME


def make_urn(stack: str, project: str, parent: str, type_and_name: tuple[str, str]) -> str:
    """Name a resource for ever: its types from the outermost parent down (the stack left out), then its name."""
    kind, name = type_and_name
    outer = parent.split("::")[2] if parent else STACK
    qualified = kind if outer == STACK else f"{outer}${kind}"
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def type_of(urn: str) -> str:
    """Give the resource's own type out of its URN."""
    return urn.split("::")[2].rpartition("$")[2]


def short_type(token: str) -> str:
    """Shorten a dynamic resource's type to what its class was declared with: `module:Name`."""
    return token.removeprefix("pulumi-python:").removeprefix("dynamic/")


def in_order(resources: Iterable[Resource], rank: dict[str, int]) -> list[Resource]:
    """Order resources for the checkpoint: each after what it needs, otherwise by rank; leftovers to delete last."""
    known = {resource.urn: resource for resource in resources if not resource.delete}
    placed: dict[str, Resource] = {}

    def place(resource: Resource) -> None:
        if resource.urn in placed:
            return
        for urn in sorted(resource.needs() & known.keys(), key=_ranked(rank)):
            place(known[urn])
        placed.setdefault(resource.urn, resource)

    for urn in sorted(known, key=_ranked(rank)):
        place(known[urn])
    return [*placed.values(), *(resource for resource in resources if resource.delete)]


def _ranked(rank: dict[str, int]) -> Callable[[str], int]:
    return lambda urn: rank.get(urn, len(rank))


def in_deletion_order(condemned: Iterable[Resource]) -> list[list[Resource]]:
    """Group resources to delete: none in a group needs another of it, and what needs a resource goes before it."""
    rest = list(condemned)
    groups = []
    while rest:
        needed = {urn for resource in rest for urn in resource.needs() - {resource.urn}}
        group = [resource for resource in rest if resource.urn not in needed]
        groups.append(group or rest)
        rest = [resource for resource in rest if resource.urn in needed] if group else []
    return groups
