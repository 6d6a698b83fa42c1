"""How fast one endpoint may be asked: a token bucket that learns from each refusal. No waiting of its own."""

from collections import deque

# Baseten documents 100 requests a second for each API key and endpoint.
REQUESTS_PER_SECOND = 100.0
# Requests that may go out at once after a rest; at a slower rate in proportion.
BURST = 20
# What a refusal leaves of the rate that was used, and what a second of use without one makes of the rate.
SLOWING = 0.5
GROWTH_PER_SECOND = 1.1
# Never slower, since from there the way back is long; Baseten's own word on when to come back holds all the same.
SLOWEST_PER_SECOND = 2.0
# How long to hold back where Baseten does not say.
PAUSE_SECONDS = 1.0
# What refusals that follow one another make of the pause, and no more than that: Baseten may ask for longer.
PAUSE_GROWTH = 2.0
LONGEST_PAUSE_SECONDS = 15.0
# Tokens are sums of fractions: without a tolerance, the last billionth would be slept for.
_WHOLE = 1.0 - 1e-9


class AdaptiveRate:
    """The rate of one endpoint, as far as it is known.

    It begins at the documented rate. A refusal stops all requests for as long as Baseten asks and halves the rate
    really used; from there it grows by ten percent a second, and only while it is used up: an idle endpoint proves
    nothing. Several requests may be under way when the first is refused; they are one episode and halve the rate once.
    Refusals that follow one another, with no request let in between, each double the pause.

    Args:
        now: Seconds on the clock that every method is told.
    """

    def __init__(self, now: float) -> None:
        self.per_second = REQUESTS_PER_SECOND
        self._tokens = float(BURST)
        self._counted_at = now
        self._paused_until = now
        self._shortest_pause_seconds = 0.0
        self._episode = 0
        self._taken: deque[float] = deque(maxlen=int(REQUESTS_PER_SECOND) + BURST)

    def seconds_until_free(self, now: float) -> float:
        """Return in how many seconds the next request may go; 0 for at once."""
        if pause := self.seconds_paused(now):
            return pause
        self._refill(now)
        return 0.0 if self._tokens >= _WHOLE else (1.0 - self._tokens) / self.per_second

    def seconds_paused(self, now: float) -> float:
        """Return for how much longer no request may go at all."""
        return max(0.0, self._paused_until - now)

    def take(self, now: float) -> int:
        """Count a request; return the episode it belongs to."""
        self._tokens -= 1.0
        self._taken.append(now)
        return self._episode

    def let_in(self, episode: int) -> None:
        """Learn that Baseten did not refuse a request of that episode: refusals after it are no longer in a row."""
        if episode == self._episode:
            self._shortest_pause_seconds = 0.0

    def slow_down(self, now: float, episode: int, retry_after_seconds: float | None) -> float | None:
        """Learn that Baseten refused a request of that episode and asked to wait; None where it did not say how long.

        One request may go as soon as that time is over, but no sooner than the rate gives a turn; the others by the
        rate. Return how many a second were too many; None where that is known already.
        """
        too_fast = self._halve(now) if episode == self._episode else None
        asked_seconds = PAUSE_SECONDS if retry_after_seconds is None else retry_after_seconds
        pause_seconds = max(asked_seconds, self._shortest_pause_seconds, 1.0 / self.per_second)
        self._paused_until, self._tokens = max(self._paused_until, now + pause_seconds), 1.0
        return too_fast

    def heed(self, per_second: float) -> None:
        """Learn how many a second were too many at another endpoint, unless this one has been refused itself.

        Less than a burst is no warning: somebody else used that endpoint up.
        """
        if self._episode == 0:
            self.per_second = min(self.per_second, max(per_second, float(BURST)))

    def _halve(self, now: float) -> float:
        """Begin an episode: halve the rate and double the pause; return the rate that was used."""
        self._episode += 1
        used_per_second = float(sum(at > now - 1.0 for at in self._taken))
        self.per_second = min(max(used_per_second * SLOWING, SLOWEST_PER_SECOND), self.per_second)
        doubled = max(self._shortest_pause_seconds * PAUSE_GROWTH, 1.0 / self.per_second)
        self._shortest_pause_seconds = min(doubled, LONGEST_PAUSE_SECONDS)
        return used_per_second

    def _refill(self, now: float) -> None:
        """Count the tokens that came since the last time; a pause brings none."""
        elapsed = now - max(self._counted_at, self._paused_until)
        burst = max(1.0, BURST * self.per_second / REQUESTS_PER_SECOND)
        used_up = min(elapsed, max(0.0, burst - self._tokens) / self.per_second)
        self._tokens = min(burst, self._tokens + elapsed * self.per_second)
        self.per_second = min(REQUESTS_PER_SECOND, self.per_second * GROWTH_PER_SECOND**used_up)
        self._counted_at = now
