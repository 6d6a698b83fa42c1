"""Show what differs between two property maps, nested as Pulumi's `--diff` nests."""

from collections.abc import Iterable, Iterator, Mapping
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


def lines(old: Mapping[str, Any], new: Mapping[str, Any], width: int = 0) -> Iterator[str]:
    """Give a line for each property that differs; inside one, what stayed is shown too.

    Names are as wide as the longest shown, or as `width` where that is more.
    """
    keys = sorted((old.keys() | new.keys()) - {_HIDDEN})
    keys = [key for key in keys if not _same(old.get(key, _MISSING), new.get(key, _MISSING))]
    for key, label in labels(keys, width).items():
        yield from _member(label, old.get(key, _MISSING), new.get(key, _MISSING), "")


def whole(properties: Mapping[str, Any], sign: str = " ", width: int = 0) -> Iterator[str]:
    """Give the lines of a property map, each with one sign; widths as `lines`."""
    for key, label in labels(sorted(properties.keys() - {_HIDDEN}), width).items():
        yield from block(label, properties[key], sign, "")


def labels(keys: Iterable[Any], width: int = 0) -> dict[Any, str]:
    """Give what stands before each value of an object or list: names as wide as the longest, indices as they are."""
    keys = list(keys)
    widest = max([width, *(len(key) for key in keys if isinstance(key, str))])
    return {key: f"{key:<{widest}}: " if isinstance(key, str) else f"[{key}]: " for key in keys}


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
    for key, name in labels([*old, *(key for key in new if key not in old)]).items():
        yield from _member(name, old.get(key, _MISSING), new.get(key, _MISSING), margin + INDENT)
    yield f"{margin}  {closing}"


def block(label: str, value: Any, sign: str, margin: str) -> Iterator[str]:
    """Give the lines of one value, each with one sign."""
    if not _is_nested(value) or not value:
        yield f"{margin}{sign} {label}{text(value)}"
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield f"{margin}{sign} {label}{opening}"
    members = dict(_members(value))
    for key, name in labels(members).items():
        yield from block(name, members[key], sign, margin + INDENT)
    yield f"{margin}{sign} {closing}"


def _members(value: Any) -> list[tuple[Any, Any]]:
    return sorted(value.items()) if isinstance(value, dict) else list(enumerate(value))
