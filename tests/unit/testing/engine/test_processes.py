"""Child processes and their end."""

import signal
import subprocess
import sys

import pytest

from baseten_pulumi.testing.engine.processes import end_process


def test_a_process_is_killed_when_it_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM may be ignored, SIGKILL not."""
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
        end_process(process)
        assert process.returncode == -signal.SIGKILL


def test_a_process_ends_at_once_when_it_was_started_to_ignore_ctrl_c() -> None:
    """What a script starts in the background ignores SIGINT, and so do its children."""
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", ignoring], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end_process(process)
        assert process.returncode == -signal.SIGTERM
