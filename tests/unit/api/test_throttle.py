import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

import pytest

from baseten_pulumi.api.throttle import Throttle
from tests.virtual_time import run

GET, PATCH = "GET /v1/models", "PATCH /v1/models/…/environments/…"
Send: TypeAlias = Callable[..., Coroutine[Any, Any, None]]


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _acquired(throttle: Throttle, endpoint: str) -> float:
    async with throttle.slot(endpoint) as sent_at:
        return sent_at


def _times(work: Callable[[Throttle, Send], Awaitable[object]]) -> list[float]:
    """Return when each request was sent that `work` sends."""
    times: list[float] = []

    async def working() -> None:
        throttle = Throttle(max_concurrent=1000)

        async def send(count: int = 1, endpoint: str = GET) -> None:
            times.extend([await _acquired(throttle, endpoint) for _ in range(count)])

        await work(throttle, send)

    run(working())
    return [round(it, 4) for it in times]


def test_requests_are_spread_when_they_are_more_than_a_burst() -> None:
    async def work(_: Throttle, send: Send) -> None:
        await send(120)
        await asyncio.sleep(3599.0)
        await send(22)

    later = [3600.0] * 20 + [3600.01, 3600.02]
    assert _times(work) == [0.0] * 20 + [at / 100 for at in range(1, 101)] + later


def test_endpoints_do_not_wait_for_each_other_when_one_is_used_up() -> None:
    assert _times(lambda _, send: asyncio.gather(send(30, GET), send(20, PATCH))).count(0.0) == 40


def test_requests_are_sent_in_order_when_many_wait() -> None:
    sent: list[int] = []

    async def work(throttle: Throttle, _: Send) -> None:
        async def one(number: int) -> None:
            await _acquired(throttle, GET)
            sent.append(number)

        tasks = [asyncio.ensure_future(one(number)) for number in range(30)]
        await asyncio.sleep(0.005)
        for number in (20, 25):
            tasks[number].cancel()
        await asyncio.wait(tasks)
        assert _now() == pytest.approx(0.08)

    _times(work)
    assert sent == [number for number in range(30) if number not in (20, 25)]


@pytest.mark.parametrize(("asked", "pause"), [(None, 1.0), (0.0, 0.0), (2.5, 2.5), (60.0, 60.0), (86_400.0, 60.0)])
def test_every_request_waits_when_one_got_a_429(asked: float | None, pause: float) -> None:
    async def work(throttle: Throttle, send: Send) -> None:
        await send(1, GET)
        throttle.rate_limited(0.0, asked)
        await asyncio.gather(send(1, GET), send(1, PATCH))

    assert _times(work) == [0.0, pause, pause]


def test_pause_ends_with_the_longest_when_several_are_asked_for() -> None:
    async def work(throttle: Throttle, send: Send) -> None:
        throttle.rate_limited(0.0, 5.0)
        throttle.rate_limited(0.0, 1.0)
        waiting = asyncio.ensure_future(send())
        await asyncio.sleep(4.0)
        throttle.rate_limited(0.0, 4.0)
        await waiting

    assert _times(work) == [8.0]


def test_rate_is_halved_once_when_a_whole_burst_gets_429s() -> None:
    async def work(throttle: Throttle, send: Send) -> None:
        await send(16)
        for _ in range(16):
            throttle.rate_limited(0.0, 1.0)
        await send(3)

    assert _times(work)[16:] == pytest.approx([1.0, 1.02, 1.04], abs=0.001)


def test_rate_falls_and_recovers_when_429s_go_on_and_end() -> None:
    rates: list[float] = []

    async def work(throttle: Throttle, send: Send) -> None:
        async def measure() -> None:
            await send(20)
            since = _now()
            await send()
            rates.append(1.0 / (_now() - since))

        for _ in range(8):
            throttle.rate_limited(await _acquired(throttle, GET), 0.0)
        since = _now()
        await send(3)
        rates.append(3.0 / (_now() - since))
        await asyncio.sleep(10.0)
        await measure()
        await asyncio.sleep(60.0)
        await measure()

    _times(work)
    assert rates == [pytest.approx(2.0, rel=0.1), pytest.approx(2 * 1.1**15, rel=0.2), pytest.approx(100)]


def test_line_of_one_endpoint_leaves_slots_to_another_when_it_waits_for_its_rate() -> None:
    """Only the first in line holds a slot, so hundreds of queued PATCHes do not stop a GET."""

    async def work(throttle: Throttle, _: Send) -> None:
        two_slots = Throttle(max_concurrent=2)
        tasks = [asyncio.ensure_future(_acquired(two_slots, PATCH)) for _ in range(200)]
        await asyncio.sleep(0.5)
        since = _now()
        await _acquired(two_slots, GET)
        assert _now() == since
        for task in tasks:
            task.cancel()

    _times(work)
