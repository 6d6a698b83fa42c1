"""What the stack holds at each moment of a run: resources seen again, not seen yet, and left to be deleted."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.steps import in_order

Keep = Callable[[Callable[[], list[Resource]]], None]
"""Be told that something changed, and where to read what there is now."""


class Ledger:
    """The stack's resources. Every change is handed to `keep`, which writes it to disk (a preview's keeps nothing)."""

    def __init__(self, resources: Iterable[Resource], keep: Keep) -> None:
        found = list(resources)
        self.old = {resource.urn: resource for resource in found if not resource.delete}
        self.new: dict[str, Resource] = {}
        self.leftovers = [resource for resource in found if resource.delete]
        self._rank = {urn: index for index, urn in enumerate(self.old)}
        self._claimed: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._gone: set[str] = set()
        self._keep = keep
        self._lock = threading.RLock()

    def claim(self, urns: Iterable[str]) -> Resource | None:
        """Find the old resource under the first of these URNs that has one; the program has asked for it now."""
        with self._lock:
            found = next((self.old[urn] for urn in urns if urn in self.old), None)
            if found is not None:
                self._claimed.add(found.urn)
            return found

    def put(self, resource: Resource, old: Resource | None = None) -> Resource:
        """Record a resource the program wants; an old one under another URN is the same resource, renamed."""
        with self._lock:
            if old is not None and old.urn != resource.urn:
                self._renamed[old.urn] = resource.urn
                self._rank.setdefault(resource.urn, self._rank[old.urn])
            self._rank.setdefault(resource.urn, len(self._rank))
            self.new[resource.urn] = resource
            self._gone.discard(resource.urn)
            self._keep(self.resources)
            return resource

    def renew(self, resource: Resource) -> None:
        """Record what a refresh found of a resource."""
        with self._lock:
            self.old[resource.urn] = resource
            self._keep(self.resources)

    def condemn(self, resource: Resource) -> None:
        """Leave a replaced resource to be deleted when the program is done."""
        with self._lock:
            self.leftovers.append(replace(resource, delete=True))

    def drop(self, resource: Resource) -> None:
        """Forget a resource that is gone."""
        with self._lock:
            if resource.delete:
                self.leftovers = [other for other in self.leftovers if other is not resource]
            else:
                self.old.pop(resource.urn, None)
                self._gone.add(resource.urn)
            self._keep(self.resources)

    def unseen(self) -> list[Resource]:
        """Give what the program did not ask for and nothing it did ask for needs, and what replacements left."""
        with self._lock:
            undone = self._claimed & self.old.keys() - self.new.keys() - self._renamed.keys()
            kept = self._claimed | self.needs_of([*self.new.values(), *(self.old[urn] for urn in undone)])
            return [*self.leftovers, *(old for urn, old in self.old.items() if urn not in kept)]

    def needs_of(self, resources: Iterable[Resource]) -> set[str]:
        """Give the URNs that resources need, and what those need in turn."""
        found: set[str] = set()
        rest = list(resources)
        while rest:
            for urn in rest.pop().needs() - found - self._renamed.keys():
                found.add(urn)
                rest += [self.old[urn]] if urn in self.old else []
        return found

    def resources(self) -> list[Resource]:
        """Give everything in checkpoint order, with references to renamed and gone resources put right."""
        with self._lock:
            kept = {urn: resource for urn, resource in self.old.items() if urn not in self._renamed} | self.new
            moved = self._renamed.keys() | self._gone
            right = [self._put_right(found) if moved and found.needs() & moved else found for found in kept.values()]
            return in_order([*right, *self.leftovers], self._rank)

    def _put_right(self, resource: Resource) -> Resource:
        implied = {key: self._current(urns) for key, urns in resource.property_dependencies.items()}
        parent = self._current([resource.parent])
        return replace(
            resource,
            parent=parent[0] if parent else "",
            dependencies=self._current(resource.dependencies),
            property_dependencies=implied,
        )

    def _current(self, urns: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._renamed.get(urn, urn) for urn in urns if urn not in self._gone)
