"""What a running process holds, read from Linux' /proc."""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MEMORY = re.compile(r"^VmRSS:\s*(\d+) kB$", re.MULTILINE)
_THREADS = re.compile(r"^Threads:\s*(\d+)$", re.MULTILINE)
_BYTES_IN_KB = 1024


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds.

    Attributes:
        memory_bytes: Resident memory; left out of comparisons.
        threads: How many it runs.
        sockets: How many it has open, of whatever kind.
        files: How many other descriptors it has open: files, pipes and the like.
    """

    memory_bytes: int
    threads: int
    sockets: int
    files: int

    @property
    def counts(self) -> tuple[int, int, int]:
        """Everything but the memory, which is never quite the same twice."""
        return self.threads, self.sockets, self.files


def of(pid: int) -> Footprint:
    """Return what a process holds now."""
    process = Path("/proc") / str(pid)
    status = (process / "status").read_text()
    memory, threads = _MEMORY.search(status), _THREADS.search(status)
    assert memory is not None
    assert threads is not None
    opened = _opened(process / "fd")
    sockets = sum(what.startswith("socket:") for what in opened)
    return Footprint(int(memory[1]) * _BYTES_IN_KB, int(threads[1]), sockets, len(opened) - sockets)


def _opened(folder: Path) -> list[str]:
    found = []
    for descriptor in folder.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(descriptor.readlink()))
    return found
