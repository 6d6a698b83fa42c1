"""The local engine where its state cannot be written: a clear error, and the last state as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import RUN_SECONDS
from tests.things import Things

# A limit on the size of files stands for a full disk: it holds for root too, and nothing has to be mounted.
_LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["engine", *sys.argv[2:]]
runpy.run_module("baseten_pulumi.testing.engine", run_name="__main__")
"""


@pytest.fixture
def stack(things: Things) -> Things:
    things.declare('Thing("a", size=1)')
    things.up()
    return things


@pytest.fixture
def checkpoint(stack: Things) -> Path:
    [found] = (stack.folder / "state").rglob("dev.json")
    return found


def _up(stack: Things, largest_file_bytes: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", _LIMITED, str(largest_file_bytes), "up", "--yes", "--cwd", str(stack.folder)],
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


def test_the_last_state_is_intact_when_the_disk_is_full(stack: Things, checkpoint: Path) -> None:
    """The error names the file, the reason, what is true and what to do; with room again, `up` does the rest."""
    before = checkpoint.read_bytes()
    stack.declare('Thing("a", size=1)', *(f'Thing("b{number}", size=2)' for number in range(4)))
    done = _up(stack, len(before) + 100)
    assert done.returncode == 1, done.stdout
    assert f"The checkpoint {checkpoint} could not be written: File too large.\n" in done.stderr
    assert "What stood there before is intact; what this run changed after it is not recorded." in done.stderr
    assert "Make room or make the directory writable, then run `refresh`." in done.stderr
    assert "Traceback" not in done.stderr
    assert checkpoint.read_bytes() == before
    assert [path.name for path in checkpoint.parent.iterdir() if path.name.startswith(".")] == []
    stack.up()
    stack.empty_preview()


def test_nothing_is_done_when_the_stack_cannot_be_locked(stack: Things, checkpoint: Path) -> None:
    """A run that could not record what it does does not begin."""
    before = checkpoint.read_bytes()
    lock = checkpoint.with_suffix(".lock")
    lock.unlink()
    lock.mkdir()
    stack.declare('Thing("a", size=2)')
    stack.calls()
    text = stack.fails("up")
    assert f"The stack's lock beside {checkpoint} cannot be taken: " in text
    assert stack.calls() == []
    assert checkpoint.read_bytes() == before
    lock.rmdir()
    stack.up()
