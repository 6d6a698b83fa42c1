"""Waits for environments of one model share every look."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.convergence.sighting import Wanted
from baseten_pulumi.errors import WaitTimeoutError
from tests.unit.convergence.scenes import (
    BEFORE,
    FORBIDDEN,
    NO_ENVIRONMENT,
    UNREADABLE,
    WANTED,
    Fleet,
    Reported,
    limited,
    outcome,
    wanted,
)

NAMES = ("dev", "staging", "production")
SHORTEST, LONGEST_JITTER = 0.63, 0.77


def _in_force_after(seconds: float) -> dict[float, Reported | Exception]:
    return {0.0: Reported(BEFORE), seconds: Reported(WANTED)}


def test_one_list_serves_all_when_several_wait(fleet: Fleet) -> None:
    """Each look is one request, whoever it was due for; the last one left is read by itself."""
    fleet.baseten.environments = {"dev": _in_force_after(3), "staging": _in_force_after(3), "eu": _in_force_after(9)}

    async def work() -> Any:
        return await asyncio.gather(*(fleet.wait(name) for name in fleet.baseten.environments))

    ends = fleet.run(work)
    assert ends[0] == ends[1] < 3.8
    alone = fleet.baseten.names.index("eu")
    assert fleet.baseten.names == [None] * alone + ["eu"] * (len(fleet.baseten.names) - alone)


def test_two_waits_for_one_environment_share_its_reading_when_they_meet(fleet: Fleet) -> None:
    """The list is for several environments, not for several waits."""
    fleet.baseten.environments = {"dev": _in_force_after(2)}

    async def work() -> Any:
        return await asyncio.gather(fleet.wait("dev"), fleet.wait("dev"))

    first, second = fleet.run(work)
    assert first == second
    assert set(fleet.baseten.names) == {"dev"}
    assert len(fleet.baseten.names) <= 4


def test_models_are_looked_at_apart_when_their_environments_wait(fleet: Fleet) -> None:
    """A list is one model's."""
    fleet.baseten.environments = {"dev": _in_force_after(2)}
    other = wanted("dev")

    async def work() -> None:
        apart = fleet.watcher.until_in_force(type(other)("m2", "dev", WANTED, None, 60.0), fleet.rows)
        await asyncio.gather(apart, fleet.wait("dev"))

    fleet.run(work)
    assert {asked.model_id for asked in fleet.baseten.asked} == {"abc123", "m2"}
    assert None not in fleet.baseten.names


def test_wait_is_paced_anew_when_those_for_many_models_are_over(fleet: Fleet) -> None:
    """Looks are closer together only at the end of what was waited for together."""
    fleet.baseten.environments = {"dev": _in_force_after(1), "staging": _in_force_after(24)}
    many = [Wanted(f"m{number}", "dev", WANTED, "ACCEPTED", 60.0) for number in range(20)]

    async def work() -> Any:
        await fleet.watcher.until_all_in_force(many, fleet.rows)
        return await fleet.wait("staging", after=20.0)

    assert 24 <= fleet.run(work) <= 24.8
    looks = [asked.at for asked in fleet.baseten.asked if asked.model_id == "abc123"]
    assert all(later - earlier >= SHORTEST - 1e-9 for earlier, later in pairwise(looks))


@pytest.mark.parametrize("stagger", [0.0, 0.01, 0.1, 0.3])
@pytest.mark.parametrize("status", ["ACCEPTED", None])
def test_joining_adds_no_looks_when_it_is_staggered(stagger: float, status: str | None, fleet: Fleet) -> None:
    """Two looks at a model are a shortest pause apart, however many join in between."""
    names = [f"env-{number}" for number in range(40)]
    fleet.baseten.environments = {name: _in_force_after(15) for name in names}

    async def work() -> None:
        waits = (fleet.wait(name, after=number * stagger, status=status) for number, name in enumerate(names))
        await asyncio.gather(*waits)

    fleet.run(work)
    assert all(later - earlier >= SHORTEST - 1e-9 for earlier, later in pairwise(fleet.baseten.times))


def test_group_looks_again_soon_when_a_young_wait_joins_an_old_one(fleet: Fleet) -> None:
    """A wait of minutes looks seldom; one that has just begun is not to suffer from it."""
    fleet.baseten.environments = {"dev": _in_force_after(500), "staging": _in_force_after(102)}

    async def work() -> Any:
        return await asyncio.gather(fleet.wait("dev", timeout=600), fleet.wait("staging", after=100))

    assert 102 <= fleet.run(work)[1] <= 102.8
    assert min(at for at in fleet.baseten.times if at >= 100) <= 100.5


def test_old_wait_gains_when_a_young_one_is_looked_at(fleet: Fleet) -> None:
    """Whatever is read is given to every member: it is free."""
    fleet.baseten.environments = {"dev": _in_force_after(100.2), "staging": _in_force_after(105)}

    async def work() -> Any:
        return await asyncio.gather(fleet.wait("dev"), fleet.wait("staging", after=100))

    assert fleet.run(work)[0] <= 101.3


def test_look_under_way_does_not_count_when_a_wait_joins_it(fleet: Fleet) -> None:
    """What was asked before the settings were sent shows what was in force before."""
    fleet.baseten.environments = {"dev": _in_force_after(9), "staging": {0: Reported(WANTED)}}
    fleet.baseten.seconds = 2.0

    async def work() -> Any:
        return await asyncio.gather(fleet.wait("dev", status=None), fleet.wait("staging", after=1.0, status=None))

    staging = fleet.run(work)[1]
    assert fleet.baseten.times[0] == 0.0
    assert staging == fleet.baseten.times[1] + 2.0
    assert fleet.baseten.times[1] >= 2.0


def test_environment_is_read_by_itself_when_the_list_leaves_it_out(fleet: Fleet) -> None:
    """The error names what is missing; the others' wait goes on."""
    fleet.baseten.environments = {"dev": _in_force_after(3), "gone": {0: NO_ENVIRONMENT}, "eu": _in_force_after(3)}

    async def work() -> Any:
        return await asyncio.gather(*(outcome(fleet.wait(name)) for name in fleet.baseten.environments))

    dev, gone, eu = fleet.run(work)
    assert gone is NO_ENVIRONMENT
    assert dev == eu
    assert fleet.baseten.names[:3] == [None, "gone", None]


@pytest.mark.parametrize("error", [FORBIDDEN, NO_ENVIRONMENT])
def test_each_is_read_by_itself_when_the_list_is_refused(error: errors.RequestError, fleet: Fleet) -> None:
    """Once and for all: a list that is refused is not asked for again."""
    fleet.baseten.environments = {"dev": _in_force_after(3), "eu": _in_force_after(3)}
    fleet.baseten.lists = {0: error}

    async def work() -> Any:
        return await asyncio.gather(fleet.wait("dev"), fleet.wait("eu"))

    dev, eu = fleet.run(work)
    assert dev == eu < 3.8
    assert fleet.baseten.names[:3] == [None, "dev", "eu"]
    assert fleet.baseten.names.count(None) == 1


def test_list_is_asked_for_again_when_its_trouble_may_go_away(fleet: Fleet) -> None:
    """A passing trouble makes no more requests than none."""
    fleet.baseten.environments = {"dev": _in_force_after(3), "eu": _in_force_after(3)}
    fleet.baseten.lists = {0: UNREADABLE}

    async def work() -> Any:
        waits = (outcome(fleet.wait(name, timeout=5.0)) for name in fleet.baseten.environments)
        return await asyncio.gather(*waits)

    results = fleet.run(work)
    assert all(isinstance(result, WaitTimeoutError) for result in results)
    assert "Baseten answered 503 to GET /v1." in str(results[0])
    assert set(fleet.baseten.names) == {None}


def test_whole_group_pauses_when_baseten_limits_the_rate(fleet: Fleet) -> None:
    """Whoever joins meanwhile waits, too."""
    fleet.baseten.environments = {"dev": _in_force_after(1), "eu": {0: limited(20.0), 1: Reported(WANTED)}}
    fleet.baseten.lists = {0: limited(20.0), 1: None}  # type: ignore[dict-item] # no trouble any more

    async def work() -> Any:
        return await asyncio.gather(fleet.wait("dev"), fleet.wait("eu"), fleet.wait("dev", after=10))

    ends = fleet.run(work)
    assert len(fleet.baseten.times) == 2
    assert ends == [fleet.baseten.times[0] + 20.0] * 3


def test_each_gets_its_last_look_when_its_own_time_is_up(fleet: Fleet) -> None:
    """A deadline is one member's: the others wait on."""
    fleet.baseten.environments = {name: {0: Reported(BEFORE), 60: Reported(WANTED)} for name in NAMES}

    async def work() -> Any:
        timeouts = dict(zip(NAMES, (10.0, 20.0, 90.0), strict=True))
        return await asyncio.gather(*(outcome(_timed(fleet, name, timeouts[name])) for name in NAMES))

    dev, staging, production = fleet.run(work)
    assert isinstance(dev, WaitTimeoutError)
    assert isinstance(staging, WaitTimeoutError)
    assert 60 <= production <= 71
    assert {10.0, 20.0} <= {round(at, 6) for at in fleet.baseten.times}


async def _timed(fleet: Fleet, env_name: str, timeout: float) -> float:
    return await fleet.wait(env_name, timeout=timeout)


def test_slow_answer_ends_no_other_wait_when_one_is_overdue(fleet: Fleet) -> None:
    """The overdue one ends a second after its deadline; the look goes on and serves the rest."""
    fleet.baseten.environments = {"dev": _in_force_after(0), "eu": _in_force_after(0)}
    fleet.baseten.seconds = 25.0
    ends: list[float] = []

    async def hurried() -> None:
        error = await outcome(fleet.wait("dev", timeout=5.0, status=None))
        ends.append(fleet.clock.now() - 1000.0)
        assert isinstance(error, WaitTimeoutError)

    async def work() -> float:
        return (await asyncio.gather(hurried(), fleet.wait("eu", status=None)))[1]

    assert fleet.run(work) == 25.0
    assert ends == [6.25]
    assert fleet.baseten.asked[0].within_seconds == 300.0


def test_task_ends_when_the_last_wait_does(fleet: Fleet) -> None:
    """Nothing is left running, and a later wait starts anew."""
    fleet.baseten.environments = {"dev": _in_force_after(2)}

    async def work() -> None:
        await fleet.wait("dev")
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await fleet.wait("dev")

    fleet.run(work)


def test_every_wait_ends_when_looking_has_a_defect(fleet: Fleet) -> None:
    """What nobody foresaw reaches all who wait: none hangs."""
    defect = ZeroDivisionError("defect")
    fleet.baseten.environments = {"dev": _in_force_after(9), "eu": _in_force_after(9)}
    fleet.baseten.lists = {2: defect}

    async def work() -> Any:
        return await asyncio.gather(outcome(fleet.wait("dev")), outcome(fleet.wait("eu")))

    assert fleet.run(work) == [defect, defect]


def test_every_wait_ends_when_reading_one_has_a_defect(fleet: Fleet) -> None:
    """Whatever else was under way has ended by then."""
    defect = ZeroDivisionError("defect")
    fleet.baseten.environments = {"dev": {0: defect}, "eu": _in_force_after(9), "us": _in_force_after(9)}
    fleet.baseten.lists = {0: FORBIDDEN}
    fleet.baseten.seconds = 0.1

    async def work() -> Any:
        return await asyncio.gather(*(outcome(fleet.wait(name)) for name in ("dev", "eu", "us")))

    assert fleet.run(work) == [defect] * 3


def test_other_waits_go_on_when_a_row_cannot_be_shown(fleet: Fleet) -> None:
    """The defect of one wait's reporter is that wait's."""

    class Broken:
        def report(self, text: str) -> None:
            raise ZeroDivisionError(text)

    fleet.baseten.environments = {"dev": _in_force_after(9), "eu": _in_force_after(9)}

    async def work() -> Any:
        broken = outcome(fleet.watcher.until_in_force(wanted("dev"), Broken()))
        return await asyncio.gather(broken, fleet.wait("eu"))

    dev, eu = fleet.run(work)
    assert isinstance(dev, ZeroDivisionError)
    assert 9 <= eu <= 10.7


def test_every_wait_ends_when_its_task_is_cancelled_from_outside(fleet: Fleet) -> None:
    """A loop that is shut down cancels every task: a wait says what was seen, and does not hang."""
    fleet.baseten.environments = {"dev": _in_force_after(9), "eu": _in_force_after(9)}

    async def work() -> Any:
        waits = asyncio.gather(outcome(fleet.wait("dev")), outcome(fleet.wait("eu")))
        await fleet.clock.sleep(3.0)
        fleet.watcher._groups["abc123"]._task.cancel()
        return await waits

    assert all(isinstance(result, errors.WaitCancelledError) for result in fleet.run(work))
