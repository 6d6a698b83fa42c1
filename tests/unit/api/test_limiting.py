import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi.api.limiting import NoTurnError, RateLimiter, endpoint_of

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock

GET, PATCH = "GET e", "PATCH e"
MODEL = "/v1/models/abc123"


class Traffic:
    """Requests that take no time but their turns, and when each of them went out."""

    def __init__(self, clock: "FakeClock", most_at_once: int = 16) -> None:
        self.limiter = RateLimiter(clock, most_at_once)
        self.sent: list[tuple[str, float]] = []
        self.not_sent: list[tuple[str, float, NoTurnError]] = []
        self._clock = clock

    async def send(
        self, name: str, endpoint: str = GET, within: float = 600.0, takes: float = 0.0, refused: float | None = None
    ) -> None:
        try:
            async with self.limiter.turn(endpoint, within_seconds=within) as turn:
                self.sent.append((name, self._seconds()))
                if takes:
                    await self._clock.sleep(takes)
                if refused is not None:
                    self.limiter.refused(turn, refused)
        except NoTurnError as reason:
            self.not_sent.append((name, self._seconds(), reason))

    async def crowd(self, count: int, endpoint: str = GET, within: float = 600.0) -> None:
        await asyncio.gather(*(self.send(str(at), endpoint, within) for at in range(count)))

    def at(self, *names: str) -> list[float]:
        return [at for name, at in self.sent if name in names]

    def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run(work())

    def _seconds(self) -> float:
        return round(self._clock.now() - 1000.0, 6)


@pytest.fixture
def traffic(clock: "FakeClock") -> Traffic:
    return Traffic(clock)


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/models", "GET /v1/models"),
        (f"{MODEL}/environments", "GET /v1/models/…/environments"),
        (f"{MODEL}/environments/production", "GET /v1/models/…/environments/…"),
        ("/v1/models/models/environments/environments", "GET /v1/models/…/environments/…"),
    ],
)
def test_endpoint_is_the_same_when_only_ids_differ(path: str, endpoint: str) -> None:
    """Baseten counts by endpoint, not by model."""
    assert endpoint_of("GET", path) == endpoint
    assert endpoint_of("PATCH", path) == endpoint.replace("GET", "PATCH")


def test_turns_come_in_order_and_at_the_rate_when_many_ask(traffic: Traffic, clock: "FakeClock") -> None:
    """Twenty at once, then one each hundredth of a second, first come, first served."""
    traffic.run(lambda: traffic.crowd(120))
    assert [name for name, _ in traffic.sent] == [str(at) for at in range(120)]
    assert [at for _, at in traffic.sent] == pytest.approx([0.0] * 20 + [0.01 * at for at in range(1, 101)])


def test_one_wakes_at_a_time_when_many_wait(traffic: Traffic, clock: "FakeClock") -> None:
    """For each turn one sleep until then, and each in line one until its deadline: nobody wakes in vain."""
    traffic.run(lambda: traffic.crowd(120))
    assert len([seconds for seconds in clock.slept if seconds < 1.0]) == 100
    assert len(clock.slept) <= 200


def test_endpoints_have_lines_of_their_own_when_one_is_crowded(traffic: Traffic) -> None:
    """Who reads does not wait behind those who write."""

    async def work() -> None:
        await asyncio.gather(traffic.crowd(60, PATCH), traffic.send("read"))

    traffic.run(work)
    assert traffic.at("read") == [0.0]


def test_all_wait_when_one_was_refused(traffic: Traffic) -> None:
    """Those in line too, for as long as Baseten asked; other endpoints go on."""

    async def others() -> None:
        for _ in range(2):
            await traffic.send("other", PATCH, takes=1.0)

    async def work() -> None:
        await asyncio.gather(
            traffic.send("refused", takes=0.005, refused=7.0), *(traffic.send("later") for _ in range(21)), others()
        )

    traffic.run(work)
    assert traffic.at("later")[:19] == [0.0] * 19
    assert traffic.at("later")[19:] == pytest.approx([7.005, 7.105], abs=0.01)
    assert traffic.at("other") == [0.0, 1.0]


def test_few_are_sent_when_a_crowd_is_refused_for_long(traffic: Traffic, clock: "FakeClock") -> None:
    """However many wait: the endpoint is given a rest, not each of them."""

    async def one(at: int) -> None:
        while clock.now() < 1300.0:
            await traffic.send(str(at), takes=0.02, refused=0.1)

    async def work() -> None:
        await asyncio.gather(*(one(at) for at in range(100)))

    traffic.run(work)
    sent_within = [at for _, at in traffic.sent if at < 300.0]
    assert len(sent_within) <= 16 + 60
    assert len([at for at in sent_within if at >= 100.0]) <= 30


def test_limit_of_one_endpoint_is_tried_at_no_other_when_it_was_refused(traffic: Traffic) -> None:
    """What was too fast there is where another begins, known already or not; it is not halved nor paused."""

    async def work() -> None:
        await traffic.send("known", PATCH)
        await traffic.crowd(40)
        await traffic.send("refused", refused=1.0)
        await traffic.send("new", "GET l")

    traffic.run(work)
    rates = {endpoint: lane.rate.per_second for endpoint, lane in traffic.limiter._lanes.items()}
    assert rates == {PATCH: 41.0, GET: 20.5, "GET l": 41.0}
    assert traffic.at("new") == traffic.at("refused")


def test_turn_is_refused_at_once_when_the_pause_is_longer_than_the_time(traffic: Traffic, clock: "FakeClock") -> None:
    """Nobody waits for a turn that cannot come."""

    async def work() -> None:
        await traffic.send("a", refused=30.0)
        await asyncio.gather(traffic.send("b", within=10.0), traffic.send("c", within=40.0))

    traffic.run(work)
    ((name, at, reason),) = traffic.not_sent
    assert (name, at, reason.pause_seconds, reason.per_second) == ("b", 0.0, 30.0, 2.0)
    assert traffic.at("c") == [30.0]


def test_turn_is_refused_when_the_deadline_comes_in_line(traffic: Traffic) -> None:
    """As soon as that is certain, the line is left to the others."""

    async def work() -> None:
        early = [traffic.send("early") for _ in range(60)]
        hasty = [traffic.send("hasty", within=0.505) for _ in range(60)]
        await asyncio.gather(*early, *hasty, traffic.send("last"))

    traffic.run(work)
    assert (len(traffic.at("early")), len(traffic.at("hasty")), len(traffic.not_sent)) == (60, 10, 50)
    assert {(name, at, reason.pause_seconds) for name, at, reason in traffic.not_sent} == {("hasty", 0.5, 0.0)}
    assert traffic.at("last") == [0.51]


def test_turn_is_given_when_it_is_free_and_there_is_no_time(traffic: Traffic) -> None:
    """A last look costs no waiting."""
    traffic.run(lambda: traffic.send("a", within=-1.0))
    assert traffic.at("a") == [0.0]


def test_no_turn_is_lost_when_those_in_line_are_cancelled(traffic: Traffic, clock: "FakeClock") -> None:
    """Neither the first, who waits for the rate, nor one in the middle: the others move up."""

    async def work() -> None:
        await traffic.crowd(20)
        tasks = [asyncio.ensure_future(traffic.send(name)) for name in "abcd"]
        await clock.sleep(0.005)
        tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.wait(tasks)

    traffic.run(work)
    assert traffic.sent[20:] == [("b", 0.01), ("d", 0.02)]


@pytest.mark.parametrize("cancelled_at", [0.5, 5.0])
def test_connection_is_given_back_when_its_request_is_cancelled(cancelled_at: float, clock: "FakeClock") -> None:
    """While it waits for the rate, or while it is under way."""
    traffic = Traffic(clock, most_at_once=1)

    async def work() -> None:
        await traffic.send("a", refused=1.0)
        task = asyncio.ensure_future(traffic.send("b", takes=100.0))
        await clock.sleep(cancelled_at)
        task.cancel()
        await asyncio.wait([task])
        await traffic.send("c", within=2.0)

    traffic.run(work)
    assert traffic.at("c") == [max(cancelled_at, 1.0)]


def test_few_are_under_way_when_answers_are_slow(clock: "FakeClock") -> None:
    """All endpoints together; a turn is counted when the request goes out, not when it joins the line."""
    traffic = Traffic(clock, most_at_once=2)

    async def work() -> None:
        sends = [traffic.send(str(at), (GET, PATCH)[at % 2], takes=10.0) for at in range(4)]
        await asyncio.gather(*sends, traffic.send("late", within=5.0))

    traffic.run(work)
    assert sorted(at for _, at in traffic.sent) == [0.0, 0.0, 10.0, 10.0]
    assert [(name, at) for name, at, _ in traffic.not_sent] == [("late", 5.0)]


def test_connection_is_awaited_no_longer_than_the_deadline_when_answers_are_slow(clock: "FakeClock") -> None:
    """The first in line has a deadline too."""
    traffic = Traffic(clock, most_at_once=1)

    async def work() -> None:
        await asyncio.gather(traffic.send("a", takes=10.0), traffic.send("b", within=5.0), traffic.send("c"))

    traffic.run(work)
    assert [(name, at) for name, at, _ in traffic.not_sent] == [("b", 5.0)]
    assert traffic.at("c") == [10.0]
