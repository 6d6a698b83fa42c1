"""What a step changes, property by property, as `--diff` shows it."""

import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.engine import values

SECRET_TEXT = "[secret]"
UNKNOWN_TEXT = "[unknown]"
INDENT = "    "
_PROVIDER = "__provider"  # the provider's own code, which nobody wants to see
_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\.?([^.\[\]]+)')


class Kind(enum.Enum):
    """What happens to a property; the value is its sign."""

    ADD = "+"
    DELETE = "-"
    UPDATE = "~"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A property that changes as a whole."""

    kind: Kind
    old: Any
    new: Any


Diff: TypeAlias = dict[str | int, "Diff | Leaf"]
"""What differs between two objects or lists, by key."""


def compare(old: Any, new: Any) -> Diff:
    """Return what differs between two objects, or two lists."""
    diff: Diff = {}
    before, after = _members(old), _members(new)
    for key in [*before, *(key for key in after if key not in before)]:
        if key == _PROVIDER or (key in before and key in after and values.is_equal(before[key], after[key])):
            continue
        if key not in before:
            diff[key] = Leaf(Kind.ADD, None, after[key])
        elif key not in after:
            diff[key] = Leaf(Kind.DELETE, before[key], None)
        else:
            diff[key] = _updated(before[key], after[key])
    return diff


def at_paths(paths: Mapping[str, Kind], old: values.Properties, new: values.Properties) -> Diff:
    """Return what differs at the property paths that a provider names."""
    diff: Diff = {}
    for path in sorted(paths):
        steps = [
            int(index) if index else quoted.replace('\\"', '"') or name for quoted, index, name in _STEP.findall(path)
        ]
        _put(diff, steps, paths[path], old, new)
    return diff


def summary(diff: Diff) -> str:
    """Return the top-level properties that differ: `+added-removed~changed`."""
    keys: dict[str, list[str]] = {"+": [], "-": [], "~": []}
    for key, it in diff.items():
        keys[it.kind.value if isinstance(it, Leaf) else "~"].append(str(key))
    return "".join(f"{sign}{','.join(sorted(names))}" for sign, names in keys.items() if names)


def lines(diff: Diff, margin: str = "", width: int = 0) -> Iterator[str]:
    """Return a line for each property that differs; names are as wide as the longest, and at least `width`."""
    for key, label in _labels(sorted(diff, key=lambda it: (isinstance(it, str), it)), width).items():
        it = diff[key]
        if not isinstance(it, Leaf):
            opening, closing = "[]" if any(isinstance(below, int) for below in it) else "{}"
            yield f"{margin}~ {label}{opening}"
            yield from lines(it, margin + INDENT)
            yield f"{margin}  {closing}"
        elif it.kind is Kind.UPDATE:
            yield f"{margin}~ {label}{_text(it.old)} => {_text(it.new)}"
        else:
            yield from _block(label, it.new if it.kind is Kind.ADD else it.old, it.kind.value, margin)


def whole(properties: Mapping[str, Any], sign: str = " ", width: int = 0) -> Iterator[str]:
    """Return the lines of all properties, each with one sign."""
    for key, label in _labels(sorted(properties.keys() - {_PROVIDER}), width).items():
        yield from _block(label, properties[key], sign, "")


def _updated(old: Any, new: Any) -> "Diff | Leaf":
    is_nested = _is_nested(old) and _is_nested(new) and type(old) is type(new)
    return compare(old, new) if is_nested else Leaf(Kind.UPDATE, old, new)


def _put(diff: Diff, steps: list[str | int], kind: Kind, old: Any, new: Any) -> None:
    """Put one path into a diff. A path into what only one side has is that whole property, added or deleted."""
    key, below = steps[0], steps[1:]
    old, new = _at(old, key), _at(new, key)
    if below and (old is None) == (new is None):
        inner = diff.setdefault(key, {})
        if isinstance(inner, dict):
            _put(inner, below, kind, old, new)
        return
    if below:
        kind = Kind.ADD if old is None else Kind.DELETE
    if kind is Kind.UPDATE:
        diff[key] = _updated(old, new)
    else:
        diff[key] = Leaf(kind, old, new)


def _at(container: Any, key: str | int) -> Any:
    if values.is_secret(container) or container == values.UNKNOWN:
        return container
    return _members(container).get(key)


def _members(value: Any) -> dict[Any, Any]:
    if isinstance(value, dict):
        return dict(sorted(value.items()))
    return dict(enumerate(value)) if isinstance(value, list) else {}


def _is_nested(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and not values.is_secret(value))


def _labels(keys: Iterable[Any], width: int = 0) -> dict[Any, str]:
    keys = list(keys)
    widest = max([width, *(len(key) for key in keys if isinstance(key, str))])
    return {key: f"{key:<{widest}}: " if isinstance(key, str) else f"[{key}]: " for key in keys}


def _block(label: str, value: Any, sign: str, margin: str) -> Iterator[str]:
    if not _is_nested(value) or not value:
        yield f"{margin}{sign} {label}{_text(value)}"
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield f"{margin}{sign} {label}{opening}"
    members = _members(value)
    for key, name in _labels(members).items():
        yield from _block(name, members[key], sign, margin + INDENT)
    yield f"{margin}{sign} {closing}"


def _text(value: Any) -> str:
    return "<null>" if value is None else values.to_json(readable(value)) if _is_nested(value) else _plain_text(value)


def _plain_text(value: Any) -> str:
    shown = readable(value)
    return str(shown) if shown is not value else values.to_json(value)


def readable(value: Any) -> Any:
    """Return a value with a word for each secret and for what is unknown."""
    if values.is_secret(value):
        return SECRET_TEXT
    if value == values.UNKNOWN:
        return UNKNOWN_TEXT
    if isinstance(value, dict):
        return {key: readable(item) for key, item in value.items()}
    return [readable(item) for item in value] if isinstance(value, list) else value
