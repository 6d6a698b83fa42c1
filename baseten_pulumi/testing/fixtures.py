"""Fixtures for pytest, opted into with `pytest_plugins = ["baseten_pulumi.testing.fixtures"]`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator import Emulator


@pytest.fixture
def baseten_emulator(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Emulator]":
    """Serve Baseten's API for one test; it accepts any key and applies settings at once.

    BASETEN_BASE_URL and BASETEN_API_KEY point to it while the test runs, so that nothing reaches a real account.
    """
    from baseten_pulumi.testing.emulator import Emulator

    with Emulator() as emulator:
        monkeypatch.setenv("BASETEN_BASE_URL", emulator.url)
        monkeypatch.setenv("BASETEN_API_KEY", "any")
        yield emulator
