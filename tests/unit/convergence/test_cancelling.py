"""Ending waits before their time."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from baseten_pulumi.errors import NotInForceError, WaitCancelledError
from tests.unit.convergence.scenes import BEFORE, HALF, WANTED, Fleet, Reported, outcome, wanted

HALFWAY = {0.0: Reported(BEFORE), 2.0: Reported(HALF)}


async def _cancelled_after(seconds: float, fleet: Fleet, work: Awaitable[object]) -> object:
    waiting = asyncio.ensure_future(outcome(work))
    await fleet.clock.sleep(seconds)
    waiting.cancel()
    return await waiting


def test_text_says_what_was_seen_last_when_a_wait_is_cancelled(fleet: Fleet) -> None:
    """The whole message: the settings stay with Baseten, and the next run goes on."""
    fleet.baseten.environments = {"production": {**HALFWAY}}
    error = fleet.run(lambda: _cancelled_after(12.0, fleet, fleet.wait("production")))
    assert isinstance(error, WaitCancelledError)
    assert isinstance(error, NotInForceError)
    assert str(error) == (
        'Settings of environment "production" of model "abc123" were accepted but the wait was cancelled after 12 s.\n'
        "Still different: autoscaling_settings.max_replica is 2, wanted 6. "
        "Baseten keeps the request; only the waiting stopped.\n"
        "Run `pulumi up` again (sending the same settings twice does no harm)."
    )
    assert fleet.clock.now() == 1012.0


def test_text_claims_nothing_when_a_wait_is_cancelled_before_its_first_look(fleet: Fleet) -> None:
    """Nothing was seen, and nothing was asked."""
    fleet.baseten.environments = {"production": {**HALFWAY}}

    async def work() -> object:
        waiting = asyncio.ensure_future(outcome(fleet.wait("production")))
        await asyncio.sleep(0)
        waiting.cancel()
        return await waiting

    error = fleet.run(work)
    assert isinstance(error, WaitCancelledError)
    assert error.statements.seen == "The settings could not be read back even once."
    assert fleet.baseten.asked == []


def test_request_under_way_ends_when_its_only_wait_is_cancelled(fleet: Fleet) -> None:
    """Ctrl-C waits for no answer; the scene sees to it that none stays open."""
    fleet.baseten.environments = {"production": {**HALFWAY}}
    fleet.baseten.seconds = 30.0
    error = fleet.run(lambda: _cancelled_after(5.0, fleet, fleet.wait("production")))
    assert isinstance(error, WaitCancelledError)
    assert fleet.clock.now() == 1005.0


def test_others_wait_on_when_one_is_cancelled(fleet: Fleet) -> None:
    """A member leaves its group and takes nothing with it."""
    fleet.baseten.environments = {"dev": {**HALFWAY}, "eu": {**HALFWAY, 5.0: Reported(WANTED)}}

    async def work() -> Any:
        return await asyncio.gather(_cancelled_after(3.0, fleet, fleet.wait("dev")), fleet.wait("eu"))

    dev, eu = fleet.run(work)
    assert isinstance(dev, WaitCancelledError)
    assert isinstance(eu, float)
    assert 5.0 <= eu <= 5.9
    assert set(fleet.baseten.names) == {None, "eu"}


def test_group_is_found_by_all_when_it_follows_a_cancelled_one(fleet: Fleet) -> None:
    """The end of the old one is not the end of the new."""
    fleet.baseten.environments = {name: {0: Reported(BEFORE), 9.0: Reported(WANTED)} for name in ("dev", "eu", "us")}

    async def work() -> Any:
        async def one_after_the_other() -> float:
            await outcome(fleet.wait("dev"))
            return await fleet.wait("eu")

        waiting = asyncio.ensure_future(one_after_the_other())
        await fleet.clock.sleep(3.0)
        waiting.cancel()
        return await asyncio.gather(waiting, fleet.wait("us", after=1.0))

    fleet.run(work)
    assert fleet.baseten.names[-1] is None


def test_settings_are_in_force_when_the_cancellation_comes_too_late(fleet: Fleet) -> None:
    """What was read back is true: it is not taken back by a Ctrl-C of the same moment."""
    fleet.baseten.environments = {"dev": {0: Reported(BEFORE), 2.0: Reported(WANTED)}}

    class CtrlC:
        def report(self, text: str) -> None:
            if text.startswith("in force"):
                waiting[0].cancel()

    waiting: list[asyncio.Future[object]] = []

    async def work() -> object:
        waiting.append(asyncio.ensure_future(outcome(fleet.watcher.until_in_force(wanted("dev"), CtrlC()))))
        return await waiting[0]

    assert fleet.run(work) is None
