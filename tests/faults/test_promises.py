"""Scenarios that random programs meet seldom, played in the campaign's world."""

from dataclasses import replace

import pytest

from tests.faults.declared import MAX, MIN, Declared, Program
from tests.faults.promises import BrokenPromiseError, Promises
from tests.faults.world import Done, Interruption, World


def _declare(world: World, settings: dict[str, int], timeout_seconds: float = 60.0) -> None:
    world.program = Program({"one": Declared("m1/production", settings, timeout_seconds=timeout_seconds)})


@pytest.mark.parametrize("is_refreshed", [False, True])
def test_reverted_value_is_applied_when_the_other_one_comes_late(is_refreshed: bool) -> None:
    """3 is applied, the wait for 6 times out and 6 comes later, the program goes back to 3: it ends at 3."""
    with World(apply_seconds=9.0) as world:
        promises = Promises(world)
        _declare(world, {MAX: 3})
        assert world.up().succeeded
        _declare(world, {MAX: 6}, timeout_seconds=5.0)
        assert not world.up().succeeded
        if is_refreshed:
            assert world.refresh().succeeded
        _declare(world, {MAX: 3})
        assert world.up().succeeded
        world.pass_by(100.0)
        promises.hold_applied(of_unwaited=True)
        promises.hold_settled(world.preview())


def test_settings_are_sent_again_when_the_operation_was_killed() -> None:
    """What was sent and never recorded is sent again."""
    with World() as world:
        promises = Promises(world)
        _declare(world, {MAX: 6})
        assert world.up(Interruption(dies_at_request=1, keeps_steps=False)).is_killed
        assert world.resources == {}
        assert world.up().succeeded
        promises.hold_applied(of_unwaited=True)


def _first_up(world: World) -> Done:
    seen: list[Done] = []
    world.observe = seen.append
    _declare(world, {MIN: 1, MAX: 6})
    world.up()
    return seen[0]


def test_promise_is_broken_when_the_read_back_is_missing() -> None:
    """The oracle itself: without the reads, in_force has no proof."""
    with World() as world:
        done = _first_up(world)
        patches = tuple(it for it in done.exchanges if it.method == "PATCH")
        with pytest.raises(BrokenPromiseError, match="one is called in force and was not read back"):
            Promises(world).hold(replace(done, exchanges=patches))


def test_promise_is_broken_when_a_resource_is_lost() -> None:
    """The oracle itself: a failed `up` after a PATCH keeps its resource."""
    with World() as world:
        done = _first_up(world)
        with pytest.raises(BrokenPromiseError, match="one may have been applied and is not in the state"):
            Promises(world).hold(replace(done, succeeded=False, after={}))


def test_promise_is_broken_when_an_undeclared_setting_was_sent() -> None:
    """The oracle itself: every path of every PATCH is declared."""
    with World() as world:
        done = _first_up(world)
        program = Program({"one": replace(done.program.resources["one"], settings={MAX: 6})})
        with pytest.raises(BrokenPromiseError, match=r"autoscaling_settings\.min_replica was sent undeclared"):
            Promises(world).hold(replace(done, program=program))
