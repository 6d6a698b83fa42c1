"""A resource of a stack, its URN, and what can be done to it."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tests.engine import values

STACK = "pulumi:pulumi:Stack"


class Op(enum.Enum):
    """What a step does. Each value has the sign of its row and the words of a preview, of a step and of its end."""

    SAME = (" ", "same", "same", "same")
    CREATE = ("+", "create", "creating", "created")
    UPDATE = ("~", "update", "updating", "updated")
    DELETE = ("-", "delete", "deleting", "deleted")
    REPLACE = ("+-", "replace", "replacing", "replaced")
    CREATE_REPLACEMENT = ("++", "create replacement", "creating replacement", "created replacement")
    DELETE_REPLACED = ("--", "delete original", "deleting original", "deleted original")
    READ = (">", "read", "reading", "read")
    REFRESH = ("~", "refresh", "refreshing", "refreshed")

    def __init__(self, sign: str, word: str, doing: str, done: str) -> None:
        self.sign = sign
        self.word = word
        self.doing = doing
        self.done = done


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource.

    Attributes:
        external: Whether it was only read.
        delete: Whether it was replaced and is still to be deleted.
        init_errors: Why its last operation failed after it had begun; empty if it did not.
        timeouts: Seconds for each kind of operation.
    """

    urn: str
    type: str
    custom: bool
    id: str = ""
    inputs: values.Properties = field(default_factory=dict)
    outputs: values.Properties = field(default_factory=dict)
    parent: str = ""
    dependencies: tuple[str, ...] = ()
    protect: bool = False
    external: bool = False
    delete: bool = False
    init_errors: tuple[str, ...] = ()
    timeouts: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the URN."""
        return name_of(self.urn)

    @property
    def needs(self) -> set[str]:
        """The URNs of its parent and of what it depends on."""
        return {urn for urn in (self.parent, *self.dependencies) if urn}


_KEYS = {"init_errors": "initErrors", "timeouts": "customTimeouts"}


def to_json(resource: Resource) -> dict[str, Any]:
    """Return a resource as it is in Pulumi's deployments, without what is empty."""
    found = ((it.name, getattr(resource, it.name)) for it in fields(Resource))
    kept = {_KEYS.get(name, name): it for name, it in found if it or name == "custom"}
    return {key: values.encoded(it) if key in ("inputs", "outputs") else it for key, it in kept.items()}


def from_json(document: Mapping[str, Any]) -> Resource:
    """Read a resource of a deployment."""
    names = {_KEYS.get(it.name, it.name): it.name for it in fields(Resource)}
    found = {names[key]: tuple(it) if isinstance(it, list) else it for key, it in document.items()}
    return Resource(**{**found, **{key: values.decoded(found.get(key, {})) for key in ("inputs", "outputs")}})


def make_urn(project: str, stack: str, parent: str, type_: str, name: str) -> str:
    """Return the URN of a resource: its types from the outermost parent on, without the stack's, and its name."""
    outer = parent.split("::")[2] if parent else STACK
    return f"urn:pulumi:{stack}::{project}::{type_ if outer == STACK else f'{outer}${type_}'}::{name}"


def type_of(urn: str) -> str:
    """Return the resource's own type."""
    return urn.split("::")[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    """Return the resource's name."""
    return urn.rpartition("::")[2]


def in_deletion_order(resources: Iterable[Resource]) -> list[list[Resource]]:
    """Group resources so that none needs another of its group, and each is after those that need it."""
    rest, groups = list(resources), []
    while rest:
        needed = {urn for resource in rest for urn in resource.needs}
        group = [resource for resource in rest if resource.urn not in needed]
        groups.append(group)
        rest = [resource for resource in rest if resource.urn in needed]
    return groups
