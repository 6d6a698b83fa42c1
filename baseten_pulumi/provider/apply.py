"""Create and update of settings: send the declared settings, and wait until Baseten reports them."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from baseten_pulumi.config import Config
from baseten_pulumi.provider.diff import is_unfinished
from baseten_pulumi.provider.operation import Operation
from baseten_pulumi.provider.pulumi_internals import Call
from baseten_pulumi.provider.session import Session
from baseten_pulumi.schema.environment import settings_of
from baseten_pulumi.schema.settings import flatten, nest
from baseten_pulumi.wait.desired import DesiredSettings


def resource_id(inputs: Mapping[str, Any]) -> str:
    """Return the id of a resource: `model_id/env_name`."""
    return f"{inputs['model_id']}/{inputs['env_name']}"


def apply(inputs: Mapping[str, Any], olds: Mapping[str, Any], config: Config, call: Call) -> dict[str, Any]:
    """Send every declared setting and wait until it is applied; return the outputs.

    Nothing is sent, and no key is needed, if the settings were sent before and nothing is left to wait for: then a
    setting is merely no longer declared, or only `wait` has changed.

    Args:
        inputs: Validated inputs.
        olds: Outputs of the last operation; empty for a create.
        config: Configuration of the stack.
        call: The request that is being answered.

    Raises:
        PartialFailure: something failed after the settings were sent, or may have been.
        BasetenError: something failed before.
    """
    operation = _Apply(inputs, olds, config, call)
    return operation.run() if operation.has_work else operation.outputs(in_force=olds.get("in_force") is True)


class _Apply(Operation):
    def __init__(self, inputs: Mapping[str, Any], olds: Mapping[str, Any], config: Config, call: Call) -> None:
        subject = settings_of(inputs["model_id"], inputs["env_name"])
        super().__init__(
            inputs,
            config,
            call,
            not_sent=f"{subject} were not updated.",
            not_read=f"{subject} were sent but could not be read back.",
        )
        self._settings = flatten(inputs)
        self._olds = olds
        self._status: str | None = olds.get("status")
        self._revision: str | None = olds.get("revision")
        self._next_revision = secrets.token_hex(4)

    @property
    def has_work(self) -> bool:
        """Whether the settings have to be sent."""
        before = flatten(self._olds)
        is_changed = any(before.get(path) != value for path, value in self._settings.items())
        return is_changed or is_unfinished(self._olds, waits=self.waits)

    @property
    def resource_id(self) -> str:
        """The id of the resource."""
        return resource_id(self.inputs)

    def outputs(self, *, in_force: bool) -> dict[str, Any]:
        """Return the outputs of the resource."""
        own = {name: self.inputs[name] for name in ("model_id", "env_name", "wait")}
        known = {"status": self._status, "revision": self._revision}
        return {
            **own,
            **nest(self._settings),
            "in_force": in_force,
            **{name: value for name, value in known.items() if value is not None},
        }

    async def attempt(self, session: Session, timeout: float, on_send: Callable[[], None]) -> None:
        """Send every declared setting once."""

        def sending() -> None:
            self._revision = self._next_revision
            on_send()

        self._status = None
        model_id, env_name = self.inputs["model_id"], self.inputs["env_name"]
        async with session.exclusive(model_id, env_name, timeout, self.not_sent) as left:
            self._status = await session.client.update_environment(
                model_id, env_name, self._settings, timeout=left, on_send=sending
            )

    def desired(self) -> DesiredSettings | None:
        """Return the settings, if something waits for them."""
        own = (self.inputs["model_id"], self.inputs["env_name"])
        return DesiredSettings(*own, self._settings, self._status) if self.waits else None
