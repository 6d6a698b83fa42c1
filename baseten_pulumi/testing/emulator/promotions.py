"""A promotion of a new deployment to an environment."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

EndStatus: TypeAlias = Literal["SUCCEEDED", "FAILED", "CANCELED"]

WHOLE_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Promotion:
    """Hold a promotion, running or ended.

    Attributes:
        started_seconds: When it began.
        percent: Share of the traffic on the new deployment when it began.
        seconds: How long it takes by itself; None where somebody ends it.
        status: RELEASING, RAMPING_UP, RAMPING_DOWN or PAUSED while it runs, then SUCCEEDED, FAILED or CANCELED.
        error_message: Why it failed; None where it did not or nothing is known.
        ended: Whether it has ended; the API reports an ended promotion until the next one.
    """

    started_seconds: float
    percent: int = 0
    seconds: float | None = None
    status: str = "RAMPING_UP"
    error_message: str | None = None
    ended: bool = False

    def ends_by(self, now_seconds: float) -> float | None:
        """Return when it ended by itself, or None where it has not by `now_seconds`."""
        if self.ended or self.seconds is None or now_seconds < self.started_seconds + self.seconds:
            return None
        return self.started_seconds + self.seconds

    def percent_at(self, now_seconds: float) -> int:
        """Return the share of traffic on the new deployment; it grows evenly where a duration is known."""
        if self.ended or not self.seconds:
            return self.percent
        share = min(1.0, (now_seconds - self.started_seconds) / self.seconds)
        return int(self.percent + (WHOLE_PERCENT - self.percent) * share)
