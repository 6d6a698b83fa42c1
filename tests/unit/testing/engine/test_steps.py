"""Decisions and orders."""

from dataclasses import replace

import pytest

from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.steps import (
    Difference,
    Op,
    decide,
    in_deletion_order,
    in_order,
    make_urn,
    short_type,
    type_of,
)


def thing(name: str, *needs: str, delete: bool = False) -> Resource:
    return Resource(urn=name, type="t", custom=True, dependencies=needs, delete=delete)


@pytest.mark.parametrize(
    ("difference", "init_errors", "op"),
    [
        (Difference(changed=False), (), Op.SAME),
        (Difference(changed=True), (), Op.UPDATE),
        (Difference(changed=True, replaces=("a",)), (), Op.REPLACE),
        (Difference(changed=False, replaces=("a",)), (), Op.SAME),
        (Difference(changed=False), ("not ready",), Op.UPDATE),
        (Difference(changed=True, replaces=("a",)), ("not ready",), Op.REPLACE),
    ],
)
def test_the_step_follows_from_the_difference_when_a_resource_is_there(
    difference: Difference, init_errors: tuple[str, ...], op: Op
) -> None:
    """What stopped half-way is updated even where nothing differs."""
    assert decide(replace(thing("a"), init_errors=init_errors), difference) is op


def test_urns_are_pulumis_when_resources_have_parents() -> None:
    """The stack is no part of its children's types; other parents are."""
    stack = make_urn("dev", "p", "", ("pulumi:pulumi:Stack", "p-dev"))
    assert stack == "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"
    box = make_urn("dev", "p", stack, ("tests:index:Box", "box"))
    assert box == "urn:pulumi:dev::p::tests:index:Box::box"
    inner = make_urn("dev", "p", box, ("pulumi-python:dynamic/tests:Thing", "a"))
    assert inner == "urn:pulumi:dev::p::tests:index:Box$pulumi-python:dynamic/tests:Thing::a"
    assert type_of(inner) == "pulumi-python:dynamic/tests:Thing"
    assert make_urn("dev", "p", "", ("t:i:T", "a")) == "urn:pulumi:dev::p::t:i:T::a"


@pytest.mark.parametrize(
    ("token", "short"),
    [
        ("pulumi-python:dynamic/tests:Thing", "tests:Thing"),
        ("pulumi-python:dynamic:Resource", "dynamic:Resource"),
        ("tests:index:Box", "tests:index:Box"),
    ],
)
def test_types_are_short_when_they_are_dynamic(token: str, short: str) -> None:
    """What every dynamic type begins with says nothing."""
    assert short_type(token) == short


def test_resources_follow_what_they_need_when_they_are_ordered() -> None:
    """Rank decides where needs do not; what is left to delete comes last; a need that is not there is no matter."""
    resources = [thing("left", delete=True), thing("c"), thing("a", "b"), thing("b", "gone"), thing("new", "a")]
    ordered = in_order(resources, {"a": 0, "b": 1, "c": 2})
    assert [resource.urn for resource in ordered] == ["b", "a", "c", "new", "left"]


def test_what_needs_a_resource_goes_before_it_when_resources_are_deleted() -> None:
    """Groups hold what may go at once; parents and dependencies of properties count as needs."""
    stack = thing("stack")
    box = Resource(urn="box", type="t", custom=False, parent="stack")
    a = replace(thing("a"), parent="box", property_dependencies={"p": ("b",)})
    b = replace(thing("b"), parent="stack")
    groups = in_deletion_order([stack, box, a, b])
    assert [sorted(resource.urn for resource in group) for group in groups] == [["a"], ["b", "box"], ["stack"]]


def test_deletion_ends_when_resources_need_each_other() -> None:
    """A circle, which no program can make, is deleted at once rather than never."""
    assert [len(group) for group in in_deletion_order([thing("a", "b"), thing("b", "a")])] == [2]
    assert [len(group) for group in in_deletion_order([thing("a", "a")])] == [1]
