"""An environment of a model as Baseten reports it, and how messages name it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from baseten_pulumi.schema.schedules import Schedule

_ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion; it may have ended.

    Attributes:
        status: RELEASING, RAMPING_UP, RAMPING_DOWN, PAUSED, SUCCEEDED, FAILED, CANCELED, or one added later.
        percent_traffic_to_new_version: Share of the traffic on the new deployment; None if it is not reported.
        error_message: Why it failed, in Baseten's words; None if Baseten does not say.
    """

    status: str
    percent_traffic_to_new_version: int | None = None
    error_message: str | None = None

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
    """

    settings: Mapping[str, Any]
    promotion: Promotion | None
    schedules: tuple[Schedule, ...] | None = ()
    timezone: str | None = None
    serving: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_promoting(self) -> bool:
        """Whether a promotion is still in progress."""
        return self.promotion is not None and self.promotion.is_running


def environment_of(model_id: str, env_name: str) -> str:
    """Return how messages name an environment."""
    return f'environment "{env_name}" (model {model_id})'


def settings_of(model_id: str, env_name: str) -> str:
    """Return how messages name the settings of an environment."""
    return f"Settings of {environment_of(model_id, env_name)}"


def schedule_of(name: str, model_id: str, env_name: str) -> str:
    """Return how messages name an autoscaling schedule of an environment."""
    return f'Autoscaling schedule "{name}" of {environment_of(model_id, env_name)}'
