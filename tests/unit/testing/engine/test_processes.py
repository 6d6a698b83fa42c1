"""Child processes and their end."""

import signal
import subprocess
import sys

import pytest

from baseten_pulumi.testing.engine.processes import end_process


def test_a_process_is_killed_when_it_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGINT and SIGTERM may be ignored, SIGKILL not."""
    monkeypatch.setattr("baseten_pulumi.testing.engine.processes.GRACE_SECONDS", 0.2)
    deaf = (
        "import signal, time\n"
        "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end_process(process, signal.SIGINT)
        assert process.returncode == -signal.SIGKILL
