import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from baseten_pulumi.clock import SystemClock, wait_at_most

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock


def test_now_is_the_monotonic_clock_when_asked() -> None:
    """Waits are measured on a clock that never goes back."""
    before = time.monotonic()
    assert before <= SystemClock().now() <= time.monotonic()


def test_sleep_gives_others_their_turn_when_awaited() -> None:
    """Sleeping blocks nobody else on the loop."""

    async def both() -> list[str]:
        order: list[str] = []

        async def sleeper() -> None:
            await SystemClock().sleep(0.001)
            order.append("slept")

        task = asyncio.create_task(sleeper())
        await asyncio.sleep(0)
        order.append("other")
        await task
        return order

    assert asyncio.run(both()) == ["other", "slept"]


@pytest.mark.parametrize("comes", [False, True])
def test_wait_ends_with_the_future_or_the_time_when_one_of_them_comes(comes: bool, clock: "FakeClock") -> None:
    """Whichever comes first; nothing is left running."""

    async def waits() -> float:
        future = asyncio.get_running_loop().create_future()
        if comes:
            asyncio.get_running_loop().call_soon(future.set_result, None)
        await wait_at_most(clock, 5.0, future)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return clock.now() - 1000.0

    assert asyncio.run(waits()) == (5.0 if not comes else 0.0)
