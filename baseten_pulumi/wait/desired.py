"""What a wait can be for: settings of an environment, one of its autoscaling schedules, or the environment itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from baseten_pulumi.schema.compare import Difference, differences
from baseten_pulumi.schema.environment import Environment, environment_of
from baseten_pulumi.schema.schedules import Schedule, schedule_differences
from baseten_pulumi.schema.settings import Settings


class Desired(Protocol):
    """What to wait for in one environment.

    Attributes:
        model_id: Baseten's id of the model.
        env_name: Name of the environment.
        status: Status of the response to the PATCH; None if it is not known.
        name: What a wait for several environments calls this one; "" in a wait for one.
        message: The message in the response to the PATCH; "" if nothing.
        before: What the environment had before the request, by path; None if a third value does not end the wait.
        must_be_listed: Whether each poll asks both for the environment and for its model's list.
        is_deletion: Whether it must be gone.
    """

    @property
    def model_id(self) -> str: ...  # noqa: D102 - above
    @property
    def env_name(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str | None: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def before(self) -> Settings | None: ...  # noqa: D102
    @property
    def must_be_listed(self) -> bool: ...  # noqa: D102
    @property
    def is_deletion(self) -> bool: ...  # noqa: D102

    @property
    def subject(self) -> str:
        """How messages name it."""
        ...

    def differences(self, environment: Environment) -> tuple[Difference, ...]:
        """Return what is not applied."""
        ...

    def lagging(self, environment: Environment) -> tuple[Difference, ...]:
        """Return what the environment has and the deployment that serves does not have yet."""
        ...


@dataclass(frozen=True, slots=True)
class DesiredSettings:
    """Settings of an environment, by path; the other attributes are those of `Desired`."""

    model_id: str
    env_name: str
    settings: Settings
    status: str | None = None
    name: str = ""
    message: str = ""
    before: Settings | None = None
    must_be_listed: ClassVar[bool] = False
    is_deletion: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        """How messages name it."""
        return f"settings of {environment_of(self.model_id, self.env_name)}"

    def differences(self, environment: Environment) -> tuple[Difference, ...]:
        """Return every setting that is not applied."""
        return differences(self.settings, environment.observed(self.settings))

    def lagging(self, environment: Environment) -> tuple[Difference, ...]:
        """Return what the deployment that serves does not have yet, of the settings that it reports."""
        reported = {path: value for path, value in self.settings.items() if path in environment.serving}
        return differences(reported, environment.serving)


@dataclass(slots=True)
class DesiredSchedule:
    """An autoscaling schedule, or that it is gone; the other attributes are those of `Desired`.

    Attributes:
        schedule_name: The schedule's name.
        properties: Its desired properties; None if it must be gone.
        schedule_id: Baseten's id; None until an observed environment shows a schedule with the name.
        other_ids: Schedules of that name that are not meant; they were there before it was sent.
    """

    model_id: str
    env_name: str
    schedule_name: str
    properties: Mapping[str, Any] | None
    schedule_id: str | None
    status: str | None = None
    other_ids: frozenset[str] = frozenset()
    message: str = ""

    name: ClassVar[str] = ""
    before: ClassVar[None] = None
    must_be_listed: ClassVar[bool] = False

    @property
    def is_deletion(self) -> bool:
        """Whether it must be gone."""
        return self.properties is None

    @property
    def subject(self) -> str:
        """How messages name it."""
        deletion = "the deletion of " if self.is_deletion else ""
        where = environment_of(self.model_id, self.env_name)
        return f'{deletion}autoscaling schedule "{self.schedule_name}" of {where}'

    def differences(self, environment: Environment) -> tuple[Difference, ...]:
        """Return what is not applied; remember the id under which the schedule is found."""
        wanted = "deleted" if self.properties is None else "listed"
        if environment.schedules is None:
            return (Difference("schedule", wanted, "unreadable"),)
        found = self.find(environment)
        if self.properties is None:
            return () if found is None else (Difference("schedule", wanted, "listed"),)
        if found is None:
            return (Difference("schedule", wanted, "not listed"),)
        self.schedule_id = found.id
        return schedule_differences(self.properties, found.properties)

    def lagging(self, environment: Environment) -> tuple[Difference, ...]:  # noqa: ARG002
        """Return nothing: a schedule belongs to the environment alone."""
        return ()

    def find(self, environment: Environment) -> Schedule | None:
        """Return the schedule with the id; without one, a new one with the name."""
        schedules = environment.schedules or ()
        if self.schedule_id is not None:
            return next((it for it in schedules if it.id == self.schedule_id), None)
        return next((it for it in schedules if it.name == self.schedule_name and it.id not in self.other_ids), None)


@dataclass(slots=True)
class DesiredEnvironment:
    """An environment, or that it is gone; the other attributes are those of `Desired`.

    A wait for one that must be gone ends in `EnvironmentNotFoundError`.

    Attributes:
        observed: What was observed of it last; None if nothing was.
    """

    model_id: str
    env_name: str
    is_deletion: bool = False
    observed: Environment | None = None

    status: ClassVar[None] = None
    name: ClassVar[str] = ""
    message: ClassVar[str] = ""
    before: ClassVar[None] = None
    must_be_listed: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        """How messages name it."""
        change = "deletion" if self.is_deletion else "creation"
        return f"the {change} of {environment_of(self.model_id, self.env_name)}"

    def differences(self, environment: Environment) -> tuple[Difference, ...]:
        """Return what is not applied."""
        self.observed = environment
        if self.is_deletion:
            return (Difference("environment", "deleted", "listed" if environment.is_listed else "readable"),)
        if not environment.is_listed:
            return (Difference("environment", "listed", "not listed"),)
        return () if environment.is_readable else (Difference("environment", "readable", "not readable"),)

    def lagging(self, environment: Environment) -> tuple[Difference, ...]:  # noqa: ARG002
        """Return nothing: it need not have a deployment."""
        return ()
