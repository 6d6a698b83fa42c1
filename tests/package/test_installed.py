"""What works for a user who installed the wheel, away from the source tree."""

import json
import shutil
from pathlib import Path

import pytest

from baseten_pulumi.testing import Emulator
from tests.engines import REAL, Stack
from tests.examples import EXAMPLES
from tests.package.environments import Environment
from tests.programs import program

EMULATOR = 'The emulator needs two more packages: pip install "baseten-pulumi[testing]"'
TABLE = 'The table needs one more package: pip install "baseten-pulumi[cli]". --json does not need it.'
_NAMES = """
import json
from baseten_pulumi import testing

errors = {}
for name in testing.__all__:
    try:
        getattr(testing, name)
    except ImportError as error:
        errors[name] = str(error)
print(json.dumps(errors))
"""
_WHERE = """
import baseten_pulumi
pulumi.export("where", baseten_pulumi.__file__)
"""


@pytest.mark.parametrize(
    ("command", "message"), [(["emulate"], EMULATOR), (["status", "--model", "llama-chat"], TABLE)]
)
def test_command_names_what_to_install_when_its_extra_is_missing(
    command: list[str], message: str, bare: Environment
) -> None:
    """The message is one line, and the command fails."""
    done = bare.run("baseten-pulumi", *command)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{message}\n")


@pytest.mark.parametrize(
    "statement", ["from baseten_pulumi.testing import Emulator", "import baseten_pulumi.testing.emulator"]
)
def test_import_names_what_to_install_when_the_extra_is_missing(statement: str, bare: Environment) -> None:
    """The message is the last line of a single traceback."""
    done = bare.run("python", "-c", statement)
    assert done.stderr.splitlines()[-1] == f"ImportError: {EMULATOR}"
    assert done.stderr.count("Traceback") == 1


def test_only_the_emulator_is_missing_when_no_extra_is_installed(bare: Environment) -> None:
    """The other names of `testing` are there, and `export` works."""
    errors = json.loads(bare.run("python", "-c", _NAMES).stdout)
    assert errors == dict.fromkeys(
        ("AppliedChange", "Emulator", "Fault", "FictionalEnvironment", "FictionalModel", "RecordedRequest"), EMULATOR
    )
    with Emulator() as emulator:
        exported = bare.run(f"BASETEN_BASE_URL={emulator.url}", "baseten-pulumi", "export", "--model", "llama-chat")
    assert "BasetenEnvironmentSettings(" in exported.stdout, exported.stderr


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


def test_table_is_shown_when_its_extra_is_installed(full: Environment) -> None:
    """The script is the one that a user runs."""
    with Emulator() as emulator:
        shown = full.run(f"BASETEN_BASE_URL={emulator.url}", "baseten-pulumi", "status", "--model", "llama-chat")
    assert "rolling_deploy" in shown.stdout, shown.stderr


def test_project_with_tests_passes_when_it_asks_for_the_fixtures(full: Environment, tmp_path: Path) -> None:
    """They are opt-in: they exist with `pytest_plugins` and not without."""
    shutil.copytree(EXAMPLES / "testing_your_stack", tmp_path / "project")
    done = full.run("python", "-m", "pytest", "-k", "production_keeps_a_replica", cwd=tmp_path / "project")
    assert "1 passed" in done.stdout
    (tmp_path / "empty").mkdir()
    assert "baseten_emulator" not in full.run("python", "-m", "pytest", "--fixtures", cwd=tmp_path / "empty").stdout
