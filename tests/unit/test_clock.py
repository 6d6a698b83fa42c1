import asyncio
import time

from baseten_pulumi.clock import SystemClock


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
