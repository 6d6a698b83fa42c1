"""What is wrong with one value, in the words of a check failure: path, rule, value.

Offline; whoever asks leaves out values that a preview does not know yet.
"""

import difflib
import functools
import json
import re
import zoneinfo
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from baseten_pulumi.fields import Field

# The engine's numbers are floats, in which larger integers are not exact.
_LARGEST_EXACT = 2**53
STRANGER = "is not a known property"
"""How the reason for refusing an unknown key begins."""
_TIMEZONE_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")


class Failure(NamedTuple):
    """Say what is wrong with one property."""

    path: str
    reason: str


def member(group: str, key: object) -> str:
    """Return the path of a key; one that is empty, no string or holds a dot itself is quoted, as Pulumi quotes it."""
    if not isinstance(key, str) or not key or "." in key:
        return f'{group}["{key}"]'
    return f"{group}.{key}" if group else key


def stranger(key: object, known: Iterable[str]) -> str:
    """Return what is wrong with a key that is none of those known."""
    known = list(known)
    close = difflib.get_close_matches(str(key), known, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
    return f"{STRANGER}; {hint}"


def judge(field: Field, value: Any) -> str | None:
    """Return the rule that a setting's value breaks; None where it breaks none."""
    if field.kind == "boolean":
        return None if isinstance(value, bool) else f"must be true or false, got {shown(value)}"
    if field.kind == "enum":
        return judge_choice(field.choices, value)
    return _judge_timezone(value) if field.kind == "timezone" else _judge_number(field, value)


def judge_choice(choices: tuple[str, ...], value: Any) -> str | None:
    """Return what is wrong with a value that has to be one of several words; None where it is one."""
    listed = " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))
    return None if value in choices else f"must be {listed}, got {shown(value)}"


def shown(value: Any) -> str:
    """Show a value as JSON, short; what is no JSON by the name of its type."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004


def _judge_number(field: Field, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        return f"must be a whole number, got {shown(value)}"
    if field.minimum is not None and value < field.minimum:
        return f"must be at least {_bound(field.minimum, field)}, got {shown(value)}"
    if field.maximum is not None and value > field.maximum:
        return f"must be at most {_bound(field.maximum, field)}, got {shown(value)}"
    if abs(value) > _LARGEST_EXACT:
        return f"must be {'at most ' if value > 0 else 'at least -'}{_LARGEST_EXACT}, got {shown(value)}"
    return None


def _judge_timezone(value: Any) -> str | None:
    """Look a timezone up; on a machine without the database of timezones only its form counts."""
    known = _timezones()
    if isinstance(value, str) and (value in known if known else _TIMEZONE_SHAPE.fullmatch(value)):
        return None
    close = difflib.get_close_matches(value, sorted(known), n=1) if isinstance(value, str) else []
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f'must be the IANA name of a timezone, such as "America/Los_Angeles", got {shown(value)}{hint}'


@functools.cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _bound(number: int, field: Field) -> str:
    units: dict[str | None, Callable[[int], str]] = {"seconds": "{} s".format, "percent": "{} %".format}
    return units.get(field.unit, str)(number)
