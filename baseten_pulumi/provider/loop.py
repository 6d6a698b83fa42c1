"""The one event loop of the process, on a daemon thread: all waiting happens there, and can be ended there at once."""

import asyncio
import functools
import signal
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from baseten_pulumi.errors import RunCancelledError, Statements
from baseten_pulumi.provider import engine

_Result = TypeVar("_Result")

# The cache below may compute twice when two threads miss at once.
_starting = threading.Lock()
_CANCEL_AGAIN_SECONDS = 0.2
_INTERRUPT_AGAIN_SECONDS = 1.0
_CANCELLED = Statements(
    goal="The operation was not carried out.",
    seen="Pulumi cancelled the run.",
    now="Nothing was sent.",
    advice="Run it again.",
)


class Loop:
    """Run coroutines for the threads that Pulumi's host answers on."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_cancelled = False
        threading.Thread(target=self._loop.run_forever, name="baseten", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Return the result of a coroutine; for any thread but the loop's own.

        Work that `cancel` ends meets `asyncio.CancelledError` where it waits.

        Raises:
            RunCancelledError: it was cancelled and had nothing else to say.
        """
        return self.begin(work).result()

    def begin(self, work: Coroutine[Any, Any, _Result]) -> Future[_Result]:
        """Have a coroutine run, as `run` does, and return where its result will be; for any thread."""
        return asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Have a coroutine run in the background, beyond the reach of `cancel`."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def cancel(self) -> None:
        """End all work under way and to come; returns at once."""
        self._loop.call_soon_threadsafe(self._cancel)

    async def _tracked(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._is_cancelled:
            self._end(task)
        try:
            return await task
        except asyncio.CancelledError:
            raise RunCancelledError(_CANCELLED) from None

    def _cancel(self) -> None:
        self._is_cancelled = True
        for task in self._tasks:
            self._end(task)

    def _end(self, task: "asyncio.Task[Any]") -> None:
        """Cancel a task after its first step, so that the work itself can say what it was about; again until it ends.

        A library between may swallow one cancellation, such as one that comes together with an answer.
        """

        def cancel() -> None:
            if not task.done():
                task.cancel()
                self._loop.call_later(_CANCEL_AGAIN_SECONDS, cancel)

        self._loop.call_soon(cancel)


def shared_loop() -> Loop:
    """Return the loop of this process."""
    with _starting:
        return _only_loop()


def end_with_engine(is_serving: Callable[[], bool]) -> None:
    """Have this process end once the engine that started it is gone; nothing where none did.

    Args:
        is_serving: Tells whether the main thread still serves calls.
    """
    where = engine.address()
    if where is not None:
        loop = shared_loop()
        loop.start(_end_with_engine(loop, *where, is_serving))


@functools.cache
def _only_loop() -> Loop:
    return Loop()


async def _end_with_engine(loop: Loop, host: str, port: int, is_serving: Callable[[], bool]) -> None:
    """End every wait and then the process, as Ctrl-C would; Python itself lets other providers' calls end first.

    A script that runs Pulumi in the background has SIGINT ignored; then there is only the hard way. An interrupt that
    another thread takes may leave the main one asleep: it goes to that one, and again for as long as it serves.
    """
    await engine.until_gone(host, port)
    loop.cancel()
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    while True:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT if is_heard else signal.SIGTERM)
        await asyncio.sleep(_INTERRUPT_AGAIN_SECONDS)
        if not is_serving():
            return
