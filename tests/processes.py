"""The processes of one stack, found by the environment they were started with."""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.stacks import Stack

PROCESSES = Path("/proc")


def of(stack: Stack) -> dict[int, str]:
    """Return the command line of every process that works for a stack, this one left out; needs /proc."""
    mark = f"PULUMI_HOME={stack.environment['PULUMI_HOME']}".encode()
    found: dict[int, str] = {}
    for process in PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or not ours
            if mark in (process / "environ").read_bytes().split(b"\0") and int(process.name) != os.getpid():
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def left_behind(stack: Stack) -> dict[int, str]:
    """Return those that should be gone once their engine is.

    Pulumi's own language host is none of ours: it looks for its engine every five minutes.
    """
    return {pid: line for pid, line in of(stack).items() if "pulumi-language-python " not in line}


def kill(stack: Stack, which: Callable[[str], bool]) -> int:
    """Kill those whose command line fits, with SIGKILL; return how many there were."""
    fitting = [pid for pid, line in of(stack).items() if which(line)]
    for pid in fitting:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(fitting)


def is_provider(command_line: str) -> bool:
    """Tell a dynamic provider's process by its command line, whichever engine started it."""
    return "pulumi.dynamic" in command_line or "pulumi-resource-pulumi-python" in command_line
