"""Time as the rest of the package sees it, so that tests can inject their own."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Tell the time and wait."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(seconds)


async def wait_at_most(clock: Clock, seconds: float, future: "asyncio.Future[None]") -> None:
    """Return after that many seconds, or once the future is done where that comes first."""
    sleep = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({sleep, future}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleep.cancel()
