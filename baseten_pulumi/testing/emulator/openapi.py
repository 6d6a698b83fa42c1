"""The API's description as the emulator publishes it, in OpenAPI 3.1.

What may be sent comes from the very models that requests are judged by (`contract`), so that description and behaviour
are one. What is answered comes from `answers`, which tests hold to the answers given.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core.core_schema import ModelSchema

from baseten_pulumi.testing.emulator import answers
from baseten_pulumi.testing.emulator.contract import CREATION, UPDATE
from baseten_pulumi.testing.emulator.operations import ENVIRONMENT, ENVIRONMENTS, MODEL, MODELS

DESCRIPTION = "/openapi.json"

Document: TypeAlias = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_JSON = "application/json"
_SCHEMES: Document = {
    "ApiKeyAuth": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The word Api-Key, a space and the key.",
    },
    "BearerAuth": {"type": "http", "scheme": "bearer"},
}


@dataclass(frozen=True, slots=True)
class _Operation:
    summary: str
    answer: type[BaseModel]
    request: type[BaseModel] | None = None


_OPERATIONS: Mapping[str, Mapping[str, _Operation]] = {
    MODELS: {"GET": _Operation("List the account's models", answers.Models)},
    MODEL: {"GET": _Operation("Read a model", answers.Model)},
    ENVIRONMENTS: {
        "GET": _Operation("List a model's environments", answers.Environments),
        "POST": _Operation("Create an environment", answers.Environment, CREATION),
    },
    ENVIRONMENT: {
        "GET": _Operation("Read an environment and the settings in force", answers.Environment),
        "PATCH": _Operation("Change settings; they come into force later", answers.Updated, UPDATE),
        "DELETE": _Operation("Delete an environment", answers.Tombstone),
    },
}


@functools.cache
def description() -> Document:
    """Return the description of everything an emulator serves; it is shared and must not be changed."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Baseten's management API, as emulated",
            "description": "What the emulator of baseten-pulumi serves.",
            "version": "1.0.0",
        },
        "servers": [{"url": "/"}],
        "security": [{scheme: []} for scheme in _SCHEMES],
        "paths": {template: _path(template, methods) for template, methods in _OPERATIONS.items()},
        "components": {
            "schemas": _schemas(each for methods in _OPERATIONS.values() for each in methods.values()),
            "securitySchemes": _SCHEMES,
        },
    }


def _path(template: str, methods: Mapping[str, _Operation]) -> Document:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", template)
    ]
    return {"parameters": parameters, **{method.lower(): _described(each) for method, each in methods.items()}}


def _described(operation: _Operation) -> Document:
    answered = {
        "200": {"description": "", "content": _content(operation.answer)},
        "default": {"description": "The request had no effect.", "content": _content(answers.Refused)},
    }
    sent = (
        {} if operation.request is None else {"requestBody": {"required": True, "content": _content(operation.request)}}
    )
    return {"summary": operation.summary, **sent, "responses": answered}


def _content(model: type[BaseModel]) -> Document:
    return {_JSON: {"schema": {"$ref": _REFERENCE.format(model=_published(model.__name__))}}}


def _schemas(operations: Iterable[_Operation]) -> Document:
    used: list[type[BaseModel]] = [answers.Refused]
    for each in operations:
        used += [model for model in (each.answer, each.request) if model is not None and model not in used]
    _, definitions = models_json_schema(
        [(model, "validation") for model in used], ref_template=_REFERENCE, schema_generator=_Schemas
    )
    schemas: Document = definitions["$defs"]
    return schemas


class _Schemas(GenerateJsonSchema):
    """Name schemas as they are published."""

    def normalize_name(self, name: str) -> str:
        return _published(name)

    def model_schema(self, schema: ModelSchema) -> Document:
        return {**super().model_schema(schema), "title": _published(schema["cls"].__name__)}


def _published(name: str) -> str:
    """Return the published name of a model: those of requests, which begin with an underscore, say so."""
    return f"{name[1:]}Request" if name.startswith("_") else name
