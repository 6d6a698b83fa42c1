"""Baseten by script, and waits for it: everything on virtual time, from second 0 on."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar

from baseten_pulumi import errors
from baseten_pulumi.errors import BasetenError, Message, RateLimitedError, RequestTimeoutError
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.settings import MAX_REPLICA, MIN_REPLICA, Settings
from baseten_pulumi.wait.desired import DesiredSettings
from baseten_pulumi.wait.watcher import Watcher
from tests import virtual_time

_Error = TypeVar("_Error", bound=BasetenError)

DESIRED: Settings = {MIN_REPLICA: 3, MAX_REPLICA: 6}


State: TypeAlias = Environment | Exception
Script: TypeAlias = dict[float, State]
"""What is observed of one environment from each second on, until the next."""

BEFORE = Environment({MIN_REPLICA: 1, MAX_REPLICA: 2}, None)
HALF = Environment({MIN_REPLICA: 3, MAX_REPLICA: 2}, None)
APPLIED = Environment(DESIRED, None)


def error(kind: type[_Error], observed: str, action: str = "Act.", **attributes: Any) -> _Error:
    return kind(Message("Failed.", observed, "", action), **attributes)


def rate_limited(retry_after: float | None) -> RateLimitedError:
    return error(RateLimitedError, "Baseten returned 429 for GET /v1.", status_code=429, retry_after=retry_after)


UNAVAILABLE = error(errors.ServerError, "Baseten returned 503 for GET /v1/models.", status_code=503)
FORBIDDEN = error(errors.PermissionDeniedError, "Baseten returned 403.", "Use another key.", status_code=403)
GONE = error(errors.EnvironmentNotFoundError, 'Model "abc" has no environment "gone".', "Create it first.")


class Poll(NamedTuple):
    """One request; `env_name` is "*" for the list of a model."""

    at: float
    model_id: str
    env_name: str
    timeout: float


@dataclass
class Baseten:
    """An `EnvironmentReader` over scripted environments.

    Attributes:
        environments: The script of each, by `model/environment`.
        lists: What the lists of every model raise from each second on; None is a success.
        latency: Seconds until a response, which shows the state when the request was made.
        hangs: Whether a request outlives its timeout.
    """

    environments: dict[str, Script]
    lists: dict[float, Exception | None] = field(default_factory=lambda: {0: None})
    latency: float = 0.0
    hangs: bool = False
    polls: list[Poll] = field(default_factory=list)
    open_requests: int = 0

    def __post_init__(self) -> None:
        self._models: dict[str, dict[str, Script]] = {}
        for path, script in self.environments.items():
            model_id, _, env_name = path.partition("/")
            self._models.setdefault(model_id, {})[env_name] = script

    async def read_environment(self, model_id: str, env_name: str, *, timeout: float) -> Environment:
        self.polls.append(Poll(_now(), model_id, env_name, timeout))
        state: State = _at(self._models[model_id][env_name])
        await self._respond(timeout)
        if isinstance(state, Exception):
            raise state
        return state

    async def list_environments(self, model_id: str, *, timeout: float) -> dict[str, Environment]:
        self.polls.append(Poll(_now(), model_id, "*", timeout))
        refusal = _at(self.lists)
        states = {name: _at(script) for name, script in self._models[model_id].items()}
        await self._respond(timeout)
        if refusal is not None:
            raise refusal
        return {name: state for name, state in states.items() if isinstance(state, Environment)}

    async def _respond(self, timeout: float) -> None:
        latency = self.latency
        self.open_requests += 1
        try:
            await asyncio.sleep(latency if self.hangs else min(latency, timeout))
        finally:
            self.open_requests -= 1
        if latency > timeout:
            raise error(RequestTimeoutError, "GET /v1 got no response in time.")

    def times(self, model_id: str = "abc") -> list[float]:
        return [poll.at for poll in self.polls if poll.model_id == model_id]

    @property
    def names(self) -> list[str]:
        return [poll.env_name for poll in self.polls]


@dataclass(frozen=True)
class Wait:
    """One call of `Watcher.wait`.

    Attributes:
        environments: `model/environment` of each; `name=model/environment` gives it a name.
        begins_at: When it is called.
        cancelled_at: When its task is cancelled; None if it is not.
    """

    environments: tuple[str, ...] = ("abc/production",)
    settings: Settings = field(default_factory=lambda: DESIRED)
    status: str | None = "ACCEPTED"
    timeout: float = 300.0
    elapsed: float = 0.0
    begins_at: float = 0.0
    cancelled_at: float | None = None

    @property
    def desired(self) -> list[DesiredSettings]:
        found = []
        for environment in self.environments:
            name, _, path = environment.rpartition("=")
            model_id, _, env_name = path.partition("/")
            found.append(DesiredSettings(model_id, env_name, self.settings, self.status, name))
        return found


@dataclass
class Outcome:
    """How a wait ended, and what it reported, each line with its time."""

    at: float = 0.0
    error: Exception | None = None
    reported: list[tuple[float, str]] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [line for _, line in self.reported]


def play(baseten: Baseten, *waits: Wait, meanwhile: Coroutine[Any, Any, None] | None = None) -> list[Outcome]:
    """Run waits side by side with one watcher; return how each ended. None may leave a task or a request behind."""

    async def work() -> list[Outcome]:
        watcher, tasks = Watcher(baseten), asyncio.all_tasks()
        outcomes = [asyncio.ensure_future(_outcome(watcher, wait)) for wait in waits]
        if meanwhile is not None:
            await meanwhile
        found = [await outcome for outcome in outcomes]
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == tasks
        assert baseten.open_requests == 0
        return found

    return virtual_time.run(work())


def play_one(script: Script, **how: Any) -> tuple[Outcome, Baseten]:
    """Run one wait for one environment."""
    return play_many({"abc/production": script}, **how)


def play_many(environments: dict[str, Script], **how: Any) -> tuple[Outcome, Baseten]:
    """Run one wait for many environments of one or more models."""
    baseten = Baseten(environments)
    return play(baseten, Wait(tuple(environments), **how))[0], baseten


async def _outcome(watcher: Watcher, wait: Wait) -> Outcome:
    ended = Outcome()
    await asyncio.sleep(wait.begins_at)

    def report(line: str) -> None:
        ended.reported.append((_now(), line))

    work = watcher.wait(wait.desired, timeout=wait.timeout, elapsed=wait.elapsed, report=report)
    waiting = asyncio.ensure_future(work)
    if wait.cancelled_at is not None:
        asyncio.get_running_loop().call_at(wait.cancelled_at, waiting.cancel)
    try:
        await waiting
    except Exception as error:  # noqa: BLE001 - it is what the test is about
        ended.error = error
    ended.at = _now()
    return ended


def _at(script: Mapping[float, Any]) -> Any:
    """Return what the script has for this second."""
    return next(state for since, state in reversed([*script.items()]) if since <= _now())


def _now() -> float:
    return asyncio.get_running_loop().time()
