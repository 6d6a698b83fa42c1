"""The snapshot: what the stack has at each moment of a run."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from tests.engine.resource import Resource

Save = Callable[[Callable[[], list[Resource]]], None]


class Snapshot:
    """The resources of a stack.

    Attributes:
        old: By URN, those of the last run that this one has not registered yet; a refresh renews them.
        new: By URN, those that this run has registered.
    """

    def __init__(self, resources: Iterable[Resource], save: Save) -> None:
        found = list(resources)
        self.old = {resource.urn: resource for resource in found if not resource.delete}
        self.new: dict[str, Resource] = {}
        self._replaced = [resource for resource in found if resource.delete]
        self._save = save
        self._lock = threading.RLock()

    def put(self, resource: Resource) -> Resource:
        """Record a resource that the program registered, and return it."""
        with self._lock:
            self.new[resource.urn] = resource
            self._save(self.resources)
        return resource

    def renew(self, resource: Resource) -> None:
        """Record what a refresh found of a resource."""
        with self._lock:
            self.old[resource.urn] = resource
            self._save(self.resources)

    def keep_for_deletion(self, resource: Resource) -> None:
        """Record that a resource was replaced and is still to be deleted."""
        with self._lock:
            self._replaced.append(replace(resource, delete=True))
            self._save(self.resources)

    def remove(self, resource: Resource) -> None:
        """Forget a resource that is gone."""
        with self._lock:
            if resource.delete:
                self._replaced = [other for other in self._replaced if other is not resource]
            else:
                self.old.pop(resource.urn, None)
            self._save(self.resources)

    def unregistered(self) -> list[Resource]:
        """Return what the program did not register, and what was replaced."""
        with self._lock:
            return [*self._replaced, *(old for urn, old in self.old.items() if urn not in self.new)]

    def resources(self) -> list[Resource]:
        """Return everything, each resource after those it needs."""
        with self._lock:
            return [*{**self.old, **self.new}.values(), *self._replaced]
