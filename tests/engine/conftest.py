from pathlib import Path

import pytest

from tests.engine.things import Things
from tests.stacks import REAL


@pytest.fixture(params=["local", REAL])
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Things:
    return Things(tmp_path, request.param)
