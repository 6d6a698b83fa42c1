"""What a step changes, as it is shown: two whole property maps, or the paths in them that a provider named."""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from baseten_pulumi.testing.engine import differences, values
from baseten_pulumi.testing.engine.checkpoint import Resource
from baseten_pulumi.testing.engine.paths import parsed


class Kind(enum.Enum):
    """What became of a property. The value is its sign in a diff."""

    ADD = "+"
    DELETE = "-"
    UPDATE = "~"


_INVERSE = {Kind.ADD: Kind.DELETE, Kind.DELETE: Kind.ADD, Kind.UPDATE: Kind.UPDATE}


@dataclass(frozen=True, slots=True)
class PathDifference:
    """What a provider says of one property path.

    Attributes:
        kind: What becomes of the property.
        replaces: Whether that forces a replacement.
        of_inputs: Whether the old value is an input; else it is an output.
    """

    kind: Kind
    replaces: bool = False
    of_inputs: bool = False


Detail: TypeAlias = Mapping[str, PathDifference]
"""A provider's differences by property path."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    kind: Kind
    old: Any
    new: Any


_Tree: TypeAlias = "dict[str | int, _Tree | _Leaf]"


@dataclass(frozen=True, slots=True)
class Change:
    """Old and new properties of a step. `named` holds the paths a provider named; None where it named none."""

    old: values.Properties = field(default_factory=dict)
    new: values.Properties = field(default_factory=dict)
    named: "_Tree | None" = None

    def summary(self) -> str:
        """Name the top-level properties that differ: `+added-removed~changed`, "" where none does."""
        if self.named is None:
            return differences.summary(self.old, self.new)
        groups: dict[str, list[str]] = {"+": [], "-": [], "~": []}
        for key, below in self.named.items():
            groups[below.kind.value if isinstance(below, _Leaf) else "~"].append(str(key))
        return "".join(sign + ",".join(sorted(keys)) for sign, keys in groups.items() if keys)

    def lines(self) -> Iterator[str]:
        """Give a line for each property that differs; a provider that named no path has all the old ones shown."""
        if self.named is None:
            yield from differences.lines(self.old, self.new)
        elif self.named:
            yield from _lines(self.named, "")
        else:
            yield from differences.whole(self.old)


def planned(old: Resource, new: Resource, detail: Detail | None) -> Change:
    """Give what a step is about to change: the wanted inputs against the old inputs or, path by path, old outputs."""
    if detail is None:
        return Change(old.inputs, new.inputs)
    return Change(old.inputs, new.inputs, _named(detail, ((old.outputs, new.inputs), (old.inputs, new.inputs))))


def found(old: Resource, new: Resource, detail: Detail | None) -> Change:
    """Give what a refresh found: its inputs against the old ones, or outputs against outputs where those are equal.

    `detail` is the way back, as the provider tells it.
    """
    if detail is not None:
        there = {path: _inverse(entry) for path, entry in detail.items()}
        return Change(old.inputs, new.inputs, _named(there, ((old.outputs, new.outputs), (old.inputs, new.inputs))))
    if values.same(old.inputs, new.inputs):
        return Change(old.outputs, new.outputs)
    return Change(old.inputs, new.inputs)


def _inverse(entry: PathDifference) -> PathDifference:
    return PathDifference(_INVERSE[entry.kind], entry.replaces, entry.of_inputs)


def _named(detail: Detail, sides: tuple[tuple[Any, Any], tuple[Any, Any]]) -> _Tree:
    tree: _Tree = {}
    for path in sorted(detail):
        entry = detail[path]
        _place(tree, parsed(path), entry.kind, sides[entry.of_inputs])
    return tree


def _place(tree: _Tree, steps: list[str | int], kind: Kind, pair: tuple[Any, Any]) -> None:
    """Put one path into the tree. A path into what only one side has is that whole property come or gone."""
    first, rest = steps[0], steps[1:]
    old, new = (_at(side, first) for side in pair)
    if not rest or (old is None) != (new is None):
        tree[first] = _leaf(_only(kind, old, new) if rest else kind, old, new)
        return
    below = tree.setdefault(first, {})
    if isinstance(below, dict):
        _place(below, rest, kind, (old, new))


def _only(kind: Kind, old: Any, new: Any) -> Kind:
    return Kind.ADD if old is None else Kind.DELETE if new is None else kind


def _leaf(kind: Kind, old: Any, new: Any) -> _Leaf:
    shown = {Kind.ADD: new, Kind.DELETE: old}.get(kind)
    return _Leaf(kind, old, new) if kind is Kind.UPDATE or shown is not None else _Leaf(kind, *[values.UNKNOWN] * 2)


def _at(container: Any, step: str | int) -> Any:
    """Give a member, None where there is none; what is secret or unknown is so all the way down."""
    if values.is_secret(container) or container == values.UNKNOWN:
        return container
    if isinstance(container, dict):
        return container.get(step)
    is_there = isinstance(container, list) and isinstance(step, int) and step < len(container)
    return container[step] if is_there else None


def _lines(tree: _Tree, margin: str) -> Iterator[str]:
    for key, label in differences.labels(sorted(tree, key=lambda it: (isinstance(it, str), it))).items():
        below = tree[key]
        if isinstance(below, _Leaf):
            yield from _leaf_lines(label, below, margin)
            continue
        opening, closing = "[]" if any(isinstance(it, int) for it in below) else "{}"
        yield f"{margin}~ {label}{opening}"
        yield from _lines(below, margin + differences.INDENT)
        yield f"{margin}  {closing}"


def _leaf_lines(label: str, leaf: _Leaf, margin: str) -> Iterator[str]:
    if leaf.kind is Kind.UPDATE:
        if (leaf.old, leaf.new) != (None, None):
            yield from differences.changed(label, (leaf.old, leaf.new), margin)
    else:
        yield from differences.block(label, leaf.new if leaf.kind is Kind.ADD else leaf.old, leaf.kind.value, margin)
