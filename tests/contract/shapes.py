"""What a description of the API says, without its words: references followed, titles, descriptions and examples out."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.request import urlopen

from baseten_pulumi.testing import Emulator

_WORDS = frozenset({"title", "description", "examples", "summary", "deprecated"})


@cache
def described() -> dict[str, Any]:
    """Return the description that the emulator serves."""
    with Emulator() as emulator, urlopen(f"{emulator.url}/openapi.json") as response:  # noqa: S310 - this machine
        document: dict[str, Any] = json.load(response)
    return document


def shape(document: dict[str, Any], part: Any) -> Any:
    """Return a part of a document as it stands for itself."""
    if isinstance(part, list):
        return [shape(document, each) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return shape(document, {**_referred(document, part["$ref"]), **{k: v for k, v in part.items() if k != "$ref"}})
    kept = {key: value for key, value in part.items() if key not in _WORDS or isinstance(value, dict)}
    return _alike({key: shape(document, value) for key, value in kept.items()})


def operation(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    """Return the shape of an operation, with the parameters of its path."""
    described = document["paths"][path]
    whole: dict[str, Any] = shape(document, {"parameters": described.get("parameters"), **described[method]})
    return whole


def request(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    """Return the shape of what an operation may be sent."""
    body: dict[str, Any] = operation(document, path, method)["requestBody"]["content"]["application/json"]["schema"]
    return body


def answer(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    """Return the shape of what an operation answers when all is well."""
    responses = operation(document, path, method)["responses"]
    body: dict[str, Any] = responses["200"]["content"]["application/json"]["schema"]
    return body


def closed(part: Any) -> Any:
    """Return a shape that allows nothing it does not name: what the API would swallow in silence is refused too."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    inner = {key: closed(value) for key, value in part.items()}
    return {"additionalProperties": False, **inner} if part.get("type") == "object" and "properties" in part else inner


def settings(part: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each setting of a request or an answer by its dotted path, with the schema of its value."""
    for name, described in part.get("properties", {}).items():
        value = _not_null(described)
        if "properties" in value:
            yield from settings(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a value is where it is not null."""
    found: dict[str, Any] = next((each for each in schema.get("anyOf", ()) if each != {"type": "null"}), schema)
    return found


def _referred(document: dict[str, Any], reference: str) -> dict[str, Any]:
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def _alike(schema: dict[str, Any]) -> dict[str, Any]:
    """Write an enumeration of one as any other, and leave out what holds without being written."""
    if "const" in schema:
        schema = {**{key: value for key, value in schema.items() if key != "const"}, "enum": [schema["const"]]}
    implied = (("additionalProperties", True), ("default", None))
    return {key: value for key, value in schema.items() if (key, value) not in implied}
