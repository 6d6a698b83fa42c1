"""Delete of an autoscaling schedule."""

import asyncio
from collections.abc import Mapping
from typing import Any

from baseten_pulumi.api.retry import retry
from baseten_pulumi.config import Config
from baseten_pulumi.errors import EnvironmentNotFoundError, ModelNotFoundError, RejectedError
from baseten_pulumi.provider.operation import message_of
from baseten_pulumi.provider.ownership import schedule_owners
from baseten_pulumi.provider.pulumi_internals import Call, Row
from baseten_pulumi.provider.read import with_way_out
from baseten_pulumi.provider.read_schedule import find, parse_schedule_id
from baseten_pulumi.provider.session import Session, run
from baseten_pulumi.schema.environment import schedule_of
from baseten_pulumi.wait.desired import DesiredSchedule
from baseten_pulumi.wait.messages import retrying


def delete(resource_id: str, props: Mapping[str, Any], config: Config, call: Call) -> None:
    """Delete a schedule, and wait until it is gone.

    Nothing is sent if another resource of this run has the schedule, or if this one has adopted it in this run.

    Args:
        resource_id: `model_id/env_name/SCHEDULE_ID`.
        props: Outputs of the last operation.
        config: Configuration of the stack.
        call: The request that is being answered.

    Raises:
        ModelNotFoundError: the model was not found, or this API key cannot see it.
        RequestError: Baseten did not accept the request.
        NotAppliedError: the schedule is still listed.
    """
    deleting = _DeleteSchedule(resource_id, props, config, call)
    if deleting.is_kept():
        return
    try:
        run(config, deleting.run)
        deleting.row.end("deleted")
    except EnvironmentNotFoundError:
        pass  # and with it the schedule
    except ModelNotFoundError as error:
        raise with_way_out(error) from None
    finally:
        deleting.row.flush()


class _DeleteSchedule:
    def __init__(self, resource_id: str, props: Mapping[str, Any], config: Config, call: Call) -> None:
        model_id, env_name, _ = parse_schedule_id(resource_id)
        self._resource_id, self._config, self._call = resource_id, config, call
        self._gone = DesiredSchedule(model_id, env_name, str(props["schedule_name"]), None, props.get("schedule_id"))
        self._failed = f"{schedule_of(self._gone.schedule_name, model_id, env_name)} was not deleted."
        self.row = Row(call.urn)

    def is_kept(self) -> bool:
        """Return whether the program still declares the schedule; say so on the row."""
        gone, keeper = self._gone, None
        if gone.schedule_id is not None:
            keeper = schedule_owners.keeper(self._call.urn, (gone.model_id, gone.env_name), gone.schedule_id)
        if keeper:
            self.row.note(f"{self._resource_id}: kept in Baseten because {keeper} manages it")
        return keeper is not None

    async def run(self, session: Session) -> None:
        """Send the request, and wait until the schedule is gone."""
        now = asyncio.get_running_loop().time
        started_at = now()
        try:
            is_sent = await retry(
                lambda left: self._attempt(session, left),
                timeout=self._call.timeout,
                on_error=lambda error: self.row.report(retrying(error, self._call.timeout)),
            )
        except RejectedError as error:
            # If a response was lost, Baseten may refuse a second request because the first one deletes the schedule.
            if not error.may_have_applied:
                raise
            is_sent = True
        if self._gone.schedule_id is None:
            name = f'no single schedule is named "{self._gone.schedule_name}"'
            self.row.warn(f"{self._resource_id}: its id is not known, and {name}; if Baseten has it, delete it there")
        if is_sent and (self._config.waits() or self._gone.status is None):
            elapsed = now() - started_at
            notes = await session.watcher.wait(
                [self._gone], timeout=self._call.timeout, elapsed=elapsed, report=self.row.report
            )
            for note in notes:
                self.row.warn(note)

    async def _attempt(self, session: Session, timeout: float) -> bool:
        """Look for the schedule and delete it; return False if there is none, or if it is kept."""
        now = asyncio.get_running_loop().time
        deadline, gone = now() + timeout, self._gone
        async with session.exclusive(gone.model_id, gone.env_name, timeout, self._failed) as left:
            environment = await session.client.read_environment(gone.model_id, gone.env_name, timeout=left)
            found = find(environment, gone.schedule_id, gone.schedule_name, self._failed)
            if found is None:
                return False
            if gone.schedule_id is None:
                gone.schedule_id = found.id
                if self.is_kept():
                    return False
            update = await session.client.delete_schedule(
                gone.model_id, gone.env_name, found.id, failed=self._failed, timeout=deadline - now()
            )
        gone.status, gone.message = update.status, message_of(update, self.row, self._resource_id)
        return True
