import pytest

from baseten_pulumi.clock import Clock


class FakeClock(Clock):
    """A clock that stands still but for the sleeps it is asked for, and remembers those."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 1000.0

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        """Let time pass without anybody sleeping: an answer that takes long."""
        self._now += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def emulator_clock() -> FakeClock:
    """The clock of an emulator that is shared by all tests: its time only grows."""
    return FakeClock()
