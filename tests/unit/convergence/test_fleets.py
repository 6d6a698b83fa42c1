"""What waiting for fleets costs and how late it sees, simulated: the numbers that the pacing was chosen by."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

import pytest

from baseten_pulumi.convergence.looking import EnvironmentReader
from baseten_pulumi.convergence.sighting import Wanted
from baseten_pulumi.convergence.watching import Watcher
from tests.unit.convergence.scenes import BEFORE, WANTED, Reported, Rows

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock

ENVIRONMENTS_OF_A_MODEL = 4
# What the engine needs to get from one resource to the next.
STAGGER_SECONDS = 0.02


@dataclass
class Fleet(EnvironmentReader):
    """A Baseten that applies settings a fixed time after they were sent, and keeps count."""

    clock: "FakeClock"
    latency: float
    answer_seconds: float
    sent: dict[tuple[str, str], float] = field(default_factory=dict)
    shown: dict[tuple[str, str], float] = field(default_factory=dict)
    asked: list[float] = field(default_factory=list)

    async def read_environment(self, model_id: str, env_name: str, *, within_seconds: float) -> Reported:
        return (await self.read_environments(model_id, within_seconds=within_seconds))[env_name]

    async def read_environments(self, model_id: str, *, within_seconds: float) -> dict[str, Reported]:
        self.asked.append(self.clock.now())
        await self.clock.sleep(self.answer_seconds / 2)
        found = {name: self._state(model_id, name) for model, name in self.sent if model == model_id}
        await self.clock.sleep(self.answer_seconds / 2)
        return found

    def _state(self, model_id: str, env_name: str) -> Reported:
        at = (model_id, env_name)
        if self.clock.now() < self.sent[at] + self.latency:
            return Reported(BEFORE)
        self.shown.setdefault(at, self.clock.now())
        return Reported(WANTED)

    def run(self, count: int, *, jointly: bool, sent_over_seconds: float = 0.0) -> None:
        random.seed(4711)
        asyncio.run(self._run(count, jointly=jointly, sent_over_seconds=sent_over_seconds))

    @property
    def requests_each(self) -> float:
        return len(self.asked) / len(self.sent)

    @property
    def busiest_second(self) -> int:
        return max(Counter(int(at) for at in self.asked).values())

    @property
    def lags(self) -> list[float]:
        return list(self.lags_by_place.values())

    @property
    def lags_by_place(self) -> dict[tuple[str, str], float]:
        return {at: self.shown[at] - self.sent[at] - self.latency for at in self.sent}

    async def _run(self, count: int, *, jointly: bool, sent_over_seconds: float) -> None:
        watcher, rows = Watcher(self, self.clock), Rows(self.clock)
        places = [divmod(number, ENVIRONMENTS_OF_A_MODEL) for number in range(count)]
        wanted = [Wanted(f"m{model}", f"e{name}", WANTED, "ACCEPTED", 1800.0) for model, name in places]
        if jointly:
            step, last = sent_over_seconds / count, self.clock.now()
            self.sent = {(one.model_id, one.env_name): last - step * number for number, one in enumerate(wanted)}
            await watcher.until_all_in_force(wanted, rows)
        else:
            await asyncio.gather(*(self._send(watcher, one, number) for number, one in enumerate(wanted)))

    async def _send(self, watcher: Watcher, wanted: Wanted, number: int) -> None:
        await self.clock.sleep(number * STAGGER_SECONDS)
        self.sent[wanted.model_id, wanted.env_name] = self.clock.now()
        await watcher.until_in_force(wanted, Rows(self.clock))


@pytest.mark.parametrize("jointly", [False, True])
@pytest.mark.parametrize("answer_seconds", [0.02, 0.15])
@pytest.mark.parametrize("latency", [2.7, 3.0, 3.3])
def test_fleet_is_cheap_and_seen_soon_when_settings_take_three_seconds(
    latency: float, answer_seconds: float, jointly: bool, clock: "FakeClock"
) -> None:
    """At most two requests an environment, seen 0.6 s late in the middle and twice that at most, below 100 a second."""
    fleet = Fleet(clock, latency, answer_seconds)
    fleet.run(200, jointly=jointly)
    assert fleet.requests_each <= 1.75
    assert median(fleet.lags) <= 0.55
    assert max(fleet.lags) <= 1.0
    assert fleet.busiest_second <= 100


@pytest.mark.parametrize("answer_seconds", [0.02, 0.15])
@pytest.mark.parametrize("count", [200, 1000])
def test_last_are_seen_sooner_when_most_models_are_done_with(
    count: int, answer_seconds: float, clock: "FakeClock"
) -> None:
    """A joint wait begins when most settings were sent long ago; its end, which all wait for, is looked for closely."""
    fleet = Fleet(clock, 3.0, answer_seconds)
    fleet.run(count, jointly=True, sent_over_seconds=count * STAGGER_SECONDS)
    last = [lag for at, lag in fleet.lags_by_place.items() if fleet.sent[at] + fleet.latency > fleet.asked[0]]
    assert median(last) <= 0.27
    assert max(last) <= 0.65
    assert fleet.requests_each <= 1.25


@pytest.mark.parametrize(("latency", "requests"), [(0.5, 0.6), (30.0, 6.0), (300.0, 12.0)])
def test_fleet_is_seen_in_proportion_when_settings_take_longer_or_shorter(
    latency: float, requests: float, clock: "FakeClock"
) -> None:
    """A lag of a fifth of the time it took, or 0.6 s, in the middle, and twice that at most."""
    fleet = Fleet(clock, latency, 0.02)
    fleet.run(200, jointly=False)
    assert median(fleet.lags) <= max(0.6, 0.2 * latency)
    assert max(fleet.lags) <= max(1.2, 0.4 * latency)
    assert fleet.requests_each <= requests
