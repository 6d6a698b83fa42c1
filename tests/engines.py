"""Run a Pulumi project in a temporary folder, on the local engine or on the real one, with the same words.

Nothing of the user's is touched: home, state, passphrase and key are the test's own, and Baseten is an emulator on this
machine.
"""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.engine.__main__ import main as local_engine
from baseten_pulumi.testing.isolation import isolated_environment

API_KEY = "k-very-secret-4711"
RUN_SECONDS = 120.0
_COUNT = re.compile(r"^\s+(?:[-+~<>=]+ ?)?(\d+) (?:to )?([a-z]+)", re.MULTILINE)
_FLAGS = {
    "up": ("--yes", "--skip-preview"),
    "refresh": ("--yes", "--skip-preview"),
    "destroy": ("--yes", "--skip-preview"),
    "preview": (),
}


def real_engine() -> str | None:
    """Return the path of the Pulumi CLI; None where it is not installed."""
    return shutil.which("pulumi")


REAL = pytest.param(
    "real",
    marks=[
        pytest.mark.real_engine,
        pytest.mark.skipif(real_engine() is None, reason="the Pulumi CLI is not on PATH"),
    ],
)
"""The real engine, as a test's parameter `engine`."""
ON_REAL_ENGINE = pytest.mark.parametrize("engine", [REAL], indirect=True)
"""For a test of what the local engine does not serve."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one command of an engine did.

    Attributes:
        returncode: Its exit status.
        text: All it printed.
    """

    returncode: int
    text: str

    @property
    def counts(self) -> dict[str, int]:
        """The summary, by word: {"created": 1, "unchanged": 2}; the stack's own row counts too, as in the real one."""
        _, _, summary = self.text.rpartition("Resources:")
        return {word: int(number) for number, word in _COUNT.findall(summary)}


class Stack:
    """One stack of one project."""

    def __init__(
        self, folder: Path, kind: str, emulator: Emulator, name: str = "dev", python: str = sys.executable
    ) -> None:
        self.folder = folder
        self.emulator = emulator
        self.name = name
        self.python = python
        isolated = isolated_environment(folder, emulator.url, API_KEY)
        self.environment = {**isolated, "PATH": f"{Path(python).parent}{os.pathsep}{isolated['PATH']}"}
        self.is_settled_at_the_end = True
        self._is_known_settled = False
        self.kind = kind
        if not (folder / "Pulumi.yaml").exists():
            self.configure_project()
            self.configure()
        if kind == "real":
            self._command("stack", "init", name, "--no-select").check_returncode()

    def sibling(self, name: str) -> "Stack":
        """Make another stack of the same project, in the same backend; its configuration is as it lies there."""
        return Stack(self.folder, self.kind, self.emulator, name)

    def configure_project(self, config: Mapping[str, Any] | None = None) -> None:
        """Write the project; keys are full, and every stack has the values."""
        project = {"name": "serving", "runtime": "python", "description": "A project of the tests."}
        values = {key: {"value": value} for key, value in (config or {}).items()}
        self._write("Pulumi.yaml", {**project, "config": values})

    def program(self, text: str) -> None:
        """Write the program."""
        self._is_known_settled = False
        (self.folder / "__main__.py").write_text(text)

    def configure(self, config: Mapping[str, Any] | None = None) -> None:
        """Write the stack's configuration; keys are full."""
        path = self.folder / f"Pulumi.{self.name}.yaml"
        before = yaml.safe_load(path.read_text()) if path.exists() else {}
        self._write(path.name, {**before, "config": dict(config or {})})

    def set_config(self, *words: str) -> None:
        """Run `pulumi config set`, which only the real CLI has."""
        self._command("config", "set", *words, "--stack", self.name).check_returncode()

    def up(self, *flags: str) -> Run:
        """Run `up`, which has to succeed."""
        return self._succeeding("up", *flags)

    def preview(self, *flags: str) -> Run:
        """Run `preview --diff`, which has to succeed."""
        return self._succeeding("preview", "--diff", *flags)

    def refresh(self, *flags: str) -> Run:
        """Run `refresh`, which has to succeed."""
        return self._succeeding("refresh", *flags)

    def destroy(self, *flags: str) -> Run:
        """Run `destroy`, which has to succeed."""
        return self._succeeding("destroy", *flags)

    def fails(self, operation: str, *flags: str) -> str:
        """Run an operation that has to fail, and return what it printed."""
        run = self.run(operation, *flags)
        assert run.returncode != 0, run.text
        return run.text

    def run(self, operation: str, *flags: str) -> Run:
        """Run an operation."""
        done = self._command(operation, *_FLAGS[operation], *flags, "--color", "never", "--stack", self.name)
        asked = operation in ("preview", "up") and "--expect-no-changes" in flags
        self._is_known_settled = asked and done.returncode == 0
        return Run(done.returncode, done.stdout + done.stderr)

    def expect_settled(self) -> None:
        """Preview once more, which has to be empty; not where the last run has shown it, or the test says otherwise."""
        if self.is_settled_at_the_end and not self._is_known_settled:
            self.emulator.faults.clear()
            self.preview("--expect-no-changes")

    def start(self, operation: str, *flags: str) -> "subprocess.Popen[str]":
        """Start an operation in a process of its own and leave it running; its errors go where its words go."""
        engine = ["pulumi"] if self.kind == "real" else [self.python, "-m", "baseten_pulumi.testing.engine"]
        words = [operation, *_FLAGS[operation], *flags, "--color", "never", "--stack", self.name]
        return subprocess.Popen(
            [*engine, *words, "--non-interactive", "--cwd", str(self.folder)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def unlock(self) -> None:
        """Do what the real engine asks for when a run was killed that held the stack; the local one's lock is gone."""
        if self.kind == "real":
            self._command("cancel", "--yes", "--stack", "dev").check_returncode()

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs."""
        outputs: dict[str, Any] = json.loads(self._command("stack", "output", "--json", "--stack", self.name).stdout)
        return outputs

    def state(self) -> list[dict[str, Any]]:
        """Return the resources in the state, the stack's own included."""
        exported = json.loads(self._command("stack", "export", "--stack", self.name).stdout)
        resources: list[dict[str, Any]] = exported["deployment"].get("resources") or []
        return resources

    def resource(self, name: str) -> dict[str, Any]:
        """Return one resource of the state, by name."""
        return next(resource for resource in self.state() if resource["urn"].endswith(f"::{name}"))

    def written(self) -> str:
        """Return every byte an engine left in the folder, as text."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return "\n".join(path.read_bytes().decode(errors="replace") for path in files)

    def _succeeding(self, operation: str, *flags: str) -> Run:
        run = self.run(operation, *flags)
        assert run.returncode == 0, run.text
        return run

    def _command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        arguments = [*words, "--non-interactive", "--cwd", str(self.folder)]
        return self._on_real_engine(arguments) if self.kind == "real" else self._on_local_engine(arguments)

    def _on_real_engine(self, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["pulumi", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

    def _on_local_engine(self, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
        """Run in this process: what a run costs is mostly starting interpreters."""
        output, errors, before = io.StringIO(), io.StringIO(), dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environment)
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
                status = local_engine(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
        return subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        self._is_known_settled = False
        (self.folder / name).write_text(yaml.safe_dump(dict(content)))
