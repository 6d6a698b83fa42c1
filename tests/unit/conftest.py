import asyncio
import heapq
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from baseten_pulumi.clock import Clock
from baseten_pulumi.testing import Emulator


class FakeClock(Clock):
    """A clock that stands still while anybody has something to do, then leaps to the first of those asleep.

    So any number of coroutines sleep side by side, in the same order every time. It remembers what was slept.
    """

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 1000.0
        self._asleep: list[tuple[float, int, asyncio.Future[None]]] = []
        self._held = 0
        self._leaping_on: asyncio.AbstractEventLoop | None = None

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        waking = asyncio.get_running_loop().create_future()
        heapq.heappush(self._asleep, (self._now + seconds, len(self.slept), waking))
        self._leap_soon(asyncio.get_running_loop())
        await waking

    def pass_by(self, seconds: float) -> None:
        """Let time pass without anybody sleeping: an answer that takes long."""
        self._now += seconds

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Keep the time while something real, such as an answer from a socket, is under way."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._leap_soon(asyncio.get_running_loop())

    def _leap_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._leaping_on is not loop:
            self._leaping_on = loop
            loop.call_soon(self._leap, loop)

    def _leap(self, loop: asyncio.AbstractEventLoop) -> None:
        self._leaping_on = None
        if loop._ready:  # type: ignore[attr-defined] # asyncio has no public word for "nobody has anything to do"
            self._leap_soon(loop)
            return
        while not self._held and self._asleep:
            at, _, waking = heapq.heappop(self._asleep)
            if not waking.done():
                self._now = max(self._now, at)
                waking.set_result(None)
                self._leap_soon(loop)
                return


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def emulator_clock() -> FakeClock:
    """The clock of an emulator that is shared by all tests: its time only grows."""
    return FakeClock()


@pytest.fixture(scope="module")
def served() -> Iterator[Emulator]:
    """An emulator that tests share: starting one takes longer than most of them."""
    with Emulator() as running:
        yield running


@pytest.fixture
def baseten(served: Emulator) -> Emulator:
    """Baseten with model abc123 as new."""
    served.faults.clear()
    served.add_model("abc123", "model", ["staging", "production"])
    served.clear_requests()
    return served
