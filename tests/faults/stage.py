"""One provider process on virtual time: blocking calls side by side, in the same order every time.

Pulumi's host answers each call on a thread, which hands its work to the one event loop and blocks. Here a thread runs
only while every other one rests, and the loop only while all of them do.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from baseten_pulumi.provider.loop import Loop
from tests.faults.virtual import VirtualLoop

_Result = TypeVar("_Result")


_MOMENT_SECONDS = 0.01


class Died(BaseException):
    """The process was killed: whatever runs in it ends here."""


class Stage(Loop):
    """The event loop of one process, in place of the product's own, with its tasks and its way to cancel them."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop: VirtualLoop = loop
        self._tasks = set()
        self._is_cancelled = False
        self._players: dict[int, _Player] = {}
        self._death: asyncio.Future[None] = loop.create_future()

    @property
    def is_dead(self) -> bool:
        """Whether the process was killed."""
        return self._death.done()

    def die(self) -> None:
        """Kill the process."""
        if not self.is_dead:
            self._death.set_result(None)

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        player = self._players.get(threading.get_ident())
        if self.is_dead:
            work.close()
            raise Died
        task = self._loop.create_task(self._tracked(work))
        if player is None:
            self._until_any([task])
        else:
            player.rest(task)
        if not task.done():
            raise Died
        return task.result()

    def together(self, calls: Sequence[Callable[[], None]]) -> None:
        """Make all calls, each on a thread of its own, and return once they have ended."""
        players = [_Player(call, self._players) for call in calls]
        for player in players:
            player.begin()
        while resting := [player for player in players if player.task is not None]:
            self._until_any([player.task for player in resting if player.task is not None])
            for player in resting:
                if self.is_dead or (player.task is not None and player.task.done()):
                    player.go_on()
        for player in players:
            player.end()

    def clear(self, others: Callable[[], "set[asyncio.Task[Any]]"]) -> list[str]:
        """End every task of the process and return what they were doing; `others` says which tasks are not its.

        What was cancelled has a moment to end.
        """
        self._loop.run_until_complete(asyncio.sleep(_MOMENT_SECONDS))
        kept = others()
        left = sorted((it for it in asyncio.all_tasks(self._loop) if it not in kept), key=lambda it: it.get_name())
        found = [str(task) for task in left]
        while left:
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(left, timeout=1.0))
            for task in left:
                _ = task.done() and (task.cancelled() or task.exception())  # or asyncio tells that nobody asked
            left = [task for task in left if not task.done()]
        return found

    def _until_any(self, tasks: "Sequence[asyncio.Task[Any]]") -> None:
        waiting = asyncio.wait([*tasks, self._death], return_when=asyncio.FIRST_COMPLETED)
        self._loop.run_until_complete(waiting)


class _Player:
    """A thread that runs in turns with the one that made it."""

    def __init__(self, call: Callable[[], None], players: "dict[int, _Player]") -> None:
        self.task: asyncio.Task[Any] | None = None
        self._call = call
        self._players = players
        self._error: BaseException | None = None
        self._mine, self._others = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._perform, daemon=True)

    def begin(self) -> None:
        self._thread.start()
        self._others.acquire()

    def go_on(self) -> None:
        self.task = None
        self._mine.release()
        self._others.acquire()

    def rest(self, task: "asyncio.Task[Any]") -> None:
        """Let the others go on until the task is done; called on the thread itself."""
        self.task = task
        self._others.release()
        self._mine.acquire()

    def end(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _perform(self) -> None:
        self._players[threading.get_ident()] = self
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - it is raised where the call was asked for
            self._error = error
        finally:
            del self._players[threading.get_ident()]
            self._others.release()
