"""Run a measured program on an engine, through the command line that users have, with nothing of the user's touched."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.memory import PeakMemory
from tests.isolation import isolated_environment

ROOT = Path(__file__).resolve().parent.parent
API_KEY = "bench-key"
ENGINES: Mapping[str, tuple[str, ...]] = {
    "local": (sys.executable, "-m", "tests.engine"),
    "real": ("pulumi",),
}
WITHOUT_CHECKPOINTS = {"PULUMI_SKIP_CHECKPOINTS": "true", "PULUMI_EXPERIMENTAL": "true"}
"""Have the real engine write the state once, at the end, and not after every step."""
_TAIL_CHARACTERS = 3000


class RunFailedError(Exception):
    """An engine's command did not succeed; the message ends with what it printed."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one command took, and what came of it.

    Attributes:
        wall_seconds: From its start to its end.
        provider_bytes: The provider process's peak memory; None if there was none, or it is not known.
        succeeded: Whether its exit status was 0.
        text: All it printed.
    """

    wall_seconds: float
    provider_bytes: int | None
    succeeded: bool
    text: str


class Project:
    """A project in a folder of its own, with one of the measured programs.

    Args:
        folder: An empty folder.
        engine: "local" or "real".
        program: A module of `bench.programs`.
        size: How many environments it declares.
        url: Where the emulator serves.
    """

    def __init__(self, folder: Path, engine: str, program: str, size: int, url: str) -> None:
        self._folder = folder
        self._engine = ENGINES[engine]
        self._environment = {**isolated_environment(folder, url, API_KEY), "PYTHONPATH": str(ROOT)}
        shutil.copy(ROOT / "bench" / "programs" / f"{program}.py", folder / "__main__.py")
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "bench", "runtime": "python"}))
        (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": {"bench:size": str(size)}}))
        if engine == "real":
            _succeeded(self._run("stack", "init", "dev", "--no-select"))

    def up(self, parallel: int | None, *, skips_checkpoints: bool = False) -> Run:
        """Run `up`, which has to succeed; `parallel` is the engine's own where None."""
        return _succeeded(self.try_up(parallel, skips_checkpoints=skips_checkpoints))

    def try_up(self, parallel: int | None, *flags: str, skips_checkpoints: bool = False) -> Run:
        """Run `up`, which may fail."""
        width = () if parallel is None else ("--parallel", str(parallel))
        environment = WITHOUT_CHECKPOINTS if skips_checkpoints else {}
        return self._run("up", "--yes", "--skip-preview", *width, *flags, "--stack", "dev", **environment)

    def preview(self) -> Run:
        """Run `preview`, which has to find nothing to change."""
        return _succeeded(self._run("preview", "--expect-no-changes", "--stack", "dev"))

    def state(self) -> list[dict[str, Any]]:
        """Return the resources in the state, the stack's own included."""
        exported = json.loads(_succeeded(self._run("stack", "export", "--stack", "dev")).text)
        resources: list[dict[str, Any]] = exported["deployment"].get("resources") or []
        return resources

    def _run(self, *words: str, **environment: str) -> Run:
        marker = f"PULUMI_HOME={self._environment['PULUMI_HOME']}"
        with tempfile.TemporaryFile("w+", errors="replace") as output, PeakMemory(marker) as memory:
            began = time.perf_counter()
            done = subprocess.run(
                [*self._engine, *words, "--non-interactive", "--cwd", str(self._folder)],
                cwd=ROOT,
                env={**self._environment, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            wall_seconds = time.perf_counter() - began
            output.seek(0)
            return Run(wall_seconds, memory.peak_bytes, done.returncode == 0, output.read())


def present() -> list[str]:
    """Return the engines on this machine."""
    return ["local", *(["real"] if shutil.which("pulumi") else [])]


@contextmanager
def project(engine: str, program: str, size: int, url: str) -> Iterator[Project]:
    """Make a project in a temporary folder, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="baseten-pulumi-bench-") as folder:
        yield Project(Path(folder), engine, program, size, url)


def _succeeded(run: Run) -> Run:
    if not run.succeeded:
        raise RunFailedError(f"An engine's command failed:\n{run.text[-_TAIL_CHARACTERS:]}")
    return run
