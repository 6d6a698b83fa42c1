"""Baseten, rows and waits for tests of waiting: all on one fake clock."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from baseten_pulumi import errors
from baseten_pulumi.convergence.looking import EnvironmentReader
from baseten_pulumi.convergence.sighting import Wanted
from baseten_pulumi.convergence.waiting import Reporter
from baseten_pulumi.convergence.watching import Watcher
from baseten_pulumi.errors import Statements
from baseten_pulumi.fields import Settings, Value

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock

MIN, MAX = "autoscaling_settings.min_replica", "autoscaling_settings.max_replica"
WANTED: Settings = {MIN: 3, MAX: 6}
BEFORE: Settings = {MIN: 1, MAX: 2}
HALF: Settings = {MIN: 3, MAX: 2}
UNREADABLE = errors.ServerError(Statements("G.", "Baseten answered 503 to GET /v1.", "", "A."), status_code=503)
FORBIDDEN = errors.PermissionDeniedError(Statements("G.", "Baseten answered 403 to GET /v1.", "", "A."))
NO_ENVIRONMENT = errors.EnvironmentNotFoundError(
    Statements("G.", 'There is no environment "gone".', "Nothing was sent.", "Create it first.")
)


def limited(seconds: float | None) -> errors.RateLimitedError:
    return errors.RateLimitedError(Statements("G.", "S.", "", "A."), status_code=429, retry_after_seconds=seconds)


@dataclass(frozen=True)
class Promotion:
    status: str
    percent: int | None = None
    is_running: bool = True


@dataclass(frozen=True)
class Reported:
    settings: Mapping[str, Value]
    promotion: Promotion | None = None


Answer = Reported | Exception


class Asked(NamedTuple):
    """One request: `env_name` is None for the whole list."""

    at: float
    model_id: str
    env_name: str | None
    within_seconds: float


@dataclass
class Baseten(EnvironmentReader):
    """Answers by the time waited: the latest of an environment's answers whose time has come.

    An answer shows the state at the moment it was asked for and comes `seconds` later.
    """

    clock: "FakeClock"
    environments: dict[str, dict[float, Answer]] = field(default_factory=dict)
    lists: dict[float, Exception] = field(default_factory=dict)
    seconds: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    is_open: int = 0

    def __post_init__(self) -> None:
        self._began = self.clock.now()

    async def read_environment(self, model_id: str, env_name: str, *, within_seconds: float) -> Reported:
        answer: Reported = await self._answer(lambda: self._state(env_name), (model_id, env_name, within_seconds))
        return answer

    async def read_environments(self, model_id: str, *, within_seconds: float) -> dict[str, Reported]:
        answer: dict[str, Reported] = await self._answer(self._states, (model_id, None, within_seconds))
        return answer

    @property
    def times(self) -> list[float]:
        """When it was asked, since the beginning."""
        return [asked.at for asked in self.asked]

    @property
    def names(self) -> list[str | None]:
        """What it was asked for."""
        return [asked.env_name for asked in self.asked]

    async def _answer(self, state: Callable[[], Any], request: tuple[str, str | None, float]) -> Any:
        self.asked.append(Asked(self._waited(), *request))
        answer = state()
        if self.seconds:
            self.is_open += 1
            try:
                await self.clock.sleep(self.seconds)
            finally:
                self.is_open -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _states(self) -> dict[str, Answer] | Exception:
        refusal = _latest(self.lists, self._waited())
        states = {name: self._state(name) for name in self.environments}
        return refusal or {name: state for name, state in states.items() if isinstance(state, Reported)}

    def _state(self, env_name: str) -> Answer:
        return _latest(self.environments[env_name], self._waited()) or NO_ENVIRONMENT

    def _waited(self) -> float:
        return self.clock.now() - self._began


def _latest(answers: dict[float, Any], waited: float) -> Any:
    return next((answer for since, answer in reversed(answers.items()) if since <= waited), None)


class Rows(Reporter):
    def __init__(self, clock: "FakeClock") -> None:
        self._clock = clock
        self._began = clock.now()
        self.lines: list[tuple[float, str]] = []
        self.endings: list[str] = []

    def report(self, text: str) -> None:
        if text.startswith("in force"):
            self.endings.append(text)
        else:
            self.lines.append((self._clock.now() - self._began, text))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.lines]

    @property
    def news(self) -> list[str]:
        """Every different line, without its age, in order."""
        return list(dict.fromkeys(text.rpartition(" (")[0] for text in self.texts))


class Fleet:
    """Several environments of one model, the watcher that looks at them, and the row of a joint wait."""

    def __init__(self, clock: "FakeClock") -> None:
        self.clock = clock
        self.baseten = Baseten(clock)
        self.rows = Rows(clock)
        self.watcher: Watcher

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run on a loop of its own, and see that nothing stays behind."""

        async def watched() -> Any:
            self.watcher = Watcher(self.baseten, self.clock)
            try:
                return await work()
            finally:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert asyncio.all_tasks() == {asyncio.current_task()}
                assert self.baseten.is_open == 0

        return asyncio.run(watched())

    async def wait(
        self, env_name: str, *, after: float = 0.0, timeout: float = 300.0, status: str | None = "ACCEPTED"
    ) -> float:
        """Wait for one environment from `after` seconds on; return when it was over."""
        if after:
            await self.clock.sleep(after)
        await self.watcher.until_in_force(wanted(env_name, timeout, status), Rows(self.clock))
        return self.clock.now() - 1000.0

    async def wait_jointly(self, *env_names: str, timeout: float = 300.0, status: str | None = "ACCEPTED") -> float:
        await self.watcher.until_all_in_force([wanted(name, timeout, status) for name in env_names], self.rows)
        return self.clock.now() - 1000.0


def wanted(env_name: str, timeout: float = 300.0, status: str | None = "ACCEPTED") -> Wanted:
    return Wanted("abc123", env_name, WANTED, status, timeout)


async def outcome(work: Awaitable[Any]) -> Any:
    """Return what comes of it, be it an error."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 # it is what the test is about
        return error
