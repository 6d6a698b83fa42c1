"""The examples, as they stand in the repository, on the account an emulator starts with; each ends settled."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.isolation import isolated_environment
from examples.fleet.emulator import account
from tests.engines import RUN_SECONDS, Stack
from tests.examples import ROOT, put
from tests.programs import once, patches, polls

Example = Callable[..., Stack]
NOWHERE = "http://127.0.0.1:9"


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
        stack.expect_settled()


def _autoscaling(emulator: Emulator, environment: str, model: str = "lm4chat8") -> Any:
    return emulator.reported(model, environment)["autoscaling_settings"]


def _promotion(emulator: Emulator, environment: str) -> Any:
    return emulator.reported("lm4chat8", environment)["promotion_settings"]


def test_environment_of_the_stack_is_applied_when_the_quickstart_runs(example: Example, emulator: Emulator) -> None:
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


def test_whole_fleet_is_applied_when_it_is_declared_by_a_file(example: Example, emulator: Emulator) -> None:
    """Every environment sends before the joint wait polls, and every setting of the file is read back."""
    for model in account():
        emulator.add_model(model.id, model.name, model.environments)
    stack = example("fleet")
    stack.up()
    asked = [(request.method, request.path) for request in emulator.requests]
    sent = [path for method, path in asked if method == "PATCH"]
    assert len({path.split("/")[3] for path in sent}) == 20
    assert len(sent) == len(set(sent)) == 32
    assert [method for method, _ in asked[:32]] == ["PATCH"] * 32
    assert stack.outputs() == {"inForce": True}
    assert _autoscaling(emulator, "production")["max_replica"] == 6
    assert _autoscaling(emulator, "production")["concurrency_target"] == 8
    assert _promotion(emulator, "production")["rolling_deploy_config"]["max_surge_percent"] == 25
    assert _promotion(emulator, "dev")["rolling_deploy"] is False
    assert _autoscaling(emulator, "production", "emb3d9x2")["concurrency_target"] == 32
    assert _autoscaling(emulator, "production", "iv7read1")["target_utilization_percentage"] == 90


def test_settings_follow_and_feed_other_resources_when_infrastructure_is_in_the_program(
    example: Example, emulator: Emulator
) -> None:
    """What one resource gives decides the settings; what depends on them waits until they are applied."""
    stack = example("alongside_infrastructure")
    stack.preview()
    stack.up()
    assert _autoscaling(emulator, "production")["max_replica"] == 2
    assert stack.outputs() == {"gateway": {"requests_at_once": 16}}
    stack.configure({"serving-and-infrastructure:gpus": 8})
    meanwhile: list[Any] = []

    def finish() -> None:
        meanwhile.append(json.loads((stack.folder / "gateway.json").read_text()))
        emulator.finish_promotion("lm4chat8", "production")

    emulator.start_promotion("lm4chat8", "production")
    with once(lambda: len(patches(emulator)) == 2 and polls(emulator) > 0, finish):
        stack.up()
    assert meanwhile == [{"requests_at_once": 16}]
    assert _autoscaling(emulator, "production")["max_replica"] == 4
    assert json.loads((stack.folder / "gateway.json").read_text()) == {"requests_at_once": 32}


def test_project_passes_its_own_tests_when_pytest_runs_in_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As a user runs them, in a copy of the folder: nothing is skipped and nothing is written into the project."""
    put("testing_your_stack", tmp_path, "")
    before = {path.name for path in tmp_path.iterdir()}
    done = subprocess.run(
        # looptime's plugin fails every test without pytest-asyncio.
        [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:looptime_plugin", "-W", "error"],
        cwd=tmp_path,
        env={**isolated_environment(tmp_path_factory.mktemp("isolated"), NOWHERE), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert "5 passed" in done.stdout, done.stdout + done.stderr
    assert "skipped" not in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == before


def test_tested_project_is_applied_when_an_engine_runs_it(example: Example, emulator: Emulator) -> None:
    """What its own tests promise holds on either engine."""
    example("testing_your_stack", "production").up()
    found = _autoscaling(emulator, "production")
    assert (found["min_replica"], found["max_replica"]) == (1, 6)
