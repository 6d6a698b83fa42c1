"""What works for a user who installed the wheel, away from the source tree."""

import json
import shutil
from pathlib import Path

import pytest

from baseten_pulumi.testing import Emulator
from tests.examples import EXAMPLES
from tests.package.environments import Environment
from tests.programs import program
from tests.stacks import REAL, Stack, real_engine

_EMULATOR = 'The emulator needs two more packages: pip install "baseten-pulumi[testing]"'
_ASK = """
import contextlib, io, json
from baseten_pulumi import testing
from baseten_pulumi.cli import main

found = {}
for name in testing.__all__:
    try:
        getattr(testing, name)
    except ImportError as error:
        found[name] = str(error)
with contextlib.redirect_stderr(io.StringIO()) as errors:
    found["emulate"] = [main(["emulate"]), errors.getvalue()]
print(json.dumps(found))
"""
_WHERE = """
import baseten_pulumi
pulumi.export("where", baseten_pulumi.__file__)
"""


def test_emulator_asks_for_its_extra_when_only_the_wheel_is_installed(bare: Environment) -> None:
    """In one line, and importing it in a single traceback; the other commands work without."""
    names = ("AppliedChange", "Emulator", "Fault", "FictionalEnvironment", "FictionalModel", "RecordedRequest")
    emulate = [1, f"{_EMULATOR}\n"]
    assert json.loads(bare.run("python", "-c", _ASK).stdout) == {**dict.fromkeys(names, _EMULATOR), "emulate": emulate}
    errors = bare.run("python", "-c", "import baseten_pulumi.testing.emulator").stderr
    assert (errors.splitlines()[-1], errors.count("Traceback")) == (f"ImportError: {_EMULATOR}", 1)
    with Emulator() as emulator:
        exported = bare.run(f"BASETEN_BASE_URL={emulator.url}", "baseten-pulumi", "export")
        shown = bare.run(f"BASETEN_BASE_URL={emulator.url}", "baseten-pulumi", "status")
    assert "BasetenModelEnvironments(" in exported.stdout, exported.stderr
    assert "rolling_deploy" in shown.stdout, shown.stderr


@pytest.mark.parametrize("engine", ["local", REAL])
def test_settings_are_applied_when_only_the_wheel_is_installed(engine: str, bare: Environment, tmp_path: Path) -> None:
    """A program, the provider and the client need only what the wheel requires."""
    with Emulator() as emulator:
        stack = Stack(tmp_path, engine, emulator, python=bare.python)
        stack.environment.pop("PYTHONPATH", None)
        stack.program(program({"max_replica": 7}) + _WHERE)
        for operation, flags in (("up", ()), ("preview", ("--expect-no-changes",))):
            running = stack.start(operation, *flags)
            text, _ = running.communicate(timeout=300)
            assert running.returncode == 0, text
        assert emulator.reported("lm4chat8", "production")["autoscaling_settings"]["max_replica"] == 7
        assert Path(stack.outputs()["where"]).is_relative_to(bare.folder)


def test_project_with_tests_passes_when_it_asks_for_the_fixture(full: Environment, tmp_path: Path) -> None:
    """Without `pytest_plugins` it does not exist: the wheel has no entry point for pytest."""
    shutil.copytree(EXAMPLES / "testing_your_stack", tmp_path / "project")
    done = full.run("python", "-m", "pytest", "-k", "production", cwd=tmp_path / "project")
    expected = "1 passed, 2 skipped" if real_engine() is None else "3 passed"
    assert expected in done.stdout, done.stdout + done.stderr
