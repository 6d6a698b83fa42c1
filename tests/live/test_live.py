"""The live test itself, against the emulator; what it prints of a real account nobody has seen yet."""

import subprocess
import sys
from pathlib import Path

import pytest

from baseten_pulumi.testing import Emulator, Fault
from tests.isolation import isolated_environment

ROOT = Path(__file__).parents[2]
MODEL = "lm4chat8"
ENVIRONMENTS = {"dev", "staging", "production"}


def _run(emulator: Emulator, folder: Path, answer: str, *flags: str) -> "subprocess.CompletedProcess[str]":
    isolated = isolated_environment(folder, emulator.url)
    return subprocess.run(
        [sys.executable, "-m", "tests.live", *flags],
        cwd=ROOT,
        env={**isolated, "MODEL_ID": MODEL, "BASETEN_API_KEY": "k-live-secret-1"},
        input=answer,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("answer", ["\n", ""], ids=["no", "end of input"])
def test_nothing_is_sent_when_the_answer_is_not_yes(answer: str, tmp_path: Path) -> None:
    with Emulator() as emulator:
        done = _run(emulator, tmp_path, answer)
        assert (done.returncode, done.stdout[-21:]) == (1, "Nothing was changed.\n"), done.stderr
        assert {request.method for request in emulator.requests} == {"GET"}


def test_every_question_is_answered_and_nothing_is_left_when_it_runs(tmp_path: Path) -> None:
    with Emulator(apply_seconds=1.0, deployment_seconds=2.0, promotion_seconds=2.0) as emulator:
        done = _run(emulator, tmp_path, "y\n", "--promote")
        assert done.returncode == 0, done.stdout + done.stderr
        names = {environment["name"] for environment in emulator.environments(MODEL)}
        bodies = [it.body for it in emulator.requests if it.method == "PATCH" and "schedules" not in str(it.body)]
    max_replicas = [body["autoscaling_settings"]["max_replica"] for body in bodies if body]
    _, _, found = done.stdout.partition("\nFound:\n")
    assert "reads that brought back a former value: 0 of" in found
    assert " reads differed, over " in found
    assert "a second POST of the environment is answered: 409 " in found
    assert "a PATCH without settings is answered: 200 " in found
    assert found.endswith("the environment after destroy: gone\n")
    assert names == ENVIRONMENTS
    assert max_replicas == [1, 2, 3, 2]
    assert "k-live-secret-1" not in done.stdout + done.stderr


def test_environment_is_deleted_when_a_step_fails(tmp_path: Path) -> None:
    """Although the program could not delete it, and Baseten does not answer at once; nothing is asked first."""
    with Emulator() as emulator:
        emulator.faults.add(Fault.status(403, method="PATCH", times=None))
        emulator.faults.add(Fault.status(503, method="DELETE", times=4))
        done = _run(emulator, tmp_path, "y\n")
        assert done.returncode == 1, done.stdout
        assert "It stopped: up exited with " in done.stderr
        assert [request.method for request in emulator.requests][-5:] == ["DELETE"] * 5
        assert len(emulator.environments(MODEL)) == 3


def test_environment_is_named_when_it_cannot_be_deleted(tmp_path: Path) -> None:
    with Emulator() as emulator:
        emulator.faults.add(Fault.status(403, method="PATCH", times=None))
        emulator.faults.add(Fault.dropped(method="DELETE", times=None))
        done = _run(emulator, tmp_path, "y\n")
        (name,) = {environment["name"] for environment in emulator.environments(MODEL)} - ENVIRONMENTS
        assert done.returncode == 1, done.stdout
        assert f'Delete environment "{name}" of model {MODEL} by hand.\n' in done.stderr


def test_it_stops_when_a_change_by_hand_is_refused(tmp_path: Path) -> None:
    with Emulator() as emulator:
        emulator.faults.add(Fault.status(403, method="PATCH", skip=3, times=1))
        done = _run(emulator, tmp_path, "y\n")
        assert done.returncode == 1, done.stdout
        assert "It stopped: Client error '403 Forbidden'" in done.stderr
