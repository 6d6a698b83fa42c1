"""Property values on the wire: JSON with Pulumi's marked objects for secrets and its text for what is unknown."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

Properties = dict[str, Any]

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


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


def to_json(value: Any) -> str:
    """Return a value as canonical JSON: equal values have equal text, and `1` and `true` differ."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def is_equal(one: Any, other: Any) -> bool:
    """Tell whether two values are equal as JSON."""
    return to_json(one) == to_json(other)


def is_secret(value: Any) -> bool:
    """Tell whether a value is a secret."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def contains_secret(value: Any) -> bool:
    """Tell whether a secret is anywhere in a value."""
    if isinstance(value, dict):
        return is_secret(value) or any(contains_secret(item) for item in value.values())
    return isinstance(value, list) and any(contains_secret(item) for item in value)


def contains_unknown(value: Any) -> bool:
    """Tell whether anything in a value is unknown."""
    if isinstance(value, dict):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in value)
    return bool(value == UNKNOWN)


def plain(value: Any) -> Any:
    """Return a value without the marks of its secrets, as a dynamic provider gets it."""
    if is_secret(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def with_secrets(values: Properties, marked: Mapping[str, Any]) -> Properties:
    """Mark as secret what is secret at the same path of other properties; a list that differs, as a whole."""
    return {key: _with_secrets(item, marked[key]) if key in marked else item for key, item in values.items()}


def _with_secrets(value: Any, marked: Any) -> Any:
    if not contains_secret(marked) or is_secret(value):
        return value
    if is_equal(plain(marked), value):
        return marked
    if isinstance(value, dict) and isinstance(marked, dict) and not is_secret(marked):
        return with_secrets(value, marked)
    return {SIGNATURE: SECRET, "value": value}


def encoded(value: Any) -> Any:
    """Return a value for the checkpoint; secrets are encoded, not encrypted, since tests have no real ones."""
    if is_secret(value):
        text = base64.b64encode(to_json(value["value"]).encode()).decode()
        return {SIGNATURE: SECRET, "ciphertext": text}
    if isinstance(value, dict):
        return {key: encoded(item) for key, item in value.items()}
    return [encoded(item) for item in value] if isinstance(value, list) else value


def decoded(value: Any) -> Any:
    """Return a value of the checkpoint as it was before `encoded`."""
    if is_secret(value):
        return {SIGNATURE: SECRET, "value": json.loads(base64.b64decode(value["ciphertext"]))}
    if isinstance(value, dict):
        return {key: decoded(item) for key, item in value.items()}
    return [decoded(item) for item in value] if isinstance(value, list) else value
