"""Child processes: their lines as they come, and their end."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator

GRACE_SECONDS = 3.0
"""How long a process has after each signal before the next, harder one."""


def end_process(process: "subprocess.Popen[str]") -> None:
    """End a process: ask with SIGTERM, then kill it, with a few seconds for each.

    Not SIGINT: a process that a script started in the background ignores it, and so do its children.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
            return


def lines_of(process: "subprocess.Popen[str]") -> Iterator[str]:
    """Give the lines a process prints until it closes its output."""
    if process.stdout is not None:
        with process.stdout as stream:
            for line in stream:
                yield line.rstrip("\n")
