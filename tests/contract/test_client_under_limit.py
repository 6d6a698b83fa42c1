"""A crowd of environments through one client, at an emulator that limits the rate."""

import asyncio

import pytest

from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.clock import SystemClock
from baseten_pulumi.errors import TransientError
from baseten_pulumi.testing import Emulator, Fault

MODELS, NAMES = [f"m{at}" for at in range(50)], ["dev", "staging", "canary", "production"]
MIN = "autoscaling_settings.min_replica"
# Client and emulator share a clock that runs faster than the machine's: the rates are as told, the test is shorter.
SPEED = 2.0


class FastClock(SystemClock):
    def now(self) -> float:
        return super().now() * SPEED

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / SPEED)


class Fleet:
    """Puts every environment's settings in force: one PATCH, then polls, all side by side."""

    def __init__(self, emulator: Emulator, clock: FastClock) -> None:
        self._client = BasetenClient(Endpoint(emulator.url, "k", is_loopback=True), clock)
        self._clock = clock

    async def up(self) -> None:
        await asyncio.gather(*(self._one(model_id, name) for model_id in MODELS for name in NAMES))
        await self._client.close()

    async def _one(self, model_id: str, name: str) -> None:
        assert await self._client.update_environment(model_id, name, {MIN: 1}, within_seconds=600.0) == "ACCEPTED"
        while not await self._is_in_force(model_id, name):
            await self._clock.sleep(1.0)

    async def _is_in_force(self, model_id: str, name: str) -> bool:
        try:
            found = await self._client.read_environment(model_id, name, within_seconds=600.0)
        except TransientError:
            return False
        return found.settings[MIN] == 1


@pytest.mark.parametrize("is_flaky", [False, True])
def test_few_requests_are_refused_when_a_crowd_meets_a_low_limit(is_flaky: bool) -> None:
    """200 environments at 20 requests a second: no error, and fewer than 5 % of the requests answered 429."""
    clock = FastClock()
    with Emulator(rate_limit=20, rate_burst=20, apply_seconds=1.0, clock=clock.now) as emulator:
        for model_id in MODELS:
            emulator.add_model(model_id, "model", NAMES)
        for skip in range(0, 400, 20) if is_flaky else ():
            emulator.faults.add(Fault.status(503, skip=skip, times=1))
        asyncio.run(Fleet(emulator, clock).up())
        statuses = [request.status for request in emulator.requests]
    assert statuses.count(429) < 0.05 * len(statuses)
    assert statuses.count(200) >= 2 * len(MODELS) * len(NAMES)
    assert (statuses.count(503) > 0) is is_flaky
