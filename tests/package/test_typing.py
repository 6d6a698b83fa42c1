"""What type checkers report to a user of the wheel: a correct program passes, each mistake is an error."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.package.environments import Environment

RIGHT = """
import pulumi
from baseten_pulumi import (
    AutoscalingSettingsArgsDict,
    BasetenAutoscalingSchedule,
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
small: AutoscalingSettingsArgsDict = {"max_replica": 2}
BasetenEnvironmentSettings("small", model_id="m", env_name="dev", autoscaling_settings=small)
BasetenEnvironmentSettings("configured", model_id="m", env_name="dev", **settings_from_config()["dev"])
BasetenEnvironmentSettings(
    "copy",
    model_id=chat.model_id,
    env_name="dev",
    autoscaling_settings=chat.autoscaling_settings,
    promotion_settings=get_environment(model_id=model.id, env_name="dev").promotion_settings,
)
BasetenModelEnvironments(
    "copies",
    model_id=model.id,
    environments={"dev": None, "staging": {"autoscaling_settings": {"min_replica": 1}}},
    defaults={"autoscaling_settings": chat.autoscaling_settings, "promotion_settings": chat.promotion_settings},
)
launch = BasetenAutoscalingSchedule(
    "launch",
    model_id=model.id,
    env_name=chat.env_name,
    schedule_name="Launch",
    timezone="UTC",
    cadence="DAILY",
    weekdays=["MONDAY", pulumi.Output.from_input("FRIDAY")],
    start_hour=8,
    end_hour=18,
    autoscaling_settings={"min_replica": 1, "max_replica": 6, "concurrency_target": None},
)
BasetenAutoscalingSchedule.get("other", pulumi.Output.concat("m/production/", launch.schedule_id))
text: "pulumi.Output[str]" = pulumi.Output.json_dumps(chat.autoscaling_settings)
unpacked = chat.autoscaling_settings.apply(lambda it: {**it, "max_replica": 9} if it else {})
maximum = chat.autoscaling_settings.apply(lambda it: it["max_replica"] if it else 0)
found = chat.promotion_settings.apply(lambda it: dict(it.items()) if it is not None else {})
minimum: "pulumi.Output[int | None]" = chat.autoscaling_settings.apply(lambda it: it.min_replica if it else None)
reveal_type(chat.autoscaling_settings)
reveal_type(chat.in_force)
reveal_type(get_environment(model_id=model.id, env_name="dev").autoscaling_settings)
reveal_type(Emulator().url)
reveal_type(LocalEngine(".").up())
"""
_IMPORTED = "from baseten_pulumi import {0}\n{0}({1}){2}\n"
WRONG_SETTINGS = {
    "wrong_key": '"a", model_id="m", env_name="dev", autoscaling_settings={"min_replicas": 1}',
    "wrong_nested_key": '"a", model_id="m", env_name="dev", promotion_settings={"rolling_deploy_config": {"surge": 1}}',
    "wrong_value": '"a", model_id="m", env_name="dev", autoscaling_settings={"min_replica": "1"}',
    "wrong_word": '"a", model_id="m", env_name="dev", promotion_settings={"promotion_cleanup_strategy": "DROP"}',
    "wrong_argument": '"a", model_id="m", env_name="dev", autoscaling={"min_replica": 1}',
    "wrong_wait": '"a", model_id="m", env_name="dev", autoscaling_settings={"min_replica": 1}, wait="no"',
    "missing_model_id": '"a", env_name="dev", autoscaling_settings={"min_replica": 1}',
    "missing_env_name": '"a", model_id="m", autoscaling_settings={"min_replica": 1}',
}
WRONG_OTHERS = {
    "wrong_environment": (
        "BasetenModelEnvironments",
        '"a", model_id="m", environments={"dev": {"autoscaling": {}}}',
        "",
    ),
    "wrong_environment_key": (
        "BasetenModelEnvironments",
        '"a", model_id="m", environments={"dev": {"autoscaling_settings": {"min_replicas": 1}}}',
        "",
    ),
    "wrong_default": (
        "BasetenModelEnvironments",
        '"a", model_id="m", environments={}, defaults={"promotion_settings": {"rolling": True}}',
        "",
    ),
    "wrong_attribute": (
        "get_environment",
        'model_id="m", env_name="dev"',
        ".autoscaling_settings.min_replicas.bit_length()",
    ),
    "wrong_class": ("AutoscalingSettings", "min_replicas=1", ""),
}
_SCHEDULE = '"a", model_id="m", env_name="e", schedule_name="s", timezone="UTC", cadence="DAILY", autoscaling_settings='
WRONG_SCHEDULES = {
    "wrong_override": f'{_SCHEDULE}{{"min_replicas": 1}}',
    "wrong_weekday": f'{_SCHEDULE}{{}}, weekdays=["Monday"]',
    "missing_schedule_name": _SCHEDULE.replace('schedule_name="s", ', "") + "{}",
}
WRONG = {
    **{name: ("BasetenEnvironmentSettings", arguments, "") for name, arguments in WRONG_SETTINGS.items()},
    **{name: ("BasetenAutoscalingSchedule", arguments, "") for name, arguments in WRONG_SCHEDULES.items()},
    **WRONG_OTHERS,
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
    where = ["--python-executable", environment.python, "--cache-dir", str(folder / "cache")]
    return [sys.executable, "-m", "mypy", "--strict", "--no-pretty", *where, str(folder)]


def _pyright(folder: Path, environment: Environment) -> list[str]:
    """Return the command for basedpyright, which is pyright with a Node.js of its own."""
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    where = ["--project", str(folder), "--pythonpath", environment.python]
    return [sys.executable, "-m", "basedpyright", *where]


@pytest.mark.parametrize(
    "checker",
    [
        pytest.param(_mypy, id="mypy"),
        pytest.param(_pyright, id="pyright"),
    ],
)
def test_each_mistake_is_an_error_when_a_program_is_type_checked(
    checker: Callable[[Path, Environment], list[str]], full: Environment, tmp_path: Path
) -> None:
    """The package is typed for its users, and no output is `Any`."""
    (tmp_path / "right.py").write_text(RIGHT)
    for name, parts in WRONG.items():
        (tmp_path / f"{name}.py").write_text(_IMPORTED.format(*parts))
    text = full.run(*checker(tmp_path, full)).stdout
    failing = set(re.findall(r"([a-z_]+)\.py:\d+(?::\d+)?(?: -|:) error", text))
    assert failing == set(WRONG), text
    revealed = [re.sub(r"(\w+\.)+", "", found) for found in _REVEALED.findall(text)]
    assert revealed == REVEALED, text
