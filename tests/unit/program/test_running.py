import contextvars
import gc
import weakref

from baseten_pulumi.program.running import PerRun
from tests.mocked import run


class Thing:
    pass


def test_value_is_one_when_it_is_asked_for_twice_in_a_run() -> None:
    """Made once a run, and not shared with the next one of the same process."""
    things = PerRun(Thing)
    (first, again), _ = run(lambda: (things.get(), things.get()))
    (second, _), _ = run(lambda: (things.get(), things.get()))
    assert first is again
    assert second is not first


def test_value_is_gone_when_its_run_is() -> None:
    """A process that runs programs for ever keeps nothing of them."""
    things = PerRun(Thing)
    kept = weakref.ref(run(things.get)[0])
    run(lambda: None)
    gc.collect()
    assert kept() is None


def test_value_is_nobodys_when_no_program_runs() -> None:
    """Without an engine there is no run to keep it for."""
    things = PerRun(Thing)
    assert contextvars.Context().run(things.get) is not contextvars.Context().run(things.get)
