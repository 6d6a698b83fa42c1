"""Ask no faster than Baseten lets in: every request of a client takes its turn here first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from baseten_pulumi.api.queueing import Line
from baseten_pulumi.api.rate import REQUESTS_PER_SECOND, AdaptiveRate
from baseten_pulumi.clock import Clock


class NoTurnError(Exception):
    """A turn would come too late; nothing was sent.

    Attributes:
        per_second: How many requests a second the endpoint is asked at present.
        pause_seconds: For how much longer it is not asked at all; 0 where it is asked.
    """

    def __init__(self, per_second: float, pause_seconds: float) -> None:
        super().__init__(f"no turn in time, at {per_second:.3g} requests a second")
        self.per_second = per_second
        self.pause_seconds = pause_seconds


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to send one request.

    Attributes:
        endpoint: Which endpoint to ask.
        episode: How often that endpoint had been slowed down before.
    """

    endpoint: str
    episode: int


class RateLimiter:
    """Give turns, first come, first served at each endpoint; to be used on one event loop.

    A turn is a request that the endpoint's rate allows, and one of a few connections. It is given once both are there,
    so that a request goes out when it was counted, not later in a bunch with others.

    Args:
        clock: Tells the time and waits.
        most_at_once: How many requests may be under way, all endpoints together.
    """

    def __init__(self, clock: Clock, most_at_once: int) -> None:
        self._clock = clock
        self._connections = Line(clock, most_at_once)
        self._lanes: dict[str, _Lane] = {}
        # Baseten documents one limit for every endpoint: what was too fast for one, the others need not try.
        self._too_fast = REQUESTS_PER_SECOND

    @asynccontextmanager
    async def turn(self, endpoint: str, *, within_seconds: float) -> AsyncIterator[Turn]:
        """Wait for a turn, which lasts as long as the block.

        Args:
            endpoint: What Baseten counts requests by, as `endpoint_of` tells it.
            within_seconds: How long to wait; a turn that is free is given however little time there is.

        Raises:
            NoTurnError: none comes in time; at once where that is certain.
        """
        episode = await self._admitted(self._lane(endpoint), self._clock.now() + within_seconds)
        try:
            yield Turn(endpoint, episode)
        finally:
            self._connections.leave()

    def let_in(self, turn: Turn) -> None:
        """Learn that Baseten answered something else than 429 to the request of that turn."""
        self._lanes[turn.endpoint].rate.let_in(turn.episode)

    def refused(self, turn: Turn, retry_after_seconds: float | None) -> None:
        """Slow an endpoint down after a 429, and have those that were never refused begin with its limit.

        Args:
            turn: The turn of the request that was refused.
            retry_after_seconds: How long Baseten asked to wait; None where it did not say.
        """
        rate = self._lanes[turn.endpoint].rate
        too_fast = rate.slow_down(self._clock.now(), turn.episode, retry_after_seconds)
        if too_fast is not None:
            self._too_fast = too_fast
            for lane in self._lanes.values():
                lane.rate.heed(too_fast)

    def _lane(self, endpoint: str) -> "_Lane":
        if endpoint not in self._lanes:
            self._lanes[endpoint] = _Lane(self._clock)
            self._lanes[endpoint].rate.heed(self._too_fast)
        return self._lanes[endpoint]

    async def _admitted(self, lane: "_Lane", deadline: float) -> int:
        """Wait in line, then for a connection and the rate; return the episode, with a connection taken."""
        lane.refuse_if_paused_until_after(deadline)
        if not await lane.line.enter(deadline):
            raise lane.too_late()
        try:
            if not await self._connections.enter(deadline):
                raise lane.too_late()
            try:
                return await lane.counted(deadline)
            except BaseException:
                self._connections.leave()
                raise
        finally:
            lane.line.leave()


class _Lane:
    """One endpoint: its rate, and the line whose first waits for it."""

    def __init__(self, clock: Clock) -> None:
        self.line = Line(clock, places=1)
        self.rate = AdaptiveRate(clock.now())
        self._clock = clock

    async def counted(self, deadline: float) -> int:
        """Wait until the rate allows a request and count it; return its episode."""
        while (wait := self.rate.seconds_until_free(self._clock.now())) > 0:
            if self._clock.now() + wait > deadline:
                raise self.too_late()
            await self._clock.sleep(wait)
        return self.rate.take(self._clock.now())

    def refuse_if_paused_until_after(self, deadline: float) -> None:
        now = self._clock.now()
        if now + self.rate.seconds_paused(now) > max(deadline, now):
            raise self.too_late()

    def too_late(self) -> NoTurnError:
        return NoTurnError(self.rate.per_second, self.rate.seconds_paused(self._clock.now()))


def endpoint_of(method: str, path: str) -> str:
    """Return what Baseten counts requests by: the method and the path, without the ids that alternate with its words.

    The same list of two models is one endpoint, `GET /v1/models/…/environments`.
    """
    empty, version, *words = path.split("/")
    return f"{method} " + "/".join([empty, version, *("…" if at % 2 else word for at, word in enumerate(words))])
