"""Stay below Baseten's rate limit."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from baseten_pulumi.errors import LONGEST_RETRY_AFTER_SECONDS

# Baseten documents about 100 requests a second for each API key and endpoint.
REQUESTS_PER_SECOND = 100.0
# Requests that may be sent at once after a pause.
BURST = 20.0
SLOWEST_PER_SECOND = 2.0
# How fast the rate recovers after a 429.
RECOVERY_PER_SECOND = 1.1
DEFAULT_PAUSE_SECONDS = 1.0
# A timer of asyncio may fire a nanosecond early: what is then left is slept for, not spun through.
SHORTEST_SLEEP_SECONDS = 1e-6


@dataclass
class _Bucket:
    """The tokens of one endpoint, and the lock that keeps its requests in order."""

    tokens: float
    filled_at: float
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Throttle:
    """A token bucket for each endpoint; a 429 pauses all of them and halves the rate. Belongs to one event loop.

    Args:
        max_concurrent: Requests that may be sent at the same time, to all endpoints together.
    """

    def __init__(self, max_concurrent: int) -> None:
        self._slots = asyncio.Semaphore(max_concurrent)
        self._buckets: dict[str, _Bucket] = {}
        self._rate_after_429 = REQUESTS_PER_SECOND
        self._halved_at = 0.0
        self._paused_until = 0.0

    @contextlib.asynccontextmanager
    async def slot(self, endpoint: str) -> AsyncIterator[float]:
        """Wait until a request may be sent, first come, first served; send it inside the block.

        The slot is taken before the token, so that a request is sent when it was counted and not later with others, and
        only by the first in line, so that one endpoint's line does not take the slots of another.

        Args:
            endpoint: What Baseten counts requests by, such as "GET /v1/models".

        Yields:
            When the request may be sent, for `rate_limited`.
        """
        now = asyncio.get_running_loop().time
        bucket = self._buckets.setdefault(endpoint, _Bucket(BURST, now()))
        async with contextlib.AsyncExitStack() as stack:
            async with bucket.lock:
                await stack.enter_async_context(self._slots)
                while (delay := self._delay(bucket, now())) > 0:  # noqa: ASYNC110 - time alone makes tokens
                    await asyncio.sleep(max(delay, SHORTEST_SLEEP_SECONDS))
                bucket.tokens -= 1.0
            yield now()

    def rate_limited(self, sent_at: float, retry_after: float | None) -> None:
        """Pause after a 429, and halve the rate.

        Requests that were already on their way when the rate was halved do not halve it again.

        Args:
            sent_at: What `slot` yielded for the request.
            retry_after: Seconds that Baseten asked to wait; None if it did not ask.
        """
        now = asyncio.get_running_loop().time()
        pause = DEFAULT_PAUSE_SECONDS if retry_after is None else min(retry_after, LONGEST_RETRY_AFTER_SECONDS)
        self._paused_until = max(self._paused_until, now + pause)
        if sent_at >= self._halved_at:
            self._rate_after_429 = max(self._rate(now) / 2, SLOWEST_PER_SECOND)
            self._halved_at = self._paused_until
        for bucket in self._buckets.values():
            bucket.tokens, bucket.filled_at = min(bucket.tokens, 1.0), self._paused_until

    def _rate(self, now: float) -> float:
        recovered: float = self._rate_after_429 * RECOVERY_PER_SECOND ** min(max(now - self._halved_at, 0.0), 60.0)
        return min(recovered, REQUESTS_PER_SECOND)

    def _delay(self, bucket: _Bucket, now: float) -> float:
        """Refill the bucket; return the seconds until a request may be sent."""
        if now < self._paused_until:
            return self._paused_until - now
        rate = self._rate(now)
        burst = max(1.0, BURST * rate / REQUESTS_PER_SECOND)
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        # Timers are rounded: without a tolerance the last millionth of a token would be slept for.
        return 0.0 if bucket.tokens >= 1.0 - 1e-6 else (1.0 - bucket.tokens) / rate
