"""A program in a folder that runs on the terminal: on the Pulumi CLI or, without it, on the stand-in engine."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


class StepFailedError(Exception):
    """A step did not do what it must."""


class Project:
    """A project with one stack, `dev`.

    Args:
        folder: An empty folder.
        environment: Variables of every process.

    Raises:
        StepFailedError: the stack could not be made.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._engine = ["pulumi"] if shutil.which("pulumi") else [sys.executable, "-m", "tests.engine"]
        (folder / "Pulumi.yaml").write_text("name: serving\nruntime: python\n")
        if self._engine == ["pulumi"] and self._run("stack", "init", "dev", "--no-select"):
            raise StepFailedError("stack init failed")

    def write(self, program: str) -> None:
        """Write the program, as an editor would."""
        (self._folder / "__main__.py").write_text(program)

    def run(self, operation: str, *flags: str) -> int:
        """Run an operation, with its output on the terminal; return its exit status."""
        print(f"\n$ pulumi {' '.join([operation, *flags])}", flush=True)
        at_once = [] if operation == "preview" else ["--yes", "--skip-preview"]
        return self._run(operation, *at_once, *flags, "--stack", "dev")

    def must(self, operation: str, *flags: str) -> None:
        """Run an operation that must succeed.

        Raises:
            StepFailedError: it did not.
        """
        if status := self.run(operation, *flags):
            raise StepFailedError(f"{operation} exited with {status}")

    def must_fail(self, operation: str, *flags: str) -> None:
        """Run an operation that must fail.

        Raises:
            StepFailedError: it did not.
        """
        if self.run(operation, *flags) == 0:
            raise StepFailedError(f"{operation} did not fail")

    def _run(self, *words: str) -> int:
        command = [*self._engine, *words, "--non-interactive", "--cwd", str(self._folder)]
        return subprocess.run(command, cwd=ROOT, env=dict(self._environment), check=False).returncode
