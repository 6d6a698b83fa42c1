"""What the fixtures for users' own tests do, in a test session of their own."""

import os

import pytest

pytest_plugins = ["pytester"]

PROJECT = """
name: serving
runtime: python
config:
  replicas:
    default: 4
  baseten:baseUrl:
    value: nowhere
"""
CONFIG = """
config:
  baseten:apiKey:
    secure: v1:ciphertext
"""
PROGRAM = """
import pulumi
from baseten_pulumi import BasetenEnvironmentSettings

if pulumi.get_stack() == "models":
    pulumi.export("chat", "lm4chat8")
else:
    model_id = pulumi.StackReference("organization/serving/models").require_output("chat")
    scaling = {"max_replica": pulumi.Config().require_int("replicas")}
    BasetenEnvironmentSettings("chat", model_id=model_id, env_name=pulumi.get_stack(), autoscaling_settings=scaling)
"""
TESTS = """
def test_production(local_engine, baseten_emulator):
    assert local_engine("..", stack="models").up().succeeded
    assert local_engine(stack="production").up().succeeded
    assert baseten_emulator.reported("lm4chat8", "production")["autoscaling_settings"]["max_replica"] == 4


def test_every_test_begins_with_nothing(local_engine, baseten_emulator):
    assert "There is no stack 'organization/serving/models'" in local_engine(stack="production").up().text
    assert not [request for request in baseten_emulator.requests if request.method == "PATCH"]


def test_values_take_the_place_of_the_files(local_engine, baseten_emulator):
    assert local_engine(stack="models").up().succeeded
    assert local_engine(stack="production", config={"serving:replicas": 7}).up().succeeded
    assert baseten_emulator.reported("lm4chat8", "production")["autoscaling_settings"]["max_replica"] == 7
"""


def test_project_is_found_from_the_tests_own_folder_when_an_engine_is_asked_for(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever pytest was started; stacks of one test see each other, those of the next do not.

    The account that the project's files lead to is never asked, and an encrypted key is in nobody's way.
    """
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)  # as in other runs of engines
    files = {
        "Pulumi.yaml": PROJECT,
        "Pulumi.production.yaml": CONFIG,
        "__main__.py": PROGRAM,
        "tests/test_it.py": TESTS,
    }
    project = pytester.mkdir("serving")
    (project / "tests").mkdir()
    for name, text in files.items():
        (project / name).write_text(text)
    pytester.makeconftest('pytest_plugins = ["baseten_pulumi.testing.plugin"]')
    # looptime's plugin fails every test without pytest-asyncio.
    options = ("-p", "no:cacheprovider", "-p", "no:looptime_plugin")
    pytester.runpytest_inprocess(*options, "serving/tests").assert_outcomes(passed=3)
    left = {path.relative_to(project).as_posix() for path in project.rglob("*") if "__pycache__" not in path.parts}
    assert left == {*files, "tests"}
