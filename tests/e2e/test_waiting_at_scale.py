"""Many waits at once: shared polls, Ctrl-C, rate limits, and one environment that does not exist."""

import signal
from collections import defaultdict
from itertools import pairwise

import pytest

from baseten_pulumi.testing import Emulator, Fault
from baseten_pulumi.wait.polling import JITTER, SHORTEST_INTERVAL_SECONDS
from tests.engines import RUN_SECONDS, Stack
from tests.programs import fleet, polls, until

ENVIRONMENTS = ["production", "staging", "dev", "qa"]
WANTED = {"min_replica": 1, "max_replica": 3}
WIDE = ("--parallel", "64")


def _many(emulator: Emulator, models: int) -> list[tuple[str, str]]:
    """Add models of four environments each."""
    for number in range(models):
        emulator.add_model(f"m{number}", f"model {number}", ENVIRONMENTS)
    return [(f"m{number}", env_name) for number in range(models) for env_name in ENVIRONMENTS]


def _sent(emulator: Emulator) -> int:
    return sum(request.method == "PATCH" for request in emulator.requests)


def _interrupted(stack: Stack, emulator: Emulator, size: int) -> str:
    """Run `up`, interrupt it once everything is sent and polled, and return what it printed."""
    process = stack.start("up", *WIDE)
    with process:
        until(lambda: _sent(emulator) == size and polls(emulator) > 1)
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode != 0
    return text


@pytest.mark.emulator(apply_seconds=3.0)
def test_environments_of_a_model_share_each_poll_when_they_wait_together(stack: Stack, emulator: Emulator) -> None:
    """However many wait, a model is polled as often as for one; and all are applied when `up` ends."""
    stack.program(fleet(_many(emulator, 3), WANTED))
    stack.up(*WIDE)
    asked = defaultdict(list)
    for request in emulator.requests:
        if request.method == "GET":
            asked[request.path.split("/")[3]].append(request.at_seconds)
    assert sorted(asked) == ["m0", "m1", "m2"]
    assert all(
        later - earlier > SHORTEST_INTERVAL_SECONDS * (1 - JITTER) / 2
        for at in asked.values()
        for earlier, later in pairwise(at)
    )
    assert any(request.path.endswith("/environments") for request in emulator.requests)
    assert len(emulator.applied) == _sent(emulator) == 12


def test_every_wait_ends_with_its_last_observation_when_the_run_is_interrupted(
    stack: Stack, emulator: Emulator
) -> None:
    """Ctrl-C: each wait names what it last observed, each resource is kept, and the next `up` sends and waits again."""
    emulator.faults.add(Fault.never_applies())
    environments = _many(emulator, 2)
    stack.program(fleet(environments, WANTED))
    text = _interrupted(stack, emulator, len(environments))
    for model_id, env_name in environments:
        assert f'The wait for settings of environment "{env_name}" (model {model_id}) was cancelled after' in text
        assert stack.resource(f"{model_id}-{env_name}")["outputs"]["in_force"] is False
    assert "autoscaling_settings.min_replica: expected 1, observed 0" in text
    assert "Run `pulumi up` again to keep waiting." in text
    emulator.faults.clear()
    stack.up(*WIDE)
    assert _sent(emulator) == 2 * len(environments)


@pytest.mark.parametrize("flags", [(), ("--continue-on-error",)])
def test_one_environment_fails_with_its_name_when_it_is_not_there(
    stack: Stack, emulator: Emulator, flags: tuple[str, ...]
) -> None:
    """Those under way finish, all others with `--continue-on-error`; the next `up` does the rest."""
    environments = _many(emulator, 3)
    stack.program(fleet([*environments, ("m0", "nowhere")], WANTED))
    text = stack.fails("up", *WIDE, *flags)
    assert 'Model "m0" has no environment "nowhere"; it has dev, production, qa, staging.' in text
    assert "was cancelled" not in text
    if flags:
        assert _sent(emulator) == len(environments) + 1
    stack.program(fleet(environments, WANTED))
    stack.up(*WIDE)
    assert _sent(emulator) == len(environments) + 1
    assert len(emulator.applied) == len(environments)


@pytest.mark.emulator(apply_seconds=1.0, rate_limit=20.0)
def test_nothing_fails_when_baseten_lets_in_less_than_it_documents(stack: Stack, emulator: Emulator) -> None:
    """A fifth of the documented rate: the fleet slows down to it, and few requests are refused."""
    environments = _many(emulator, 12)
    stack.program(fleet(environments, WANTED))
    stack.up(*WIDE)
    statuses = [request.status for request in emulator.requests]
    assert statuses.count(429) <= 0.20 * len(statuses)
    assert len(emulator.applied) == len(environments)
