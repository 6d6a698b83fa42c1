"""Those who wait: for one environment, or for many together."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from baseten_pulumi.convergence.joint_wording import joint_cancellation, joint_error, joint_news
from baseten_pulumi.convergence.watch import REPEAT_PROGRESS_SECONDS, Shown, Watch
from baseten_pulumi.convergence.wording import ended, progress
from baseten_pulumi.errors import BasetenError, WaitCancelledError

# The line of many environments would change with every one of them.
SHORTEST_LINE_SECONDS = 1.0


class Reporter(Protocol):
    """Show how a wait goes."""

    def report(self, text: str) -> None:
        """Show one line; it replaces the one before."""
        ...


class Waiting:
    """What all who wait have in common.

    Attributes:
        watches: What is waited for.
        over: Done once nothing is left to wait for; holds the defect where there was one.
    """

    def __init__(self, watches: Sequence[Watch], reporter: Reporter) -> None:
        self.watches = watches
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reporter = reporter
        self._pending = dict.fromkeys(watches)

    @property
    def pending(self) -> Iterable[Watch]:
        """The watches that are not over yet."""
        return self._pending

    def seconds_to_rest(self, now: float) -> float:
        """Return how long to leave everything to those who look."""
        return min(watch.overdue_at for watch in self._pending) - now

    def settle(self, watch: Watch) -> None:
        """Strike a watch off where it is over, and the wait with the last."""
        if watch.is_over:
            self._pending.pop(watch, None)
        if not self._pending and not self.over.done():
            self.over.set_result(None)

    def broke(self, defect: BaseException) -> None:
        """End the wait with something that should not have happened."""
        if not self.over.done():
            self.over.set_exception(defect)


class SingleWaiting(Waiting):
    """Wait for one environment."""

    def __init__(self, watch: Watch, reporter: Reporter) -> None:
        super().__init__((watch,), reporter)
        self._watch = watch

    def seconds_to_rest(self, now: float) -> float:
        """Return how long to leave everything to those who look: until the line may have to be shown again."""
        return min(super().seconds_to_rest(now), self._watch.shown.repeats_at - now, REPEAT_PROGRESS_SECONDS)

    def looked(self, watch: Watch, now: float) -> None:
        """Show what a look brought."""
        self.settle(watch)
        line = watch.line(now) if watch.error is None else None
        if line is not None:
            self._reporter.report(line)

    def rested(self, now: float) -> None:
        """Show the line again where looks are further apart than that."""
        if self._pending and now >= self._watch.shown.repeats_at:
            self.looked(self._watch, now)

    def error(self) -> BasetenError | None:
        """Return what kept the settings from being in force; None where they are."""
        return self._watch.error

    def cancelled(self, now: float) -> WaitCancelledError:
        """Return the error for a wait that somebody ends before its time."""
        return self._watch.cancelled(now)


class JointWaiting(Waiting):
    """Wait for several environments together, to the end of each."""

    def __init__(self, watches: Sequence[Watch], reporter: Reporter, now: float) -> None:
        super().__init__(watches, reporter)
        self._began_at = now
        self._shown = Shown()

    def seconds_to_rest(self, now: float) -> float:
        """Return how long to leave everything to those who look: until there may be a line to show."""
        return min(super().seconds_to_rest(now), SHORTEST_LINE_SECONDS)

    def looked(self, watch: Watch, now: float) -> None:  # noqa: ARG002 # as every waiter is told
        """Leave the line for later: others of the same moment follow."""
        self.settle(watch)

    def rested(self, now: float) -> None:
        """Show one line for all."""
        waited = now - self._began_at
        if self._pending:
            text = joint_news(self.watches)
            line = progress(text, waited) if self._shown.is_due(text, now) else None
        else:
            line = ended(waited) if self._shown.anything and self.error() is None else None
        if line is not None:
            self._reporter.report(line)

    def error(self) -> BasetenError | None:
        """Return one error for all environments that are not in force; None where every one is."""
        return joint_error(self.watches)

    def cancelled(self, now: float) -> WaitCancelledError:
        """Return the error for a wait that somebody ends before its time."""
        return WaitCancelledError(joint_cancellation(self.watches, now - self._began_at))
