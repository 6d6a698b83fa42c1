"""The state of one wait: what was seen, when to look again, how it ends. It reads nothing and never waits itself."""

import math
from dataclasses import replace

from baseten_pulumi.convergence.comparison import differences
from baseten_pulumi.convergence.looking import Outcome
from baseten_pulumi.convergence.pacing import seconds_until_first_look, seconds_until_next_look
from baseten_pulumi.convergence.sighting import ReportedEnvironment, Sighting, Wanted
from baseten_pulumi.convergence.wording import cancelled, ended, news, progress, timed_out
from baseten_pulumi.errors import BasetenError, RequestError, TransientError, WaitCancelledError, WaitTimeoutError

REPEAT_PROGRESS_SECONDS = 10.0
# An answer to the last look is awaited so much longer: the reader's own limit of a second, which can name the trouble,
# comes first.
OVERDUE_SECONDS = 1.25


class Shown:
    """What was shown of a wait, so that it is shown again on a change, else every ten seconds."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._at = 0.0

    @property
    def anything(self) -> bool:
        """Whether anything was shown at all."""
        return self._text is not None

    @property
    def repeats_at(self) -> float:
        """When to show it again without a change; never where nothing was shown."""
        return self._at + REPEAT_PROGRESS_SECONDS if self.anything else math.inf

    def is_due(self, text: str, now: float) -> bool:
        """Tell whether to show this text now; if so, it counts as shown."""
        if text == self._text and now < self.repeats_at:
            return False
        self._text, self._at = text, now
        return True


class Watch:
    """One wait for one environment.

    Args:
        wanted: What is waited for.
        now: When the wait begins.
        is_joint: Whether it is part of a wait for many environments.

    Attributes:
        wanted: What is waited for.
        is_joint: Whether it is part of a wait for many environments.
        seen: What the latest look showed.
        due_at: When the next look is due.
        deadline: When the time is up; a last look is taken then.
        error: What ended the wait without the settings in force; None where nothing has.
        shown: What was shown of it.
    """

    def __init__(self, wanted: Wanted, now: float, *, is_joint: bool = False) -> None:
        self.wanted = wanted
        self.is_joint = is_joint
        self._first_pause = seconds_until_first_look(wanted.status, is_joint=is_joint)
        self.seen = Sighting()
        self.due_at = now
        self.deadline = now + (wanted.timeout_seconds if wanted.seconds_left is None else wanted.seconds_left)
        self.error: BasetenError | None = None
        self.shown = Shown()
        self._began_at = self._changed_at = now

    @property
    def overdue_at(self) -> float:
        """When to end the wait even though a look is under way."""
        return self.deadline + OVERDUE_SECONDS

    @property
    def is_in_force(self) -> bool:
        """Whether every wanted setting was read back."""
        return self.seen.differing == ()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.is_in_force or self.error is not None

    def take(self, outcome: Outcome, now: float) -> None:
        """Take in what a look brought, and decide whether the wait is over."""
        if not isinstance(outcome, RequestError):
            self._see(outcome, now)
        elif isinstance(outcome, TransientError):
            self.seen = replace(self.seen, trouble=outcome)
        else:
            self.error = outcome
        if not self.is_over and now >= self.deadline:
            self.give_up()

    def rest_first(self, phase: float) -> None:
        """Set when the first look is due."""
        self.due_at = self._began_at + self._first_pause * phase

    def rest(self, now: float, jitter: float, shortest: float) -> None:
        """Set when the next look is due."""
        self.due_at = now + seconds_until_next_look(now - self._began_at, jitter, shortest)

    def give_up(self) -> None:
        """End the wait because its time is up."""
        self.error = WaitTimeoutError(timed_out(self.wanted, self.seen))

    def cancelled(self, now: float) -> WaitCancelledError:
        """Return the error for a wait that somebody ends before its time."""
        return WaitCancelledError(cancelled(self.wanted, self.seen, now - self._began_at))

    def line(self, now: float) -> str | None:
        """Return the line to show now; None where there is none."""
        if self.is_in_force:
            return ended(now - self._began_at) if self.shown.anything else None
        text = news(self.wanted, self.seen)
        return progress(text, now - self._began_at) if self.shown.is_due(text, now) else None

    def _see(self, reported: ReportedEnvironment, now: float) -> None:
        differing, promotion = differences(self.wanted.settings, reported.settings), reported.promotion
        if differing != self.seen.differing or (promotion is not None and promotion.is_running):
            self._changed_at = now
        self.seen = Sighting(differing, promotion, None, now - self._changed_at)
