"""What the parts of one operation share: its options, its state, and when to stop."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from baseten_pulumi.testing.engine.display import Display
from baseten_pulumi.testing.engine.ledger import Ledger
from baseten_pulumi.testing.engine.monitor import NotDoneError, StoppedError
from baseten_pulumi.testing.engine.steps import Op
from baseten_pulumi.testing.engine.vault import Vault

if TYPE_CHECKING:
    from baseten_pulumi.testing.engine.provider_process import Provider


@dataclass(frozen=True, slots=True)
class Options:
    """How an operation runs: as a preview or for real, how many steps at once, and whether a failure ends it."""

    dry_run: bool
    parallel: int
    continue_on_error: bool = False


class Run:
    """One operation on a stack, shared by the threads that carry out its steps."""

    def __init__(self, options: Options, ledger: Ledger, vault: Vault, display: Display) -> None:
        self.options = options
        self.ledger = ledger
        self.vault = vault
        self.display = display
        self.provider: Provider  # set before the program is let go
        self.failed: set[str] = set()
        self.errored = False
        self.cancelled = False
        self.stopping = threading.Event()
        self.busy = 0
        self._slots = threading.BoundedSemaphore(options.parallel)
        self._counting = threading.Lock()

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Carry out a step as one of so many at once.

        Raises:
            StoppedError: where nothing new may start.
        """
        with self._slots:
            with self._counting:
                self.require_going_on()
                self.busy += 1
            try:
                yield
            finally:
                with self._counting:
                    self.busy -= 1

    def stop(self) -> None:
        """Start nothing new."""
        with self._counting:
            self.stopping.set()

    def require_going_on(self) -> None:
        """Do nothing, unless the run is stopping.

        Raises:
            StoppedError: where it is.
        """
        if self.stopping.is_set():
            raise StoppedError

    def fail(self, op: Op, urn: str, text: str) -> NoReturn:
        """Report a failed step. What is under way goes on; new steps start only with --continue-on-error.

        Raises:
            NotDoneError: where the run goes on.
            StoppedError: where it ends.
        """
        self.display.failed(op, urn, text)
        self.errored = True
        self.failed.add(urn)
        if self.options.continue_on_error:
            raise NotDoneError(urn)
        self.stop()
        raise StoppedError

    def refuse(self, reason: str) -> None:
        """Report what fails the run as a whole."""
        if reason and not self.stopping.is_set():
            self.display.message("error", "", reason)
        self.errored = True
        self.stop()

    def cancel(self) -> None:
        """Start nothing new and tell the provider to give up what it waits for."""
        self.cancelled = True
        self.stop()
        self.provider.cancel()
