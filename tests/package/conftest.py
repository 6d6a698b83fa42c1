"""What is released: the wheel and the sdist, and environments that have the wheel alone."""

from pathlib import Path

import pytest

from tests.package.environments import BUILT, Environment, build, create

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the sdist."""
    return Path(BUILT).resolve() if BUILT else build(tmp_path_factory.mktemp("dist"), ROOT)


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    return next(distributions.glob("*.whl"))


@pytest.fixture(scope="session")
def sdist(distributions: Path) -> Path:
    return next(distributions.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """An environment without extras."""
    return create(tmp_path_factory.mktemp("bare"), wheel)


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """An environment with the extra, and with pytest."""
    return create(tmp_path_factory.mktemp("full"), wheel, ("testing",), ("pytest",))
