"""Time that nobody waits for: an event loop whose clock leaps to the next thing due once nobody has anything to do."""

import asyncio
import selectors

from baseten_pulumi.clock import Clock

BEGINNING_SECONDS = 1000.0


class StuckError(AssertionError):
    """Everybody waits for what nobody will ever bring about."""


class _Leaping(selectors.SelectSelector):
    """Answer at once: where nothing is ready, the time that would have been waited has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGINNING_SECONDS

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise StuckError("a call neither ends nor waits for a time")
            self.now += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Run coroutines on virtual time, the same way every time; to be run by one thread at a time."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)
        self.set_exception_handler(lambda loop, context: None)  # a killed process leaves errors nobody asks for

    def time(self) -> float:
        return self._leaping.now

    def leap(self, seconds: float) -> None:
        """Let the clock jump, as a machine's does that was asleep: whatever was due meanwhile is late."""
        self._leaping.now += seconds


class VirtualClock(Clock):
    """The product's clock on that time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
