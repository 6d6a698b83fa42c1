import pytest

from baseten_pulumi.testing.emulator.account import FictionalEnvironment, FictionalModel
from baseten_pulumi.testing.emulator.store import Behaviour, Store


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(clock: HandClock) -> Store:
    """An account of one model, where settings take 10 s to apply."""
    environments = (FictionalEnvironment("staging"), FictionalEnvironment("production", {"max_replica": 3}))
    return Store([FictionalModel("m1", "chat", environments)], Behaviour(apply_seconds=10, clock=clock))
