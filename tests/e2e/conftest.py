"""Every case here runs on the local engine and, where `pulumi` is on PATH, on the real one; each ends settled."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from baseten_pulumi.testing import Emulator, LocalEngine
from tests.engines import REAL, Stack
from tests.things import Things


@pytest.fixture(params=["local", REAL])
def engine(request: pytest.FixtureRequest) -> str:
    """The engine to run on: local or real."""
    kind: str = request.param
    return kind


@pytest.fixture
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Baseten, applying settings at once unless the test's marker `emulator` says otherwise."""
    marker = request.node.get_closest_marker("emulator")
    with Emulator(**(marker.kwargs if marker else {})) as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path, engine: str, emulator: Emulator) -> Iterator[Stack]:
    """A stack whose last preview has to be empty."""
    stack = Stack(tmp_path, engine, emulator)
    yield stack
    stack.expect_settled()


@pytest.fixture
def things(tmp_path: Path) -> Things:
    """A stack of things on the local engine."""
    return Things(tmp_path, "local")


@pytest.fixture
def library(things: Things) -> LocalEngine:
    """The same stack, as a user's tests have it."""
    return LocalEngine(things.folder, environment=things.environment)
