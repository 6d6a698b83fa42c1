"""Property paths of `ignore_changes`: `a.b[0]["c d"]`, with `*` for every element."""

import copy
import re
from collections.abc import Sequence
from typing import Any

_STEP = re.compile(r"""\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|\.?([^.\[\]]+)""")
_MISSING = object()


def parsed(path: str) -> list[str | int]:
    """Split a path into keys and indices."""
    steps: list[str | int] = []
    for quoted, index, name in _STEP.findall(path):
        if index and index != "*":
            steps.append(int(index))
        else:
            steps.append(quoted.replace('\\"', '"') or index or name)
    return steps


def with_old_values(wanted: dict[str, Any], old: dict[str, Any], ignored: Sequence[str]) -> dict[str, Any]:
    """Put the old value back at every ignored path; a value the old properties lack is taken out."""
    result = copy.deepcopy(wanted) if ignored else wanted
    for path in ignored:
        _reset(result, old, parsed(path))
    return result


def _reset(wanted: Any, old: Any, steps: list[str | int]) -> None:
    if not steps or type(wanted) is not type(old) or not isinstance(wanted, (dict, list)):
        return
    first, rest = steps[0], steps[1:]
    if first == "*":
        for key in _keys(wanted) | _keys(old):
            _reset(wanted, old, [key, *rest])
    elif rest:
        _reset(_at(wanted, first), _at(old, first), rest)
    else:
        _put(wanted, first, _at(old, first))


def _keys(container: dict[str, Any] | list[Any]) -> set[Any]:
    return set(container) if isinstance(container, dict) else set(range(len(container)))


def _at(container: Any, key: str | int) -> Any:
    try:
        return container[key]
    except (KeyError, IndexError, TypeError):
        return _MISSING


def _put(container: Any, key: str | int, value: Any) -> None:
    if _at(container, key) is _MISSING and isinstance(container, list):
        return
    if value is not _MISSING:
        container[key] = copy.deepcopy(value)
    elif isinstance(container, dict):
        container.pop(key, None)
