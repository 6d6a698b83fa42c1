"""What goes over the wire, built from the table of settings.

What is strict in it and what is lenient, `wire` says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import Annotated, Any

from pydantic import BaseModel, WrapValidator

from baseten_pulumi.api.schedules import ReportedSchedules, requested
from baseten_pulumi.api.wire import Answer, Request, Text, built, fitting, leniently, reported_type, requested_type
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
from baseten_pulumi.schedules import SCHEDULES, TIMEZONE, is_schedule

_ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})


def _object(group: str, base: type[BaseModel], type_of: Callable[[Field], Any]) -> Any:
    """Build the model of one object: its settings, and the objects inside it."""
    fields = [field for field in FIELDS.values() if field.group == group]
    members: dict[str, Any] = {field.name: (type_of(field), field.word_for_null) for field in fields}
    for path in GROUPS:
        parent, _, name = path.rpartition(".")
        if parent == group:
            inner = _object(path, base, type_of)
            members[name] = (leniently(inner) if base is Answer else inner | None, None)
    return built(f"{base.__name__}_{group}", base, members)


class Promotion(Answer):
    """A promotion as Baseten reports it; it may have ended. It is only shown, so nothing in it is worth an error."""

    status: Annotated[Text, WrapValidator(lambda told, read: fitting(told, read) or "UNKNOWN")] = "UNKNOWN"
    percent_traffic_to_new_version: Annotated[int | None, WrapValidator(fitting)] = None

    @property
    def percent(self) -> int | None:
        """Share of the traffic on the new deployment; None where it is not reported."""
        return self.percent_traffic_to_new_version

    @property
    def is_running(self) -> bool:
        """Whether it still goes on; a status this package does not know counts as going on."""
        return self.status not in _ENDED

    @property
    def members(self) -> dict[str, Any]:
        """What programs and commands tell of it, by name."""
        return {
            "status": self.status,
            "is_running": self.is_running,
            "percent_traffic_to_new_version": self.percent_traffic_to_new_version,
        }


_Update = _object("", Request, requested_type)
_Settings = _object("", Answer, reported_type)


class _Environment(_Settings):  # type: ignore[valid-type,misc] # mypy does not know a class made at run time
    in_progress_promotion: Annotated[Promotion | None, WrapValidator(fitting)] = None
    autoscaling_schedules: Annotated[ReportedSchedules | None, WrapValidator(fitting)] = None


class _UpdateAnswer(Answer):
    status: Annotated[Text | None, WrapValidator(fitting)] = None


class _NamedEnvironment(_Environment):
    name: str


class _Environments(Answer):
    environments: list[_NamedEnvironment]


class _Model(Answer):
    id: str
    name: Annotated[Text | None, WrapValidator(fitting)] = None
    team_name: Annotated[Text | None, WrapValidator(fitting)] = None


class _Models(Answer):
    models: list[_Model]


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment as Baseten reports it.

    Attributes:
        settings: Reported settings by dotted path, without those reported as null.
        promotion: The latest promotion; None where none is reported.
        schedule_ids: Baseten's id of each autoscaling schedule, by name; several where several have one name.
    """

    settings: Settings
    promotion: Promotion | None
    schedule_ids: Mapping[str, tuple[str, ...]] = attribute(default_factory=dict)

    @property
    def is_promoting(self) -> bool:
        """Whether a promotion goes on, behind which changes of settings queue."""
        return self.promotion is not None and self.promotion.is_running

    def worded(self, reword: Callable[[str], str]) -> "Environment":
        """Return the environment with every word of Baseten's put otherwise."""
        settings = {
            reword(path) if is_schedule(path) else path: _reworded(value, reword)
            for path, value in self.settings.items()
        }
        promotion = self.promotion and self.promotion.model_copy(update={"status": reword(self.promotion.status)})
        return replace(self, settings=settings, promotion=promotion)


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

    def worded(self, reword: Callable[[str], str]) -> "Model":
        """Return the model with every word of Baseten's put otherwise."""
        name, team_name = (it and reword(it) for it in (self.name, self.team_name))
        return Model(reword(self.id), name, team_name)


def update_body(settings: Mapping[str, Any], schedule_ids: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the body of the PATCH that sends these settings; empty where there is nothing to send.

    Schedules are sent under Baseten's ids of them, by name; without one they are created.

    The API page gives an absent `max_surge_percent` a default of 10 inside a `rolling_deploy_config`, which would
    change a setting nobody declared; an explicit null leaves it as it is.

    Raises:
        pydantic.ValidationError: a setting is not in the table or has the wrong type; checking has refused it before.
    """
    touches_config = any(path.startswith(f"{ROLLING_DEPLOY_CONFIG}.") for path in settings)
    held = {MAX_SURGE_PERCENT: None} if touches_config and MAX_SURGE_PERCENT not in settings else {}
    single = {path: value for path, value in settings.items() if path != TIMEZONE and not is_schedule(path)}
    body: dict[str, Any] = _Update.model_validate(nest({**single, **held})).model_dump(exclude_unset=True)
    schedules = requested(settings, schedule_ids or {})
    return {**body, SCHEDULES: schedules} if schedules else body


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


def _reworded(value: Any, reword: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {part: _reworded(inner, reword) for part, inner in value.items()}
    if isinstance(value, list):
        return [_reworded(inner, reword) for inner in value]
    return reword(value) if isinstance(value, str) else value


def _reported(environment: _Environment) -> Environment:
    schedules = environment.autoscaling_schedules or ReportedSchedules()
    told = {**environment.model_dump(exclude={"autoscaling_schedules"}), SCHEDULES: schedules.nested()}
    return Environment(flatten(told), environment.in_progress_promotion, schedules.ids())
