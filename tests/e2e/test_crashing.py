"""Processes that are killed in the middle of `up`: the next one converges, and no process is left behind."""

import random
import threading
from collections.abc import Callable, Iterator

import pytest

from baseten_pulumi.testing import Emulator, RecordedRequest
from tests import processes
from tests.engines import RUN_SECONDS, Stack
from tests.programs import until

pytestmark = pytest.mark.skipif(not processes.PROCESSES.exists(), reason="processes are looked up in /proc")

MODEL, ENVIRONMENTS = "m0", ("dev", "production", "staging")
THREE, SIX = {"max_replica": 3, "min_replica": 1}, {"max_replica": 6, "min_replica": 2}
_CHANCE = random.Random(4711)  # noqa: S311 - the same every time, on purpose
_PROGRAM = """
from baseten_pulumi import BasetenEnvironmentSettings

for name, autoscaling in {desired!r}.items():
    BasetenEnvironmentSettings(name, model_id={model!r}, env_name=name, autoscaling_settings=autoscaling)
"""


class Moment:
    """Act once, at the n-th request from now on, before it is answered; what it asks for has been done by then."""

    def __init__(self) -> None:
        self._left = 0
        self._act: Callable[[], object] = lambda: None
        self.has_come = threading.Event()

    def is_to_be(self, at_request: int, act: Callable[[], object]) -> None:
        self._left, self._act = at_request, act

    def count(self, request: RecordedRequest) -> None:
        self._left -= 1
        if self._left == 0:
            self._act()
            self.has_come.set()


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def emulator(moment: Moment) -> Iterator[Emulator]:
    """Baseten, whose settings take a second."""
    with Emulator(apply_seconds=1.0, on_request=moment.count) as running:
        running.add_model(MODEL, "model", ENVIRONMENTS)
        yield running


@pytest.fixture
def stack(stack: Stack) -> Iterator[Stack]:
    """A stack whose processes are all gone at the end, whatever became of the test."""
    yield stack
    processes.kill(stack, lambda line: True)


def _declare(stack: Stack, **desired: dict[str, int]) -> None:
    stack.program(_PROGRAM.format(desired=desired, model=MODEL))


def _truth(emulator: Emulator) -> dict[str, dict[str, object]]:
    found = {name: emulator.reported(MODEL, name)["autoscaling_settings"] for name in ENVIRONMENTS}
    return {name: {setting: settings[setting] for setting in SIX} for name, settings in found.items()}


def _crashed(stack: Stack, moment: Moment, victim: str, at_request: int) -> None:
    """Run `up` and kill a process, or two, at a request; return once everybody is gone."""

    def kill() -> None:
        if victim != "engine":
            assert processes.kill(stack, processes.is_provider)
        if victim != "provider":
            process.kill()

    process = stack.start("up")
    moment.is_to_be(at_request, kill)
    with process:
        text, _ = process.communicate(timeout=RUN_SECONDS)
    assert moment.has_come.is_set(), text
    assert process.returncode != 0, text
    until(lambda: not processes.left_behind(stack))


@pytest.mark.parametrize(
    ("victim", "at_request"), [(victim, _CHANCE.randint(1, 5)) for victim in ("provider", "engine", "both")]
)
def test_up_converges_when_a_process_was_killed_in_the_middle(
    stack: Stack, emulator: Emulator, moment: Moment, victim: str, at_request: int
) -> None:
    """Settings changed, added and left alone: each is applied after the next `up`, and in the state."""
    _declare(stack, dev=THREE, production=THREE)
    stack.up()
    _declare(stack, dev=SIX, production=SIX, staging=SIX)
    _crashed(stack, moment, victim, at_request)
    stack.unlock()
    names = {resource["urn"].rpartition("::")[2] for resource in stack.state()}
    assert {"dev", "production"} <= names
    stack.up()
    assert _truth(emulator) == dict.fromkeys(ENVIRONMENTS, SIX)
    assert {name: stack.resource(name)["outputs"]["in_force"] for name in ENVIRONMENTS} == dict.fromkeys(
        ENVIRONMENTS, True
    )
    until(lambda: not processes.left_behind(stack))


def test_the_former_values_come_back_when_the_program_went_back_after_a_crash(
    stack: Stack, emulator: Emulator, moment: Moment
) -> None:
    """The state knows nothing of what was sent; a refresh, which Pulumi asks for then, sees it."""
    _declare(stack, dev=THREE)
    stack.up()
    _declare(stack, dev=SIX)
    _crashed(stack, moment, "both", 1)
    stack.unlock()
    until(lambda: _truth(emulator)["dev"] == SIX)
    _declare(stack, dev=THREE)
    stack.refresh()
    stack.up()
    assert _truth(emulator)["dev"] == THREE


def test_up_adopts_again_when_all_creates_were_cut_off(stack: Stack, emulator: Emulator, moment: Moment) -> None:
    """Nothing stands in the state, so everything is sent once more, which does no harm."""
    _declare(stack, **dict.fromkeys(ENVIRONMENTS, SIX))
    _crashed(stack, moment, "both", 3)
    stack.unlock()
    stack.up()
    assert _truth(emulator) == dict.fromkeys(ENVIRONMENTS, SIX)


def test_the_state_is_whole_when_it_was_replaced_at_every_step(stack: Stack, moment: Moment) -> None:
    """A kill leaves no half-written file in the place of the state, nor another file that is taken for one."""
    _declare(stack, **dict.fromkeys(ENVIRONMENTS, SIX))
    _crashed(stack, moment, "engine", 5)
    stack.unlock()
    stack.preview()
    stack.up()
    assert len(stack.state()) >= len(ENVIRONMENTS)
