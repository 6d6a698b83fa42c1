import ast
import json
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from baseten_pulumi.api.models import Environment, Model
from baseten_pulumi.cli import status_json, status_table
from baseten_pulumi.cli.surveying import Survey
from baseten_pulumi.cli.writing import program, resource_name, stack_config
from baseten_pulumi.schedules import WEEKDAYS, path_of
from tests.schedules import SCHEDULES, TIMEZONE, one_time, path, schedule

CHAT = Model("lm4chat8", "llama-chat", "serving")
SETTINGS: dict[str, Any] = {
    "autoscaling_settings.min_replica": 1,
    "autoscaling_settings.max_replica": 3,
    "autoscaling_settings.autoscaling_window": 7200,
    "promotion_settings.rolling_deploy": False,
    "promotion_settings.promotion_cleanup_strategy": "KEEP",
    "promotion_settings.rolling_deploy_config.max_surge_percent": 10,
}


ODD_NAME = 'peak "№1"\n\U0001f680\u2028\x7f #: {}'
SCHEDULED: dict[str, Any] = {
    TIMEZONE: "Europe/Berlin",
    path("every day"): schedule("every day", weekdays=list(WEEKDAYS)),
    path_of(ODD_NAME): schedule(ODD_NAME, overrides={"scale_down_delay": 60}),
    path("launch"): one_time(),
}


def _survey(model: Model = CHAT, /, **environments: dict[str, Any]) -> Survey:
    return Survey(model, {name: Environment(settings, None) for name, settings in environments.items()})


def _without_remarks(text: str) -> list[str]:
    return [line for line in text.splitlines() if "#" not in line]


def test_program_declares_what_is_set_when_a_model_is_exported() -> None:
    """A resource for each environment; what is left out stands where it would be."""
    text = program(_survey(production=SETTINGS))
    assert '        # "autoscaling_window": left out, must be at most 3600 s, got 7200\n' in text
    assert "    # request_backpressure_settings: not reported\n" in text
    assert _without_remarks(text) == [
        '"""Settings of the environments of model lm4chat8 at Baseten."""',
        "",
        "from baseten_pulumi import BasetenEnvironmentSettings",
        "",
        "",
        "BasetenEnvironmentSettings(",
        '    "llama-chat-production",',
        '    model_id="lm4chat8",',
        '    env_name="production",',
        "    autoscaling_settings={",
        '        "min_replica": 1,',
        '        "max_replica": 3,',
        "    },",
        "    promotion_settings={",
        '        "rolling_deploy": False,',
        '        "promotion_cleanup_strategy": "KEEP",',
        '        "rolling_deploy_config": {',
        '            "max_surge_percent": 10,',
        "        },",
        "    },",
        ")",
    ]


@pytest.mark.parametrize(
    "survey",
    [
        _survey(),
        _survey(dev={}),
        _survey(production=SETTINGS),
        _survey(dev={}, production=SETTINGS, staging={"promotion_settings.rolling_deploy": True}),
        _survey(Model("abc", 'Ünï """odd\\'), **{"Bad Name": SETTINGS, "dev": SETTINGS}),
        _survey(production=SCHEDULED),
        _survey(Model("abc"), dev={"autoscaling_settings.max_replica": 1}),
    ],
    ids=["none", "empty", "one", "several", "odd names", "schedules", "no name"],
)
def test_program_is_as_a_formatter_leaves_it_when_written(survey: Survey) -> None:
    """Ruff has nothing to change and nothing to say, and Python can read it."""
    text = program(survey)
    compile(text, "__main__.py", "exec")
    for command in (["format", "--check"], ["check", "--select", "E4,E7,E9,F,I,W,D100"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--stdin-filename", "__main__.py", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + text


def test_configuration_is_what_a_stack_reads_when_it_is_exported() -> None:
    """The mapping of `baseten:environments`, with names that YAML would take for something else in quotes."""
    survey = _survey(production=SETTINGS, on={"autoscaling_settings.max_replica": 2}, **{"1e3": {}, "007": SETTINGS})
    text = stack_config(survey)
    assert "        # autoscaling_window: left out, must be at most 3600 s, got 7200\n" in text
    whole = {
        "autoscaling_settings": {"min_replica": 1, "max_replica": 3},
        "promotion_settings": {
            "rolling_deploy": False,
            "promotion_cleanup_strategy": "KEEP",
            "rolling_deploy_config": {"max_surge_percent": 10},
        },
    }
    assert yaml.safe_load(text) == {
        "config": {
            "baseten:environments": {
                "production": whole,
                "on": {"autoscaling_settings": {"max_replica": 2}},
                "007": whole,
            }
        }
    }


def test_schedules_are_read_back_when_they_are_exported() -> None:
    """A program and a file say the same, whatever they are called; one that runs once is a remark."""
    survey = _survey(production=SCHEDULED)
    declared: list[Any] = []
    text = program(survey)
    call = ast.parse(text).body[-1].value  # type: ignore[attr-defined] # the last statement is the resource
    declared.append(next(ast.literal_eval(it.value) for it in call.keywords if it.arg == SCHEDULES))
    text += (configuration := stack_config(survey))
    declared.append(yaml.safe_load(configuration)["config"]["baseten:environments"]["production"][SCHEDULES])
    named = [SCHEDULED[path("every day")], SCHEDULED[path_of(ODD_NAME)]]
    assert declared == [{"timezone": "Europe/Berlin", "schedules": named}] * 2
    assert text.count("left out, it runs once") == 2


@pytest.mark.parametrize("write", [program, stack_config])
def test_an_environment_is_a_remark_when_nothing_of_it_can_be_declared(write: Any) -> None:
    """It is not passed over in silence."""
    text = write(_survey(dev={}))
    assert "# Environment dev: nothing to declare.\n" in text
    assert "autoscaling_settings: not reported\n" in text


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (CHAT, "llama-chat-dev"),
        (Model("abc", "My Model (v2)"), "my-model-v2-dev"),
        (Model("abc", "模型"), "abc-dev"),
        (Model("abc"), "abc-dev"),
    ],
)
def test_resource_is_called_after_model_and_environment_when_named(model: Model, name: str) -> None:
    """Letters, digits and dashes of the model's name; its id where none are left."""
    assert resource_name(_survey(model), "dev") == name


def test_schedules_are_shown_when_the_status_is_asked_for() -> None:
    """When each runs and with how many replicas; in JSON as a program declares it, and empty where there are none."""
    settings = {TIMEZONE: "UTC", path("peak"): schedule(enabled=False), path("twice"): [schedule(), schedule()]}
    survey = _survey(production={**settings, path("launch"): one_time()}, staging={})
    text = status_table.written(survey)
    assert re.search(r"timezone +UTC +–", text)
    assert re.search(r"peak +DAILY Mon Fri 8:00–10:30, 2–8 replicas \(off\) +–", text)
    assert re.search(r"launch +ONE_TIME 2027-01-01T08:00:00Z, 4–9 replicas +–", text)
    assert re.search(r"twice +there 2 times +–", text)
    production, staging = json.loads(status_json.written(survey))["environments"]
    assert production[SCHEDULES]["schedules"][0] == schedule(enabled=False)
    assert (len(production[SCHEDULES]["schedules"]), staging[SCHEDULES]) == (4, {"timezone": None, "schedules": []})
    assert SCHEDULES not in status_table.written(_survey(staging={}))


HOSTILE = 'x"""\nimport os\u2028\x85import sys\x1b[31m'


def test_nothing_but_a_remark_is_written_when_names_are_hostile() -> None:
    """No word of Baseten's ends the line it stands in, or the text that quotes it."""
    twice = {path_of(HOSTILE): [schedule(HOSTILE), schedule(HOSTILE)]}
    survey = _survey(Model(HOSTILE, "name"), **{HOSTILE: SETTINGS})
    assert [type(it) for it in ast.parse(program(survey)).body] == [ast.Expr]
    assert yaml.safe_load(stack_config(survey)) == {"config": {"baseten:environments": None}}
    told = stack_config(_survey(production={**SETTINGS, **twice}))
    assert list(yaml.safe_load(told)["config"]["baseten:environments"]) == ["production"]
    assert all(line.isprintable() for text in (program(survey), told) for line in text.split("\n"))


def test_terminal_is_left_alone_when_names_are_hostile() -> None:
    """What would move its cursor, or colour it, is not printed."""
    text = status_table.written(_survey(Model(HOSTILE, "name"), **{HOSTILE: {path_of(HOSTILE): schedule(HOSTILE)}}))
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("import os") == 3
