"""What a running process holds, read from Linux' /proc."""

import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MEMORY_ALLOWED = 1.05
"""How much more memory a process may hold at the end than after its warm-up: an allocator's own unrest."""


class Footprint(NamedTuple):
    """What a process holds: resident memory, threads, sockets of whatever kind, and other descriptors."""

    kib: int
    threads: int
    sockets: int
    files: int

    def growth(self, last: "Footprint") -> list[str]:
        """Return what grew until `last`, by name; memory, which is never quite the same twice, has its allowance."""
        allowed = self._replace(kib=int(MEMORY_ALLOWED * self.kib))
        return [name for name, most, found in zip(self._fields, allowed, last, strict=True) if found > most]


def of(pid: int) -> Footprint:
    """Return what a process holds now."""
    process = Path("/proc") / str(pid)
    status = (process / "status").read_text()
    kib, threads = (int(re.findall(rf"^{name}:\s*(\d+)", status, re.MULTILINE)[0]) for name in ("VmRSS", "Threads"))
    opened = []
    for descriptor in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            opened.append(str(descriptor.readlink()))
    sockets = sum(what.startswith("socket:") for what in opened)
    return Footprint(kib, threads, sockets, len(opened) - sockets)
