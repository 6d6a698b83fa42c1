"""One watcher for a whole process: every wait joins it, and waits for one model share each look."""

import asyncio
import random
from collections.abc import Sequence

from baseten_pulumi.clock import Clock, wait_at_most
from baseten_pulumi.convergence.grouping import Group
from baseten_pulumi.convergence.looking import EnvironmentReader, ModelView
from baseten_pulumi.convergence.pacing import Spread, shortest_pause
from baseten_pulumi.convergence.sighting import Wanted
from baseten_pulumi.convergence.waiting import JointWaiting, Reporter, SingleWaiting
from baseten_pulumi.convergence.watch import Watch


class Watcher:
    """Wait for settings to be in force; to be used on one event loop.

    Args:
        reader: Reads what Baseten reports.
        clock: Tells the time and waits.
        spread: Returns a number between its two arguments; random unless a test says otherwise.
    """

    def __init__(self, reader: EnvironmentReader, clock: Clock, spread: Spread = random.uniform) -> None:
        self._reader = reader
        self._clock = clock
        self._spread = spread
        self._groups: dict[str, Group] = {}
        self._most = 0

    async def until_in_force(self, wanted: Wanted, reporter: Reporter) -> None:
        """Return once every wanted setting has been read back; the reporter is shown how it goes.

        Raises:
            WaitTimeoutError: the time is up.
            WaitCancelledError: the task that waits was cancelled.
            RequestError: Baseten answered with something that waiting does not mend.
        """
        await self._wait(SingleWaiting(Watch(wanted, self._clock.now()), reporter))

    async def until_all_in_force(self, wanted: Sequence[Wanted], reporter: Reporter) -> None:
        """Return once every wanted setting of every environment has been read back; one line shows how it goes.

        An environment that fails does not end the others' wait: the one error at the end tells of each.

        Raises:
            WaitTimeoutError: the time is up for at least one environment.
            WaitCancelledError: the task that waits was cancelled.
            RequestError: Baseten answered with something that waiting does not mend, of one kind.
            NotInForceError: the same, of several kinds.
        """
        if len(wanted) == 1:
            await self.until_in_force(wanted[0], reporter)
        elif wanted:
            now = self._clock.now()
            watches = [Watch(one, now, is_joint=True) for one in wanted]
            await self._wait(JointWaiting(watches, reporter, now))

    async def _wait(self, waiting: SingleWaiting | JointWaiting) -> None:
        try:
            for watch in waiting.watches:
                self._group(watch.wanted.model_id).join(watch, waiting)
            await self._until_over(waiting)
        except asyncio.CancelledError:
            if not all(watch.is_in_force for watch in waiting.watches):
                raise waiting.cancelled(self._clock.now()) from None
        finally:
            for watch in waiting.watches:
                self._leave(watch)
        error = waiting.error()
        if error is not None:
            raise error

    async def _until_over(self, waiting: SingleWaiting | JointWaiting) -> None:
        while not waiting.over.done():
            await wait_at_most(self._clock, waiting.seconds_to_rest(self._clock.now()), waiting.over)
            now = self._clock.now()
            for watch in [watch for watch in waiting.pending if now >= watch.overdue_at]:
                self._leave(watch)
                watch.give_up()
                waiting.looked(watch, now)
            waiting.rested(now)
        waiting.over.result()

    def _group(self, model_id: str) -> Group:
        if model_id not in self._groups:
            view = ModelView(self._reader, model_id)
            self._groups[model_id] = Group(
                view, self._clock, self._spread, self._shortest_pause, lambda group: self._forget(model_id, group)
            )
            self._most = max(self._most, len(self._groups))
        return self._groups[model_id]

    def _shortest_pause(self) -> float:
        return shortest_pause(len(self._groups), self._most)

    def _leave(self, watch: Watch) -> None:
        if watch.wanted.model_id in self._groups:
            self._groups[watch.wanted.model_id].leave(watch)

    def _forget(self, model_id: str, group: Group) -> None:
        if self._groups.get(model_id) is group:
            del self._groups[model_id]
            self._most = self._most if self._groups else 0
