"""One provider process on virtual time: calls run at the same time, and in the same order every time.

Pulumi's host answers each call on a thread, which hands its work to the event loop of the process and blocks. Here a
thread runs only while the loop is blocked, and the loop runs only while every thread is.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Set
from concurrent.futures import Future
from typing import Any, TypeVar

from baseten_pulumi.api.background import BackgroundLoop

_MOMENT_SECONDS = 0.01

_Result = TypeVar("_Result")


class KilledError(BaseException):
    """The process was killed: whatever runs in it ends here."""


class Process(BackgroundLoop):
    """The background loop of one provider process, on a loop that outlives it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._turns: dict[int, _Turn] = {}
        self._death: asyncio.Future[None] = loop.create_future()

    @property
    def is_dead(self) -> bool:
        return self._death.done()

    def die(self) -> None:
        if not self.is_dead:
            self._death.set_result(None)

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine for the thread that calls, which blocks meanwhile."""
        if self.is_dead:
            work.close()
            raise KilledError
        future = self.submit(work)
        turn = self._turns[threading.get_ident()]
        turn.awaited.put(future)
        turn.resumed.acquire()
        if not future.done():
            raise KilledError
        return future.result()

    async def call(self, function: Callable[[], _Result]) -> _Result:
        """Make a call that blocks, on a thread of its own."""
        turn, outcome = _Turn(), Future[_Result]()

        def perform() -> None:
            self._turns[threading.get_ident()] = turn
            try:
                outcome.set_result(function())
            except BaseException as error:  # noqa: BLE001 - raised below
                outcome.set_exception(error)
            finally:
                del self._turns[threading.get_ident()]
                turn.awaited.put(None)

        threading.Thread(target=perform, daemon=True).start()
        while (awaited := turn.awaited.get()) is not None:  # blocks the loop
            wrapped = asyncio.wrap_future(awaited)
            await asyncio.wait({wrapped, self._death}, return_when=asyncio.FIRST_COMPLETED)
            if wrapped.done() and not wrapped.cancelled():
                wrapped.exception()  # the thread raises it
            turn.resumed.release()
        return outcome.result()

    async def end(self, others: Set["asyncio.Task[Any]"]) -> list[str]:
        """End every task of the process; return those that did not end by themselves.

        Args:
            others: Tasks that are not the process's.
        """
        await asyncio.sleep(_MOMENT_SECONDS)  # what was cancelled has a moment to end
        left = {it for it in asyncio.all_tasks() if it not in others and it is not asyncio.current_task()}
        found = sorted(map(str, left))
        while left:
            for task in left:
                task.cancel()
            done, left = await asyncio.wait(left, timeout=1.0)
            for task in done:
                _ = task.cancelled() or task.exception()  # or asyncio logs that nobody asked
        return found


class _Turn:
    """Hands the turn from the loop to one thread, until that waits for a future or ends (None), and back."""

    def __init__(self) -> None:
        self.awaited: queue.SimpleQueue[Future[Any] | None] = queue.SimpleQueue()
        self.resumed = threading.Semaphore(0)
