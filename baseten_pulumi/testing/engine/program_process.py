"""Start the program's process, pass on what it prints, and end it."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from baseten_pulumi.testing.engine import program
from baseten_pulumi.testing.engine.processes import end_process, lines_of
from baseten_pulumi.testing.engine.project import Project

ORGANIZATION = "organization"
"""The one organization of stacks that live in files."""


class ProgramProcess:
    """One run of the user's program. Its modules are loading while the engine still starts."""

    def __init__(self, project: Project, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._project = project
        self._process = subprocess.Popen(  # noqa: S603 — our own interpreter and file
            [sys.executable, "-u", str(Path(program.__file__))],
            cwd=project.directory,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # a terminal's Ctrl-C ends steps first, the program after them
        )
        self._reader = threading.Thread(target=self._pass_on, args=(say,), name="program output", daemon=True)
        self._reader.start()

    def run(self, address: str, *, dry_run: bool, parallel: int) -> None:
        """Let the program begin, with the monitor and the engine at one address."""
        start = {
            "project": self._project.name,
            "stack": self._project.stack,
            "organization": ORGANIZATION,
            "root_directory": str(self._project.root),
            "directory": str(self._project.directory),
            "main": str(self._project.main),
            "config": self._project.config,
            "monitor": address,
            "engine": address,
            "dry_run": dry_run,
            "parallel": parallel,
        }
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(start) + "\n")
            self._process.stdin.flush()

    def wait(self, seconds: float) -> int | None:
        """Wait a moment for the end: the exit status, or None where the program still runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the process where it still runs."""
        end_process(self._process)
        self._reader.join()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _pass_on(self, say: Callable[[str], None]) -> None:
        for line in lines_of(self._process):
            say(line)
