"""The rate limit: a token bucket for each key and endpoint."""

import math
from collections.abc import Callable


class RateLimit:
    """Count requests against a rate.

    Args:
        per_second: Requests a second for each key and endpoint; None for no limit.
        clock: Seconds that only grow.
        burst: Requests accepted at once after a pause; None for one second's worth.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float], burst: float | None = None) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def retry_after_seconds(self, key: str, endpoint: str) -> int | None:
        """Take a token; return None where there was one, else in how many whole seconds there is."""
        if self._per_second is None:
            return None
        now_seconds = self._clock()
        burst = max(1.0, self._per_second if self._burst is None else self._burst)
        tokens, since_seconds = self._buckets.get((key, endpoint), (burst, now_seconds))
        tokens = min(burst, tokens + (now_seconds - since_seconds) * self._per_second)
        if tokens >= 1:
            self._buckets[key, endpoint] = (tokens - 1, now_seconds)
            return None
        self._buckets[key, endpoint] = (tokens, now_seconds)
        return max(1, math.ceil((1 - tokens) / self._per_second))
