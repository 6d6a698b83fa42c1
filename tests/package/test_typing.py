"""What type checkers report to a user of the wheel: a correct program passes, each mistake is an error."""

import re
import sys
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
    list_models,
    models_from_config,
    settings_from_config,
)
from baseten_pulumi.testing import Emulator

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
for name, own in models_from_config().items():
    BasetenModelEnvironments(name, **own)
for each in list_models(team="Fictional"):
    serving = get_environment(model_id=each.id, env_name="dev").current_deployment
    pulumi.export(f"{each.name}", serving and serving.active_replica_count)
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
"""
WRONG = """
from baseten_pulumi import AutoscalingSettings, BasetenAutoscalingSchedule as Schedule
from baseten_pulumi import BasetenEnvironmentSettings as Settings, BasetenModelEnvironments as Environments
from baseten_pulumi import get_environment

Settings("a", model_id="m", env_name="dev", autoscaling_settings={"min_replicas": 1})  # wrong
Settings("a", model_id="m", env_name="dev", promotion_settings={"rolling_deploy_config": {"surge": 1}})  # wrong
Settings("a", model_id="m", env_name="dev", autoscaling_settings={"min_replica": "1"})  # wrong
Settings("a", model_id="m", env_name="dev", promotion_settings={"promotion_cleanup_strategy": "DROP"})  # wrong
Settings("a", model_id="m", env_name="dev", autoscaling={"min_replica": 1})  # wrong
Settings("a", model_id="m", env_name="dev", autoscaling_settings={"min_replica": 1}, wait="no")  # wrong
Settings("a", env_name="dev", autoscaling_settings={"min_replica": 1})  # wrong
Settings("a", model_id="m", autoscaling_settings={"min_replica": 1})  # wrong
Environments("a", model_id="m", environments={"dev": {"autoscaling": {}}})  # wrong
Environments("a", model_id="m", environments={"dev": {"autoscaling_settings": {"min_replicas": 1}}})  # wrong
Environments("a", model_id="m", environments={}, defaults={"promotion_settings": {"rolling": True}})  # wrong
get_environment(model_id="m", env_name="dev").autoscaling_settings.min_replicas.bit_length()  # wrong
AutoscalingSettings(min_replicas=1)  # wrong
Schedule("a", model_id="m", env_name="e", timezone="UTC", cadence="DAILY", autoscaling_settings={})  # wrong
Schedule(
    "a", model_id="m", env_name="e", schedule_name="s", timezone="UTC", cadence="DAILY",
    weekdays=["Monday"],  # wrong
    autoscaling_settings={"min_replicas": 1},  # wrong
)
"""
_REVEALED = re.compile(r'right\.py:\d+(?::\d+)?:? .*(?:Revealed type|Type of .*) is "(.+)"')
REVEALED = ["Output[AutoscalingSettings | None]", "Output[bool]", "AutoscalingSettings", "str"]


@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
def test_each_mistake_is_an_error_when_a_program_is_type_checked(
    checker: str, full: Environment, tmp_path: Path
) -> None:
    """The package is typed for its users, and no output is `Any`. basedpyright is pyright with its own Node.js."""
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    flags = {
        "mypy": ["--strict", "--no-pretty", "--cache-dir", "cache", "--python-executable", full.python, "."],
        "basedpyright": ["--project", ".", "--pythonpath", full.python],
    }
    text = full.run(sys.executable, "-m", checker, *flags[checker], cwd=tmp_path).stdout
    found = {(name, int(line)) for name, line in re.findall(r"(\w+)\.py:(\d+)(?::\d+)?(?: -|:) error", text)}
    mistakes = {number for number, line in enumerate(WRONG.splitlines(), 1) if line.endswith("# wrong")}
    assert found == {("wrong", number) for number in mistakes}, text
    revealed = [re.sub(r"(\w+\.)+", "", it) for it in _REVEALED.findall(text)]
    assert revealed == REVEALED, text
