"""The provider process's peak memory, read from Linux' /proc; unknown elsewhere."""

import re
import threading
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

PROC = Path("/proc")
_LOOK_SECONDS = 0.1
_COMMAND = b"pulumi.dynamic"
_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
_BYTES_IN_KB = 1024


class PeakMemory:
    """Watch the dynamic-provider process of one project for as long as the `with` block lasts.

    Args:
        marker: A NAME=value of its environment that no other process has.

    Attributes:
        peak_bytes: Resident memory at most, in the last provider process; None if there was none.
    """

    def __init__(self, marker: str) -> None:
        self._marker = marker.encode()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_bytes: int | None = None

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        process: Path | None = None
        while not self._ended.wait(_LOOK_SECONDS):
            process = process or self._provider()
            peak = None if process is None else _peak_bytes(process)
            self.peak_bytes = self.peak_bytes if peak is None else peak

    def _provider(self) -> Path | None:
        return next((process for process in PROC.glob("[0-9]*") if self._is_provider(process)), None)

    def _is_provider(self, process: Path) -> bool:
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            return _COMMAND in words and self._marker in (process / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended, or is another user's
            return False


def _peak_bytes(process: Path) -> int | None:
    try:
        found = _PEAK.search((process / "status").read_text())
    except OSError:
        return None
    return int(found[1]) * _BYTES_IN_KB if found else None
