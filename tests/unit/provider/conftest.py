import itertools
import sys
from collections.abc import Iterator

import pytest

from baseten_pulumi.provider import AutoscalingScheduleProvider, EnvironmentSettingsProvider
from baseten_pulumi.testing import Emulator
from tests.unit.provider.listening import Engine
from tests.unit.provider.servicer import Servicer
from tests.unit.provider.stack import Stack

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def _running_engine() -> Iterator[Engine]:
    running = Engine()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine started this process, and it has no key."""
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.delenv("BASETEN_API_KEY", raising=False)


@pytest.fixture
def engine(_no_engine: None, _running_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that started this process, as it starts Pulumi's host."""
    monkeypatch.setattr(sys, "argv", ["pulumi.dynamic", _running_engine.address])
    _running_engine.lines.clear()
    return _running_engine


@pytest.fixture
def model() -> str:
    """A model that no other test has: the provider remembers for the life of its process what it has checked."""
    return f"model{next(_numbers)}"


@pytest.fixture(scope="session")
def served() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def baseten(served: Emulator, model: str) -> Emulator:
    """Baseten with the model as new; settings are applied at once."""
    served.faults.clear()
    served.add_model(model, "chat", ["staging", "production"])
    served.clear_requests()
    return served


@pytest.fixture
def config(baseten: Emulator, model: str) -> dict[str, str]:
    """The configuration of the stack. Another key is another session: a rate limit of one test does not slow others."""
    return {"apiKey": f"k-secret-{model}", "baseUrl": baseten.url}


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A stack on virtual time, and Baseten, which applies everything at once."""
    with Stack() as running:
        yield running


@pytest.fixture
def settings(stack: Stack) -> Servicer:
    """The provider of settings in that stack, called as Pulumi's host does."""
    return stack.provider("settings", EnvironmentSettingsProvider)


@pytest.fixture
def peak(stack: Stack) -> Servicer:
    """The provider of schedules in that stack, called for the resource peak."""
    return stack.provider()


@pytest.fixture
def offline() -> Servicer:
    """The provider of settings with neither a key nor an address that could be used."""
    return Servicer({"baseUrl": "http://nowhere.invalid"})


@pytest.fixture
def schedules() -> Servicer:
    """The provider of schedules with neither a key nor an address that could be used."""
    return Servicer({"baseUrl": "http://nowhere.invalid"}, AutoscalingScheduleProvider)
