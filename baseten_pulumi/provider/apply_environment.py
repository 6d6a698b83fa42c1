"""Create and update of an environment.

A second request to create one is refused. So the environment is looked for before it is created, and again after any
failure.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from baseten_pulumi.config import Config
from baseten_pulumi.errors import ConflictError, EnvironmentNotFoundError, RejectedError
from baseten_pulumi.provider.environment import outputs_of
from baseten_pulumi.provider.operation import Operation, refuse_invalid
from baseten_pulumi.provider.pulumi_internals import Call
from baseten_pulumi.provider.session import Session
from baseten_pulumi.schema.environment import Environment, environment_at_start, validate_environment
from baseten_pulumi.wait.desired import DesiredEnvironment

FOUND_SECONDS = 60.0
"""How long reads may lag behind a creation whose response was lost and that Baseten then refuses to repeat."""
_POLL_SECONDS = 1.0


def apply(inputs: Mapping[str, Any], olds: Mapping[str, Any], config: Config, call: Call) -> dict[str, Any]:
    """Create or adopt an environment, and wait until Baseten both lists and returns it; return the outputs.

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
    return operation.run()


class _ApplyEnvironment(Operation):
    def __init__(self, inputs: Mapping[str, Any], olds: Mapping[str, Any], config: Config, call: Call) -> None:
        subject = environment_at_start(inputs["model_id"], inputs["env_name"])
        super().__init__(
            inputs,
            config,
            call,
            not_sent=f"{subject} was not created.",
            not_read=f"{subject} could not be read back.",
        )
        self._desired = DesiredEnvironment(*self.environment)
        self._is_create = not olds
        self._is_adopted = False

    @property
    def done(self) -> str:
        """The last word of the row."""
        return "adopted" if self._is_adopted else "created"

    def outputs(self, *, in_force: bool) -> dict[str, Any]:
        """Return the outputs of the resource, as far as they are known."""
        return outputs_of(self.inputs, self._desired.observed, in_force=in_force)

    def desired(self) -> DesiredEnvironment | None:
        """Return the environment, if something waits for it."""
        return self._desired if self.waits else None

    async def attempt(self, session: Session, timeout: float, on_send: Callable[[], None]) -> None:
        """Look for the environment, and create it if the model does not have it."""
        now = asyncio.get_running_loop().time
        deadline, was_sent = now() + timeout, self.is_sent
        async with session.exclusive(*self.environment, timeout, self.not_sent):
            found = await self._find(session, deadline)
            if found is None:
                try:
                    self._desired.observed = await session.client.create_environment(
                        *self.environment, timeout=deadline - now(), on_send=on_send
                    )
                except (ConflictError, RejectedError):
                    # An earlier request created it, or somebody else did a moment ago.
                    found = await self._find(session, deadline, FOUND_SECONDS if was_sent else 0.0)
                    if found is None:
                        raise
                else:
                    return
        self._desired.observed = found
        if self._is_create and not was_sent:
            self._is_adopted = True
            self.row.note(f"{self.resource_id}: adopted the existing environment")

    async def _find(self, session: Session, deadline: float, seconds: float = 0.0) -> Environment | None:
        """Return the environment; None if it is neither readable nor listed, for so many seconds."""
        now = asyncio.get_running_loop().time
        until = min(now() + seconds, deadline)
        while True:
            try:
                return await self.read_environment(session, deadline - now())
            except EnvironmentNotFoundError:
                if now() + _POLL_SECONDS > until:
                    return None
            await asyncio.sleep(_POLL_SECONDS)
