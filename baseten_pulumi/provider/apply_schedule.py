"""Create and update of an autoscaling schedule.

Baseten gives a schedule its id, and its names are not unique. So a schedule is looked for by its name before it is
created, and again before a creation whose response was lost is repeated.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, NoReturn

from baseten_pulumi.config import Config
from baseten_pulumi.errors import Message, RequestError, ScheduleConflictError
from baseten_pulumi.provider.operation import Operation, message_of, refuse_invalid
from baseten_pulumi.provider.ownership import schedule_owners
from baseten_pulumi.provider.pulumi_internals import Call
from baseten_pulumi.provider.read_schedule import listed
from baseten_pulumi.provider.session import Session
from baseten_pulumi.schema.environment import Environment, schedule_of
from baseten_pulumi.schema.schedules import (
    Schedule,
    inputs_of,
    is_over,
    request_of,
    schedule_differences,
    validate_schedule,
)
from baseten_pulumi.wait.desired import DesiredSchedule
from baseten_pulumi.wait.messages import state_of

LISTED_SECONDS = 30.0
"""How long Baseten may take to list a schedule whose creation got no response; then it is sent again."""
DECLARED_SECONDS = 5.0
"""How long it may take until the resources that declare the other schedules of an environment are checked."""
PENDING = "pending"
"""Takes the place of Baseten's id in the id of a resource whose creation got no response."""
_POLL_SECONDS = 1.0


def apply(inputs: Mapping[str, Any], olds: Mapping[str, Any], config: Config, call: Call) -> tuple[str, dict[str, Any]]:
    """Create, adopt or replace a schedule and wait until Baseten lists it as declared; return id and outputs.

    Nothing is done about a one-time schedule whose end has passed.

    Args:
        inputs: Validated inputs.
        olds: Outputs of the last operation; empty for a create.
        config: Configuration of the stack.
        call: The request that is being answered.

    Raises:
        ConfigurationError: an input is not valid; nothing was sent.
        PartialFailure: something failed after the schedule was sent, or may have been.
        ScheduleConflictError: the schedules in Baseten do not fit what the program declares; nothing was sent.
        BasetenError: something failed before.
    """
    operation = _ApplySchedule(inputs, olds, config, call)
    refuse_invalid(validate_schedule(inputs, inputs, datetime.now(timezone.utc))[1], operation.not_sent)
    if olds and is_over(inputs, datetime.now(timezone.utc)):  # Baseten may have removed it
        operation.row.note(f"{operation.resource_id}: has ended; nothing is sent")
        return operation.resource_id, operation.outputs(in_force=True)
    outputs = operation.run()
    schedule_owners.hold(call.urn, outputs["schedule_id"])  # the wait may have found it
    return operation.resource_id, outputs


class _ApplySchedule(Operation):
    def __init__(self, inputs: Mapping[str, Any], olds: Mapping[str, Any], config: Config, call: Call) -> None:
        self._name: str = inputs["schedule_name"]
        subject = schedule_of(self._name, inputs["model_id"], inputs["env_name"])
        super().__init__(
            inputs_of(inputs),
            config,
            call,
            not_sent=f"{subject} was not {'updated' if olds else 'created'}.",
            not_read=f"{subject} could not be read back.",
        )
        self._urn = call.urn
        self._is_create = not olds
        # A schedule that was sent under another name, and never listed, still has that name.
        self._names = {self._name, olds.get("schedule_name")}
        self._desired = DesiredSchedule(*self.environment, self._name, self.inputs, olds.get("schedule_id"))
        self._was_over = is_over(olds, datetime.now(timezone.utc))
        # The outputs of a create that may have been accepted have no id; Baseten may be about to list it.
        self._is_pending = bool(olds) and not self._desired.schedule_id
        self._sent_at: float | None = None

    @property
    def resource_id(self) -> str:
        """The id of the resource."""
        return "/".join((*self.environment, self._desired.schedule_id or PENDING))

    @property
    def is_sent(self) -> bool:
        """Whether Baseten has, or may have, a request that is waited for."""
        return super().is_sent or self._is_pending

    def outputs(self, *, in_force: bool) -> dict[str, Any]:
        """Return the outputs of the resource."""
        known = {"schedule_id": self._desired.schedule_id} if self._desired.schedule_id else {}
        return {**self.inputs, **known, "in_force": in_force}

    def desired(self) -> DesiredSchedule | None:
        """Return the schedule, if something waits for it or if its id is not known yet."""
        return self._desired if self.waits or self._desired.schedule_id is None else None

    async def attempt(self, session: Session, timeout: float, on_send: Callable[[], None]) -> None:
        """Look for the schedule, and send it unless it is there as declared."""
        deadline = _loop_time() + timeout
        if self._is_pending and self._sent_at is None:
            self._sent_at = _loop_time()
        if self._sent_at is not None and not await self._may_send_again(session, deadline, self._sent_at):
            return
        async with session.exclusive(*self.environment, deadline - _loop_time(), self.not_sent) as left:
            environment = await self.read_environment(session, left)
            current = self._current(environment)
            zone = self.inputs["timezone"]
            if environment.timezone not in (None, zone):
                await self._refuse_undeclared(environment)
            if current and not schedule_differences(self.inputs, current.properties):
                return
            if current is None:
                self._desired.other_ids = frozenset(it.id for it in listed(environment, self.not_sent))
            try:
                update = await session.client.upsert_schedule(
                    *self.environment,
                    request_of(self.inputs, self._desired.schedule_id),
                    timezone=None if zone == environment.timezone else zone,
                    failed=self.not_sent,
                    timeout=deadline - _loop_time(),
                    on_send=on_send,
                )
            except RequestError as error:
                self._sent_at = _loop_time() if error.may_have_applied else self._sent_at
                raise
        self._desired.status = update.status
        self._desired.message = message_of(update, self.row, self.resource_id)
        if update.environment and (created := self._desired.find(update.environment)):
            self._found(created)

    async def _may_send_again(self, session: Session, deadline: float, sent_at: float) -> bool:
        """Look for a schedule that may have been sent, as long as Baseten may still list it; False if time is up."""
        line = ""
        while self._desired.schedule_id is None:
            environment = await self.read_environment(session, deadline - _loop_time())
            promotion = environment.promotion if environment.is_promoting else None
            is_late = _loop_time() >= sent_at + LISTED_SECONDS
            if self._named(environment) or (is_late and promotion is None):
                return True
            if _loop_time() + _POLL_SECONDS >= deadline:
                return False
            before, line = line, "checking whether Baseten created it before sending it again"
            if promotion is not None:
                line = f"promotion {state_of(promotion)}: {line}"
            if line != before:
                self.row.report(line)
            await asyncio.sleep(_POLL_SECONDS)
        return True

    def _current(self, environment: Environment) -> Schedule | None:
        """Return the schedule as Baseten has it; None if it must be created.

        Raises:
            ScheduleConflictError: several schedules have its name, another resource has it, or the one that was managed
                is gone. A one-time schedule that has ended may be gone, and is then created with its new times.
        """
        schedule_id = self._desired.schedule_id
        if schedule_id is None:
            return self._adopted(environment)
        if schedule_owners.is_held_by_another(self._urn, schedule_id):
            self._refuse(
                f"Another resource of this program manages the same schedule ({schedule_id}).",
                "Remove one of them from the state with `pulumi state delete`.",
            )
        current = next((it for it in listed(environment, self.not_sent) if it.id == schedule_id), None)
        if current is None and self._was_over:
            self._desired.schedule_id = None
            return self._adopted(environment)
        if current is None:
            self._refuse(
                f"Schedule {schedule_id} no longer exists in Baseten.", "Run `pulumi up --refresh` to create it again."
            )
        return current

    def _adopted(self, environment: Environment) -> Schedule | None:
        """Return the only schedule with the name; None if there is none."""
        named = self._named(environment)
        if len(named) > 1:
            ids = ", ".join(it.id for it in named)
            self._refuse(
                f"{len(named)} schedules have that name: {ids}.", "Rename or delete all but one of them in Baseten."
            )
        if not named:
            return None
        self._found(named[0])
        if self._is_create and self._sent_at is None:
            changed = ", ".join(it.short for it in schedule_differences(self.inputs, named[0].properties))
            note = f'{self.resource_id}: adopted the existing schedule "{self._name}"'
            self.row.note(f"{note}: {changed}" if changed else note)
        return named[0]

    def _named(self, environment: Environment) -> list[Schedule]:
        """Return the schedules with this one's name, but for those that other resources have."""
        found = [it for it in listed(environment, self.not_sent) if it.name in self._names]
        return [it for it in found if not schedule_owners.is_held_by_another(self._urn, it.id)]

    async def _refuse_undeclared(self, environment: Environment) -> None:
        """Refuse to change the time zone of schedules that this program does not declare.

        Raises:
            ScheduleConflictError: there are some.
        """
        deadline = _loop_time() + DECLARED_SECONDS
        while undeclared := [
            it
            for it in listed(environment, self.not_sent)
            if it.id != self._desired.schedule_id and not schedule_owners.declares(self.environment, it)
        ]:
            if _loop_time() >= deadline:
                names = ", ".join(f'"{it.name}" ({it.id})' for it in undeclared)
                self._refuse(
                    f'The environment uses timezone "{environment.timezone}"; "{self.inputs["timezone"]}" would '
                    f"also apply to schedules that this run does not declare: {names}.",
                    "Declare them (and run without --target), delete them in Baseten, or use "
                    f'timezone="{environment.timezone}".',
                )
            await asyncio.sleep(0.1)  # the resources that declare them may not have been checked yet

    def _refuse(self, observed: str, action: str) -> NoReturn:
        raise ScheduleConflictError(Message(self.not_sent, observed, self.state, action))

    def _found(self, schedule: Schedule) -> None:
        self._desired.schedule_id = schedule.id
        schedule_owners.hold(self._urn, schedule.id)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
