"""What runs inside Pulumi's dynamic-provider process.

The providers below are pickled by reference into users' state, so module and names never change. A program imports this
module too, with the resources: everything heavier is loaded when a method is first called, in the provider process.
"""

from collections.abc import Sequence
from typing import Any

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


class _ConfiguredProvider(ResourceProvider):
    """What both providers share. Neither holds a secret that their pickle could tell."""

    serialize_as_secret_always = False

    def __reduce__(self) -> tuple[type["_ConfiguredProvider"], tuple[()]]:
        """Pickle the name of the class and no attributes: neither configuration nor key is in it."""
        return type(self), ()

    def configure(self, req: ConfigureRequest) -> None:
        """Remember the stack's configuration, and fit the host to long waits."""
        from baseten_pulumi.provider import interception
        from baseten_pulumi.provider.configuration import Configuration

        interception.attach()
        self._configuration = Configuration(req.config.get)


class EnvironmentSettingsProvider(_ConfiguredProvider):
    """Create, update, read and compare the settings of one environment. For `BasetenEnvironmentSettings` alone."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Normalise the inputs, or say what is wrong with them; offline."""
        from baseten_pulumi.provider import dropping
        from baseten_pulumi.provider.checking import check
        from baseten_pulumi.provider.claims import contested

        dropping.expect_comparison()
        inputs, failures = check(news)
        return _checked(inputs, failures or contested(inputs))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Tell what an update would change; offline."""
        from baseten_pulumi.provider import diffing, dropping, host, interception

        waiting = host.answer(lambda _: self._configuration.is_waiting(_news))
        changes = diffing.changes(_olds, _news, is_waiting=waiting)
        interception.note_changes(changes)
        dropping.warn(_olds, _news, changes)
        return DiffResult(bool(changes), diffing.replaced_by(_olds, _news))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Adopt the environment: send every declared setting and wait until it is in force."""
        from baseten_pulumi.provider import host, planning

        plan, outputs = host.answer(lambda call: planning.create(props, self._configuration, call))
        return CreateResult(str(plan.identity), outputs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Send every declared setting and wait until it is in force; forget what is no longer declared."""
        from baseten_pulumi.provider import host, planning

        return UpdateResult(host.answer(lambda call: planning.update(_olds, _news, self._configuration, call)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read what Baseten reports of the managed settings."""
        from baseten_pulumi.provider import host, reading
        from baseten_pulumi.provider.session import open_session

        return host.answer(lambda _: reading.read(id_, props, open_session(self._configuration)))

    def delete(self, id_: str, _props: dict[str, Any]) -> None:
        """Leave Baseten as it is: restoring anything would revert production when a resource is merely renamed."""
        from baseten_pulumi.provider import host
        from baseten_pulumi.provider.progress import Row

        host.answer(lambda call: Row(call.urn).note(f"{id_}: Baseten keeps the settings; nothing was reverted"))


class SettingsInForceProvider(_ConfiguredProvider):
    """Wait until the settings of many environments are in force together. For `BasetenSettingsInForce` alone."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Normalise the inputs; offline."""
        from baseten_pulumi.provider.joint_members import check

        return _checked(*check(news))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Tell whether there is anything to wait for; offline."""
        from baseten_pulumi.provider import host, joint_members

        return DiffResult(host.answer(lambda _: joint_members.has_changes(_olds, _news, self._configuration)), [])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for every environment."""
        from baseten_pulumi.provider import host, joint_wait

        outputs = host.answer(lambda call: joint_wait.wait({}, props, self._configuration, call))
        return CreateResult(joint_wait.RESOURCE_ID, outputs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Wait for every environment that is new or has changed."""
        from baseten_pulumi.provider import host, joint_wait

        return UpdateResult(host.answer(lambda call: joint_wait.wait(_olds, _news, self._configuration, call)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Give back what is known; no request is made."""
        from baseten_pulumi.provider import joint_wait

        return joint_wait.read(id_, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Do nothing: a wait leaves nothing at Baseten."""


def _checked(inputs: dict[str, Any], failures: Sequence[tuple[str, str]]) -> CheckResult:
    # The engine shows the value of a property named here, and finds none where the path is nested.
    return CheckResult(inputs, [CheckFailure("", f"{path}: {reason}") for path, reason in failures])
