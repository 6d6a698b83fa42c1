"""The examples, as they stand in the repository, on the account an emulator starts with; each ends settled."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from baseten_pulumi.testing import Emulator
from tests.engines import Stack
from tests.examples import put

Example = Callable[..., Stack]


@pytest.fixture
def example(tmp_path: Path, engine: str, emulator: Emulator) -> Iterator[Example]:
    """Make a stack of an example. Its last preview has to be empty."""
    made: list[Stack] = []

    def make(name: str, stack: str = "dev") -> Stack:
        put(name, tmp_path, emulator.url)
        made.append(Stack(tmp_path, engine, emulator, stack))
        return made[-1]

    yield make
    for stack in made:
        stack.preview("--expect-no-changes")


def _autoscaling(emulator: Emulator, environment: str, model: str = "lm4chat8") -> Any:
    return emulator.reported(model, environment)["autoscaling_settings"]


def _promotion(emulator: Emulator, environment: str) -> Any:
    return emulator.reported("lm4chat8", environment)["promotion_settings"]


def test_environment_of_the_stack_comes_into_force_when_the_quickstart_runs(
    example: Example, emulator: Emulator
) -> None:
    """The repository is a project itself: the stack's name is the environment's."""
    stack = example("", "production")
    stack.up()
    assert stack.outputs() == {"replicas": "1 to 3", "inForce": True}
    assert _autoscaling(emulator, "production")["concurrency_target"] == 8
    assert _promotion(emulator, "production")["rolling_deploy_config"]["stabilization_time_seconds"] == 60


def test_every_stack_manages_its_own_environment_when_one_program_serves_three(
    example: Example, emulator: Emulator
) -> None:
    """Each stack's file lies over the defaults that the project's file holds for all."""
    for name in ("dev", "staging", "production"):
        stack = example("multi_environment", name)
        stack.up()
        assert stack.outputs() == {"environments": [name], "inForce": True}
    found = {name: _autoscaling(emulator, name) for name in ("dev", "staging", "production")}
    replicas = {name: (it["min_replica"], it["max_replica"], it["scale_down_delay"]) for name, it in found.items()}
    assert replicas == {"dev": (0, 1, 60), "staging": (0, 2, 300), "production": (1, 6, 900)}
    assert _promotion(emulator, "staging")["rolling_deploy_config"]["max_surge_percent"] == 25
    assert _promotion(emulator, "dev")["rolling_deploy"] is False


def test_whole_fleet_comes_into_force_when_it_is_declared_by_a_file(example: Example, emulator: Emulator) -> None:
    """Every environment sends before the one wait looks, and every setting of the file is read back."""
    stack = example("fleet")
    stack.up()
    sent = [request.path for request in emulator.requests if request.method == "PATCH"]
    asked = [request.method for request in emulator.requests]
    assert len(sent) == len(set(sent)) == 7
    assert asked[:7] == ["PATCH"] * 7
    assert stack.outputs() == {"inForce": True}
    assert _autoscaling(emulator, "production")["max_replica"] == 6
    assert _autoscaling(emulator, "production")["concurrency_target"] == 8
    assert _promotion(emulator, "production")["rolling_deploy_config"]["max_surge_percent"] == 25
    assert _promotion(emulator, "dev")["rolling_deploy"] is False
    assert _autoscaling(emulator, "production", "emb3d9x2")["concurrency_target"] == 32
