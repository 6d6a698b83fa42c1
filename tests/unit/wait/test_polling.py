"""Which requests a wait makes, and when."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from baseten_pulumi import errors
from baseten_pulumi.errors import WaitTimeoutError
from baseten_pulumi.wait.polling import EnvironmentReader
from tests import virtual_time
from tests.unit.wait.scenario import (
    APPLIED,
    BEFORE,
    FORBIDDEN,
    GONE,
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

SHORTEST, LONGEST = 0.9 * 0.7, 1.1 * 0.7
CONFIRMED = 1.0  # from the first poll that observes the settings to the second one

ONCE = "\nIt was observed only once. "


def _applied_at(seconds: float) -> Script:
    return {0: BEFORE, seconds: APPLIED}


def _pauses(baseten: Baseten, model_id: str = "abc") -> list[float]:
    return [later - earlier for earlier, later in pairwise(baseten.times(model_id))]


def test_one_list_is_read_when_several_environments_of_a_model_are_waited_for() -> None:
    """Each poll is one request; the last environment left, and each of another model, is read by itself."""
    scripts = {"abc/dev": _applied_at(3), "abc/eu": _applied_at(3), "abc/us": _applied_at(9), "xyz/dev": _applied_at(2)}
    _, baseten = play_many(scripts)
    names = {it: [poll.env_name for poll in baseten.polls if poll.model_id == it] for it in ("abc", "xyz")}
    lists = names["abc"].count("*")
    assert lists > 3
    assert names["abc"] == ["*"] * lists + ["us"] * (len(names["abc"]) - lists)
    assert {*names["xyz"]} == {"dev"}


def test_environment_is_read_by_itself_when_the_list_leaves_it_out() -> None:
    """Only that tells why it is missing; the others need no request of their own."""
    _, baseten = play_many({"abc/dev": _applied_at(3), "abc/gone": {0: GONE}, "abc/eu": _applied_at(3)})
    assert baseten.names[:3] == ["*", "gone", "*"]
    assert baseten.names.count("gone") == 1


def test_each_environment_is_read_by_itself_when_the_list_is_refused() -> None:
    baseten = Baseten({"abc/dev": _applied_at(3), "abc/eu": _applied_at(3)}, lists={0: FORBIDDEN})
    (ended,) = play(baseten, Wait(("abc/dev", "abc/eu")))
    assert ended.error is None
    assert baseten.names[:3] == ["*", "dev", "eu"]


@pytest.mark.parametrize("kind", [errors.ModelNotFoundError, errors.AuthenticationError])
def test_nothing_is_read_one_by_one_when_the_list_says_why(kind: type[errors.BasetenError]) -> None:
    """The list has already found out what is wrong; 200 environments do not ask again."""
    baseten = Baseten({"abc/dev": _applied_at(3), "abc/eu": _applied_at(3)}, lists={0: error(kind, "Observed.")})
    (ended,) = play(baseten, Wait(("abc/dev", "abc/eu")))
    assert isinstance(ended.error, kind)
    assert baseten.names == ["*"]


def test_list_is_read_again_when_its_error_was_transient() -> None:
    """An outage makes no more requests than none."""
    baseten = Baseten({"abc/dev": _applied_at(3), "abc/eu": _applied_at(3)}, lists={0: UNAVAILABLE, 2: None})
    (ended,) = play(baseten, Wait(("abc/dev", "abc/eu")))
    assert ended.error is None
    assert set(baseten.names) == {"*"}


def test_polls_are_shared_when_two_waits_are_for_one_environment() -> None:
    baseten = Baseten({"abc/production": _applied_at(2)})
    first, second = play(baseten, Wait(), Wait(begins_at=0.1))
    assert first.at == second.at
    assert set(baseten.names) == {"production"}
    assert min(_pauses(baseten)) >= SHORTEST - 1e-6


@pytest.mark.parametrize("status", ["ACCEPTED", "UNCHANGED"])
@pytest.mark.parametrize("stagger", [0.01, 0.3])
def test_no_poll_is_added_when_waits_for_the_model_begin_one_after_the_other(stagger: float, status: str) -> None:
    """Two polls of a model are a shortest interval apart, however many waits begin in between."""
    names = [f"abc/env-{number}" for number in range(40)]
    baseten = Baseten({name: _applied_at(15) for name in names})
    play(baseten, *(Wait((name,), status=status, begins_at=stagger * number) for number, name in enumerate(names)))
    assert min(_pauses(baseten)) >= SHORTEST - 1e-6


def test_poll_that_has_begun_does_not_count_when_a_wait_joins_it() -> None:
    """What was requested before the settings were sent shows what was there before."""
    baseten = Baseten({"abc/dev": _applied_at(9), "abc/eu": {0: APPLIED}}, latency=2.0)
    _, eu = play(
        baseten,
        Wait(("abc/dev",), status="UNCHANGED"),
        Wait(("abc/eu",), status="UNCHANGED", begins_at=1.0),
    )
    assert baseten.times()[:2] == [0.0, pytest.approx(2.0)]
    assert eu.at == pytest.approx(6.0)


def test_old_wait_gains_when_a_young_one_polls_soon() -> None:
    """A young wait does not adopt the long intervals of an old one, and every poll serves both."""
    baseten = Baseten({"abc/dev": _applied_at(102), "abc/eu": _applied_at(102)})
    dev, eu = play(baseten, Wait(("abc/dev",)), Wait(("abc/eu",), begins_at=100.0))
    assert dev.at == eu.at <= 102 + LONGEST + CONFIRMED


@pytest.mark.parametrize(
    ("status", "latest"), [("ACCEPTED", 0.5), ("QUEUED", 0.5), ("NEW", 0.5), ("UNCHANGED", 0), (None, 0)]
)
def test_first_poll_comes_at_once_when_nothing_was_changed(status: str | None, latest: float) -> None:
    """Baseten gets up to half a second where it has something to do; models that were sent together spread over it."""
    scripts: dict[str, Script] = {f"model-{number}/dev": {0: APPLIED} for number in range(20)}
    _, baseten = play_many(scripts, status=status)
    times = [baseten.times(f"model-{number}")[0] for number in range(20)]
    assert 0.0 <= min(times) <= max(times) <= latest
    assert len(set(times)) >= 15 if latest else set(times) == {0.0}


def test_interval_grows_with_the_time_waited_when_nothing_changes() -> None:
    """It is 0.7 s, then 15 % of the time waited, then 15 s; each give or take 10 %."""
    _, baseten = play_one({0: BEFORE}, timeout=400.0)
    expected = [min(max(0.7, 0.15 * at), 15.0) for at in baseten.times()]
    pauses = _pauses(baseten)[:-1]  # the last poll is at the deadline
    assert pauses == [pytest.approx(interval, rel=0.1, abs=0.08) for interval in expected[: len(pauses)]]
    assert {min(pauses) < 0.8, max(pauses) > 13.0} == {True}


def test_interval_counts_from_the_request_when_responses_are_slow() -> None:
    baseten = Baseten({"abc/production": {0: BEFORE}}, latency=0.5)
    play(baseten, Wait(timeout=5.0))
    assert max(_pauses(baseten)) <= LONGEST + 1e-6


@pytest.mark.parametrize(("asked", "shortest"), [(37.0, 37.0), (3600.0, 60.0), (0.1, SHORTEST), (None, SHORTEST)])
def test_whole_model_pauses_when_baseten_asks_to_retry_later(asked: float | None, shortest: float) -> None:
    """For as long as it asked, up to 60 s, also for a wait that joins meanwhile; another model is polled on."""
    scripts = {"abc/dev": _applied_at(1), "abc/eu": _applied_at(1), "xyz/dev": _applied_at(10)}
    baseten = Baseten(scripts, lists={0: rate_limited(asked), 1: None})
    joins = Wait(("abc/dev",), begins_at=0.55, status="UNCHANGED")
    _, _, xyz = play(baseten, Wait(("abc/dev", "abc/eu")), joins, Wait(("xyz/dev",)))
    first, second = baseten.times()[:2]
    assert shortest - 1e-6 <= second - first <= max(shortest, LONGEST) + 1e-6
    assert xyz.at <= 10 + 0.15 * 10 * 1.1 + CONFIRMED


@pytest.mark.parametrize(("seconds", "requests"), [(0.5, 0.8), (3.0, 1.8), (12.0, 4.0)])
def test_polls_stay_below_the_rate_limit_when_fifty_models_are_waited_for(seconds: float, requests: float) -> None:
    """Below 100 a second, and the change is observed late by an interval at most, 0.7 s or 15 % of the time it took.

    It takes a second and a poll more to confirm it.
    """
    names = [f"model-{number // 4}/env-{number % 4}" for number in range(200)]
    begins = {name: 0.02 * number for number, name in enumerate(names)}
    baseten = Baseten({name: _applied_at(begins[name] + seconds) for name in names}, latency=0.1)
    outcomes = play(baseten, *(Wait((name,), begins_at=begins[name]) for name in names))
    lags = [ended.at - begins[name] - seconds for name, ended in zip(names, outcomes, strict=True)]
    assert max(lags) <= 1.1 * max(0.7, 0.15 * seconds) + CONFIRMED + 3 * 0.1
    assert max(Counter(int(poll.at) for poll in baseten.polls).values()) < 100
    assert len(baseten.polls) <= requests * len(names)


def test_last_poll_is_at_the_deadline_when_the_next_one_would_come_later() -> None:
    """Whatever the interval or Retry-After: it has a second for its response, and what it observes counts."""
    script: Script = {0: APPLIED, 0.5: rate_limited(60.0), 29.9: APPLIED}
    ended, baseten = play_one(script, timeout=30.0, status="UNCHANGED")
    assert (ended.error, ended.at) == (None, 30.0)
    assert [(poll.at, poll.timeout) for poll in baseten.polls] == [(0.0, 30.0), (1.0, 29.0), (30.0, 1.0)]


def test_each_wait_gets_its_own_last_poll_when_deadlines_differ() -> None:
    baseten = Baseten({"abc/dev": {0: BEFORE}, "abc/eu": _applied_at(60)})
    dev, eu = play(baseten, Wait(("abc/dev",), timeout=17.0), Wait(("abc/eu",), timeout=90.0))
    assert (type(dev.error), dev.at) == (WaitTimeoutError, 17.0)
    assert (eu.error, 17.0 in baseten.times()) == (None, True)
    assert 60.0 + CONFIRMED <= eu.at <= 70.0 + CONFIRMED


@pytest.mark.parametrize("latency", [0.0, 20.0])
def test_last_poll_is_made_when_the_process_was_suspended_past_the_deadline(latency: float) -> None:
    """A laptop that was closed for an hour polls again, and confirms it; a request from before has failed."""
    baseten = Baseten({"abc/production": {0: BEFORE, 100: APPLIED}}, latency=latency)

    async def suspend() -> None:
        await asyncio.sleep(5.0)
        baseten.latency = 0.0
        virtual_time.suspend(3600.0)

    (ended,) = play(baseten, Wait(timeout=30.0), meanwhile=suspend())
    assert (ended.error, ended.at) == (None, 3605.0 + CONFIRMED)


def test_last_poll_is_made_when_a_slow_response_has_more_time_than_the_wait() -> None:
    """The request that serves a longer wait ends at the shorter one's deadline and is made again."""
    baseten = Baseten({"abc/dev": {0: APPLIED}, "abc/eu": {0: APPLIED}}, latency=20.0)

    async def recover() -> None:
        await asyncio.sleep(4.0)
        baseten.latency = 0.3

    waits = (Wait(("abc/dev",), timeout=5.0, status=None), Wait(("abc/eu",), status=None))
    dev, eu = play(baseten, *waits, meanwhile=recover())
    assert (dev.error, eu.error) == (None, None)
    assert dev.at == eu.at == pytest.approx(5.3 + CONFIRMED + 0.3)


@pytest.mark.parametrize(("hangs", "at"), [(False, 11.0), (True, 11.25)])
def test_wait_ends_soon_after_the_deadline_when_no_response_comes(hangs: bool, at: float) -> None:
    """A second for the last response; a request that ignores even that is cancelled."""
    baseten = Baseten({"abc/production": {0: BEFORE}}, latency=1e6, hangs=hangs)
    (ended,) = play(baseten, Wait(timeout=10.0))
    assert isinstance(ended.error, WaitTimeoutError)
    assert ended.at == pytest.approx(at)


@pytest.mark.parametrize("used", [0.0, 4.0])
def test_poll_is_made_and_confirmed_when_no_time_is_left(used: float) -> None:
    ended, baseten = play_one({0: APPLIED}, timeout=used, elapsed=used)
    assert (ended.error, ended.at, len(baseten.polls)) == (None, CONFIRMED, 2)


@pytest.mark.parametrize(
    ("then", "observed"),
    [(BEFORE, "max_replica: expected 6, observed 2"), (UNAVAILABLE, f"{ONCE.strip()} The last poll failed")],
)
def test_wait_fails_when_what_the_last_poll_found_is_not_confirmed(then: State, observed: str) -> None:
    ended, _ = play_one({0: BEFORE, 9.9: APPLIED, 10.5: then}, timeout=10.0)
    assert observed in str(ended.error)
    assert ended.at == 11.0


def test_nothing_can_be_written_when_a_wait_has_a_reader() -> None:
    """A resource has one writer, and it is not the wait."""
    public = {name for name in vars(EnvironmentReader) if not name.startswith("_")}
    assert public == {"read_environment", "list_environments"}
