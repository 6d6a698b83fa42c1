"""The arguments of a resource as plain values, which Pulumi can send to the engine.

Only what would fail in Pulumi's own serialization is refused here. Every rule of a setting runs in the provider's
Check, after transformations and `ignore_changes`.
"""

import dataclasses
import datetime
import enum
import math
import numbers
from collections.abc import Awaitable, Iterable, Mapping, Sequence, Set
from typing import Any

import pulumi
import pulumi.dynamic
from pulumi.output import Unknown

from baseten_pulumi.resources.stack_keys import warn_of_keys
from baseten_pulumi.schema.validate import member, split_id

_TEXT_LIKE = (bytes, bytearray, memoryview)
_SHOWN_CHARACTERS = 80
# Above it, Pulumi fails to turn an integer into a float; the provider's Check refuses all from 2^53 on.
_LARGEST_BITS = 1023


def prepared(
    resource: str, arguments: Mapping[str, Any], opts: pulumi.ResourceOptions | None, id_form: str | None = None
) -> dict[str, Any]:
    """Return arguments with plain values at every depth.

    Enums are replaced by their values, tuples and other sequences by lists, mappings by dicts, and awaitables by
    Outputs. What an Output contains is replaced once it is known.

    Args:
        resource: What errors call the resource: `BasetenEnvironmentSettings "chat"`.
        arguments: The arguments by name.
        opts: Options of the resource.
        id_form: The form of an id to look up, such as `model_id/env_name`; None if the resource has no lookup.

    Raises:
        pulumi.RunError: Pulumi could not send a value to the engine, `import_` is set, or the id has another form. The
            message has a line for each. For what an Output contains, it is raised once that is known.
    """
    warn_of_keys(pulumi.get_project(), pulumi.get_stack())
    failures: list[str] = []
    plain = {name: _plain(resource, value, name, failures) for name, value in arguments.items()}
    if opts is not None and opts.import_ is not None:
        failures.append("leave import_ out: the first `pulumi up` adopts what exists in Baseten")
    if opts is not None and isinstance(opts.id, str) and id_form is not None:
        failures += _id_failures(opts.id, id_form)
    refuse(resource, failures)
    return plain


def refuse_subclass(resource: pulumi.dynamic.Resource, declared: type[pulumi.dynamic.Resource]) -> None:
    """Refuse a resource of a subclass.

    Raises:
        TypeError: it is of another class than `declared`.
    """
    if type(resource) is not declared:
        raise TypeError(
            f"{declared.__name__} cannot be subclassed: the class is the resource's type in the state. "
            "Write a function or a pulumi.ComponentResource that declares one."
        )


def _plain(resource: str, value: Any, path: str, failures: list[str]) -> Any:
    """Return a value with plain values at every depth, and add a line for each that cannot be sent."""
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, (str, int, float, Unknown)):
        if fault := _fault(value):
            failures.append(f"{path}: {fault}")
        return value
    if isinstance(value, (pulumi.Output, Awaitable)):
        output = value if isinstance(value, pulumi.Output) else pulumi.Output.from_input(value)
        return output.apply(lambda known: _plain_or_error(resource, known, path))
    if isinstance(value, Mapping):
        return _plain_dict(resource, value, path, failures)
    if _is_list(value):
        return [_plain(resource, inner, f"{path}[{index}]", failures) for index, inner in enumerate(value)]
    failures.append(f"{path}: {_refusal(value)}")
    return None


def _plain_or_error(resource: str, value: Any, path: str) -> Any:
    failures: list[str] = []
    plain = _plain(resource, value, path, failures)
    refuse(resource, failures)
    return plain


def _plain_dict(resource: str, value: Mapping[Any, Any], path: str, failures: list[str]) -> dict[str, Any]:
    plain = {}
    for given, inner in value.items():
        key = given.value if isinstance(given, enum.Enum) else given
        if isinstance(key, str) and not _fault(key):
            plain[key] = _plain(resource, inner, member(path, key), failures)
        else:
            failures.append(f"{path}: must have only valid strings as keys, got {_shown(given)}")
    return plain


def refuse(resource: str, failures: list[str]) -> None:
    """Do nothing if there are no failures.

    Raises:
        pulumi.RunError: there are some; the message has a line for each.
    """
    if failures:
        raise pulumi.RunError("\n".join(f"{resource}: {failure}" for failure in failures))


def _fault(value: Any) -> str | None:
    """Return why Pulumi cannot send a value although its type is right."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a finite number, got {value}"
    if isinstance(value, int) and value.bit_length() > _LARGEST_BITS:
        return f"must be a number below 2^53, got one of {value.bit_length()} bits"
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return f"must be valid Unicode, got {_shown(value)}"
    return None


def _refusal(value: Any) -> str:  # noqa: C901, PLR0911 - one kind of value a line
    """Return what must be there in place of a value, and how the program gets it."""
    kind = type(value).__name__
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return f"must be a dict, got {kind}; use model_dump(exclude_none=True)"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"must be a dict, got {kind}; use dataclasses.asdict(…)"
    if hasattr(type(value), "dtype"):  # numpy and everything that follows it
        return f"must be a plain value, got {_shown(value)}; use {'.tolist()' if value.shape else '.item()'}"
    if isinstance(value, numbers.Number):
        return f"must be an int, got {_shown(value)}; use int(…)"
    if isinstance(value, Set):
        return f"must be a list, got {_shown(value)}; use sorted(…)"
    if isinstance(value, (datetime.date, datetime.time)):
        return f"must be a string, got {_shown(value)}; use .isoformat()"
    if isinstance(value, _TEXT_LIKE):
        return f"must be a string, got {_shown(value)}; use bytes(…).decode()"
    if isinstance(value, Iterable):
        return f"must be a list, got {_shown(value)}; use list(…)"
    return f"must be a dict, list, string, number, boolean or None, got {_shown(value)}"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (range, *_TEXT_LIKE))


def _id_failures(given: str, form: str) -> list[str]:
    must = f'id: must be {form}, got "{given}"'
    _, failures = split_id(given, form)
    return [must if it.path == "id" else f"{must}; {it.text(with_value=False)}" for it in failures]


def _shown(value: object) -> str:
    """Return a value on one line of 80 characters; by its type if Python shows only its address."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - the value's own code
        text = "<"
    if text.startswith("<"):
        return type(value).__name__
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
