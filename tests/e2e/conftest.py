"""Cases run on the local engine and, where `pulumi` is on PATH, on the real one.

What the local engine does not serve runs on the real one alone (`ON_REAL_ENGINE`).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from baseten_pulumi.testing import Emulator
from tests.stacks import REAL, Stack


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
def stack(tmp_path: Path, engine: str, emulator: Emulator) -> Stack:
    return Stack(tmp_path, engine, emulator)
