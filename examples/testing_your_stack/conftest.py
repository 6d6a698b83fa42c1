"""Load the emulator's fixture, and make stacks of this project for tests."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi import automation

from baseten_pulumi.testing import Emulator

pytest_plugins = ["baseten_pulumi.testing.fixtures"]


@pytest.fixture
def make_stack(tmp_path: Path, baseten_emulator: Emulator) -> Callable[[str], automation.Stack]:
    """Make stacks from a copy of this project; their state is the test's own, and Baseten is the emulator."""
    if shutil.which("pulumi") is None:
        pytest.skip("the Pulumi CLI is not on PATH")
    project, state = tmp_path / "project", tmp_path / "state"
    shutil.copytree(Path(__file__).parent, project, ignore=shutil.ignore_patterns("__pycache__"))
    state.mkdir()
    variables = {"PULUMI_BACKEND_URL": state.as_uri(), "PULUMI_CONFIG_PASSPHRASE": "test"}

    def make(name: str) -> automation.Stack:
        options = automation.LocalWorkspaceOptions(env_vars=variables)
        stack = automation.create_stack(name, work_dir=str(project), opts=options)
        account = {"baseten:baseUrl": baseten_emulator.url, "baseten:apiKey": "any"}
        stack.set_all_config({key: automation.ConfigValue(it, secret=True) for key, it in account.items()})
        return stack

    return make
