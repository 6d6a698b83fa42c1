"""One event loop on a background thread, and clients that everything in the process shares.

Pulumi's dynamic host calls the provider on threads of its own, and a program may look something up while its own event
loop is busy: both need a loop that is always running.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from baseten_pulumi.config import Endpoint
from baseten_pulumi.errors import Message, OperationCancelledError

# Long enough to keep connections between the lookups of one program.
IDLE_SECONDS = 5.0
_CANCEL_AGAIN_SECONDS = 0.2

_Result = TypeVar("_Result")


class Closable(Protocol):
    """Something that holds connections."""

    async def close(self) -> None:
        """Close them."""
        ...


_Shared = TypeVar("_Shared", bound=Closable)


class BackgroundLoop:
    """An event loop on a daemon thread.

    Args:
        loop: A loop that the caller runs; None starts one on a thread of its own.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_cancelled = False
        if loop is None:
            threading.Thread(target=self._loop.run_forever, name="baseten", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine and return its result; call it from any thread but the loop's own.

        Raises:
            OperationCancelledError: it was cancelled and raised nothing else.
        """
        return self.submit(work).result()

    def submit(self, work: Coroutine[Any, Any, _Result]) -> Future[_Result]:
        """Run a coroutine, as `run` does, without waiting for it.

        The caller's context is left behind: a connection that is kept for later must not keep a whole program alive.
        """
        return Context().run(asyncio.run_coroutine_threadsafe, self._tracked(work), self._loop)

    def cancel(self) -> None:
        """Cancel everything that runs, and everything that is submitted later. Returns at once."""
        self._loop.call_soon_threadsafe(self._cancel)

    async def _tracked(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._is_cancelled:
            self._cancel_task(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not self._is_cancelled:
                raise
            message = Message("The operation did not complete.", "Pulumi cancelled it.", "", "Run it again.")
            raise OperationCancelledError(message) from None

    def _cancel(self) -> None:
        self._is_cancelled = True
        for task in self._tasks:
            self._cancel_task(task)

    def _cancel_task(self, task: "asyncio.Task[Any]") -> None:
        """Cancel a task after its first step, which says what it is about, and again until it has ended.

        httpcore, and `asyncio.wait_for` before Python 3.12, can swallow one cancellation.
        """

        def cancel() -> None:
            if not task.done():
                task.cancel()
                self._loop.call_later(_CANCEL_AGAIN_SECONDS, cancel)

        self._loop.call_soon(cancel)


class SharedByEndpoint(Generic[_Shared]):
    """One object for each endpoint, closed five seconds after it was last used.

    Args:
        make: Makes the object for an endpoint, on the event loop that uses it.
    """

    def __init__(self, make: Callable[[Endpoint], _Shared]) -> None:
        self._make = make
        self._entries: dict[Any, _Entry[_Shared]] = {}

    @asynccontextmanager
    async def use(self, endpoint: Endpoint) -> AsyncIterator[_Shared]:
        """Use the object of an endpoint."""
        loop = asyncio.get_running_loop()
        key = (loop, endpoint)  # a forked child has another loop
        if key not in self._entries:
            self._entries[key] = _Entry(self._make(endpoint))
        entry = self._entries[key]
        entry.users, entry.uses = entry.users + 1, entry.uses + 1
        try:
            yield entry.shared
        finally:
            entry.users -= 1
            loop.call_later(IDLE_SECONDS, self._close_if_idle, key, entry.uses)

    def _close_if_idle(self, key: Any, uses: int) -> None:
        entry = self._entries.get(key)
        if entry is not None and not entry.users and entry.uses == uses:
            del self._entries[key]
            closing = asyncio.ensure_future(entry.shared.close())
            _closing.add(closing)
            closing.add_done_callback(_closing.discard)


@dataclass
class _Entry(Generic[_Shared]):
    """A shared object, how many use it now, and how often it has been used."""

    shared: _Shared
    users: int = 0
    uses: int = 0


class SharedReads:
    """Equal reads share one request while it is pending; results are not cached."""

    def __init__(self) -> None:
        self._under_way: dict[Any, asyncio.Task[Any]] = {}

    async def read(self, key: Any, read: Callable[[], Awaitable[_Result]]) -> _Result:
        """Return the result of `read`, or of an equal one that is pending.

        Args:
            key: What makes it equal to another; hashable.
            read: Sends the request.
        """
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.ensure_future(read())
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        result: _Result = await asyncio.shield(task)
        return result


_closing: set[Any] = set()
_loop: BackgroundLoop | None = None
_starting = threading.Lock()


def background_loop() -> BackgroundLoop:
    """Return the background loop of this process; it is started when it is first needed."""
    global _loop  # noqa: PLW0603 - one for each process
    with _starting:
        if _loop is None:
            _loop = BackgroundLoop()
        return _loop


def _forget_in_child() -> None:
    """Start anew in a forked child, which has no thread that runs the parent's loop."""
    global _loop, _starting
    _loop, _starting = None, threading.Lock()
    _closing.clear()


os.register_at_fork(after_in_child=_forget_in_child)
