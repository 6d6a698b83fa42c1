"""What a stack holds in the middle of a run."""

from collections.abc import Callable
from dataclasses import replace

from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.ledger import Ledger


def thing(name: str, *needs: str) -> Resource:
    return Resource(urn=name, type="t", custom=True, dependencies=needs)


class Disk:
    def __init__(self) -> None:
        self.resources: list[str] = []

    def __call__(self, read: Callable[[], list[Resource]]) -> None:
        self.resources = [resource.urn for resource in read()]


def test_the_rest_stays_as_it_was_when_one_resource_is_put() -> None:
    """At every moment the disk has what is done and, of the rest, what was there."""
    disk = Disk()
    ledger = Ledger([thing("a"), thing("b")], disk)
    ledger.put(thing("c", "b"))
    assert disk.resources == ["a", "b", "c"]
    ledger.put(replace(thing("b"), id="new"), ledger.claim(["b"]))
    assert [resource.id for resource in ledger.resources()] == ["", "new", ""]


def test_unclaimed_resources_are_unseen_when_nothing_wanted_needs_them() -> None:
    """What failed, was skipped, or is needed by such a resource is not up for deletion; needs reach far."""
    ledger = Ledger(
        [thing("far"), thing("near", "far"), thing("failed", "near"), thing("gone"), thing("done", "gone")], Disk()
    )
    ledger.claim(["failed"])
    ledger.put(thing("done"), ledger.claim(["done"]))
    assert [resource.urn for resource in ledger.unseen()] == ["gone"]


def test_references_follow_when_a_resource_is_renamed() -> None:
    """The old name is nowhere any more, not even in resources the program has not come to yet."""
    ledger = Ledger(
        [thing("old"), replace(thing("b", "old"), parent="old", property_dependencies={"p": ("old",)})], Disk()
    )
    found = ledger.claim(["new", "old"])
    ledger.put(thing("new"), found)
    new, b = ledger.resources()
    assert new.urn == "new"
    assert b.needs() == {"new"}
    assert [resource.urn for resource in ledger.unseen()] == ["b"]


def test_references_go_when_a_resource_is_gone() -> None:
    """A dangling reference would make the checkpoint unusable."""
    ledger = Ledger([thing("a"), replace(thing("b", "a"), parent="a")], Disk())
    ledger.drop(ledger.old["a"])
    [b] = ledger.resources()
    assert b.needs() == set()
    ledger.put(thing("a"))
    assert ledger.resources()[1].needs() == {"a"}


def test_a_replaced_resource_waits_for_its_deletion_when_it_is_condemned() -> None:
    """It stays in the checkpoint, marked, until it is dropped."""
    ledger = Ledger([thing("a"), replace(thing("left"), delete=True)], Disk())
    ledger.put(replace(thing("a"), id="new"), ledger.claim(["a"]))
    ledger.condemn(ledger.old["a"])
    left, condemned = ledger.unseen()
    assert (left.urn, condemned.urn, condemned.delete) == ("left", "a", True)
    ledger.drop(condemned)
    ledger.drop(left)
    assert [(resource.urn, resource.delete) for resource in ledger.resources()] == [("a", False)]


def test_a_refresh_replaces_what_was_known_when_it_found_something() -> None:
    """The resource is still one the program has not asked for."""
    ledger = Ledger([thing("a")], Disk())
    ledger.renew(replace(thing("a"), id="found"))
    assert [resource.id for resource in ledger.unseen()] == ["found"]
