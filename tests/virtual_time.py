"""Asyncio on virtual time: a sleep of an hour takes no time, and the loop's clock says that an hour has passed."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import looptime

# What has not ended after a day never does: the time jumps there if nothing else is left to happen.
_LONGEST_SECONDS = 86_400.0
# asyncio's own: with looptime's default, a microsecond, a sleep of 0.1234564 s never ends.
_RESOLUTION_SECONDS = 1e-9

_Result = TypeVar("_Result")


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine as `asyncio.run` does, on a loop whose time starts at 0 and jumps to the next thing to happen.

    Only for code that waits for time and for other coroutines: a loop that waits for a socket lets its time jump too.

    Raises:
        asyncio.TimeoutError: it did not end within a day of virtual time.
    """
    loop = looptime.new_event_loop(start=0.0, resolution=_RESOLUTION_SECONDS, noop_cycles=0)
    try:
        return loop.run_until_complete(asyncio.wait_for(work, _LONGEST_SECONDS))
    finally:
        if left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def suspend(seconds: float) -> None:
    """Let time pass at once, as if the process had been suspended: everything that is due meanwhile happens late."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, looptime.LoopTimeEventLoop)
    loop.setup_looptime(start=loop.time() + seconds, resolution=_RESOLUTION_SECONDS, noop_cycles=0)
