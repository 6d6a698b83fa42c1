"""Runs that are interrupted or killed in the middle: the next `up` converges, and no process is left behind."""

import signal
from collections.abc import Iterable, Iterator

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests import processes
from tests.programs import MODEL, patches, polls, reported, requested, until
from tests.stacks import RUN_SECONDS, Stack

pytestmark = pytest.mark.skipif(not processes.PROCESSES.exists(), reason="processes are looked up in /proc")

ALL = ("dev", "production", "staging")
_PROGRAM = """
from baseten_pulumi import BasetenEnvironmentSettings

for name in {names}:
    BasetenEnvironmentSettings(
        name, model_id={model!r}, env_name=name, autoscaling_settings={{"max_replica": {count}, "min_replica": 1}}
    )
"""


@pytest.fixture
def stack(stack: Stack) -> Iterator[Stack]:
    """A stack whose processes are all gone at the end, whatever became of the test."""
    yield stack
    processes.kill(stack, lambda line: True)


def _declare(stack: Stack, names: Iterable[str], count: int, model: str = MODEL) -> None:
    stack.program(_PROGRAM.format(names=list(names), count=count, model=model))


def _truth(emulator: Emulator) -> list[object]:
    return [reported(emulator, "max_replica", name) for name in ALL]


def _crashed(stack: Stack, emulator: Emulator, victim: str, at_patch: int) -> None:
    """Run `up` and kill a process, or two, after some PATCHes; return once everybody is gone.

    What is sent is applied, and not seen: the run cannot end before.
    """
    emulator.faults.add(Fault.stale(method="GET"))
    emulator.clear_requests()
    with stack.start("up") as process:
        until(lambda: len(patches(emulator)) >= at_patch)
        if victim != "engine":
            assert processes.kill(stack, processes.is_provider)
        if victim != "provider":
            process.kill()
        text, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode != 0, text
    until(lambda: not processes.left_behind(stack))
    stack.unlock()
    emulator.faults.clear()


@pytest.mark.parametrize(("victim", "at_patch"), [("provider", 3), ("engine", 2)])
def test_up_converges_when_a_process_was_killed_in_the_middle(
    stack: Stack, emulator: Emulator, victim: str, at_patch: int
) -> None:
    """Settings changed, added and left alone: each is applied after the next `up`, and in the state."""
    _declare(stack, ["dev", "production"], 2)
    stack.up()
    _declare(stack, ALL, 6)
    _crashed(stack, emulator, victim, at_patch)
    assert {"dev", "production"} <= {resource["urn"].rpartition("::")[2] for resource in stack.state()}
    stack.up()
    assert _truth(emulator) == [6, 6, 6]
    assert [stack.resource(name)["outputs"]["in_force"] for name in ALL] == [True] * 3
    until(lambda: not processes.left_behind(stack))


def test_the_former_values_come_back_when_the_program_went_back_after_a_crash(stack: Stack, emulator: Emulator) -> None:
    """The state knows nothing of what was sent; a refresh, which Pulumi asks for then, sees it.

    After a first run that was killed there is nothing in the state; all is sent once more, which does no harm.
    """
    _declare(stack, ALL, 2)
    _crashed(stack, emulator, "both", 1)
    stack.up()
    _declare(stack, ALL, 6)
    _crashed(stack, emulator, "both", 3)
    assert 6 in _truth(emulator)
    _declare(stack, ALL, 2)
    stack.up("--refresh")
    assert _truth(emulator) == [2, 2, 2]


def test_every_wait_ends_with_its_last_observation_when_the_run_is_interrupted(
    stack: Stack, emulator: Emulator
) -> None:
    """Ctrl-C: each wait names what it last observed, each resource is kept, and the next `up` sends and waits again."""
    emulator.faults.add(Fault.never_applies())
    names = [f"e{number}" for number in range(6)]  # more than Pulumi's host answers at a time
    emulator.add_model("m0", "model", names)
    _declare(stack, names, 3, "m0")
    with stack.start("up", "--parallel", "16") as process:
        until(lambda: {("PATCH", name) for name in names} <= {*requested(emulator)} and polls(emulator) > 1)
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode != 0
    assert "KeyboardInterrupt" not in text
    for name in names:
        assert f'The wait for settings of environment "{name}" (model m0) was cancelled after' in text
    kept = [it["outputs"]["in_force"] for it in stack.state() if it["type"].endswith("EnvironmentSettings")]
    assert kept == [False] * len(names)
    assert "autoscaling_settings.min_replica: expected 1, observed 0" in text
    assert "Run `pulumi up` again to keep waiting." in text
    emulator.faults.clear()
    emulator.clear_requests()
    assert stack.up().counts["updated"] == len(names)
