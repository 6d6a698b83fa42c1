"""The two child processes: the program's and the provider's."""

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.engine.zygote import Forked, Zygote

GRACE_SECONDS = 3.0
"""How long a process may take to end before it is killed."""


class Process:
    """A Python process whose lines are passed on.

    The interpreter is the one that PULUMI_PYTHON_CMD names, as for the Pulumi CLI, otherwise this one.
    """

    zygote: Zygote | None = None
    """Starts the processes of this interpreter faster; None starts every one anew."""

    def __init__(self, arguments: list[str], directory: Path, environment: Mapping[str, str]) -> None:
        interpreter = environment.get("PULUMI_PYTHON_CMD", sys.executable)
        self.popen: subprocess.Popen[str] | Forked
        if self.zygote is not None and interpreter == sys.executable:
            self.popen = self.zygote.start(arguments, directory, environment)
        else:
            self.popen = subprocess.Popen(
                [interpreter, "-u", *arguments],
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # the engine passes on a terminal's Ctrl-C, as Cancel
            )
        self._reader: threading.Thread | None = None

    def lines(self) -> Iterator[str]:
        """Return the lines that it prints."""
        for line in self.popen.stdout or ():
            yield line.rstrip("\n")

    def pass_on(self, show: Callable[[str], None]) -> None:
        """Pass on what it prints from here on."""

        def read() -> None:
            for line in self.lines():
                show(line)

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()

    def write(self, line: str) -> None:
        """Write a line to its standard input, which stays open until this process ends."""
        if self.popen.stdin is not None:
            self.popen.stdin.write(f"{line}\n")
            self.popen.stdin.flush()

    def wait(self, seconds: float) -> int | None:
        """Return its exit status, or None if it still runs after that time."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End it: SIGTERM first, then SIGKILL."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.popen.poll() is None:
                self.popen.send_signal(number)
                self.wait(GRACE_SECONDS)
        if self._reader is not None:
            self._reader.join(GRACE_SECONDS)
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
