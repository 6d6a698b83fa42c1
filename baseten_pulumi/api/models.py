"""The bodies of requests and responses, built from the table of settings.

Responses are read leniently: a field that is missing, null or unknown counts as not reported, and so does a value that
cannot be read as the field's type, because Baseten's API grows and a release of this package should not have to follow.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PrivateAttr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    create_model,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from typing_extensions import Self

from baseten_pulumi.errors import AmbiguousModelError, Message, ModelNotFoundError
from baseten_pulumi.schema.environment import Environment, Promotion
from baseten_pulumi.schema.schedules import Schedule
from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    AUTOSCALING,
    FIELDS,
    GROUPS,
    MAX_SURGE_PERCENT,
    ROLLING_DEPLOY_CONFIG,
    additional,
    api_path,
    decoded,
    flatten,
    is_additional,
    nest,
)

_LONGEST_WORD = 80
_LONGEST_TEXT = 300
_NOT_SERVING = frozenset({"INACTIVE", "DEACTIVATING", "BUILD_STOPPED"})
_MODELS_LISTED = 5


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")


def printable(text: str) -> str:
    """Replace what moves a terminal's cursor or is invisible."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _word(text: str) -> str:
    return printable(text)[:_LONGEST_WORD]


def one_line(text: str) -> str:
    """Return a text that others wrote as one line of at most 300 characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}…"


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


Name: TypeAlias = Annotated[str, AfterValidator(printable)]
OptionalName: TypeAlias = Annotated[Name | None, WrapValidator(_or_none)]
Word: TypeAlias = Annotated[str, AfterValidator(_word)]
_OptionalText: TypeAlias = Annotated[Annotated[str, AfterValidator(one_line)] | None, WrapValidator(_or_none)]
OptionalWord: TypeAlias = Annotated[Word | None, WrapValidator(_or_none)]
_OptionalInt: TypeAlias = Annotated[int | None, WrapValidator(_or_none)]
_OptionalBool: TypeAlias = Annotated[bool | None, WrapValidator(_or_none)]
_TYPES = {"enum": Word, "boolean": bool, "integer": int}


class _Settings(_Response):
    """Settings, which are also kept as they are in the response."""

    _response: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep(cls, value: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        found = read(value)
        found._response = value  # noqa: SLF001 - its own
        return found


def _object(group: str) -> Any:
    """Build the response model of one object of settings, and of the objects inside it."""
    members: dict[str, Any] = {
        field.name: (Annotated[_TYPES[field.kind] | None, WrapValidator(_or_none)], None)
        for field in FIELDS.values()
        if field.group == group
    }
    for path in GROUPS:
        parent, _, name = path.rpartition(".")
        if parent == group:
            members[name] = (Annotated[_object(path) | None, WrapValidator(_or_none)], None)
    return create_model(f"Response_{group}", __base__=_Settings, **members)


class _Promotion(_Response):
    status: OptionalWord = None
    percent_traffic_to_new_version: _OptionalInt = None
    error_message: _OptionalText = None
    rolling_deploy: _OptionalBool = None


_EverySetting: Any = _object("")
_Autoscaling: Any = _object(AUTOSCALING)


class _Schedule(_Response):
    id: OptionalName = None
    name: OptionalName = None
    enabled: _OptionalBool = None
    cadence: OptionalWord = None
    weekdays: Annotated[list[Word] | None, WrapValidator(_or_none)] = None
    start_hour: _OptionalInt = None
    start_minute: _OptionalInt = None
    end_hour: _OptionalInt = None
    end_minute: _OptionalInt = None
    start_at: OptionalWord = None
    end_at: OptionalWord = None
    autoscaling_settings: Annotated[_Autoscaling | None, WrapValidator(_or_none)] = None


class _AppliedState(_Response):
    schedule_id: OptionalName = None
    autoscaling_settings: Annotated[_Autoscaling | None, WrapValidator(_or_none)] = None


class _Schedules(_Response):
    timezone: OptionalName = None
    schedules: Annotated[list[_Schedule] | None, WrapValidator(_or_none)] = None
    applied_state: Annotated[_AppliedState | None, WrapValidator(_or_none)] = None


class _Deployment(_Response):
    id: OptionalName = None
    name: OptionalName = None
    created_at: OptionalWord = None
    status: OptionalWord = None
    active_replica_count: _OptionalInt = None
    instance_type_name: OptionalName = None
    labels: Annotated[dict[str, Any] | None, WrapValidator(_or_none)] = None
    autoscaling_settings: Annotated[_Autoscaling | None, WrapValidator(_or_none)] = None


class _InstanceType(_Response):
    id: OptionalName = None
    name: OptionalName = None
    memory_limit_mib: _OptionalInt = None
    millicpu_limit: _OptionalInt = None
    gpu_count: _OptionalInt = None
    gpu_type: OptionalName = None
    gpu_memory_limit_mib: _OptionalInt = None


def _or_unreadable(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return _Schedules()


class _Environment(_EverySetting):  # type: ignore[misc] # the base class is made at run time
    created_at: OptionalWord = None
    instance_type: Annotated[_InstanceType | None, WrapValidator(_or_none)] = None
    in_progress_promotion: Annotated[_Promotion | None, WrapValidator(_or_none)] = None
    current_deployment: Annotated[_Deployment | None, WrapValidator(_or_none)] = None
    candidate_deployment: Annotated[_Deployment | None, WrapValidator(_or_none)] = None
    autoscaling_schedules: Annotated[_Schedules | None, WrapValidator(_or_unreadable)] = None


class _NamedEnvironment(_Environment):
    name: str


class _Environments(_Response):
    environments: list[_NamedEnvironment]


class _Update(_Response):
    status: OptionalWord = None
    message: _OptionalText = None
    error: _OptionalText = None
    environment: Annotated[_Environment | None, WrapValidator(_or_none)] = None


class _Tombstone(_Response):
    deleted: Annotated[bool | None, WrapValidator(_or_none)] = None


class Model(_Response):
    """A model of the account.

    Attributes:
        id: Baseten's id.
        name: Its display name; None if it is not reported.
        team_name: The team within which the name is unique; None if it is not reported.
    """

    id: Name
    name: OptionalName = None
    team_name: OptionalName = None


class _Models(_Response):
    models: list[Model]


def update_body(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of the PATCH that sends these settings.

    The API page gives an absent `max_surge_percent` inside a `rolling_deploy_config` a default of 10, which would
    change a setting that is not declared; an explicit null leaves it as it is.
    """
    body = {api_path(path): _sent(path, value) for path, value in settings.items()}
    if any(path.startswith(f"{ROLLING_DEPLOY_CONFIG}.") for path in body):
        body.setdefault(MAX_SURGE_PERCENT, None)
    return nest(body)


def _sent(path: str, value: Any) -> Any:
    if is_additional(path):
        return decoded(value)
    return None if value == FIELDS[path].null_choice else value


@dataclass(frozen=True, slots=True)
class Update:
    """The response to a PATCH.

    Attributes:
        status: ACCEPTED, QUEUED, UNCHANGED, or one that Baseten adds later. The API calls it deprecated; a success
            without one, or without a readable body, has accepted the request too: what is applied is read back anyway.
        environment: The environment, which may not show the update yet; None if it is not returned.
        message: What Baseten says about a queued update; "" if nothing, and of any other update.
        error: What Baseten says is wrong although it accepted the request; "" if nothing.
    """

    status: str
    environment: Environment | None
    message: str = ""
    error: str = ""


def read_update(content: bytes) -> Update:
    """Read the response to a PATCH."""
    try:
        response = _Update.model_validate_json(content)
    except ValidationError:
        return Update("ACCEPTED", None)
    environment = response.environment and _environment(response.environment)
    status = response.status or "ACCEPTED"
    message = response.message if status == "QUEUED" else None
    return Update(status, environment, message or "", response.error or "")


def read_created(content: bytes) -> Environment | None:
    """Read the response to the creation of an environment; None if its body cannot be read."""
    try:
        return read_environment(content)
    except ValidationError:
        return None


def read_deleted(content: bytes) -> bool:
    """Read the response to the deletion of an environment: whether it says that it is deleted."""
    try:
        return _Tombstone.model_validate_json(content).deleted is not False
    except ValidationError:
        return True


def read_environment(content: bytes) -> Environment:
    """Read the response to a GET of an environment.

    Raises:
        pydantic.ValidationError: the body is not a JSON object.
    """
    return _environment(_Environment.model_validate_json(content))


def read_environments(content: bytes) -> dict[str, Environment]:
    """Read the response to a GET of a model's environments; return them by name.

    Raises:
        pydantic.ValidationError: the body is not JSON, or has no names.
    """
    return {found.name: _environment(found) for found in _Environments.model_validate_json(content).environments}


def read_models(content: bytes) -> list[Model]:
    """Read the response to a GET of the account's models.

    Raises:
        pydantic.ValidationError: the body is not JSON, or has no ids.
    """
    return _Models.model_validate_json(content).models


def find_model(name: str, models: Sequence[Model], team: str | None = None) -> Model:
    """Return the model with that name.

    Raises:
        ModelNotFoundError: there is none, or none in the team; those of other teams or similar names are listed.
        AmbiguousModelError: there are several; their ids and teams are listed.
    """
    found = named(name, models, team)
    of_team = f' of team "{team}"' if team else ""
    failed = f'Model "{name}"{of_team} could not be looked up.'
    key = "or check that the API key belongs to the model's workspace."
    if len(found) > 1:
        observed = f"{len(found)} models have that name: {_listed(found)}."
        has_teams = len({it.team_name for it in found}) > 1
        action = f"Name its team, use the id instead, {key}" if has_teams else f"Use the id instead, {key}"
        raise AmbiguousModelError(Message(failed, observed, "", action))
    if found:
        return found[0]
    if elsewhere := named(name, models):
        observed = f'Team "{team}" has no model of that name; this API key can see {_listed(elsewhere)}.'
        raise ModelNotFoundError(Message(failed, observed, "", f"Correct the team, {key}"))
    names = {model.name.casefold() for model in models if model.name}
    close = difflib.get_close_matches(name.casefold(), names, _MODELS_LISTED)
    similar = [
        it for it in models if it.name and (it.name.casefold() in close or name.casefold() in it.name.casefold())
    ]
    hint = f"; similar names: {_listed(similar)}" if similar else ""
    has_it = f'has that name in team "{team}"' if team else "has that name"
    observed = f"None of the {len(models)} models that this API key can see {has_it}{hint}."
    raise ModelNotFoundError(Message(failed, observed, "", f"Correct the name{' or the team' if team else ''}, {key}"))


def of_team(models: Sequence[Model], team: str | None) -> list[Model]:
    """Return the models of a team, sorted by name; None for every team.

    Raises:
        ModelNotFoundError: the team has none; the teams that have some are listed.
    """
    found = [it for it in models if is_in_team(it, team)]
    if team is not None and not found:
        teams = ", ".join(sorted({it.team_name for it in models if it.team_name}))
        raise ModelNotFoundError(
            Message(
                f'Models of team "{team}" could not be listed.',
                f"This API key can see models of {teams}." if teams else "This API key can see no models.",
                "",
                "Correct the team, or check that the API key belongs to the models' workspace.",
            )
        )
    return sorted(found, key=lambda it: (it.name or "", it.id))


def named(name: str, models: Sequence[Model], team: str | None = None) -> list[Model]:
    """Return the models with exactly that name; None for `team` means any team."""
    return [it for it in models if it.name == printable(name) and is_in_team(it, team)]


def is_in_team(model: Model, team: str | None) -> bool:
    """Return whether a model is in the team; None means any team."""
    return team is None or model.team_name == printable(team)


def name_hint(text: str, models: Sequence[Model]) -> str:
    """Return a sentence with the id, if the name of a model was given in place of its id; otherwise ""."""
    found = named(text, models)
    return f'"{text}" is the name of a model, not an id: {_listed(found)}.' if found else ""


def _environment(response: Any) -> Environment:
    settings = flatten(response.model_dump())
    for field in FIELDS.values():
        if field.null_choice is not None and field.group in response.model_fields_set:
            settings.setdefault(field.path, field.null_choice)
    found = response.in_progress_promotion
    promotion = found and Promotion(
        found.status or "UNKNOWN",
        found.percent_traffic_to_new_version,
        error_message=found.error_message,
        rolling_deploy=found.rolling_deploy,
    )
    return Environment(
        settings,
        promotion,
        *_schedules(response),
        serving=_serving(response),
        created_at=response.created_at,
        current_deployment=_deployment(response.current_deployment),
        candidate_deployment=_deployment(response.candidate_deployment),
        instance_type=response.instance_type and response.instance_type.model_dump(),
        response=response._response,  # noqa: SLF001
    )


def _deployment(response: _Deployment | None) -> dict[str, Any] | None:
    return None if response is None else response.model_dump(exclude={"autoscaling_settings"})


def _serving(response: Any) -> dict[str, Any]:
    """Return the autoscaling settings of the deployment that serves, unless a schedule is active."""
    deployment, state = response.current_deployment, None
    if response.autoscaling_schedules is not None:
        state = response.autoscaling_schedules.applied_state
    if deployment is None:
        return {}
    status = deployment.status or ""
    if status in _NOT_SERVING or status.endswith("FAILED") or (state is not None and state.schedule_id is not None):
        return {}
    found = (state or deployment).autoscaling_settings
    if found is None:
        return {}
    unknown = additional(found._response, f"{ADDITIONAL}.{AUTOSCALING}")  # noqa: SLF001
    return {**flatten({AUTOSCALING: found.model_dump()}), **dict(unknown)}


def _schedules(response: Any) -> tuple[tuple[Schedule, ...] | None, str | None]:
    """Return the schedules, None if one of them has no id or they cannot be read at all, and their time zone."""
    if response.autoscaling_schedules is None:
        return (), None
    zone, found = response.autoscaling_schedules.timezone, response.autoscaling_schedules.schedules
    schedules = tuple(Schedule(it.id, {"timezone": zone, **_properties(it)}) for it in found or () if it.id)
    return (schedules if found is not None and len(schedules) == len(found) else None), zone


def _properties(schedule: _Schedule) -> dict[str, Any]:
    reported = schedule.model_dump(exclude={"id", "name"})
    return {"schedule_name": schedule.name, **reported}


def _listed(models: Sequence[Model]) -> str:
    listed = [f'"{it.name}" ({", ".join(filter(None, (it.id, it.team_name)))})' for it in models[:_MODELS_LISTED]]
    return ", ".join([*listed, *(["…"] if len(models) > _MODELS_LISTED else [])])
