import ast
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from baseten_pulumi.testing import Emulator

CHAT = {"id": "lm4chat8", "name": "llama-chat"}
SETTINGS: dict[str, Any] = {
    "autoscaling_settings": {"min_replica": 1, "max_replica": 3, "autoscaling_window": 7200},
    "promotion_settings": {
        "rolling_deploy": False,
        "promotion_cleanup_strategy": "KEEP",
        "rolling_deploy_config": {"max_surge_percent": 10},
    },
    "request_backpressure_settings": {"policy": None},
}
ONE_SETTING: dict[str, Any] = {
    "autoscaling_settings": {"max_replica": 2},
    "request_backpressure_settings": {"policy": None},
}
HOSTILE = 'x"""\nimport os\u2028\x85import sys\x1b[31m'


def test_program_declares_what_is_reported_when_a_model_is_exported(
    respond: Callable[..., None], run: Callable[..., str]
) -> None:
    """A comment says why a setting is not declared."""
    respond(CHAT, {"production": SETTINGS})
    assert (
        run("export", "--model", "llama-chat")
        == '''\
"""Settings of the environments of a Baseten model."""

from baseten_pulumi import BasetenEnvironmentSettings

# Model llama-chat (lm4chat8)

BasetenEnvironmentSettings(
    "llama-chat-production",
    model_id="lm4chat8",
    env_name="production",
    autoscaling_settings={
        "min_replica": 1,
        "max_replica": 3,
        # "autoscaling_window": left out, must be <= 3600 s, got 7200
        # "scale_down_delay": not reported
        # "concurrency_target": not reported
        # "target_utilization_percentage": not reported
        # "target_in_flight_tokens": not reported
        # "max_scale_down_rate": not reported
    },
    promotion_settings={
        # "redeploy_on_promotion": not reported
        "rolling_deploy": False,
        "promotion_cleanup_strategy": "KEEP",
        # "ramp_up_while_promoting": not reported
        # "ramp_up_duration_seconds": not reported
        "rolling_deploy_config": {
            # "rolling_deploy_strategy": not reported
            "max_surge_percent": 10,
            # "max_unavailable_percent": not reported
            # "stabilization_time_seconds": not reported
            # "replica_overhead_percent": not reported
        },
    },
    request_backpressure_settings={
        "policy": "NONE",
    },
)
'''
    )


def test_stack_config_is_what_pulumi_reads_when_it_is_exported(
    respond: Callable[..., None], run: Callable[..., str]
) -> None:
    """Names that YAML would read as something other than a string are quoted."""
    respond(CHAT, {"production": SETTINGS, "on": ONE_SETTING, "007": ONE_SETTING})
    text = run("export", "--model", "llama-chat", "--stack-config")
    assert text.startswith("# Settings of the environments of Baseten model llama-chat (lm4chat8).\nconfig:\n")
    assert "        # autoscaling_window: left out, must be <= 3600 s, got 7200\n" in text
    assert "        # scale_down_delay: not reported\n" in text
    one, none = {"autoscaling_settings": {"max_replica": 2}}, {"request_backpressure_settings": {"policy": "NONE"}}
    declared = {**SETTINGS, "autoscaling_settings": {"min_replica": 1, "max_replica": 3}, **none}
    assert yaml.safe_load(text) == {
        "config": {"baseten:environments": {"production": declared, "on": {**one, **none}, "007": {**one, **none}}}
    }


@pytest.mark.parametrize(
    ("settings", "comments"),
    [
        (
            {"autoscaling_settings": {"min_replica": 5, "max_replica": 3}},
            ["        # min_replica: left out, must be <= max_replica (3), got 5"],
        ),
        (
            {"promotion_settings": {"promotion_cleanup_strategy": "BURN", "rolling_deploy": True}},
            ['        # promotion_cleanup_strategy: left out, must be KEEP, SCALE_TO_ZERO or DEACTIVATE, got "BURN"'],
        ),
        (  # one of the two alone would make the other a declared 0
            {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 2, "max_unavailable_percent": 3}}},
            [
                f"      # promotion_settings.rolling_deploy_config.{name}: left out, exactly one of max_surge_percent "
                "and max_unavailable_percent must be > 0, got 2 and 3"
                for name in ("max_surge_percent", "max_unavailable_percent")
            ],
        ),
        (  # only what is valid by itself is compared with the rest
            {"autoscaling_settings": {"autoscaling_window": 7200, "min_replica": 5, "max_replica": 3}},
            [
                "        # min_replica: left out, must be <= max_replica (3), got 5",
                "        # autoscaling_window: left out, must be <= 3600 s, got 7200",
            ],
        ),
    ],
    ids=["order of replicas", "new enum value", "both percentages", "two rounds"],
)
def test_a_setting_is_left_out_when_a_program_may_not_declare_it(
    settings: dict[str, Any], comments: list[str], respond: Callable[..., None], run: Callable[..., str]
) -> None:
    """With the reason; the settings around it are declared."""
    respond(CHAT, {"production": {**settings, "request_backpressure_settings": {"policy": None}}})
    text = run("export", "--model", "llama-chat", "--stack-config")
    assert [line for line in text.splitlines() if "left out" in line] == comments


def test_an_object_is_one_comment_when_none_of_its_settings_is_reported(
    respond: Callable[..., None], run: Callable[..., str]
) -> None:
    """A comment for each of its settings would be noise."""
    respond(CHAT, {"production": ONE_SETTING})
    text = run("export", "--model", "llama-chat")
    assert "\n    # promotion_settings: not reported\n    request_backpressure_settings={\n" in text


@pytest.mark.parametrize("flags", [(), ("--stack-config",)])
def test_an_environment_is_a_comment_when_no_resource_may_have_its_name(
    flags: tuple[str, ...], respond: Callable[..., None], run: Callable[..., str]
) -> None:
    """It is not left out silently."""
    respond(CHAT, {"Production": SETTINGS})
    text = run("export", "--model", "llama-chat", *flags)
    assert re.search(
        r"^ *# Environment Production: nothing to declare\.\n *#   env_name: left out, must contain only lowercase .*, "
        r'got "Production"$',
        text,
        re.MULTILINE,
    )
    assert "BasetenEnvironmentSettings" not in text


def test_error_says_so_when_a_model_has_no_environments(emulator: Emulator, run: Callable[..., str]) -> None:
    """A program without resources would be no help."""
    emulator.add_model("empty000", "empty", ())
    assert run("export", "--model", "empty", status=1) == (
        "Model empty (empty000) could not be exported.\n"
        "It has no environments.\n"
        "Create an environment in Baseten first, or promote a deployment.\n"
    )


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (CHAT, "llama-chat-dev"),
        ({"id": "abc", "name": "My Model (v2)"}, "my-model-v2-dev"),
        ({"id": "abc", "name": "模型"}, "abc-dev"),
        ({"id": "abc"}, "abc-dev"),
    ],
)
def test_resource_is_named_after_model_and_environment_when_exported(
    model: dict[str, str], name: str, respond: Callable[..., None], run: Callable[..., str]
) -> None:
    """With letters, digits and dashes of the model's name, or with its id if there are none."""
    respond(model, {"dev": ONE_SETTING})
    assert f'BasetenEnvironmentSettings(\n    "{name}",\n' in run("export", "--model", model["id"])


@pytest.mark.parametrize(
    ("model", "environments"),
    [
        (CHAT, {"production": SETTINGS}),
        (CHAT, {"dev": {}, "production": SETTINGS, "staging": ONE_SETTING}),
        (CHAT, {"Dev": SETTINGS, "Staging": SETTINGS}),
        ({"id": "abc", "name": 'Ünï """odd\\'}, {"Bad Name": SETTINGS, "dev": SETTINGS}),
        ({"id": "abc"}, {"dev": ONE_SETTING, "z": {}}),
    ],
    ids=["one", "several", "none", "odd names", "no name"],
)
def test_a_formatter_changes_nothing_when_a_program_is_exported(
    model: dict[str, str],
    environments: dict[str, dict[str, Any]],
    respond: Callable[..., None],
    run: Callable[..., str],
) -> None:
    """Ruff neither formats nor reports anything."""
    respond(model, environments)
    text = run("export", "--model", model["id"])
    for command in (["format", "--check"], ["check", "--select", "D100,E4,E7,E9,F,I,W"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--stdin-filename", "__main__.py", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + text


def test_only_comments_are_written_when_names_are_hostile(
    respond: Callable[..., None], run: Callable[..., str]
) -> None:
    """Nothing that Baseten reports ends the comment it is in."""
    respond({"id": HOSTILE, "name": "name"}, {HOSTILE: SETTINGS})
    program = run("export", "--model", "name")
    assert [type(statement) for statement in ast.parse(program).body] == [ast.Expr]  # the docstring
    config = run("export", "--model", "name", "--stack-config")
    assert yaml.safe_load(config) == {"config": {"baseten:environments": None}}
    assert all(line.isprintable() for text in (program, config) for line in text.split("\n"))
