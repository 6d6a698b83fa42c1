"""The examples, as they stand in the repository, on the account an emulator starts with; each ends settled."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baseten_pulumi.testing import Emulator
from examples.fleet.emulator import account
from tests.examples import ROOT, put
from tests.isolation import isolated_environment
from tests.programs import once, patches, polls
from tests.stacks import RUN_SECONDS, Stack, real_engine

Example = Callable[[str, str], Stack]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def example(tmp_path: Path, engine: str, emulator: Emulator) -> Example:
    """Make a stack of an example."""

    def make(name: str, stack: str) -> Stack:
        put(name, tmp_path, emulator.url)
        return Stack(tmp_path, engine, emulator, stack)

    return make


def _autoscaling(emulator: Emulator, environment: str, model: str = "lm4chat8") -> Any:
    return emulator.reported(model, environment)["autoscaling_settings"]


def _promotion(emulator: Emulator, environment: str) -> Any:
    return emulator.reported("lm4chat8", environment)["promotion_settings"]


def test_every_stack_manages_its_own_environments_when_one_program_serves_three(
    example: Example, emulator: Emulator
) -> None:
    """Each stack's file lies over the defaults of a model, and those over the ones that the project has for all."""
    for name, models in (
        ("dev", ["chat"]),
        ("staging", ["chat", "transcribe"]),
        ("production", ["chat", "transcribe"]),
    ):
        stack = example("multi_environment", name)
        stack.up()
        assert stack.outputs() == {
            "environments": {model: [name] for model in models},
            "inForce": dict.fromkeys(models, True),
        }
    stack.expect_settled()

    def replicas(name: str, model: str) -> tuple[int, ...]:
        found = _autoscaling(emulator, name, model)
        names = ("min_replica", "max_replica", "scale_down_delay", "concurrency_target")
        return tuple(found[it] for it in names)

    assert [replicas(it, "lm4chat8") for it in ("dev", "staging", "production")] == [
        (0, 1, 60, 8),
        (0, 2, 300, 8),
        (1, 6, 900, 8),
    ]
    assert [replicas(it, "wh5pr3v1") for it in ("staging", "production")] == [(0, 2, 300, 8), (0, 4, 300, 1)]
    assert _promotion(emulator, "staging")["rolling_deploy_config"]["max_surge_percent"] == 25
    assert _promotion(emulator, "dev")["rolling_deploy"] is False


def test_the_repository_is_a_project_when_its_stacks_are_applied(example: Example, emulator: Emulator) -> None:
    """Each stack is an environment of the same name."""
    for name, replicas in (("dev", "0 to 1"), ("production", "1 to 3")):
        stack = example("", name)
        stack.up()
        assert stack.outputs() == {"replicas": replicas, "inForce": True}
        assert f"{_autoscaling(emulator, name)['min_replica']} to" in replicas
    stack.expect_settled()


def test_whole_fleet_is_applied_when_it_is_declared_by_a_file(example: Example, emulator: Emulator) -> None:
    """Every environment sends before the joint wait polls, and every setting of the file is read back."""
    for model in account():
        emulator.add_model(model.id, model.name, model.environments)
    stack = example("fleet", "dev")
    stack.up()
    asked = [(request.method, request.path) for request in emulator.requests]
    sent = [path for method, path in asked if method == "PATCH"]
    assert len({path.split("/")[3] for path in sent}) == 20
    assert len(sent) == len(set(sent)) == 32
    before_first_poll = asked[: next(i for i, (_, path) in enumerate(asked) if path.endswith("/environments"))]
    assert [method for method, _ in before_first_poll].count("PATCH") == 32
    assert stack.outputs() == {"inForce": True}
    assert _autoscaling(emulator, "production")["max_replica"] == 6
    assert _autoscaling(emulator, "production")["concurrency_target"] == 8
    assert _promotion(emulator, "production")["rolling_deploy_config"]["max_surge_percent"] == 25
    assert _promotion(emulator, "dev")["rolling_deploy"] is False
    assert _autoscaling(emulator, "production", "emb3d9x2")["concurrency_target"] == 32
    assert _autoscaling(emulator, "production", "iv7read1")["target_utilization_percentage"] == 90
    stack.expect_settled()


def test_two_models_are_in_service_from_nothing_and_gone_when_protection_is_lifted(
    example: Example, emulator: Emulator
) -> None:
    """What the program created is deleted; production, which always exists, keeps its settings."""
    models = {"chat": "ch4t0001", "embeddings": "emb3d002"}
    for name, model_id in models.items():
        emulator.add_model(model_id, name, ["production"])
    stack = example("from_nothing", "dev")
    stack.up()
    assert stack.outputs() == {"inForce": True}
    for model_id in models.values():
        replicas = {name: _autoscaling(emulator, name, model_id)["max_replica"] for name in ("dev", "staging")}
        assert replicas == {"dev": 1, "staging": 2}
        (office_hours,) = emulator.reported(model_id, "production")["autoscaling_schedules"]["schedules"]
        assert office_hours["name"] == "Office hours"
    stack.expect_settled()
    assert "protect" in stack.fails("destroy")
    assert len(emulator.environments("ch4t0001")) == 3
    stack.configure({"from-nothing:protect": "false"})
    stack.up()
    stack.destroy()
    for model_id in models.values():
        assert [it["name"] for it in emulator.environments(model_id)] == ["production"]
        assert _autoscaling(emulator, "production", model_id)["max_replica"] == 6


def test_settings_follow_and_feed_other_resources_when_infrastructure_is_in_the_program(
    example: Example, emulator: Emulator
) -> None:
    """What one resource gives decides the settings; what depends on them waits until they are applied."""
    stack = example("alongside_infrastructure", "dev")
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
    stack.expect_settled()


def test_project_passes_its_own_tests_when_pytest_runs_in_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As a user runs them; nothing is written into the project, and without the Pulumi CLI whole stacks are skipped."""
    put("testing_your_stack", tmp_path, "")
    before = {path.name for path in tmp_path.iterdir()}
    # looptime's plugin fails every test without pytest-asyncio.
    options = ["-p", "no:cacheprovider", "-p", "no:looptime_plugin", "-r", "s", "-W", "error"]
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", *options],
        cwd=tmp_path,
        env={**isolated_environment(tmp_path_factory.mktemp("isolated"), NOWHERE), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=4 * RUN_SECONDS,
        check=False,
    )
    is_skipped = real_engine() is None
    assert ("1 passed, 5 skipped" if is_skipped else "6 passed in") in done.stdout, done.stdout + done.stderr
    assert ("the Pulumi CLI is not on PATH" in done.stdout) == is_skipped
    assert {path.name for path in tmp_path.iterdir()} == before
