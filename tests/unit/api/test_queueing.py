import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi.api.queueing import Line

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock


class Office:
    """A line, those who were let in, in their order, and those who gave up."""

    def __init__(self, clock: "FakeClock", places: int = 1) -> None:
        self.line = Line(clock, places)
        self.served: list[str] = []
        self.gave_up: list[tuple[str, float]] = []
        self._clock = clock

    async def visit(self, name: str, within: float = 100.0, stays: float = 1.0) -> None:
        if not await self.line.enter(self._clock.now() + within):
            self.gave_up.append((name, self._clock.now() - 1000.0))
            return
        self.served.append(name)
        try:
            await self._clock.sleep(stays)
        finally:
            self.line.leave()


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def test_all_are_let_in_at_once_when_there_are_places(clock: "FakeClock") -> None:
    """Nobody waits, not even for the loop."""
    line = Line(clock, 2)

    async def enter() -> None:
        assert [await line.enter(clock.now()), await line.enter(clock.now())] == [True, True]

    _run(enter)
    assert clock.slept == []


def test_order_is_that_of_arrival_when_they_have_to_wait(clock: "FakeClock") -> None:
    """First come, first served; two at a time where there are two places."""
    office = Office(clock, places=2)

    async def visits() -> None:
        await asyncio.gather(*(office.visit(name) for name in "abcde"))

    _run(visits)
    assert (office.served, clock.now()) == (list("abcde"), 1003.0)


def test_one_gives_up_when_the_deadline_comes_first(clock: "FakeClock") -> None:
    """At the deadline, to the second, and without a gap for those behind."""
    office = Office(clock)

    async def visits() -> None:
        await asyncio.gather(
            office.visit("a", stays=10.0), office.visit("b", within=4.0), office.visit("c"), office.visit("d", within=0)
        )

    _run(visits)
    assert office.served == ["a", "c"]
    assert office.gave_up == [("d", 0.0), ("b", 4.0)]
    assert clock.now() == 1011.0


@pytest.mark.parametrize("cancelled_after", [0.5, 1.0])
def test_next_is_let_in_when_one_in_line_is_cancelled(cancelled_after: float, clock: "FakeClock") -> None:
    """Whether still in line or called at that very moment: a cancelled one takes no place with it."""
    office = Office(clock)

    async def visits() -> None:
        tasks = [asyncio.ensure_future(office.visit(name)) for name in "abc"]
        await clock.sleep(cancelled_after)
        tasks[1].cancel()
        await asyncio.wait(tasks)
        await office.visit("d")

    _run(visits)
    assert "c" in office.served
    assert office.served[-1] == "d"
    assert clock.now() <= 1004.0


def test_place_is_passed_on_when_the_one_called_is_cancelled_before_it_knows(clock: "FakeClock") -> None:
    """Called and cancelled in the same turn of the loop."""
    line = Line(clock, 1)

    async def enter() -> None:
        assert await line.enter(clock.now())
        tasks = [asyncio.ensure_future(line.enter(clock.now() + 9.0)) for _ in range(2)]
        await asyncio.sleep(0)
        line.leave()
        tasks[0].cancel()
        await asyncio.wait(tasks)
        assert (tasks[0].cancelled(), tasks[1].result()) == (True, True)

    _run(enter)
