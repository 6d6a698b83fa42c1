"""Wait in line, first come, first served, until a deadline on the injected clock."""

import asyncio
from collections import deque

from baseten_pulumi.clock import Clock, wait_at_most


class Line:
    """Let at most so many in at a time; to be used on one event loop.

    Whoever gives up waiting, or is cancelled, leaves no gap: the next in line is let in instead.

    Args:
        clock: Tells the time and waits.
        places: How many may be in at a time.
    """

    def __init__(self, clock: Clock, places: int) -> None:
        self._clock = clock
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self, deadline: float) -> bool:
        """Wait for a place until the clock shows `deadline`; return whether there was one, to be given back."""
        if self._free:
            self._free -= 1
            return True
        called = asyncio.get_running_loop().create_future()
        self._waiting.append(called)
        try:
            await wait_at_most(self._clock, deadline - self._clock.now(), called)
        except asyncio.CancelledError:
            self._give_up(called)
            raise
        if not called.done():
            self._give_up(called)
            return False
        return True

    def leave(self) -> None:
        """Give the place to the next in line."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._free += 1

    def _give_up(self, called: "asyncio.Future[None]") -> None:
        if called.done():
            self.leave()
        else:
            self._waiting.remove(called)
