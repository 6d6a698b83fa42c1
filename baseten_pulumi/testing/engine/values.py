"""Property values as they travel: plain JSON with Pulumi's marked objects in it (secrets, references, unknowns).

Everything here is a pure function of values. Masking secrets for the disk is the vault's job.
"""

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

Properties = dict[str, Any]
"""A property map in wire form."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 — the mark of a secret, not one
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
MASKED_TEXT = "[secret]"
"""What stands for a secret wherever its value is not known or not to be shown."""


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Read a protobuf struct; whole numbers become ints."""
    return {key: _from_value(struct.fields[key]) for key in sorted(struct.fields)}


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    return None if kind in (None, "null_value") else getattr(value, kind)


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Write a protobuf struct."""
    struct = struct_pb2.Struct()
    struct.update(dict(properties))
    return struct


def canonical(value: Any) -> str:
    """Give the text by which two values are told apart: `1` and `true` differ, `1` and `1.0` do not."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal as JSON."""
    return canonical(one) == canonical(other)


def is_plain_object(value: Any) -> bool:
    """Tell an object of the user's from one of Pulumi's marked ones."""
    return isinstance(value, dict) and SIGNATURE not in value


def is_secret(value: Any) -> bool:
    """Tell whether a value is a secret, its text known or masked."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def is_masked(value: Any) -> bool:
    """Tell whether a value is a secret whose text is not known."""
    return is_secret(value) and "value" not in value


def secret(value: Any) -> Properties:
    """Mark a value as secret."""
    return {SIGNATURE: SECRET, "value": value}


def contains_secret(value: Any) -> bool:
    """Tell whether a secret is anywhere in a value."""
    if isinstance(value, dict):
        return is_secret(value) or any(contains_secret(item) for item in value.values())
    return isinstance(value, list) and any(contains_secret(item) for item in value)


def contains_unknown(value: Any) -> bool:
    """Tell whether anything in a value is not known yet."""
    if isinstance(value, dict):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in value)
    return bool(value == UNKNOWN)


def revealed(value: Any) -> Any:
    """Give a value as a provider that knows neither secrets nor references gets it."""
    if is_secret(value):
        return revealed(value["value"]) if "value" in value else MASKED_TEXT
    if isinstance(value, dict):
        if value.get(SIGNATURE) == REFERENCE:
            return value.get("id") or (UNKNOWN if "id" in value else value["urn"])
        return {key: revealed(item) for key, item in value.items()}
    return [revealed(item) for item in value] if isinstance(value, list) else value


def annotated(values: Properties, reference: Mapping[str, Any]) -> Properties:
    """Mark as secret what is secret at the same path of the reference.

    A list with a secret in it becomes secret as a whole unless it came back as it was.
    """
    return {key: _annotated(item, reference[key]) if key in reference else item for key, item in values.items()}


def _annotated(value: Any, reference: Any) -> Any:
    if not contains_secret(reference) or is_secret(value):
        return value
    if same(revealed(reference), value):
        return reference
    if is_plain_object(value) and is_plain_object(reference):
        return annotated(value, reference)
    return secret(value)


def with_secret_keys(values: Properties, keys: tuple[str, ...]) -> Properties:
    """Mark the named properties as secret."""
    return {key: secret(item) if key in keys and not is_secret(item) else item for key, item in values.items()}


def remasked(new: Any, old: Any) -> Any:
    """Put a masked secret back where it was sent out as its mask and came back so."""
    if is_masked(old) and revealed(new) == MASKED_TEXT:
        return old
    if is_plain_object(new) and is_plain_object(old):
        return {key: remasked(item, old[key]) if key in old else item for key, item in new.items()}
    return new


def unmasked(value: Any) -> Any:
    """Give masked secrets a text to travel with: programs can read no secret without one."""
    if is_masked(value):
        return secret(MASKED_TEXT)
    if isinstance(value, dict):
        return {key: unmasked(item) for key, item in value.items()}
    return [unmasked(item) for item in value] if isinstance(value, list) else value
