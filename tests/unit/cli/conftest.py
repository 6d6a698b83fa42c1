from collections.abc import Callable, Iterator
from typing import Any

import pytest

from baseten_pulumi.cli import main
from baseten_pulumi.testing import Emulator, Fault

KEY = "k-command-4711"
HOSTILE = 'x"""\nimport os\u2028\x85import sys\x1b[31m'


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator that the environment variables point to."""
    with Emulator(api_key=KEY) as running:
        monkeypatch.setenv("BASETEN_BASE_URL", running.url)
        monkeypatch.setenv("BASETEN_API_KEY", KEY)
        monkeypatch.delenv("NO_COLOR", raising=False)
        yield running


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command line; return its output, or its errors if it is expected to fail. The other one must be empty."""

    def run(*arguments: str, status: int = 0) -> str:
        try:
            ended: object = main(arguments)
        except SystemExit as error:
            ended = error.code
        printed = capsys.readouterr()
        assert ended == status, printed.err
        assert KEY not in printed.out + printed.err
        assert (printed.out if status else printed.err) == ""
        return printed.err if status else printed.out

    return run


@pytest.fixture
def respond(emulator: Emulator) -> Callable[..., None]:
    """Make Baseten respond with a model and environments that the emulator would not make up itself."""

    def respond(model: dict[str, Any], environments: dict[str, dict[str, Any]]) -> None:
        named = [{"name": name, **settings} for name, settings in environments.items()]
        emulator.faults.add(Fault.body({"models": [model]}, path="/models$"))
        emulator.faults.add(Fault.body({"environments": named}, path="/environments$"))

    return respond
