"""Show what differs between two property maps, nested as Pulumi's `--diff` nests."""

from collections.abc import Iterator, Mapping
from typing import Any

from baseten_pulumi.testing.engine import values

INDENT = "    "
"""What nested lines stand further in by."""
_HIDDEN = "__provider"
_MISSING = object()


def summary(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Name the top-level properties that differ: `+added-removed~changed`, "" where none does."""
    groups = {"+": new.keys() - old.keys(), "-": old.keys() - new.keys(), "~": _changed(old, new)}
    return "".join(sign + ",".join(sorted(keys - {_HIDDEN})) for sign, keys in groups.items() if keys - {_HIDDEN})


def lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Give a line for each property that differs; inside one, what stayed is shown too."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key, _MISSING), new.get(key, _MISSING)
        if key != _HIDDEN and not _same(before, after):
            yield from _member(f"{key}: ", before, after, "")


def whole(properties: Mapping[str, Any], sign: str = " ") -> Iterator[str]:
    """Give the lines of a property map, each with one sign."""
    for key in sorted(properties.keys() - {_HIDDEN}):
        yield from block(f"{key}: ", properties[key], sign, "")


def changed(label: str, pair: tuple[Any, Any], margin: str) -> Iterator[str]:
    """Give the lines of a value that became another."""
    old, new = pair
    if _is_nested(old) and type(old) is type(new) and _is_nested(new):
        yield from _nested(label, pair, margin)
    else:
        yield f"{margin}~ {label}{_flat(old)} => {_flat(new)}"


def text(value: Any) -> str:
    """Show a plain value on one line."""
    if values.is_secret(value):
        return values.MASKED_TEXT
    if value == values.UNKNOWN:
        return "[unknown]"
    if value is None:
        return "<null>"
    return values.canonical(value)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    return {key for key in old.keys() & new.keys() if not _same(old[key], new[key])}


def _same(one: Any, other: Any) -> bool:
    return one is not _MISSING and other is not _MISSING and values.same(one, other)


def _is_nested(value: Any) -> bool:
    return isinstance(value, list) or values.is_plain_object(value)


def _member(label: str, old: Any, new: Any, margin: str) -> Iterator[str]:
    if old is _MISSING:
        yield from block(label, new, "+", margin)
    elif new is _MISSING:
        yield from block(label, old, "-", margin)
    elif values.same(old, new):
        yield from block(label, old, " ", margin)
    else:
        yield from changed(label, (old, new), margin)


def _flat(value: Any) -> str:
    return values.canonical(_shown(value)) if _is_nested(value) else text(value)


def _shown(value: Any) -> Any:
    if values.is_secret(value) or value == values.UNKNOWN:
        return text(value)
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def _nested(label: str, pair: tuple[Any, Any], margin: str) -> Iterator[str]:
    old, new = (dict(_members(value)) for value in pair)
    opening, closing = "{}" if isinstance(pair[0], dict) else "[]"
    yield f"{margin}~ {label}{opening}"
    for key in [*old, *(key for key in new if key not in old)]:
        yield from _member(f"{key}: ", old.get(key, _MISSING), new.get(key, _MISSING), margin + INDENT)
    yield f"{margin}  {closing}"


def block(label: str, value: Any, sign: str, margin: str) -> Iterator[str]:
    """Give the lines of one value, each with one sign."""
    if not _is_nested(value) or not value:
        yield f"{margin}{sign} {label}{text(value)}"
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield f"{margin}{sign} {label}{opening}"
    for key, item in _members(value):
        yield from block(f"{key}: ", item, sign, margin + INDENT)
    yield f"{margin}{sign} {closing}"


def _members(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return sorted(value.items())
    return [(f"[{index}]", item) for index, item in enumerate(value)]
