"""Create and update: send the declared settings, and wait until Baseten reports them."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from baseten_pulumi.api.client import settings_of
from baseten_pulumi.api.failures import MAY_HAVE_APPLIED
from baseten_pulumi.api.retry import retry
from baseten_pulumi.config import Config
from baseten_pulumi.errors import BasetenError, Message, NotAppliedError, OperationCancelledError, RequestError
from baseten_pulumi.provider.diff import is_unfinished
from baseten_pulumi.provider.pulumi_internals import Call, PartialFailure, Row, internal_error
from baseten_pulumi.provider.session import Session, run
from baseten_pulumi.schema.settings import flatten, nest
from baseten_pulumi.wait.messages import ACCEPTED, retrying
from baseten_pulumi.wait.polling import DesiredSettings


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
    operation = _Operation(inputs, olds, config, call)
    if not operation.has_work:
        return operation.outputs(in_force=olds.get("in_force") is True)
    try:
        return run(config, operation.run)
    finally:
        operation.row.flush()


class _Operation:
    """One create or update.

    Attributes:
        row: The row of the resource.
    """

    def __init__(self, inputs: Mapping[str, Any], olds: Mapping[str, Any], config: Config, call: Call) -> None:
        self._inputs = inputs
        self._settings = flatten(inputs)
        self._olds = olds
        self._waits = config.waits(inputs.get("wait"))
        self._timeout = call.timeout
        self._status: str | None = olds.get("status")
        self._revision: str | None = olds.get("revision")
        self._may_have_applied = False
        self.row = Row(call.urn)

    @property
    def has_work(self) -> bool:
        """Whether the settings have to be sent."""
        before = flatten(self._olds)
        is_changed = any(before.get(path) != value for path, value in self._settings.items())
        return is_changed or is_unfinished(self._olds, waits=self._waits)

    def outputs(self, *, in_force: bool) -> dict[str, Any]:
        """Return the outputs of the resource."""
        own = {name: self._inputs[name] for name in ("model_id", "env_name", "wait")}
        known = {"status": self._status, "revision": self._revision}
        return {
            **own,
            **nest(self._settings),
            "in_force": in_force,
            **{name: value for name, value in known.items() if value is not None},
        }

    async def run(self, session: Session) -> dict[str, Any]:
        """Send the settings, wait, and return the outputs."""
        started_at = asyncio.get_running_loop().time()
        try:
            await self._send(session)
            if self._waits:
                elapsed = asyncio.get_running_loop().time() - started_at
                await self._wait(session, elapsed)
        except (BasetenError, PartialFailure):
            raise
        except Exception as error:
            if not self._may_have_applied:
                raise
            raise self._partial(internal_error(error, MAY_HAVE_APPLIED)) from error
        return self.outputs(in_force=self._waits)

    async def _send(self, session: Session) -> None:
        revision, self._status = secrets.token_hex(4), None

        def on_send() -> None:
            self._revision, self._may_have_applied = revision, True

        def on_error(error: RequestError) -> None:
            self._may_have_applied = error.may_have_applied
            self.row.report(retrying(error))

        model_id, env_name = self._inputs["model_id"], self._inputs["env_name"]
        try:
            await asyncio.sleep(0)  # after Pulumi's Cancel the cancellation arrives here, before anything is sent
            self._status = await retry(
                lambda left: session.client.update_environment(
                    model_id, env_name, self._settings, timeout=left, on_send=on_send
                ),
                timeout=self._timeout,
                on_error=on_error,
            )
        except RequestError as error:
            raise self._partial(error) if error.may_have_applied else error from None
        except asyncio.CancelledError:
            state = MAY_HAVE_APPLIED if self._may_have_applied else "Nothing was changed."
            failed = f"{settings_of(model_id, env_name)} were not updated."
            cancelled = OperationCancelledError(
                Message(failed, "Pulumi cancelled the operation.", state, "Run it again.")
            )
            raise self._partial(cancelled) if self._may_have_applied else cancelled from None

    async def _wait(self, session: Session, elapsed: float) -> None:
        model_id, env_name = self._inputs["model_id"], self._inputs["env_name"]
        desired = DesiredSettings(model_id, env_name, self._settings, self._status)
        try:
            await session.watcher.wait([desired], timeout=self._timeout, elapsed=elapsed, report=self.row.report)
        except NotAppliedError as error:
            raise self._partial(error) from None
        except BasetenError as error:
            failed = f"{settings_of(model_id, env_name)} were sent but could not be read back."
            raise self._partial(error.with_message(failed=failed, state=ACCEPTED)) from None

    def _partial(self, error: BasetenError) -> PartialFailure:
        return PartialFailure(error, resource_id(self._inputs), self.outputs(in_force=False))
