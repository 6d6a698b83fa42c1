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
from unittest import mock

import pytest
import yaml

from baseten_pulumi.testing import Emulator
from tests.engine.__main__ import main as local_engine
from tests.engine.process import Process
from tests.engine.zygote import Zygote
from tests.isolation import isolated_environment

ROOT = Path(__file__).parents[1]
API_KEY = "k-very-secret-4711"
RUN_SECONDS = 120.0
_COUNT = re.compile(r"^\s+(?:[-+~<>=]+ ?)?(\d+) (?:to )?([a-z]+)", re.MULTILINE)


def real_engine() -> str | None:
    """Return the path of the Pulumi CLI; None where it is not installed."""
    return shutil.which("pulumi")


_NO_CLI = pytest.mark.skipif(real_engine() is None, reason="the Pulumi CLI is not on PATH")
REAL = pytest.param("real", marks=[pytest.mark.real_engine, _NO_CLI])
"""The real engine, as a test's parameter `engine`."""
ON_REAL_ENGINE = pytest.mark.parametrize("engine", [REAL], indirect=True)
"""For a test of what the local engine does not serve."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one command of an engine did: its exit status, and all it printed."""

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
        isolated = isolated_environment(folder, emulator.url, API_KEY)
        self.environment = {**isolated, "PATH": f"{Path(python).parent}{os.pathsep}{isolated['PATH']}"}
        if kind == "local":
            self.environment["PULUMI_PYTHON_CMD"] = python
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
        return self._succeeding("up", *flags)

    def preview(self, *flags: str) -> Run:
        return self._succeeding("preview", "--diff", *flags)

    def refresh(self, *flags: str) -> Run:
        return self._succeeding("refresh", *flags)

    def destroy(self, *flags: str) -> Run:
        return self._succeeding("destroy", *flags)

    def fails(self, operation: str, *flags: str) -> str:
        """Run an operation that has to fail, and return what it printed."""
        run = self.run(operation, *flags)
        assert run.returncode != 0, run.text
        program = self.folder / "__main__.py"
        if program.exists() and "baseten_pulumi" in program.read_text():  # the package hides what interrupts it
            assert "KeyboardInterrupt" not in run.text, run.text
        return run.text

    def run(self, operation: str, *flags: str) -> Run:
        done = self._command(*self._words(operation, *flags))
        return Run(done.returncode, done.stdout + done.stderr)

    def expect_settled(self) -> None:
        assert "[unknown]" not in self.preview("--expect-no-changes").text

    def start(self, operation: str, *flags: str) -> "subprocess.Popen[str]":
        """Start an operation in a process of its own and leave it running; its errors go where its words go."""
        engine = ["pulumi"] if self.kind == "real" else [sys.executable, "-m", "tests.engine"]
        return subprocess.Popen(
            [*engine, *self._words(operation, *flags), "--non-interactive", "--cwd", str(self.folder)],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def unlock(self) -> None:
        """Do what the real engine asks for when a run was killed that held the stack; the local one has no locks."""
        if self.kind == "real":
            self._command("cancel", "--yes", "--stack", "dev").check_returncode()

    def outputs(self) -> dict[str, Any]:
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

    def _words(self, operation: str, *flags: str) -> list[str]:
        at_once = [] if operation == "preview" else ["--yes", "--skip-preview"]
        return [operation, *at_once, *flags, "--color", "never", "--stack", self.name]

    def _command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        arguments = [*words, "--non-interactive", "--cwd", str(self.folder)]
        if self.kind == "local":
            return self._on_local_engine(arguments)
        command = ["pulumi", *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )

    def _on_local_engine(self, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
        """Run in this process, and fork the others: what a run costs is mostly loading modules."""
        Process.zygote = Process.zygote or Zygote()
        output, errors = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
        ):
            status = local_engine(arguments)
        return subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        (self.folder / name).write_text(yaml.safe_dump(dict(content)))
