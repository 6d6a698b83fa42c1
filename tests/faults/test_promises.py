"""The oracle itself: defects that chance finds seldom are planted, and it has to see what becomes of them."""

from unittest import mock

import pytest

from tests.faults.declared import MAX, Declared, Program
from tests.faults.evidence import BrokenPromiseError
from tests.faults.mutants import MUTANTS
from tests.faults.operations import How, Interruption
from tests.faults.promises import Promises
from tests.faults.world import World

STABILIZATION = "promotion_settings.rolling_deploy_config.stabilization_time_seconds"


def _declare(world: World, settings: dict[str, int], timeout_seconds: float = 60.0) -> None:
    world.program = Program({"one": Declared("m1/production", settings, timeout_seconds=timeout_seconds)})


def _go_there_and_back(world: World, *, is_refreshed: bool) -> None:
    """3 is in force, 6 times out and comes later, the program goes back to 3: that has to be so in the end."""
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
    promises.hold_truth(of_unwaited=True)
    promises.hold_settled(world.preview())


@pytest.mark.parametrize(
    ("mutant", "is_refreshed"),
    [
        ("an update looks first though a setting changed", False),
        ("a refresh takes what is on its way for settled", True),
    ],
)
def test_what_comes_late_is_seen_when_the_program_went_back(mutant: str, is_refreshed: bool) -> None:
    """All is well as the product is, and with the defect the settings end elsewhere."""
    with World(How(apply_seconds=9.0)) as world:
        _go_there_and_back(world, is_refreshed=is_refreshed)
    where, name, made = MUTANTS[mutant]
    planted = mock.patch.object(where, name, made(getattr(where, name)))
    with (
        World(How(apply_seconds=9.0)) as world,
        planted,
        pytest.raises(BrokenPromiseError, match="one is not in force"),
    ):
        _go_there_and_back(world, is_refreshed=is_refreshed)


def test_an_undeclared_surge_is_seen_when_its_null_is_left_out() -> None:
    """The founding page gives an absent one its default."""
    where, name, made = MUTANTS["max_surge_percent is left out in place of an explicit null"]
    with World(How(api="founding")) as world:
        Promises(world)
        _declare(world, {STABILIZATION: 30})
        assert world.up().succeeded
        _declare(world, {STABILIZATION: 0})
        planted = mock.patch.object(where, name, made(getattr(where, name)))
        with planted, pytest.raises(BrokenPromiseError, match="something undeclared changed in m1/production"):
            world.up()


def test_a_killed_operation_is_mended_when_it_is_repeated() -> None:
    """What was sent and never recorded is sent again."""
    with World() as world:
        promises = Promises(world)
        _declare(world, {MAX: 6})
        assert world.up(Interruption(dies_at_request=1, keeps_steps=False)).is_killed
        assert world.resources == []
        assert world.up().succeeded
        promises.hold_truth(of_unwaited=True)
