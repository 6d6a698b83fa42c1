"""What type checkers report to a user of the wheel: a correct program passes, each mistake is an error."""

import re
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.package.environments import Environment

RIGHT = """
import pulumi
from baseten_pulumi import (
    BasetenEnvironmentSettings,
    BasetenModelEnvironments,
    BasetenSettingsInForce,
    find_model,
    get_environment,
    settings_from_config,
)
from baseten_pulumi.testing import Emulator, LocalEngine

model = find_model(name="llama-chat")
chat = BasetenEnvironmentSettings(
    "chat",
    model_id=model.id,
    env_name="production",
    autoscaling_settings={"min_replica": 1, "max_replica": pulumi.Output.from_input(6)},
    promotion_settings={"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}},
    request_backpressure_settings={"policy": "REJECT_ON_FULL"},
    opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="10m")),
)
BasetenModelEnvironments("all", model_id=model.id, environments=settings_from_config())
BasetenSettingsInForce("joint", settings=[chat, BasetenEnvironmentSettings.get("dev", f"{model.id}/dev")])
minimum: "pulumi.Output[int | None]" = chat.autoscaling_settings.apply(lambda it: it.min_replica if it else None)
reveal_type(chat.autoscaling_settings)
reveal_type(chat.in_force)
reveal_type(get_environment(model_id=model.id, env_name="dev").autoscaling_settings)
reveal_type(Emulator().url)
reveal_type(LocalEngine(".").up())
"""
_DECLARED = "from baseten_pulumi import BasetenEnvironmentSettings as Settings\nSettings({})\n"
WRONG = {
    "wrong_key": '"a", model_id="m", env_name="dev", autoscaling_settings={"min_replicas": 1}',
    "wrong_nested_key": '"a", model_id="m", env_name="dev", promotion_settings={"rolling_deploy_config": {"surge": 1}}',
    "wrong_value": '"a", model_id="m", env_name="dev", autoscaling_settings={"min_replica": "1"}',
    "wrong_word": '"a", model_id="m", env_name="dev", promotion_settings={"promotion_cleanup_strategy": "DROP"}',
    "wrong_argument": '"a", model_id="m", env_name="dev", autoscaling={"min_replica": 1}',
    "wrong_wait": '"a", model_id="m", env_name="dev", autoscaling_settings={"min_replica": 1}, wait="no"',
    "missing_model_id": '"a", env_name="dev", autoscaling_settings={"min_replica": 1}',
    "missing_env_name": '"a", model_id="m", autoscaling_settings={"min_replica": 1}',
}
_REVEALED = re.compile(r'right\.py:\d+(?::\d+)?:? .*(?:Revealed type|Type of .*) is "(.+)"')
REVEALED = [
    "Output[AutoscalingSettings | None]",
    "Output[bool]",
    "AutoscalingSettings",
    "str",
    "Outcome",
]


def _mypy(folder: Path, environment: Environment) -> list[str]:
    """Return the command; its interpreter is this one, and the environment's packages are what it reads."""
    assert find_spec("mypy") is not None
    where = ["--python-executable", environment.python, "--cache-dir", str(folder / "cache")]
    return [sys.executable, "-m", "mypy", "--strict", "--no-pretty", *where, str(folder)]


def _pyright(folder: Path, environment: Environment) -> list[str]:
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    return [shutil.which("pyright") or "", "--project", str(folder), "--pythonpath", environment.python]


@pytest.mark.parametrize(
    "checker",
    [
        pytest.param(_mypy, id="mypy"),
        pytest.param(
            _pyright,
            id="pyright",
            marks=pytest.mark.skipif(
                shutil.which("pyright") is None, reason="pyright is not on PATH; see make package"
            ),
        ),
    ],
)
def test_each_mistake_is_an_error_when_a_program_is_type_checked(
    checker: Callable[[Path, Environment], list[str]], full: Environment, tmp_path: Path
) -> None:
    """The package is typed for its users, and no output is `Any`."""
    (tmp_path / "right.py").write_text(RIGHT)
    for name, arguments in WRONG.items():
        (tmp_path / f"{name}.py").write_text(_DECLARED.format(arguments))
    text = full.run(*checker(tmp_path, full)).stdout
    failing = set(re.findall(r"([a-z_]+)\.py:\d+(?::\d+)?(?: -|:) error", text))
    assert failing == set(WRONG), text
    revealed = [re.sub(r"(\w+\.)+", "", found) for found in _REVEALED.findall(text)]
    assert revealed == REVEALED, text
