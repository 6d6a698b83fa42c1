"""An environment of a model: as Baseten reports it, as a program declares it, and how messages name it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    FIELDS,
    GROUPS,
    NULL,
    TOP_LEVEL_GROUPS,
    Settings,
    additional,
    api_path,
    flatten,
    is_additional,
)
from baseten_pulumi.schema.validate import IDENTITY, IGNORED, Failure, unknown_property, validate_names

if TYPE_CHECKING:
    from baseten_pulumi.schema.schedules import Schedule  # loads zoneinfo, which a program does not need

_KNOWN = frozenset({*IDENTITY, *IGNORED, "protected"})
PRODUCTION = "production"
_ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion; it may have ended.

    Attributes:
        status: RELEASING, RAMPING_UP, RAMPING_DOWN, PAUSED, SUCCEEDED, FAILED, CANCELED, or one added later.
        percent_traffic_to_new_version: Share of the traffic on the new deployment; None if it is not reported.
        error_message: Why it failed, in Baseten's words; None if Baseten does not say.
        rolling_deploy: Whether it is a rolling deploy; None if it is not reported.
    """

    status: str
    percent_traffic_to_new_version: int | None = None
    error_message: str | None = None
    rolling_deploy: bool | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is still in progress; a status this release does not know counts as in progress."""
        return self.status not in _ENDED

    def outputs(self) -> dict[str, Any]:
        """Return what programs and commands show of it."""
        return {**asdict(self), "is_running": self.is_running}


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment.

    Attributes:
        settings: Settings by dotted path, without those reported as null.
        promotion: The latest promotion; None if none is reported.
        schedules: Its autoscaling schedules, in Baseten's order; None if they cannot be read.
        timezone: The time zone of its schedules; None if it has none.
        serving: Autoscaling settings of the deployment that serves, by dotted path, without those reported as null.
            Empty if they may differ from the environment's: nothing serves, or a schedule is active.
        created_at: When it was created, in ISO 8601; None if it is not reported.
        current_deployment: The properties of the deployment that serves, under the API's names; None if none does.
        candidate_deployment: The same of the deployment that is being promoted.
        instance_type: The properties of its instance type, under the API's names; None if it is not reported.
        is_listed: Whether its model's list has it; True if that was not asked.
        is_readable: Whether a read by its name returns it; True if that was not asked.
        response: The response as it is.
    """

    settings: Mapping[str, Any]
    promotion: Promotion | None
    schedules: "tuple[Schedule, ...] | None" = ()
    timezone: str | None = None
    serving: Mapping[str, Any] = field(default_factory=dict)
    created_at: str | None = None
    current_deployment: Mapping[str, Any] | None = None
    candidate_deployment: Mapping[str, Any] | None = None
    instance_type: Mapping[str, Any] | None = None
    is_listed: bool = True
    is_readable: bool = True
    response: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def facts(self) -> dict[str, Any]:
        """What `BasetenEnvironment` has as outputs; without what is not reported."""
        facts = {
            "created_at": self.created_at,
            "current_deployment_id": self.current_deployment and self.current_deployment["id"],
            "instance_type": self.instance_type and self.instance_type["name"],
        }
        return {name: value for name, value in facts.items() if value is not None}

    def observed(self, desired: Iterable[str]) -> Settings:
        """Return what desired settings, given by their paths, are compared with.

        If any of them is additional, everything in the response is there as additional settings, which takes as long as
        reading the response.
        """
        unknown = additional(self.response) if any(map(is_additional, desired)) else ()
        return {**self.settings, **dict(unknown)}

    @property
    def unknown_settings(self) -> Settings:
        """The additional settings that objects of settings have and this release does not know."""
        groups = {name: self.response[name] for name in TOP_LEVEL_GROUPS if name in self.response}
        found = flatten({ADDITIONAL: groups}).items()
        return {path: value for path, value in found if api_path(path) not in (*FIELDS, *GROUPS) and value != NULL}

    @property
    def is_promoting(self) -> bool:
        """Whether a promotion is still in progress."""
        return self.promotion is not None and self.promotion.is_running


def validate_environment(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """Validate the inputs of an environment that a program declares.

    Returns:
        Its inputs and every failure; with a failure the inputs are those given.
    """
    inputs = {name: news.get(name) for name in IDENTITY}
    failures = [*validate_names(inputs)]
    failures += [Failure(key, unknown_property(key, IDENTITY)) for key in news if key not in _KNOWN]
    if inputs["env_name"] == PRODUCTION:
        rule = "always exists and cannot be created or deleted; declare only its settings"
        failures.append(Failure("env_name", rule, PRODUCTION))
    return (dict(news), failures) if failures else (inputs, [])


def environment_of(model_id: str, env_name: str) -> str:
    """Return how messages name an environment."""
    return f'environment "{env_name}" (model {model_id})'


def environment_at_start(model_id: str, env_name: str) -> str:
    """Return how messages name an environment at the start of a sentence."""
    return f"E{environment_of(model_id, env_name)[1:]}"


def settings_of(model_id: str, env_name: str) -> str:
    """Return how messages name the settings of an environment."""
    return f"Settings of {environment_of(model_id, env_name)}"


def schedule_of(name: str, model_id: str, env_name: str) -> str:
    """Return how messages name an autoscaling schedule of an environment."""
    return f'Autoscaling schedule "{name}" of {environment_of(model_id, env_name)}'
