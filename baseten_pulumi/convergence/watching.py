"""Poll until every wanted setting is reported, or until the time is up."""

from dataclasses import replace
from typing import Protocol

from baseten_pulumi.clock import Clock
from baseten_pulumi.convergence.comparison import Difference, differences
from baseten_pulumi.convergence.pacing import seconds_until_next_poll
from baseten_pulumi.convergence.sighting import Promotion, ReportedEnvironment, Sighting, Wanted
from baseten_pulumi.convergence.wording import news, progress, timed_out
from baseten_pulumi.errors import TransientError, WaitTimeoutError

REPEAT_PROGRESS_SECONDS = 10.0
# A look at the very end of the time still gets long enough for one answer.
SHORTEST_LOOK_SECONDS = 1.0


class EnvironmentReader(Protocol):
    """Read environments."""

    async def read_environment(self, model_id: str, env_name: str, *, within_seconds: float) -> ReportedEnvironment:
        """Read one environment in the time given, or raise a `RequestError`."""
        ...


class Reporter(Protocol):
    """Show how a wait goes."""

    def report(self, text: str) -> None:
        """Show one line; it replaces the one before."""
        ...


class Watch:
    """One wait for one environment."""

    def __init__(self, wanted: Wanted, reader: EnvironmentReader, reporter: Reporter, clock: Clock) -> None:
        self._wanted = wanted
        self._reader = reader
        self._reporter = reporter
        self._clock = clock
        self._began_at = self._changed_at = clock.now()
        self._seen = Sighting()
        self._shown: tuple[str, float] | None = None

    async def until_in_force(self) -> None:
        """Return once every wanted setting has been read back.

        Raises:
            WaitTimeoutError: the time is up.
            RequestError: Baseten answered with something that waiting does not mend.
        """
        while not await self._look():
            remaining = self._remaining_seconds()
            if remaining <= 0:
                raise WaitTimeoutError(timed_out(self._wanted, self._seen))
            self._show()
            await self._clock.sleep(min(self._pause(), remaining))
        if self._shown is not None:
            self._reporter.report(f"in force ({self._waited_seconds():.0f} s)")

    async def _look(self) -> bool:
        """Read once; True when nothing differs any more."""
        within = max(self._remaining_seconds(), SHORTEST_LOOK_SECONDS)
        try:
            reported = await self._reader.read_environment(
                self._wanted.model_id, self._wanted.env_name, within_seconds=within
            )
        except TransientError as trouble:
            self._seen = replace(self._seen, trouble=trouble, waited_seconds=self._waited_seconds())
            return False
        found = differences(self._wanted.settings, reported.settings)
        self._remember(found, reported.promotion)
        return not found

    def _remember(self, differing: tuple[Difference, ...], promotion: Promotion | None) -> None:
        now = self._clock.now()
        if differing != self._seen.differing or (promotion is not None and promotion.is_running):
            self._changed_at = now
        self._seen = Sighting(differing, promotion, None, now - self._changed_at, now - self._began_at)

    def _pause(self) -> float:
        asked = self._seen.trouble.retry_after_seconds if self._seen.trouble else None
        return max(seconds_until_next_poll(self._waited_seconds()), asked or 0.0)

    def _show(self) -> None:
        """Show the line on a change, else every ten seconds."""
        text, now = news(self._wanted, self._seen), self._clock.now()
        if self._shown is None or text != self._shown[0] or now - self._shown[1] >= REPEAT_PROGRESS_SECONDS:
            self._shown = (text, now)
            self._reporter.report(progress(text, self._seen))

    def _waited_seconds(self) -> float:
        return self._clock.now() - self._began_at

    def _remaining_seconds(self) -> float:
        return self._wanted.timeout_seconds - self._waited_seconds()
