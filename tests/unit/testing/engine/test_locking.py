"""One run at a time on a stack."""

import os
from pathlib import Path

import pytest

from baseten_pulumi.testing.engine.locking import LockedError, locked


def test_the_holder_and_the_way_out_are_named_when_a_stack_is_locked(tmp_path: Path) -> None:
    """The lock names its process; it is free again afterwards."""
    path = tmp_path / "deep" / "dev.lock"
    with locked(path):
        with pytest.raises(LockedError) as caught, locked(path):
            pass
        assert str(caught.value) == (
            f"The stack is locked by another run of the local engine (process {os.getpid()}).\n"
            "Wait until it is done, or end that process: the lock goes with it.\n"
            f"Where the process runs on another machine that shares this directory and is gone, delete {path}."
        )
    with locked(path):
        assert path.read_text() == str(os.getpid())


def test_the_lock_is_free_when_its_holder_died(tmp_path: Path) -> None:
    """A file left by a dead process holds nothing: the system lets go of what its processes held."""
    path = tmp_path / "dev.lock"
    path.write_text("999999")
    with locked(path):
        assert path.read_text() == str(os.getpid())


def test_the_lock_is_free_when_the_run_raised(tmp_path: Path) -> None:
    """However a run ends, the next one may start."""
    path = tmp_path / "dev.lock"
    with pytest.raises(KeyboardInterrupt), locked(path):
        raise KeyboardInterrupt
    with locked(path):
        pass
