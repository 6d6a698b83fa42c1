"""What the creates and updates of all resources have in common: send, wait, and what is kept if that fails."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from baseten_pulumi.api.failures import MAY_HAVE_APPLIED
from baseten_pulumi.api.retry import retry
from baseten_pulumi.config import Config
from baseten_pulumi.errors import (
    BasetenError,
    ConfigurationError,
    EnvironmentNotFoundError,
    Message,
    NotAppliedError,
    OperationCancelledError,
    RequestError,
)
from baseten_pulumi.provider.ownership import environment_owners
from baseten_pulumi.provider.pulumi_internals import Call, PartialFailure, Row, internal_error
from baseten_pulumi.provider.session import Session, run
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.validate import Failure
from baseten_pulumi.wait.desired import Desired
from baseten_pulumi.wait.messages import ACCEPTED, retrying

if TYPE_CHECKING:
    from baseten_pulumi.api.models import Update

_NOT_SENT = "Nothing was sent."


def refuse_invalid(failures: Sequence[Failure], failed: str) -> None:
    """Do nothing if there are no failures.

    Check has refused whatever the program declares; but a policy can change inputs after it.

    Raises:
        ConfigurationError: there are some.
    """
    if failures:
        observed = "; ".join(map(str, failures))
        action = "A policy changed the inputs after they were checked. Correct its remediation."
        raise ConfigurationError(Message(failed, f"{observed}.", _NOT_SENT, action))


def message_of(update: "Update", row: Row, resource_id: str) -> str:
    """Return what Baseten says in a response that accepted a request, "" if nothing; warn of an error in it."""
    if update.error:
        row.warn(f"{resource_id}: Baseten accepted the request and reports an error: {update.error}")
    return update.error or update.message


class Operation(ABC):
    """One create or update.

    Args:
        inputs: Validated inputs.
        config: Configuration of the stack.
        call: The request that is being answered.
        not_sent: What the error says if the request failed; a sentence.
        not_read: What the error says if the result could not be read back; a sentence.
    """

    def __init__(self, inputs: Mapping[str, Any], config: Config, call: Call, *, not_sent: str, not_read: str) -> None:
        self.inputs = inputs
        self.environment: tuple[str, str] = (inputs["model_id"], inputs["env_name"])
        self.waits = config.waits(inputs.get("wait"))
        self.row = Row(call.urn)
        self._config = config
        self._timeout = call.timeout
        self.not_sent, self._not_read = not_sent, not_read
        self._may_have_applied = False
        self._notes: Sequence[str] = ()

    @property
    def is_sent(self) -> bool:
        """Whether Baseten has, or may have, a request that is waited for."""
        return self._may_have_applied

    @property
    def done(self) -> str:
        """The last word of the row."""
        return "applied" if self.waits else "sent"

    @property
    def state(self) -> str:
        """Whether Baseten has changed anything, for an error."""
        return MAY_HAVE_APPLIED if self._may_have_applied else "Nothing was changed."

    @property
    def resource_id(self) -> str:
        """The id of the resource: `model_id/env_name`, unless an environment has several of its type."""
        return "/".join(self.environment)

    @abstractmethod
    def outputs(self, *, in_force: bool) -> dict[str, Any]:
        """Return the outputs of the resource, as far as they are known."""

    @abstractmethod
    async def attempt(self, session: Session, timeout: float, on_send: Callable[[], None]) -> None:
        """Try once to send what is declared.

        Args:
            session: The client and the watcher.
            timeout: Seconds that are left.
            on_send: Must be called right before a request is sent that changes something.

        Raises:
            BasetenError: it was not accepted.
        """

    async def read_environment(self, session: Session, timeout: float) -> Environment:
        """Read the environment once, before anything is sent.

        Raises:
            RequestError: it could not be read.
        """
        try:
            return await session.client.read_environment(*self.environment, timeout=timeout)
        except RequestError as error:
            raise error.with_message(failed=self.not_sent, state=self.state) from None

    @abstractmethod
    def desired(self) -> Desired | None:
        """Return what to wait for once it is sent; None if there is nothing to wait for."""

    def run(self) -> dict[str, Any]:
        """Send, wait, and return the outputs.

        Raises:
            PartialFailure: something failed after the request was sent, or may have been.
            BasetenError: something failed before.
        """
        try:
            outputs = run(self._config, self._run)
            self.row.end(self.done)
        finally:
            self.row.flush()
        for note in self._notes:
            self.row.warn(note)
        return outputs

    async def _run(self, session: Session) -> dict[str, Any]:
        now = asyncio.get_running_loop().time
        started_at = now()
        try:
            await self._send(session)
            if desired := self.desired():
                await self._wait(session, desired, now() - started_at)
        except (BasetenError, PartialFailure):
            raise
        except Exception as error:
            if not self._may_have_applied:
                raise
            raise self._partial(internal_error(error, MAY_HAVE_APPLIED)) from error
        return self.outputs(in_force=self.waits)

    async def _send(self, session: Session) -> None:
        def on_send() -> None:
            self._may_have_applied = True

        last_error = ""

        def on_error(error: RequestError) -> None:
            nonlocal last_error
            self._may_have_applied = error.may_have_applied
            last_error = f" The last attempt failed: {error.message.observed}"
            self.row.report(retrying(error, self._timeout))

        try:
            await asyncio.sleep(0)  # after Pulumi's Cancel the cancellation arrives here, before anything is sent
            await retry(
                lambda left: self.attempt(session, left, on_send),
                timeout=self._timeout,
                on_error=on_error,
            )
        except BasetenError as caught:
            error = self._with_owner(caught)
            is_ambiguous = error.may_have_applied if isinstance(error, RequestError) else self._may_have_applied
            raise self._partial(error) if is_ambiguous else error from None
        except asyncio.CancelledError:
            cancelled = OperationCancelledError(
                Message(self.not_sent, f"Pulumi cancelled the operation.{last_error}", self.state, "Run it again.")
            )
            raise self._partial(cancelled) if self._may_have_applied else cancelled from None

    def _with_owner(self, error: BasetenError) -> BasetenError:
        """Say so if this program declares the environment that was not found."""
        owner = environment_owners.owner(self.environment)
        if owner is None or not isinstance(error, EnvironmentNotFoundError):
            return error
        first = f"{owner} declares the environment: use its output env_name, so that this resource comes after it."
        return error.with_message(
            action=f"{first} If the environment was deleted in Baseten, run `pulumi up --refresh`."
        )

    async def _wait(self, session: Session, desired: Desired, elapsed: float) -> None:
        try:
            self._notes = await session.watcher.wait(
                [desired], timeout=self._timeout, elapsed=elapsed, report=self.row.report
            )
        except NotAppliedError as error:
            raise self._partial(error if self.is_sent else error.with_message(state=_NOT_SENT)) from None
        except BasetenError as error:
            state = ACCEPTED if self.is_sent else _NOT_SENT
            raise self._partial(error.with_message(failed=self._not_read, state=state)) from None

    def _partial(self, error: BasetenError) -> PartialFailure:
        return PartialFailure(error, self.resource_id, self.outputs(in_force=False))
