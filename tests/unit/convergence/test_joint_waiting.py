"""One wait for many environments: one line, one error."""

import asyncio
import time
from itertools import pairwise
from typing import Any, TypeAlias

import pytest

from baseten_pulumi import errors
from baseten_pulumi.convergence.sighting import Wanted
from baseten_pulumi.errors import NotInForceError, WaitCancelledError, WaitTimeoutError
from tests.unit.convergence.scenes import (
    BEFORE,
    FORBIDDEN,
    HALF,
    NO_ENVIRONMENT,
    UNREADABLE,
    WANTED,
    Answer,
    Fleet,
    Promotion,
    Reported,
    limited,
    outcome,
    wanted,
)

Environments: TypeAlias = dict[str, dict[float, Answer]]


def _environments(count: int, answers: dict[float, Answer]) -> Environments:
    return {f"env-{number}": answers for number in range(count)}


def _joint(fleet: Fleet, environments: Environments, **how: Any) -> Any:
    fleet.baseten.environments = environments
    return fleet.run(lambda: outcome(fleet.wait_jointly(*environments, **how)))


def test_nothing_is_shown_when_all_are_in_force_at_once(fleet: Fleet) -> None:
    """One request a model, no line."""
    assert _joint(fleet, _environments(200, {0: Reported(WANTED)}), status=None) == 0.0
    assert fleet.baseten.names == [None]
    assert (fleet.rows.texts, fleet.rows.endings) == ([], [])


def test_nothing_is_waited_for_when_there_is_nothing(fleet: Fleet) -> None:
    """No environments are all in force."""
    assert _joint(fleet, {}) == 0.0


def test_words_are_those_of_a_single_wait_when_there_is_one_environment(fleet: Fleet) -> None:
    """A count of one says nothing."""
    error = _joint(fleet, _environments(1, {0: Reported(BEFORE)}), timeout=5.0)
    assert isinstance(error, WaitTimeoutError)
    assert error.statements.goal.startswith('Settings of environment "env-0" of model "abc123" were accepted but')
    assert fleet.rows.news == ["waiting for 2 of 2 settings: min_replica 1 → 3, max_replica 2 → 6"]


def test_line_names_three_environments_when_more_are_waited_for(fleet: Fleet) -> None:
    """The first setting that differs, how many more do, and the rest counted."""
    environments: Environments = {
        "a": {0: Reported(HALF), 2: Reported(WANTED)},
        **_environments(4, {0.0: Reported(BEFORE)}),
    }
    environments = {name: {**answers, 4.0: Reported(WANTED)} for name, answers in environments.items()}
    assert 4.0 <= _joint(fleet, environments) <= 4.8
    others = ", ".join(f"abc123/env-{number} min_replica 1 → 3 +1" for number in range(3))
    first = others.rpartition(", ")[0]
    assert fleet.rows.news == [
        f"waiting for 5 of 5 environments: abc123/a max_replica 2 → 6, {first}, …",
        f"waiting for 4 of 5 environments: {others}, …",
    ]
    assert fleet.rows.endings == [f"in force ({fleet.clock.now() - 1000:.0f} s)"]


def test_line_comes_once_a_second_at_most_when_much_changes(fleet: Fleet) -> None:
    """One environment after the other comes into force; nobody can read faster."""
    environments: Environments = {
        f"env-{number}": {0: Reported(BEFORE), number / 10: Reported(WANTED)} for number in range(100)
    }  # fmt: skip
    _joint(fleet, environments)
    times = [at for at, _ in fleet.rows.lines]
    assert len(times) >= 6
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in pairwise(times))
    assert fleet.rows.texts[0].endswith("(1 s)")


def test_line_is_repeated_every_ten_seconds_when_nothing_changes(fleet: Fleet) -> None:
    """It shows its age."""
    _joint(fleet, _environments(2, {0: Reported(BEFORE), 45: Reported(WANTED)}))
    assert [round(at) for at, _ in fleet.rows.lines] == [1, 11, 21, 31, 41]


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ({0: Reported(BEFORE)}, "QUEUED", "; 2 QUEUED"),
        ({0: Reported(BEFORE, Promotion("RAMPING_UP", 40))}, "QUEUED", "; 2 QUEUED; promotions: 2 RAMPING_UP"),
        ({0: Reported(BEFORE, Promotion("FAILED", is_running=False))}, "ACCEPTED", "; promotions: 2 FAILED"),
        ({0: Reported(BEFORE, Promotion("SUCCEEDED", is_running=False))}, "ACCEPTED", "+1"),
        ({0: Reported(BEFORE), 70: Reported(WANTED)}, "ACCEPTED", "1 (and 1 more)"),
    ],
)
def test_line_counts_when_there_is_more_to_say(
    answers: dict[float, Answer], status: str, said: str, fleet: Fleet
) -> None:
    """Queued settings, promotions that are no success, and what stands still."""
    _joint(fleet, _environments(2, answers), status=status, timeout=75.0 if "more" in said else 30.0)
    if "more" in said:
        said = "; abc123/env-0 (and 1 more): Baseten reports 1 for min_replica, 2 for max_replica; "
        assert any(said in text and "the account may be capped" in text for text in fleet.rows.news)
    else:
        assert fleet.rows.news[-1].endswith(said)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(limited(3.0), "2 rate limited"), (UNREADABLE, "2 not read: Baseten answered 503 to GET /v1")],
)
def test_line_counts_troubles_when_nothing_could_be_read(
    trouble: errors.TransientError, said: str, fleet: Fleet
) -> None:
    """Environments that nobody saw yet are named without a difference."""
    fleet.baseten.lists = {0: trouble, 2: None}  # type: ignore[dict-item] # no trouble any more
    _joint(fleet, _environments(2, {0: Reported(WANTED)}))
    assert fleet.rows.news == [f"waiting for 2 of 2 environments: abc123/env-0, abc123/env-1; {said}"]


def test_one_error_names_every_environment_when_the_time_is_up(fleet: Fleet) -> None:
    """The whole message: how many, what is seen of each, what is true now, what to do."""
    environments: Environments = {"a": {0.0: Reported(WANTED)}, "b": {0.0: Reported(HALF)}, "c": {0.0: Reported({})}}
    error = _joint(fleet, environments, timeout=50.0)
    assert type(error) is WaitTimeoutError
    assert str(error) == (
        "Settings of 2 of 3 environments are not in force after 50 s.\n"
        "abc123/b: autoscaling_settings.max_replica is 2, wanted 6.\n"
        "abc123/c: autoscaling_settings.min_replica is not reported, wanted 3; "
        "autoscaling_settings.max_replica is not reported, wanted 6. "
        "Baseten keeps the requests; only the waiting stopped.\n"
        "Run `pulumi up` again (sending the same settings twice does no harm) or raise custom_timeouts."
    )
    assert fleet.rows.endings == []


def test_ten_environments_are_told_in_full_when_more_are_not_in_force(fleet: Fleet) -> None:
    """The rest is counted."""
    error = _joint(fleet, _environments(22, {0: Reported(BEFORE)}), timeout=5.0)
    lines = error.statements.seen.splitlines()
    assert [line.partition(":")[0] for line in lines[:10]] == [f"abc123/env-{number}" for number in range(10)]
    assert lines[10:] == ["… and 12 more."]


def test_others_are_waited_for_when_one_fails_for_good(fleet: Fleet) -> None:
    """The failure comes at the end, in its own class, and every line tells of it."""
    environments: Environments = {
        **_environments(3, {0: Reported(BEFORE), 30: Reported(WANTED)}),
        "gone": {0: NO_ENVIRONMENT},
    }
    error = _joint(fleet, environments)
    assert 30 <= fleet.clock.now() - 1000 <= 35
    assert type(error) is errors.EnvironmentNotFoundError
    assert str(error) == (
        "Settings of 1 of 4 environments are not in force.\n"
        'abc123/gone: There is no environment "gone". Baseten keeps the requests; only the waiting stopped.\n'
        "Create it first."
    )
    assert fleet.rows.news[0].endswith(", abc123/env-2 min_replica 1 → 3 +1; 1 failed: abc123/gone")
    assert fleet.rows.endings == []


def test_error_is_a_timeout_when_others_failed_for_good(fleet: Fleet) -> None:
    """What waiting does not mend comes first, and both kinds of advice are given."""
    environments: Environments = {"a": {0: Reported(HALF)}, "gone": {0: NO_ENVIRONMENT}}
    error = _joint(fleet, environments, timeout=5.0)
    assert type(error) is WaitTimeoutError
    assert [line.partition(":")[0] for line in error.statements.seen.splitlines()] == ["abc123/gone", "abc123/a"]
    assert error.statements.advice == (
        "Create it first. "
        "Run `pulumi up` again (sending the same settings twice does no harm) or raise custom_timeouts."
    )


def test_error_is_of_neither_kind_when_there_are_several(fleet: Fleet) -> None:
    """One class for two different failures would be half wrong."""
    environments: Environments = {
        "forbidden": {0: FORBIDDEN}, "gone": {0: NO_ENVIRONMENT}, "gone-too": {0: NO_ENVIRONMENT},
    }  # fmt: skip
    error = _joint(fleet, environments)
    assert type(error) is NotInForceError
    assert len(error.statements.seen.splitlines()) == 3
    assert error.statements.advice == "A. Create it first."


def test_each_is_named_when_a_joint_wait_is_cancelled(fleet: Fleet) -> None:
    """What was seen last of each that is not in force."""
    fleet.baseten.environments = {"a": {0: Reported(HALF)}, "b": {0: Reported(WANTED)}, "gone": {0: NO_ENVIRONMENT}}

    async def work() -> Any:
        waiting = asyncio.ensure_future(outcome(fleet.wait_jointly("a", "b", "gone")))
        await fleet.clock.sleep(12.0)
        waiting.cancel()
        return await waiting

    error = fleet.run(work)
    assert type(error) is WaitCancelledError
    assert str(error) == (
        "The wait for settings of 2 of 3 environments was cancelled after 12 s.\n"
        'abc123/gone: There is no environment "gone".\n'
        "abc123/a: autoscaling_settings.max_replica is 2, wanted 6. "
        "Baseten keeps the requests; only the waiting stopped.\n"
        "Run `pulumi up` again (sending the same settings twice does no harm)."
    )


def test_wait_ends_soon_after_the_deadline_when_no_answer_comes(fleet: Fleet) -> None:
    """A look that hangs is not waited for, and one with more time is."""
    fleet.baseten.environments = {"a": {0: Reported(WANTED)}, "b": {0: Reported(WANTED)}}
    fleet.baseten.seconds = 1e6
    error = fleet.run(lambda: outcome(fleet.wait_jointly("a", "b", timeout=10.0)))
    assert type(error) is WaitTimeoutError
    assert fleet.clock.now() == pytest.approx(1011.25)


def test_answer_counts_for_those_with_more_time_when_others_are_overdue(fleet: Fleet) -> None:
    """One that comes too late for an environment changes nothing for it."""
    fleet.baseten.environments = {"a": {0: Reported(WANTED)}, "b": {0: Reported(WANTED)}}
    fleet.baseten.seconds = 20.0

    async def work() -> Any:
        both = [wanted("a", 5.0, None), wanted("b", 100.0, None)]
        return await outcome(fleet.watcher.until_all_in_force(both, fleet.rows))

    error = fleet.run(work)
    assert type(error) is WaitTimeoutError
    assert str(error) == (
        "Settings of 1 of 2 environments are not in force after 5 s.\n"
        "abc123/a: The settings could not be read back even once. "
        "Baseten keeps the requests; only the waiting stopped.\n"
        "Run `pulumi up` again (sending the same settings twice does no harm) or raise custom_timeouts."
    )
    assert fleet.clock.now() == 1020.0


def test_wait_ends_when_looking_has_a_defect(fleet: Fleet) -> None:
    """A defect in one group ends the wait, and with it every other group."""
    defect = ZeroDivisionError("defect")
    fleet.baseten.lists = {3: defect}
    environments = _environments(2, {0: Reported(BEFORE)})
    fleet.baseten.environments = environments

    async def work() -> Any:
        wanted_elsewhere = Wanted("m2", "env-0", WANTED, "ACCEPTED", 300.0)
        every = [*(wanted(name) for name in environments), wanted_elsewhere]
        return await outcome(fleet.watcher.until_all_in_force(every, fleet.rows))

    assert fleet.run(work) is defect
    assert fleet.clock.now() <= 1004.0


def test_work_grows_with_the_number_of_environments_when_there_are_thousands(fleet: Fleet) -> None:
    """There is no task and no timer for each, and nothing is quadratic."""
    began = time.process_time()
    _joint(fleet, _environments(4000, {0: Reported(BEFORE), 20: Reported(WANTED)}))
    assert time.process_time() - began < 10.0
    assert len(fleet.clock.slept) < 100
