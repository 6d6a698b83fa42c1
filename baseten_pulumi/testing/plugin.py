"""Fixtures for pytest, opted into with `pytest_plugins = ["baseten_pulumi.testing.plugin"]`."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator import Emulator
    from baseten_pulumi.testing.engine import LocalEngine

# What leads to an account, left to the variables that point to the emulator.
_ACCOUNT = {"baseten:apiKey": None, "baseten:baseUrl": None}


class LocalEngineFactory(Protocol):
    """What the fixture `local_engine` gives a test."""

    def __call__(
        self,
        project: str | os.PathLike[str] = ".",
        *,
        stack: str = "dev",
        config: Mapping[str, Any] | None = None,
    ) -> "LocalEngine":
        """Make an engine for one stack of a project.

        Args:
            project: Folder of the project, or one below it; relative to the folder of the test's own file.
            stack: Name of the stack; its configuration is read from `Pulumi.<stack>.yaml`.
            config: Values that override the project's files, by full key (`project:name`); None removes a value. An
                encrypted value must be overridden, since the local engine cannot read it.
        """


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


@pytest.fixture
def local_engine(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    baseten_emulator: "Emulator",  # noqa: ARG001 - BASETEN_* point to it
) -> LocalEngineFactory:
    """Make engines that run projects against the test's emulator, without the Pulumi CLI.

    A project's own `baseten:apiKey` and `baseten:baseUrl` are ignored. State is kept in the test's temporary folder:
    every test starts empty, its stacks can refer to each other, and nothing is written to the project.
    """
    from baseten_pulumi.testing.engine import LocalEngine

    def engine(
        project: str | os.PathLike[str] = ".", *, stack: str = "dev", config: Mapping[str, Any] | None = None
    ) -> LocalEngine:
        values = {**_ACCOUNT, **(config or {})}
        return LocalEngine(request.path.parent / project, stack=stack, state_dir=tmp_path / "state", config=values)

    return engine
