"""Fixtures for pytest, opted into with `pytest_plugins = ["baseten_pulumi.testing.plugin"]`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator import Emulator


@pytest.fixture
def baseten_emulator() -> "Iterator[Emulator]":
    """Serve Baseten's API for one test: `baseten_emulator.url`, any key, settings in force at once."""
    from baseten_pulumi.testing.emulator import Emulator

    with Emulator() as emulator:
        yield emulator
