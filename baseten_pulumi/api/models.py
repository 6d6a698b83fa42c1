"""What goes over the wire, built from the table of settings.

Requests allow nothing the table does not hold. Answers are read leniently: a field that is missing, null, unknown or
of another type is no error, since Baseten's API grows and this package need not grow with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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

from baseten_pulumi.fields import (
    FIELDS,
    GROUPS,
    MAX_SURGE_PERCENT,
    ROLLING_DEPLOY_CONFIG,
    Field,
    Settings,
    flatten,
    nest,
)

# Words of Baseten's that are shown are cut there.
SHOWN_CHARACTERS = 80
_ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")


def _requested_type(field: Field) -> Any:
    if field.kind == "enum":
        written = PlainSerializer(lambda word: None if word == field.word_for_null else word)
        return Annotated[Literal[field.choices], written] | None
    return (StrictBool if field.kind == "boolean" else StrictInt) | None


def _reported_type(field: Field) -> Any:
    return _leniently({"enum": _Text, "boolean": bool, "integer": int}[field.kind], field.word_for_null)


def _object(group: str, base: type[BaseModel], type_of: Callable[[Field], Any]) -> type[BaseModel]:
    """Build the model of one object: its settings, and the objects inside it."""
    fields = [field for field in FIELDS.values() if field.group == group]
    declared: dict[str, Any] = {field.name: (type_of(field), field.word_for_null) for field in fields}
    for path in GROUPS:
        parent, _, name = path.rpartition(".")
        if parent == group:
            inner: Any = _object(path, base, type_of)
            declared[name] = (_leniently(inner) if base is _Answer else inner | None, None)
    return create_model(f"{base.__name__}_{group}", __base__=base, **declared)


def _leniently(kind: Any, word_for_null: str | None = None) -> Any:
    """Read what does not fit as not reported: one odd value must not hide the others."""

    def read_null(told: Any, read: ValidatorFunctionWrapHandler) -> Any:
        return word_for_null if told is None else _fitting(told, read)

    return Annotated[kind | None, WrapValidator(read_null)]


def _fitting(told: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(told)
    except ValidationError:
        return None


def _shown(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:SHOWN_CHARACTERS]


_Text: TypeAlias = Annotated[str, AfterValidator(_shown)]


class Promotion(_Answer):
    """A promotion as Baseten reports it; it may have ended. It is only shown, so nothing in it is worth an error."""

    status: Annotated[_Text, WrapValidator(lambda told, read: _fitting(told, read) or "UNKNOWN")] = "UNKNOWN"
    percent_traffic_to_new_version: Annotated[int | None, WrapValidator(_fitting)] = None

    @property
    def percent(self) -> int | None:
        """Share of the traffic on the new deployment; None where it is not reported."""
        return self.percent_traffic_to_new_version

    @property
    def is_running(self) -> bool:
        """Whether it still goes on; a status this package does not know counts as going on."""
        return self.status not in _ENDED


_Update = _object("", _Request, _requested_type)
_Settings = _object("", _Answer, _reported_type)


class _Environment(_Settings):  # type: ignore[valid-type,misc] # mypy does not know a class made at run time
    in_progress_promotion: Annotated[Promotion | None, WrapValidator(_fitting)] = None


class _UpdateAnswer(_Answer):
    status: Annotated[_Text | None, WrapValidator(_fitting)] = None


class _NamedEnvironment(_Environment):
    name: str


class _Environments(_Answer):
    environments: list[_NamedEnvironment]


class _Model(_Answer):
    id: str
    name: Annotated[_Text | None, WrapValidator(_fitting)] = None
    team_name: Annotated[_Text | None, WrapValidator(_fitting)] = None


class _Models(_Answer):
    models: list[_Model]


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment as Baseten reports it.

    Attributes:
        settings: Reported settings by dotted path, without those reported as null.
        promotion: The latest promotion; None where none is reported.
    """

    settings: Settings
    promotion: Promotion | None

    def worded(self, reword: Callable[[str], str]) -> "Environment":
        """Return the environment with every word of Baseten's put otherwise."""
        settings = {path: reword(value) if isinstance(value, str) else value for path, value in self.settings.items()}
        promotion = self.promotion and self.promotion.model_copy(update={"status": reword(self.promotion.status)})
        return Environment(settings, promotion)


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the account.

    Attributes:
        id: What stands in the URL.
        name: What people call it; None where it is not reported.
        team_name: The team it belongs to, within which its name is unique; None where it is not reported.
    """

    id: str
    name: str | None = None
    team_name: str | None = None


def update_body(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of the PATCH that sends these settings.

    The API page gives an absent `max_surge_percent` a default of 10 inside a `rolling_deploy_config`, which would
    change a setting nobody declared; an explicit null leaves it as it is.

    Raises:
        pydantic.ValidationError: a setting is not in the table or has the wrong type; checking has refused it before.
    """
    touches_config = any(path.startswith(f"{ROLLING_DEPLOY_CONFIG}.") for path in settings)
    held = {MAX_SURGE_PERCENT: None} if touches_config and MAX_SURGE_PERCENT not in settings else {}
    body = _Update.model_validate(nest({**settings, **held}))
    return body.model_dump(exclude_unset=True)


def read_environment(answer: bytes) -> Environment:
    """Read the answer to a GET of an environment.

    Raises:
        pydantic.ValidationError: it is no JSON object.
    """
    return _reported(_Environment.model_validate_json(answer))


def read_environments(answer: bytes) -> dict[str, Environment]:
    """Read the answer to a GET of a model's environments: each of them in full, by name.

    Raises:
        pydantic.ValidationError: it is not JSON, or lacks the names.
    """
    listed = _Environments.model_validate_json(answer).environments
    return {environment.name: _reported(environment) for environment in listed}


def read_update_status(answer: bytes) -> str:
    """Read Baseten's word on a PATCH: ACCEPTED, QUEUED, UNCHANGED or one it adds later.

    The API calls the word deprecated; a success without one has accepted the settings all the same.

    Raises:
        pydantic.ValidationError: it is no JSON object.
    """
    return _UpdateAnswer.model_validate_json(answer).status or "ACCEPTED"


def read_models(answer: bytes) -> tuple[Model, ...]:
    """Read the answer to a GET of the account's models.

    Raises:
        pydantic.ValidationError: it is not JSON, or lacks the ids.
    """
    return tuple(Model(it.id, it.name, it.team_name) for it in _Models.model_validate_json(answer).models)


def _reported(environment: _Environment) -> Environment:
    return Environment(flatten(environment.model_dump()), environment.in_progress_promotion)
