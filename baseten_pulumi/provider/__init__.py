"""What runs in Pulumi's dynamic-provider process.

The classes below are pickled by reference into users' state, so their names and this module's never change. Programs
import this module with the resources; everything heavier is imported when a method is first called.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

if TYPE_CHECKING:
    from baseten_pulumi.schema.validate import Failure


class _Provider(ResourceProvider):
    """What all providers share. No secret is in their pickle."""

    serialize_as_secret_always = False

    def __reduce__(self) -> tuple[type["_Provider"], tuple[()]]:
        """Pickle the name of the class and no attributes."""
        return type(self), ()

    def configure(self, req: ConfigureRequest) -> None:
        """Keep the configuration of the stack, and adapt the host to long waits."""
        from baseten_pulumi.config import Config
        from baseten_pulumi.provider.pulumi_internals import adapt_host

        adapt_host()
        self._config = Config(req.config.get)


class EnvironmentSettingsProvider(_Provider):
    """The provider of `BasetenEnvironmentSettings`."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate and normalize the inputs."""
        from baseten_pulumi.provider import check, pulumi_internals

        return _checked(*pulumi_internals.answer(lambda call: check.check(_olds, news, self._config, call)))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return whether an update is due; offline."""
        from baseten_pulumi.provider import diff, pulumi_internals

        changes = pulumi_internals.answer(
            lambda _: diff.changes(_olds, _news, waits=self._config.waits(_news.get("wait")))
        )
        pulumi_internals.note_changes(changes)
        return DiffResult(bool(changes), diff.replaced_properties(_olds, _news))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Adopt the environment: send every declared setting and wait until it is applied."""
        from baseten_pulumi.provider import apply, pulumi_internals

        outputs = pulumi_internals.answer(lambda call: apply.apply(props, {}, self._config, call))
        return CreateResult(_id(props), outputs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Send every declared setting and wait until it is applied."""
        from baseten_pulumi.provider import apply, pulumi_internals

        return UpdateResult(pulumi_internals.answer(lambda call: apply.apply(_news, _olds, self._config, call)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the managed settings."""
        from baseten_pulumi.provider import pulumi_internals, read

        return pulumi_internals.answer(lambda _: read.read(id_, props, self._config))

    def delete(self, id_: str, _props: dict[str, Any]) -> None:
        """Send nothing: restoring anything would revert production when a resource is merely renamed."""
        from baseten_pulumi.provider import pulumi_internals

        pulumi_internals.answer(lambda call: pulumi_internals.Row(call.urn).note(f"{id_}: Baseten keeps the settings"))


class EnvironmentProvider(_Provider):
    """The provider of `BasetenEnvironment`."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate the inputs; offline unless `baseten:previewReads` is set."""
        from baseten_pulumi.provider import environment, pulumi_internals

        return _checked(*pulumi_internals.answer(lambda call: environment.check(_olds, news, self._config, call)))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return whether something is due; offline."""
        from baseten_pulumi.provider import diff, environment, pulumi_internals

        changes = pulumi_internals.answer(lambda _: environment.changes(_olds, _news, self._config))
        pulumi_internals.note_changes(changes)
        return DiffResult(bool(changes), diff.replaced_properties(_olds, _news))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the environment, or adopt it if the model has it."""
        from baseten_pulumi.provider import apply_environment, pulumi_internals

        outputs = pulumi_internals.answer(lambda call: apply_environment.apply(props, {}, self._config, call))
        return CreateResult(_id(props), outputs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Finish a creation that failed after its request was sent."""
        from baseten_pulumi.provider import apply_environment, pulumi_internals

        outputs = pulumi_internals.answer(lambda call: apply_environment.apply(_news, _olds, self._config, call))
        return UpdateResult(outputs)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the environment."""
        from baseten_pulumi.provider import environment, pulumi_internals

        return pulumi_internals.answer(lambda _: environment.read(id_, props, self._config))

    def delete(self, id_: str, _props: dict[str, Any]) -> None:
        """Delete the environment, unless another resource of this run manages it."""
        from baseten_pulumi.provider import delete_environment, pulumi_internals

        pulumi_internals.answer(lambda call: delete_environment.delete(id_, self._config, call))


class AutoscalingScheduleProvider(_Provider):
    """The provider of `BasetenAutoscalingSchedule`."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate and normalize the inputs; offline unless `baseten:previewReads` is set."""
        from baseten_pulumi.provider import pulumi_internals, schedule

        return _checked(*pulumi_internals.answer(lambda call: schedule.check(_olds, news, self._config, call)))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return whether an update is due; offline."""
        from baseten_pulumi.provider import diff, pulumi_internals, schedule

        changes = pulumi_internals.answer(lambda call: schedule.changes(_olds, _news, self._config, call))
        pulumi_internals.note_changes(changes)
        return DiffResult(bool(changes), diff.replaced_properties(_olds, _news))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the schedule, or adopt the one that has its name."""
        from baseten_pulumi.provider import apply_schedule, pulumi_internals

        return CreateResult(*pulumi_internals.answer(lambda call: apply_schedule.apply(props, {}, self._config, call)))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Replace the schedule in Baseten, by its id."""
        from baseten_pulumi.provider import apply_schedule, pulumi_internals

        _, outputs = pulumi_internals.answer(lambda call: apply_schedule.apply(_news, _olds, self._config, call))
        return UpdateResult(outputs)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the schedule."""
        from baseten_pulumi.provider import pulumi_internals, read_schedule

        return pulumi_internals.answer(lambda _: read_schedule.read(id_, props, self._config))

    def delete(self, id_: str, _props: dict[str, Any]) -> None:
        """Delete the schedule, unless another resource of this run manages it."""
        from baseten_pulumi.provider import delete_schedule, pulumi_internals

        pulumi_internals.answer(lambda call: delete_schedule.delete(id_, _props, self._config, call))


class SettingsInForceProvider(_Provider):
    """The provider of `BasetenSettingsInForce`. It never writes."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate the inputs; offline."""
        from baseten_pulumi.provider import in_force, pulumi_internals

        return _checked(*pulumi_internals.answer(lambda _: in_force.check(news, self._config)))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Return whether there is something to wait for; offline."""
        from baseten_pulumi.provider import in_force, pulumi_internals

        changes = pulumi_internals.answer(lambda _: in_force.changes(_olds, _news, self._config))
        pulumi_internals.note_changes(changes)
        return DiffResult(bool(changes), [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for every environment."""
        from baseten_pulumi.provider import in_force, pulumi_internals

        outputs = pulumi_internals.answer(lambda call: in_force.wait({}, props, self._config, call))
        return CreateResult(in_force.RESOURCE_ID, outputs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Wait for every environment that is new or has changed."""
        from baseten_pulumi.provider import in_force, pulumi_internals

        return UpdateResult(pulumi_internals.answer(lambda call: in_force.wait(_olds, _news, self._config, call)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what is known; no request is made."""
        from baseten_pulumi.provider import in_force

        return in_force.read(id_, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Do nothing: a wait leaves nothing behind."""


def _id(props: dict[str, Any]) -> str:
    return f"{props['model_id']}/{props['env_name']}"


def _checked(inputs: dict[str, Any], failures: "Sequence[Failure]") -> CheckResult:
    # The engine looks for the value of the property it is given, and finds none at a nested path.
    return CheckResult(inputs, [CheckFailure("", str(failure)) for failure in failures])
