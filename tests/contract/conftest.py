"""The emulator against the API's description and against this package's client."""

from collections.abc import Iterator

import httpx
import pytest

from baseten_pulumi.testing import Emulator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator of the test's own."""
    with Emulator() as running:
        yield running


@pytest.fixture
def client(emulator: Emulator) -> Iterator[httpx.Client]:
    """Somebody with a key who speaks plain HTTP to it."""
    with httpx.Client(base_url=emulator.url, headers={"Authorization": "Api-Key k1"}, trust_env=False) as client:
        yield client
