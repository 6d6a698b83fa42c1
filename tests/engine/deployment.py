"""One deployment: a run of `up`, `refresh` or `destroy`, or its preview, as the threads of its steps share it."""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from tests.engine.display import Display
from tests.engine.resource import Op
from tests.engine.snapshot import Snapshot

if TYPE_CHECKING:
    from tests.engine.provider import Provider


DEFAULT_PARALLEL = 4 * (os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of an operation."""

    is_preview: bool = False
    refresh: bool = False
    show_diff: bool = False
    continue_on_error: bool = False
    parallel: int = DEFAULT_PARALLEL


class StoppedError(Exception):
    """No step may start any more: the run failed or was cancelled."""


class NotDoneError(Exception):
    """This resource failed; the run goes on."""

    def __init__(self, urn: str) -> None:
        super().__init__(urn)
        self.urn = urn


class Deployment:
    """A run.

    Attributes:
        provider: Set once its processes start.
        stopping: Set once no step may start.
        busy: How many steps are running.
        cancels: How often the run was cancelled.
    """

    provider: "Provider"

    def __init__(self, snapshot: Snapshot, display: Display, options: Options) -> None:
        self.snapshot = snapshot
        self.display = display
        self.is_preview = options.is_preview
        self.parallel = options.parallel
        self.has_failed = False
        self.stopping = threading.Event()
        self.busy = 0
        self._continue_on_error = options.continue_on_error
        self._failed: set[str] = set()
        self._slots = threading.BoundedSemaphore(options.parallel)
        self._lock = threading.Lock()
        self.cancels = 0

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Run a step as one of `parallel` at once.

        Raises:
            StoppedError: no step may start.
        """
        with self._slots:
            with self._lock:
                self.require_running()
                self.busy += 1
            try:
                yield
            finally:
                with self._lock:
                    self.busy -= 1

    def require_running(self) -> None:
        """Do nothing while steps may start.

        Raises:
            StoppedError: they may not.
        """
        if self.stopping.is_set():
            raise StoppedError

    def require(self, urn: str, needs: set[str]) -> None:
        """Do nothing, unless something that a resource needs failed.

        Raises:
            NotDoneError: it did.
        """
        if needs & self._failed:
            self._failed.add(urn)
            raise NotDoneError(urn)

    def fail(self, op: Op, urn: str, text: str) -> NoReturn:
        """Show that a step failed. Running steps end; others start only with `--continue-on-error`.

        Raises:
            NotDoneError: the run goes on.
            StoppedError: it does not.
        """
        self.display.failed(op, urn, text)
        self.has_failed = True
        self._failed.add(urn)
        if self._continue_on_error:
            raise NotDoneError(urn)
        self._stop()
        raise StoppedError

    def end_with(self, error: str) -> None:
        """Fail the run as a whole; the error is empty if it was shown already."""
        if error and not self.stopping.is_set():
            self.display.message("error", "", error)
        self.has_failed = True
        self._stop()

    def cancel(self) -> None:
        """Start no step and have the provider end what it waits for; the second time, end the provider."""
        self.cancels += 1
        if self.cancels == 1:
            self.display.line("Cancelling: what is running may end. Press Ctrl-C again to end at once.")
            self.end_with("The run was cancelled. What was done is in the state; run it again to go on.")
            self.provider.cancel()
        else:
            self.provider.stop()

    def _stop(self) -> None:
        with self._lock:
            self.stopping.set()
