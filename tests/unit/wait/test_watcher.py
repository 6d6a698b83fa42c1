"""How a wait ends, what it reports meanwhile, and what it leaves behind: nothing."""

import asyncio
from itertools import pairwise

import pytest

from baseten_pulumi import errors
from baseten_pulumi.errors import TransientError, WaitCancelledError, WaitTimeoutError
from baseten_pulumi.wait.watcher import Watcher
from tests import virtual_time
from tests.unit.wait.scenario import (
    APPLIED,
    BEFORE,
    FORBIDDEN,
    GONE,
    HALF,
    UNAVAILABLE,
    Baseten,
    Script,
    State,
    Wait,
    error,
    play,
    play_many,
    play_one,
    rate_limited,
)


def test_wait_ends_when_the_last_setting_is_applied() -> None:
    ended, _ = play_one({0: BEFORE, 1.6: HALF, 10: APPLIED})
    assert ended.error is None
    assert 11.0 <= ended.at <= 12.7
    assert ended.lines == ["waiting: min_replica 1→3, max_replica 2→6", "waiting: max_replica 2→6", "confirming"]


def test_nothing_is_reported_when_settings_are_applied_at_the_first_poll() -> None:
    """To confirm it takes another second, which nobody needs to read about."""
    ended, baseten = play_one({0: APPLIED})
    assert (ended.error, ended.lines, len(baseten.polls)) == (None, [], 2)
    ended, baseten = play_many({})
    assert (ended.error, ended.at, baseten.polls) == (None, 0.0, [])


def test_wait_goes_on_when_settings_revert() -> None:
    ended, _ = play_one({0: HALF, 2: BEFORE, 10: APPLIED})
    assert ended.lines == ["waiting: max_replica 2→6", "waiting: min_replica 1→3, max_replica 2→6", "confirming"]


def test_wait_raises_the_error_itself_when_waiting_cannot_fix_it() -> None:
    ended, _ = play_one({0: BEFORE, 2: FORBIDDEN})
    assert ended.error is FORBIDDEN
    assert ended.at <= 2.8


def test_wait_goes_on_when_errors_are_transient() -> None:
    """Every kind of transient error; the last values observed stay in the row."""
    kinds = TransientError.__subclasses__()
    assert len(kinds) == 6
    for kind in kinds:
        ended, _ = play_one({0: HALF, 2: error(kind, "Observed."), 4: APPLIED})
        assert ended.error is None
        assert ended.lines[1].endswith(": max_replica 2→6")


def test_wait_ends_when_an_error_stays_longer_than_it_is_retried() -> None:
    """A 409 for five minutes in a row is final; one that comes and goes is not."""
    conflict = error(errors.ConflictError, "Baseten returned 409.", status_code=409)
    conflict.retried_for = 300.0
    ended, _ = play_one({0: BEFORE, 100: conflict, 350: BEFORE, 400: conflict}, timeout=1800.0)
    assert ended.error is conflict
    assert 700.0 < ended.at < 740.0


def test_other_environments_are_waited_for_when_one_fails() -> None:
    scripts: dict[str, Script] = {"abc/dev": {0: BEFORE, 30: APPLIED}, "abc/gone": {0: GONE}}
    ended, _ = play_many(scripts)
    assert isinstance(ended.error, errors.EnvironmentNotFoundError)
    assert 31.0 <= ended.at <= 36.0
    assert ended.lines == [
        "1 of 2 left, 1 failed: abc/dev min_replica 1→3",
        "1 of 2 left, confirming, 1 failed: abc/dev",
    ]


def test_timeout_counts_from_before_the_wait_when_time_is_used_up() -> None:
    """`elapsed` is part of the operation's timeout, and of the text."""
    ended, _ = play_one({0: BEFORE}, timeout=300.0, elapsed=290.0)
    assert isinstance(ended.error, WaitTimeoutError)
    assert (ended.at, str(ended.error)[:24]) == (10.0, "Timed out after 300 s wa")


@pytest.mark.parametrize("latency", [0.0, 30.0])
def test_other_waits_go_on_when_one_is_cancelled(latency: float) -> None:
    """One leaves at once, whatever request is under way, and takes nothing with it."""
    baseten = Baseten({"abc/dev": {0: BEFORE}, "xyz/eu": {0: BEFORE, 5: APPLIED}}, latency=latency)
    dev, eu = play(baseten, Wait(("abc/dev", "xyz/eu"), cancelled_at=3.0), Wait(("xyz/eu",)))
    assert (type(dev.error), dev.at) == (WaitCancelledError, 3.0)
    assert eu.error is None


def test_wait_is_polled_for_when_it_follows_a_cancelled_one_at_once() -> None:
    """The poller that is ending serves nobody new."""
    baseten = Baseten({"abc/production": {0: BEFORE, 9: APPLIED}})

    async def work() -> None:
        watcher, task = Watcher(baseten), asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_at(3.0, task.cancel)
        with pytest.raises(WaitCancelledError):
            await watcher.wait(Wait().desired, timeout=300.0)
        await watcher.wait(Wait().desired, timeout=300.0)

    virtual_time.run(work())


def test_wait_succeeds_when_it_is_cancelled_together_with_the_last_poll() -> None:
    baseten = Baseten({"abc/dev": {0: APPLIED}, "abc/eu": {0: APPLIED, 0.9: BEFORE, 2: APPLIED}})

    async def work() -> None:
        watcher = Watcher(baseten)
        dev = asyncio.ensure_future(watcher.wait(Wait(("abc/dev",), status=None).desired, timeout=300.0))
        eu = Wait(("abc/eu",), status=None).desired

        def cancel(line: str) -> None:
            dev.cancel()

        await watcher.wait(eu, timeout=300.0, report=cancel)
        await dev

    virtual_time.run(work())


@pytest.mark.parametrize("lists", [{0: None, 2: ZeroDivisionError("list")}, {0: FORBIDDEN}])
def test_every_wait_raises_the_defect_when_the_reader_has_one(lists: dict[float, Exception | None]) -> None:
    """Itself, at once, also out of a wait for other models; other requests under way are cancelled."""
    defect = lists.get(2) or ZeroDivisionError("one environment")
    scripts: dict[str, Script] = {
        "abc/dev": {0: BEFORE, 2: defect},
        "abc/eu": {0: BEFORE},
        "abc/us": {0: BEFORE},
        "xyz/eu": {0: BEFORE},
    }
    baseten = Baseten(scripts, lists=lists, latency=0.1)
    outcomes = play(
        baseten, Wait(("abc/dev", "xyz/eu")), Wait(("abc/eu",)), Wait(("abc/us",)), Wait(("xyz/eu",), timeout=9)
    )
    assert [ended.error for ended in outcomes[:3]] == [defect] * 3
    assert {ended.at < 3.0 for ended in outcomes[:3]} == {True}
    assert isinstance(outcomes[3].error, WaitTimeoutError)


def test_line_is_reported_only_when_it_changes() -> None:
    ended, baseten = play_one({0: BEFORE, 100: UNAVAILABLE, 150: BEFORE, 200: APPLIED})
    waiting = "min_replica 1→3, max_replica 2→6"
    assert ended.lines == [
        f"waiting: {waiting}",
        f"Baseten returned 503: {waiting}",
        f"waiting: {waiting}",
        "confirming",
    ]
    assert len(baseten.polls) > 20


def test_line_comes_once_a_second_at_most_when_many_are_waited_for() -> None:
    ended, _ = play_many({f"m{number}/dev": {0: BEFORE, number / 10: APPLIED} for number in range(1, 60)})
    times = [at for at, _ in ended.reported]
    assert len(times) >= 5
    assert min(later - earlier for earlier, later in pairwise(times)) >= 1.0


def test_line_shows_every_environment_when_one_poll_observed_several() -> None:
    ended, _ = play_many({"abc/dev": {0: BEFORE, 10: APPLIED}, "abc/eu": {0: BEFORE, 10: APPLIED}})
    assert ended.lines == [
        "2 of 2 left: abc/dev min_replica 1→3, abc/eu min_replica 1→3",
        "2 of 2 left, confirming: abc/dev, abc/eu",
    ]


@pytest.mark.parametrize("latency", [0.0, 0.4, 50.0])
@pytest.mark.parametrize("last", [APPLIED, BEFORE, FORBIDDEN, rate_limited(60.0)])
def test_no_task_and_no_request_is_left_when_waits_end_in_any_way(last: State, latency: float) -> None:
    """`play` fails if one is: after success, timeout, error and cancellation, for one and for many."""
    baseten = Baseten({"abc/dev": {0: BEFORE, 2: last}, "abc/eu": {0: BEFORE, 2: last}}, latency=latency)
    waits = [Wait(("abc/dev",), timeout=7), Wait(("abc/dev", "abc/eu"), timeout=9), Wait(("abc/eu",), cancelled_at=3.3)]
    assert len(play(baseten, *waits)) == 3
