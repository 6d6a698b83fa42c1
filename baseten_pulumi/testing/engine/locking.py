"""One run at a time on a stack: a lock file the system itself releases when its holder dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class LockedError(Exception):
    """Another run holds the stack."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a stack's lock for as long as the block runs; a dead process's lock is free.

    Raises:
        LockedError: where another process, named by its id, holds it.
        OSError: where the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LockedError(_held_by(file.read().strip(), path)) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _held_by(holder: str, path: Path) -> str:
    return (
        f"The stack is locked by another run of the local engine (process {holder or 'unknown'}).\n"
        "Wait until it is done, or end that process: the lock goes with it.\n"
        f"Where the process runs on another machine that shares this directory and is gone, delete {path}."
    )
