"""Create and update of settings: send the declared settings, and wait until Baseten reports them."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from baseten_pulumi.config import Config
from baseten_pulumi.provider.diff import is_unfinished
from baseten_pulumi.provider.operation import Operation, message_of, refuse_invalid
from baseten_pulumi.provider.pulumi_internals import Call
from baseten_pulumi.provider.session import Session, former_settings
from baseten_pulumi.schema.compare import differences, shown
from baseten_pulumi.schema.environment import settings_of
from baseten_pulumi.schema.settings import Settings, flatten, nest, same
from baseten_pulumi.schema.validate import validate_inputs
from baseten_pulumi.wait.desired import DesiredSettings


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
        ConfigurationError: an input is not valid; nothing was sent.
        PartialFailure: something failed after the settings were sent, or may have been.
        BasetenError: something failed before.
    """
    operation = _Apply(inputs, olds, config, call)
    refuse_invalid(validate_inputs(inputs)[1], operation.not_sent)
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
        # An earlier request that is applied when a promotion ends, whatever the response to a later one is.
        self._was_queued = olds.get("status") == "QUEUED" and olds.get("in_force") is not True
        self._before: Settings | None = None
        self._message = ""

    @property
    def has_work(self) -> bool:
        """Whether the settings have to be sent."""
        before = flatten(self._olds)
        is_changed = any(not same(before.get(path), value) for path, value in self._settings.items())
        return is_changed or is_unfinished(self._olds, waits=self.waits)

    @property
    def _pending_status(self) -> str | None:
        """The status until the settings are applied: a later response does not end an earlier queue."""
        return "QUEUED" if self._was_queued else self._status

    def outputs(self, *, in_force: bool) -> dict[str, Any]:
        """Return the outputs of the resource."""
        own = {name: self.inputs[name] for name in ("model_id", "env_name", "wait")}
        known = {"status": self._status if in_force else self._pending_status, "revision": self._revision}
        return {
            **own,
            **nest(self._settings),
            "in_force": in_force,
            **{name: value for name, value in known.items() if value is not None},
        }

    async def attempt(self, session: Session, timeout: float, on_send: Callable[[], None]) -> None:
        """Read what the environment has, once, and send every declared setting."""
        now = asyncio.get_running_loop().time
        deadline = now() + timeout

        def sending() -> None:
            # Until there is a response, one of the two is missing, and the next update sends again.
            self._status, self._revision = None, None if self._was_queued else self._next_revision
            on_send()

        async with session.exclusive(*self.environment, timeout, self.not_sent) as left:
            if self._before is None:
                environment = await self.read_environment(session, left)
                self._before = environment.observed([*self._settings, *flatten(self._olds)])
                self._warn_of_changes(self._before)
            update = await session.client.update_environment(
                *self.environment, self._settings, timeout=deadline - now(), on_send=sending
            )
        self._status, self._revision = update.status, self._next_revision
        former_settings[self._revision] = self._before
        self._message = message_of(update, self.row, self.resource_id)
        if update.status == "QUEUED":  # it stays, where the terminal is too narrow for the row's text
            self.row.note(f"{self.resource_id}: Baseten queued the change until a promotion ends")

    def _warn_of_changes(self, observed: Settings) -> None:
        """Warn of each setting that is no longer as it was after the last operation and is changed back.

        If nothing waited then, as with a joint wait, it was changed by hand or is not applied yet.
        """
        was_applied = self._olds.get("in_force") is True
        was_sent = self._olds.get("wait") is False and self._olds.get("status") in ("ACCEPTED", "UNCHANGED")
        if not (was_applied or was_sent):
            return
        for it in differences(flatten(self._olds), observed):
            declared = self._settings.get(it.path)
            if declared is not None and it.observed not in (None, declared):
                sent, now, new = map(shown, (it.desired, it.observed, declared))
                found = f"was changed outside Pulumi ({now})" if was_applied else f"is {now} ({sent} was sent)"
                self.row.warn(f"{self.resource_id}: {it.name} {found}; resetting to {new}")

    def desired(self) -> DesiredSettings | None:
        """Return the settings, if something waits for them."""
        if not self.waits:
            return None
        return DesiredSettings(
            *self.environment, self._settings, self._pending_status, message=self._message, before=self._before
        )
