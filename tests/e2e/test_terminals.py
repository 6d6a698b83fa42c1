"""What a person sees of a wait while it lasts, in a narrow terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from baseten_pulumi.testing import Emulator
from tests.programs import MODEL, program, timeout
from tests.stacks import ON_REAL_ENGINE, Stack

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _read(terminal: int) -> bytes:
    """Return what was written; b"" once nobody has the terminal any more."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


@ON_REAL_ENGINE
@pytest.mark.parametrize(
    ("columns", "flags", "visible"),
    [(120, [], "QUEUED, promotion 40 %"), (80, ["--non-interactive"], "QUEUED, promotion 40 %: max_replica 3→6")],
)
def test_row_shows_the_reason_when_a_terminal_is_narrow(
    columns: int, flags: list[str], visible: str, stack: Stack, emulator: Emulator
) -> None:
    """The engine's own columns take 91, so the reason comes first. In 80 there is room only in the lines for a log."""
    emulator.start_promotion(MODEL, "production", percent=40)
    stack.program(program({"max_replica": 6}, more=timeout(60)))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    command = ["pulumi", "up", "--yes", "--skip-preview", "--stack", stack.name, "--cwd", str(stack.folder), *flags]
    environment = {**stack.environment, "TERM": "xterm"}
    written, text, is_seen = b"", "", False
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        while more := _read(ours):
            written += more
            text = _ESCAPES.sub("", written.decode(errors="replace"))
            if visible in text and not is_seen:
                is_seen = True
                emulator.finish_promotion(MODEL, "production")
    os.close(ours)
    assert (process.returncode, is_seen) == (0, True), text
