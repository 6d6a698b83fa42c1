"""All waits for environments of one model: one task looks for all of them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from baseten_pulumi.clock import Clock, wait_at_most
from baseten_pulumi.convergence.looking import ModelView, Outcome
from baseten_pulumi.convergence.pacing import Spread, jitter, phase
from baseten_pulumi.convergence.watch import Watch
from baseten_pulumi.errors import TransientError

# A look at the very end of the time still gets long enough for one answer.
SHORTEST_LOOK_SECONDS = 1.0


class Waiter(Protocol):
    """Somebody who waits for watches of a group."""

    def looked(self, watch: Watch, now: float) -> None:
        """Heed what a look brought for a watch; it has left the group where it is over."""
        ...

    def broke(self, defect: BaseException) -> None:
        """Heed that nobody looks any more, for a reason that no look should have."""
        ...


class Group:
    """The waits for environments of one model, and the task that looks for them while there are any.

    A look serves every member that was there when it began, whoever it was due for; two looks are never less than the
    shortest pause apart, except for the last one that each member gets at its deadline.

    Args:
        view: The environments of the model.
        clock: Tells the time and waits.
        spread: Returns a number between its two arguments.
        shortest_pause: Returns how long to leave at least between two looks, for all that is looked at now.
        on_end: Called when nobody is left to look for.
    """

    def __init__(
        self,
        view: ModelView,
        clock: Clock,
        spread: Spread,
        shortest_pause: Callable[[], float],
        on_end: Callable[["Group"], None],
    ) -> None:
        self._view = view
        self._clock = clock
        self._spread = spread
        self._phase = phase(spread)
        self._stretch = 1.0
        self._shortest_pause = shortest_pause
        self._on_end = on_end
        self._members: dict[Watch, Waiter] = {}
        self._not_before = clock.now()
        self._rests_until = self._not_before
        self._woken = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._run())

    def join(self, watch: Watch, waiter: Waiter) -> None:
        """Look for this watch, too, from now on: a look that has begun already does not count for it."""
        watch.rest_first(self._phase)
        if watch.is_joint:  # all models are looked at first at once, and then at different points of the rhythm
            self._stretch = (1.0 + self._phase) / 2
        self._members[watch] = waiter
        if self._due_at(watch) < self._rests_until and not self._woken.done():
            self._woken.set_result(None)

    def leave(self, watch: Watch) -> None:
        """Look for this watch no longer; the task ends with the last."""
        if self._members.pop(watch, None) is not None and not self._members:
            self._on_end(self)
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._members:
                await self._rest()
                await self._look()
        except (Exception, asyncio.CancelledError) as defect:  # noqa: BLE001 # every waiter gets it
            for waiter in self._members.values():
                waiter.broke(defect)
        finally:
            self._on_end(self)

    async def _rest(self) -> None:
        """Return when the next look is due; whoever joins may be due before."""
        while (pause := min(map(self._due_at, self._members)) - self._clock.now()) > 0:
            self._woken = asyncio.get_running_loop().create_future()
            self._rests_until = self._clock.now() + pause
            await wait_at_most(self._clock, pause, self._woken)

    def _due_at(self, watch: Watch) -> float:
        return min(max(watch.due_at, self._not_before), watch.deadline)

    async def _look(self) -> None:
        members, began_at = tuple(self._members), self._clock.now()
        latest = max(watch.deadline for watch in members) - began_at
        names = dict.fromkeys(watch.wanted.env_name for watch in members)
        outcomes = await self._view.look(names, max(latest, SHORTEST_LOOK_SECONDS))
        self._share(members, outcomes, began_at)

    def _share(self, members: Iterable[Watch], outcomes: Mapping[str, Outcome], began_at: float) -> None:
        now, factor = self._clock.now(), jitter(self._spread) * self._stretch
        self._stretch = 1.0
        shortest = self._shortest_pause()
        rested_from = max(began_at, now - shortest / 2)
        self._not_before = max(rested_from + shortest * factor, now + _pause_asked_for(outcomes))
        for watch in members:
            if watch in self._members:
                watch.take(outcomes[watch.wanted.env_name], now)
                watch.rest(rested_from, factor, shortest)
                self._tell(watch, now)

    def _tell(self, watch: Watch, now: float) -> None:
        waiter = self._members.pop(watch) if watch.is_over else self._members[watch]
        try:
            waiter.looked(watch, now)
        except Exception as defect:  # noqa: BLE001 # the others' waits are not to end with this one's
            self._members.pop(watch, None)
            waiter.broke(defect)


def _pause_asked_for(outcomes: Mapping[str, Outcome]) -> float:
    """Return how long Baseten asked to wait before the next request."""
    troubles = [outcome for outcome in outcomes.values() if isinstance(outcome, TransientError)]
    return max((trouble.retry_after_seconds or 0.0 for trouble in troubles), default=0.0)
