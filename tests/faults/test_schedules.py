"""Schedules over several operations: whatever came in between, each is made once."""

from baseten_pulumi.testing import Fault
from tests.faults import schedules
from tests.faults.declared import MAX, Declared, Program, valid
from tests.faults.operations import How
from tests.faults.promises import Promises
from tests.faults.world import World

ENVIRONMENT = "m2/production"
PEAK = schedules.path("peak")
SETTINGS = valid({PEAK: schedules.VALUES[PEAK][0]}, "current")


def _declare(world: World, timeout_seconds: float) -> None:
    world.program = Program({"one": Declared(ENVIRONMENT, SETTINGS, timeout_seconds=timeout_seconds)})


def test_schedule_is_made_once_when_a_refresh_came_before_it_showed() -> None:
    """The wait ran out, a refresh saw nothing of it yet, and `up` was repeated."""
    with World(How(apply_seconds=9.0)) as world:
        promises = Promises(world)
        _declare(world, 5.0)
        assert not world.up().succeeded
        assert world.refresh().succeeded
        _declare(world, 60.0)
        assert world.up().succeeded
        world.pass_by(60.0)
        promises.hold_truth(of_unwaited=True)
        promises.hold_settled(world.preview())
        assert [name for _, name in schedules.ids(world.reported(ENVIRONMENT))] == ["peak"]


def test_schedule_is_made_once_when_an_old_read_does_not_show_it_any_more() -> None:
    """It was in force; another setting changes, and the look before that is sent is answered as of earlier."""
    with World(How(apply_seconds=2.0)) as world:
        promises = Promises(world)
        _declare(world, 60.0)
        assert world.up().succeeded
        world.emulator.faults.add(Fault.stale(None, method="GET", times=3))
        world.program = Program({"one": Declared(ENVIRONMENT, {**SETTINGS, MAX: 6})})
        assert world.up().succeeded
        promises.hold_truth(of_unwaited=True)
        assert [name for _, name in schedules.ids(world.reported(ENVIRONMENT))] == ["peak"]


def test_state_tells_of_nothing_unsent_when_a_schedule_sent_before_does_not_show() -> None:
    """Time runs out before another setting can be sent: the resource stays as it was, and the next `up` sends it."""
    with World(How(apply_seconds=2.0)) as world:
        promises = Promises(world)
        _declare(world, 60.0)
        assert world.up().succeeded
        world.emulator.faults.add(Fault.stale(None, method="GET", times=20))
        world.program = Program({"one": Declared(ENVIRONMENT, {**SETTINGS, MAX: 6}, timeout_seconds=5.0)})
        failed = world.up()
        assert "Nothing was sent" in failed.text
        assert failed.after["one"].outputs == failed.before["one"].outputs
        world.emulator.faults.clear()
        assert world.up().succeeded
        promises.hold_truth(of_unwaited=True)
