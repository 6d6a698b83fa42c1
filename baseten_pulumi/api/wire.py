"""How values are written into requests and read out of answers.

Requests allow nothing that is not declared. Answers are read leniently: a field that is missing, null, unknown or of
another type is no error, since Baseten's API grows and this package need not grow with it.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    StrictBool,
    StrictInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    create_model,
)

from baseten_pulumi.fields import Field

# Words of Baseten's that are shown are cut there.
SHOWN_CHARACTERS = 80


class Request(BaseModel):
    """A part of a request's body."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="ignore")


def _shown(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:SHOWN_CHARACTERS]


Text: TypeAlias = Annotated[str, AfterValidator(_shown)]
"""Words of Baseten's, fit to be shown."""


def built(name: str, base: type[BaseModel], members: Mapping[str, tuple[Any, Any]]) -> Any:
    """Build a model out of the type and the default of each member; `...` for one that has none."""
    declared: dict[str, Any] = dict(members)
    return create_model(name, __base__=base, **declared)


def requested_type(field: Field) -> Any:
    """Return the type of a setting in a request: strict, and null allowed."""
    if field.kind == "enum":
        written = PlainSerializer(lambda word: None if word == field.word_for_null else word)
        return Annotated[Literal[field.choices], written] | None
    return (StrictBool if field.kind == "boolean" else StrictInt) | None


def reported_type(field: Field) -> Any:
    """Return the type of a setting in an answer."""
    kinds = {"enum": Text, "boolean": bool, "integer": int}
    return leniently(kinds[field.kind], field.word_for_null)


def leniently(kind: Any, word_for_null: str | None = None) -> Any:
    """Return a type that reads what does not fit as not reported: one odd value must not hide the others."""

    def read_null(told: Any, read: ValidatorFunctionWrapHandler) -> Any:
        return word_for_null if told is None else fitting(told, read)

    return Annotated[kind | None, WrapValidator(read_null)]


def fitting(told: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Return what was read; None where it does not fit."""
    try:
        return read(told)
    except ValidationError:
        return None
