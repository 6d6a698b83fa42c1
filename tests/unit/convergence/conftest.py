from typing import TYPE_CHECKING

import pytest

from tests.unit.convergence.scenes import Fleet

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock


@pytest.fixture
def fleet(clock: "FakeClock") -> Fleet:
    return Fleet(clock)
