"""A slice of the campaign, and scenarios that random programs meet seldom, played in the campaign's world."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from baseten_pulumi.testing import Fault
from tests.faults.declared import MAX, MIN, Declared, Program
from tests.faults.mutants import MUTANTS, Mutant, mutated
from tests.faults.promises import BrokenPromiseError, Promises
from tests.faults.world import Done, Interruption, World


def test_every_promise_holds_when_everything_goes_wrong() -> None:
    """The same every time; `make faults` is longer."""
    command = [sys.executable, "-m", "tests.faults", "--runs", "12", "--seed", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    report = {name.strip(): int(count) for name, _, count in (it.rpartition(" ") for it in done.stdout.splitlines())}
    assert report["violations"] == 0
    assert report["runs"] >= 12
    assert report["faults"] > 100


def _declare(world: World, settings: dict[str, int], timeout_seconds: float = 60.0) -> None:
    world.program = Program({"one": Declared("m1/production", settings, timeout_seconds=timeout_seconds)})


@pytest.mark.parametrize("is_refreshed", [False, True])
def test_reverted_value_is_applied_when_the_other_one_comes_late(is_refreshed: bool) -> None:
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
    with World() as world:
        promises = Promises(world)
        _declare(world, {MAX: 6})
        assert world.up(Interruption(dies_at_request=1, keeps_steps=False)).is_killed
        assert world.resources == {}
        assert world.up().succeeded
        promises.hold_applied(of_unwaited=True)


def test_third_value_ends_an_operation_early_when_it_stays() -> None:
    with World() as world:
        promises = Promises(world)
        world.emulator.faults.add(Fault.caps("max_replica", 4, method="PATCH"))
        _declare(world, {MAX: 6}, timeout_seconds=300.0)
        done = world.up()  # the promises hold
        assert not done.succeeded
        assert 60.0 <= done.took_seconds <= 80.0
        world.emulator.faults.clear()
        _declare(world, {MAX: 4})
        assert world.up().succeeded
        promises.hold_settled(world.preview())


@pytest.mark.parametrize(
    ("forged", "broken"),
    [
        pytest.param(
            lambda done: replace(done, exchanges=tuple(it for it in done.exchanges if it.method == "PATCH")),
            "one is called in force and was not read back",
            id="no read",
        ),
        pytest.param(
            lambda done: replace(done, exchanges=(*done.exchanges[:2], done.exchanges[-1])),
            "one is called in force and was read back once",
            id="one read",
        ),
        pytest.param(
            lambda done: replace(done, after={}),
            "one may have been applied and is not in the state",
            id="a lost resource",
        ),
        pytest.param(
            lambda done: replace(done, program=Program({"one": Declared("m1/production", {MAX: 6})})),
            "autoscaling_settings.min_replica was sent undeclared",
            id="an undeclared setting",
        ),
    ],
)
def test_promise_is_broken_when_an_operation_breaks_it(forged: Callable[[Done], Done], broken: str) -> None:
    """The oracle itself."""
    with World() as world:
        promises = Promises(world)
        world.observe = lambda _: None
        _declare(world, {MIN: 1, MAX: 6})
        with pytest.raises(BrokenPromiseError, match=re.escape(broken)):
            promises.hold(forged(world.up()))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_differs_from_the_product_when_it_is_planted(mutant: Mutant) -> None:
    """`make faults FAULTS=--mutants` takes minutes, and is worth nothing once the text has moved."""
    assert compile(mutated(mutant), mutant.file, "exec")
