"""Create and update of an environment."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from baseten_pulumi.config import Config
from baseten_pulumi.errors import ConflictError, RejectedError, RequestError
from baseten_pulumi.provider.environment import outputs_of, resource_id
from baseten_pulumi.provider.operation import Operation, refuse_invalid
from baseten_pulumi.provider.ownership import environment_owners
from baseten_pulumi.provider.pulumi_internals import Call
from baseten_pulumi.provider.session import Session
from baseten_pulumi.schema.environment import environment_of, validate_environment
from baseten_pulumi.wait.desired import DesiredEnvironment


def apply(inputs: Mapping[str, Any], olds: Mapping[str, Any], config: Config, call: Call) -> dict[str, Any]:
    """Create or adopt an environment, and wait until Baseten lists it and returns it; return the outputs.

    Args:
        inputs: Validated inputs.
        olds: Outputs of the last operation; empty for a create.
        config: Configuration of the stack.
        call: The request that is being answered.

    Raises:
        ConfigurationError: an input is not valid; nothing was sent.
        PartialFailure: something failed after the request was sent, or may have been.
        BasetenError: something failed before.
    """
    operation = _ApplyEnvironment(inputs, olds, config, call)
    refuse_invalid(validate_environment(inputs)[1], operation.not_sent)
    environment_owners.hold(call.urn, operation.resource_id)
    return operation.run()


class _ApplyEnvironment(Operation):
    def __init__(self, inputs: Mapping[str, Any], olds: Mapping[str, Any], config: Config, call: Call) -> None:
        subject = environment_of(inputs["model_id"], inputs["env_name"])
        subject = f"{subject[0].upper()}{subject[1:]}"
        super().__init__(
            inputs,
            config,
            call,
            not_sent=f"{subject} was not created.",
            not_read=f"{subject} was created but could not be read back.",
        )
        self._desired = DesiredEnvironment(*self.environment)
        self._is_create = not olds
        self._is_adopted = False

    @property
    def resource_id(self) -> str:
        """The id of the resource."""
        return resource_id(self.inputs)

    @property
    def done(self) -> str:
        """The last word of the row."""
        return "adopted" if self._is_adopted else "created"

    def outputs(self, *, in_force: bool) -> dict[str, Any]:
        """Return the outputs of the resource, as far as they are known."""
        return outputs_of(self.inputs, self._desired.observed, in_force=in_force)

    async def attempt(self, session: Session, timeout: float, on_send: Callable[[], None]) -> None:
        """Look for the environment, and create it if the model does not have it.

        After a lost response the next attempt finds what the first one created.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + timeout
        async with session.exclusive(*self.environment, timeout, self.not_sent) as left:
            if await self._is_listed(session, left):
                if self._is_create and not self.is_sent:
                    # Once both the list and a read show it, it is there.
                    self._desired.observed = await self.read_environment(session, deadline - now())
                    self._is_adopted = True
                    self.row.note(f"{self.resource_id}: adopted the existing environment")
                return
            try:
                self._desired.observed = await session.client.create_environment(
                    *self.environment, timeout=deadline - now(), on_send=on_send
                )
            except (ConflictError, RejectedError):
                # Somebody else created it a moment ago, or an earlier request did whose response was lost.
                if not await self._is_listed(session, deadline - now()):
                    raise

    async def _is_listed(self, session: Session, timeout: float) -> bool:
        model_id, env_name = self.environment
        try:
            return env_name in await session.client.list_environments(model_id, timeout=timeout)
        except RequestError as error:
            raise error.with_message(failed=self.not_sent, state=self.state) from None

    def desired(self) -> DesiredEnvironment | None:
        """Return the environment, if something waits for it."""
        return self._desired if self.waits and not self._is_adopted else None
