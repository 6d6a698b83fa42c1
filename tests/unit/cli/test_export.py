import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from baseten_pulumi import BasetenAutoscalingSchedule
from baseten_pulumi.testing import Emulator, Fault
from tests.schedules import one_time, reported, schedule
from tests.unit.cli.conftest import HOSTILE

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
ODD_NAMES = ("it's", 'a "b"', 'it\'s "b"', "it's 'b' \"c\"", "back\\slash\\", '\\"', "# fmt: off", "{x}", "Büro 夜 🚀")
WEEK = ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]
PEAK = reported(schedule(), "s1")


@pytest.fixture
def export(respond: Callable[..., None], run: Callable[..., str]) -> Callable[..., str]:
    """Return what is exported of environments that Baseten reports, by default of llama-chat."""

    def export(environments: dict[str, Any], *flags: str, model: dict[str, str] = CHAT) -> str:
        respond(model, environments)
        return run("export", "--model", model["id"], *flags)

    return export


def with_schedules(*schedules: dict[str, Any], zone: str | None = "Europe/Berlin") -> dict[str, Any]:
    """Return an environment without settings as Baseten reports it."""
    return {"autoscaling_schedules": {"timezone": zone, "schedules": list(schedules)}}


def declared(program: str) -> list[dict[str, Any]]:
    """Return the arguments of every schedule in a program, its resource name under "resource"."""
    calls = [it.value for it in ast.parse(program).body if isinstance(it, ast.Expr) and isinstance(it.value, ast.Call)]
    return [
        {
            "resource": ast.literal_eval(call.args[0]),
            **{str(it.arg): value(it.value) for it in call.keywords},
        }
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "BasetenAutoscalingSchedule"
    ]


def value(expression: ast.expr) -> Any:
    """Return the value of a literal, and the text of any other expression."""
    try:
        return ast.literal_eval(expression)
    except ValueError:
        return ast.unparse(expression)


def comments(program: str) -> list[str]:
    """Return the comments about schedules."""
    blocks = program.rstrip("\n").split("\n\n")
    return [line for block in blocks if block.startswith("# Schedule ") for line in block.split("\n")]


# --- settings -------------------------------------------------------------------------------------------------------


def test_program_declares_what_is_reported_when_a_model_is_exported(export: Callable[..., str]) -> None:
    """A comment says why a setting is not declared; an object without any is one comment."""
    text = export({"dev": ONE_SETTING, "production": SETTINGS})
    begin, _, production = text.partition('        "production": {\n')
    assert begin.startswith('''\
"""Settings and schedules of the environments of Baseten models."""

from baseten_pulumi import BasetenModelEnvironments

# Model llama-chat (lm4chat8)

BasetenModelEnvironments(
    "llama-chat",
    model_id="lm4chat8",
    environments={
        "dev": {
            "autoscaling_settings": {
                # "min_replica": not reported
                "max_replica": 2,
''')
    assert (
        '\n            # "promotion_settings": not reported\n            "request_backpressure_settings": {\n' in begin
    )
    assert (
        production
        == """\
            "autoscaling_settings": {
                "min_replica": 1,
                "max_replica": 3,
                # "autoscaling_window": left out, must be <= 3600 s, got 7200
                # "scale_down_delay": not reported
                # "concurrency_target": not reported
                # "target_utilization_percentage": not reported
                # "target_in_flight_tokens": not reported
                # "max_scale_down_rate": not reported
            },
            "promotion_settings": {
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
            "request_backpressure_settings": {
                "policy": "NONE",
            },
        },
    },
    create_missing=True,
)
"""
    )


COMMON: dict[str, Any] = {
    "autoscaling_settings": {"max_replica": 2, "scale_down_delay": 300},
    "promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 10}},
}
OTHER = {"id": "abc", "name": "Llama chat"}


@pytest.fixture
def export_two(emulator: Emulator, run: Callable[..., str]) -> Callable[..., str]:
    """Return what is exported of two models whose names have one slug; three of five environments agree."""
    own: dict[str, Any] = {"autoscaling_settings": {"max_replica": 9, "autoscaling_window": 7200}}
    chat = {"dev": COMMON, "staging": COMMON, "production": own}
    other = {"dev": COMMON, "odd": {}, "production": {**COMMON, "autoscaling_settings": {"min_replica": 1}}}
    emulator.faults.add(Fault.body({"models": [CHAT, OTHER, {"id": "none"}]}, path="/models$", times=None))
    for model, environments in (("lm4chat8", chat), ("abc", other), ("none", {})):
        body = {"environments": [{"name": name, **settings} for name, settings in environments.items()]}
        emulator.faults.add(Fault.body(body, path=f"/{model}/environments$", times=None))
    return lambda *flags: run("export", *flags)


def test_settings_are_defaults_when_three_environments_agree(export_two: Callable[..., str]) -> None:
    """Whatever their models. A default that does not apply is removed, one setting or a whole object at a time."""
    assert (
        export_two()
        == '''\
"""Settings and schedules of the environments of Baseten models."""

from baseten_pulumi import BasetenModelEnvironments, EnvironmentArgsDict

DEFAULTS: EnvironmentArgsDict = {
    "autoscaling_settings": {
        # "min_replica": not reported
        "max_replica": 2,
        # "autoscaling_window": not reported
        "scale_down_delay": 300,
        # "concurrency_target": not reported
        # "target_utilization_percentage": not reported
        # "target_in_flight_tokens": not reported
        # "max_scale_down_rate": not reported
    },
    "promotion_settings": {
        # "redeploy_on_promotion": not reported
        # "rolling_deploy": not reported
        # "promotion_cleanup_strategy": not reported
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
    # "request_backpressure_settings": not reported
}

# Model none: no environments

# Model Llama chat (abc)

BasetenModelEnvironments(
    "llama-chat",
    model_id="abc",
    defaults=DEFAULTS,
    environments={
        "dev": {},
        "production": {
            "autoscaling_settings": {
                "min_replica": 1,
                "max_replica": None,  # not reported
                "scale_down_delay": None,  # not reported
            },
        },
    },
    create_missing=True,
)

# Environment odd: no settings to declare.
#   autoscaling_settings: not reported
#   promotion_settings: not reported
#   request_backpressure_settings: not reported

# Model llama-chat (lm4chat8)

BasetenModelEnvironments(
    "llama-chat-lm4chat8",
    model_id="lm4chat8",
    defaults=DEFAULTS,
    environments={
        "dev": {},
        "production": {
            "autoscaling_settings": {
                "max_replica": 9,
                # "autoscaling_window": left out, must be <= 3600 s, got 7200
                "scale_down_delay": None,  # not reported
            },
            "promotion_settings": None,  # not reported
        },
        "staging": {},
    },
    create_missing=True,
)
'''
    )


LATER: dict[str, Any] = {
    "autoscaling_settings": {"max_replica": "auto", "scale_down_delay": 300, "burst": 7, "on": "\N{ROCKET}\x7f'\""},
    "promotion_settings": {
        "promotion_cleanup_strategy": "ARCHIVE",
        "canary": {
            "steps": [1, {"percent": 2.5, "pause": None, "metrics": ["p95 of the latency", "errors"] * 3}],
            "no": None,
        },
    },
    "request_backpressure_settings": {"policy": {"kind": "SHED"}},
}
ADDITIONAL: dict[str, Any] = {
    "autoscaling_settings": {"burst": 7, "on": LATER["autoscaling_settings"]["on"], "max_replica": "auto"},
    "promotion_settings": {
        "promotion_cleanup_strategy": "ARCHIVE",
        "canary": {"steps": LATER["promotion_settings"]["canary"]["steps"]},
    },
    "request_backpressure_settings": {"policy": {"kind": "SHED"}},
}


def test_what_this_release_does_not_know_is_declared_when_it_is_exported(export: Callable[..., str]) -> None:
    """In additional settings, of which no defaults are made; the setting itself removes its default."""
    known = {
        "autoscaling_settings": {"max_replica": 2, "scale_down_delay": 300},
        "promotion_settings": {"promotion_cleanup_strategy": "KEEP"},
    }
    environments = {"a": LATER, "b": known, "c": known, "d": known}
    program, config = export(environments), yaml.safe_load(export(environments, "--stack-config"))["config"]
    (component,) = (
        it.value for it in ast.parse(program).body if isinstance(it, ast.Expr) and isinstance(it.value, ast.Call)
    )
    (declared,) = (value(it.value) for it in component.keywords if it.arg == "environments")
    assert '"max_replica": None,  # in additional_settings\n' in program
    assert program.isascii()
    removed = {
        "autoscaling_settings": {"max_replica": None},
        "promotion_settings": {"promotion_cleanup_strategy": None},
    }
    assert declared == config["baseten:environments"]
    assert declared["a"] == {**removed, "additional_settings": ADDITIONAL}
    assert config["baseten:environmentDefaults"] == known


def test_a_setting_is_a_comment_when_others_of_its_object_are_defaults(export: Callable[..., str]) -> None:
    """The object is not called unreported."""
    delays = {"dev": {"scale_down_delay": 1}, "production": {}, "qa": {"scale_down_delay": 2}}
    text = export({name: {"autoscaling_settings": {"max_replica": 2, **own}} for name, own in delays.items()})
    comment = (
        '            "autoscaling_settings": {\n                # "scale_down_delay": not reported\n            },\n'
    )
    assert f'        "production": {{\n{comment}        }},\n' in text


def test_no_environment_is_declared_when_production_alone_is_exported(export: Callable[..., str]) -> None:
    """It always exists."""
    assert "create_missing" not in export({"production": ONE_SETTING})


def test_models_are_what_pulumi_reads_when_their_stack_config_is_exported(export_two: Callable[..., str]) -> None:
    text = export_two("--stack-config")
    assert "    # Model none: no environments to declare.\n" in text
    assert yaml.safe_load(text) == {
        "config": {
            "baseten:environmentDefaults": COMMON,
            "baseten:models": {
                "llama-chat": {
                    "model_id": "abc",
                    "environments": {
                        "dev": {},
                        "production": {
                            "autoscaling_settings": {"min_replica": 1, "max_replica": None, "scale_down_delay": None}
                        },
                    },
                },
                "llama-chat-lm4chat8": {
                    "model_id": "lm4chat8",
                    "environments": {
                        "dev": {},
                        "production": {
                            "autoscaling_settings": {"max_replica": 9, "scale_down_delay": None},
                            "promotion_settings": None,
                        },
                        "staging": {},
                    },
                },
            },
        }
    }


def test_stack_config_is_what_pulumi_reads_when_it_is_exported(export: Callable[..., str]) -> None:
    """Names that YAML would read as something other than a string are quoted."""
    text = export({"production": SETTINGS, "on": ONE_SETTING, "007": ONE_SETTING}, "--stack-config")
    assert text.startswith("# Settings of the environments of Baseten model llama-chat (lm4chat8).\nconfig:\n")
    assert "        # autoscaling_window: left out, must be <= 3600 s, got 7200\n" in text
    assert "        # scale_down_delay: not reported\n" in text
    none = {"request_backpressure_settings": {"policy": "NONE"}}
    one = {"autoscaling_settings": {"max_replica": 2}}
    whole = {**SETTINGS, "autoscaling_settings": {"min_replica": 1, "max_replica": 3}}
    del whole["request_backpressure_settings"]
    environments = {"production": whole, "on": one, "007": one}
    assert yaml.safe_load(text) == {
        "config": {"baseten:environmentDefaults": none, "baseten:environments": environments}
    }


@pytest.mark.parametrize(
    ("settings", "comments"),
    [
        (  # not even in additional settings
            {"promotion_settings": {"rolling_deploy": True, "a.b": 1, "c": {"[d]": "x", "e": [2**60]}}},
            [
                "      # additional_settings.promotion_settings.a.b: left out, a key in it has a dot",
                (
                    "      # additional_settings.promotion_settings.c.[d]: left out, "
                    'must have a key without . [ ] and ", got "[d]"'
                ),
                (
                    "      # additional_settings.promotion_settings.c.e: left out, "
                    "must be <= 9007199254740991, got 1152921504606846976"
                ),
            ],
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
    ids=["additional settings", "both percentages", "two rounds"],
)
def test_a_setting_is_left_out_when_a_program_may_not_declare_it(
    settings: dict[str, Any], comments: list[str], export: Callable[..., str]
) -> None:
    text = export({"dev": {**settings, "request_backpressure_settings": {"policy": None}}}, "--stack-config")
    assert [line for line in text.splitlines() if "left out" in line] == comments


@pytest.mark.parametrize("flags", [(), ("--stack-config",)])
def test_an_environment_is_a_comment_when_no_resource_may_have_its_name(
    flags: tuple[str, ...], export: Callable[..., str]
) -> None:
    """Its schedules too: they are not left out silently."""
    text = export({"Production": {**SETTINGS, **with_schedules(PEAK)}}, *flags)
    assert re.search(
        r"^ *# Environment Production: no settings to declare\.\n"
        r' *#   env_name: left out, must contain only lowercase .*, got "Production"$',
        text,
        re.MULTILINE,
    )
    assert "BasetenModelEnvironments" not in text
    if not flags:
        title, reason = comments(text)
        assert title == '# Schedule "peak" (s1) of environment Production: left out.'
        assert reason.startswith("#   env_name: must contain only lowercase letters")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ({"id": "abc", "name": "My Model (v2)"}, "my-model-v2"),
        ({"id": "abc", "name": "模型"}, "abc"),
        ({"id": "abc"}, "abc"),
    ],
)
def test_resource_is_named_after_model_and_environment_when_exported(
    model: dict[str, str], name: str, export: Callable[..., str]
) -> None:
    """With letters, digits and dashes of the model's name, or with its id if there are none."""
    assert f'BasetenModelEnvironments(\n    "{name}",\n' in export({"dev": ONE_SETTING}, model=model)


def test_children_of_two_components_have_different_names_when_exported(
    emulator: Emulator, run: Callable[..., str]
) -> None:
    """Both begin with the name of their component."""
    emulator.add_model("abc", "llama", ("chat-staging",))
    program = run("export", "--model", "abc", "--model", CHAT["id"])
    assert re.findall(r'^Baseten\w+\(\n    "(.*)",', program, re.MULTILINE) == ["llama", "llama-chat-lm4chat8"]


def test_schedules_of_two_models_have_different_names_when_exported(
    emulator: Emulator, run: Callable[..., str]
) -> None:
    """They are children of no component."""
    for model, environment, name in (("a", "b", "c x peak"), ("a-b-c", "x", "peak")):
        emulator.add_model(f"id-{model}", model, (environment,))
        emulator.put_schedule(f"id-{model}", environment, {**PEAK, "name": name}, "UTC")
    names = [it["resource"] for it in declared(run("export", "--model", "a", "--model", "a-b-c"))]
    assert names == ["a-b-c-x-peak", "a-b-c-x-peak-s1"]


def test_error_says_so_when_a_model_has_no_environments(emulator: Emulator, run: Callable[..., str]) -> None:
    emulator.add_model("empty000", "empty", ())
    assert run("export", "--model", "empty", status=1) == (
        "empty (empty000) could not be exported.\n"
        "There are no environments.\n"
        "Create an environment in Baseten first, or promote a deployment.\n"
    )


# --- schedules ------------------------------------------------------------------------------------------------------


def test_program_declares_every_schedule_when_environments_have_some(export: Callable[..., str]) -> None:
    """After the settings, on which they depend, and in Baseten's order; without nulls and defaults."""
    hourly = schedule(
        "Every hour", cadence="HOURLY", start_hour=None, end_hour=None, weekdays=WEEK, end_minute=15, enabled=False
    )
    launch = one_time("Launch", id="s3", overrides={"concurrency_target": 4})
    text = export(
        {
            "production": {**ONE_SETTING, **with_schedules(reported(hourly, "s2"), launch)},
            "staging": with_schedules(PEAK, zone="UTC"),
        }
    )
    assert "\nfrom baseten_pulumi import BasetenAutoscalingSchedule, BasetenModelEnvironments\n\n" in text
    assert '\nllama_chat = BasetenModelEnvironments(\n    "llama-chat",\n' in text
    assert (
        text.partition("\n)\n")[2]
        == """
# Environment staging: no settings to declare.
#   autoscaling_settings: not reported
#   promotion_settings: not reported
#   request_backpressure_settings: not reported

BasetenAutoscalingSchedule(
    "llama-chat-production-every-hour",
    model_id="lm4chat8",
    env_name=llama_chat.settings["production"].env_name,
    schedule_name="Every hour",
    timezone="Europe/Berlin",
    cadence="HOURLY",
    autoscaling_settings={
        "min_replica": 2,
        "max_replica": 8,
    },
    enabled=False,
    weekdays=[
        "SUNDAY",
        "MONDAY",
        "TUESDAY",
        "WEDNESDAY",
        "THURSDAY",
        "FRIDAY",
        "SATURDAY",
    ],
    end_minute=15,
)

BasetenAutoscalingSchedule(
    "llama-chat-production-launch",
    model_id="lm4chat8",
    env_name=llama_chat.settings["production"].env_name,
    schedule_name="Launch",
    timezone="Europe/Berlin",
    cadence="ONE_TIME",
    autoscaling_settings={
        "min_replica": 4,
        "max_replica": 9,
        "concurrency_target": 4,
    },
    start_at="2099-01-01T08:00:00Z",
    end_at="2099-01-01T10:00:00Z",
)

BasetenAutoscalingSchedule(
    "llama-chat-staging-peak",
    model_id="lm4chat8",
    env_name="staging",
    schedule_name="peak",
    timezone="UTC",
    cadence="DAILY",
    autoscaling_settings={
        "min_replica": 2,
        "max_replica": 8,
    },
    weekdays=["MONDAY", "FRIDAY"],
    start_hour=8,
    end_hour=10,
    end_minute=30,
)
"""
    )


def test_arguments_of_a_schedule_are_in_the_constructors_order_when_exported(export: Callable[..., str]) -> None:
    """An argument that the constructor gets later is not forgotten either; only the class in use is imported."""
    daily = {"start_minute": 5, "end_minute": 30, "enabled": False}
    program = export({"dev": with_schedules({**PEAK, **daily}, one_time(id="s2"))})
    assert "\nfrom baseten_pulumi import BasetenAutoscalingSchedule\n" in program
    known = [name for name in inspect.signature(BasetenAutoscalingSchedule).parameters if name != "opts"]
    found = declared(program)
    for one in found:
        assert list(one)[1:] == [name for name in known if name in one]
    assert {name for one in found for name in one if name != "resource"} == {*known} - {"resource_name"}


@pytest.mark.parametrize(
    ("environments", "names"),
    [
        ({"dev": ["Office hours (EU)"]}, ["llama-chat-dev-office-hours-eu"]),
        (
            {"dev": ["Peak", "peak!", "peak s1"]},
            ["llama-chat-dev-peak", "llama-chat-dev-peak-s1", "llama-chat-dev-peak-s1-s2"],
        ),
        (
            {"dev": ["peak", "peak s2", "peak!"]},
            ["llama-chat-dev-peak", "llama-chat-dev-peak-s2", "llama-chat-dev-peak-s2-s2"],
        ),
        ({"dev": ["夜", "!"]}, ["llama-chat-dev-s0", "llama-chat-dev-s1"]),
        ({"a": ["b c"], "a-b": ["c"]}, ["llama-chat-a-b-c", "llama-chat-a-b-c-s0"]),
        ({"a": ["b"], "a-b": []}, ["llama-chat-a-b-s0"]),
    ],
    ids=["blanks and signs", "one slug", "name with the id", "no letters", "two environments", "environment's name"],
)
def test_resource_names_are_unique_when_schedules_are_exported(
    environments: dict[str, list[str]], names: list[str], export: Callable[..., str]
) -> None:
    """With the schedule's id where the name alone would repeat another resource's."""
    found = {
        env_name: with_schedules(*({**PEAK, "name": name, "id": f"S{at}"} for at, name in enumerate(schedules)))
        for env_name, schedules in environments.items()
    }
    assert [one["resource"] for one in declared(export(found))] == names


@pytest.mark.parametrize(
    ("broken", "reasons"),
    [
        ({"cadence": "WEEKLY"}, ['cadence: must be DAILY, HOURLY or ONE_TIME, got "WEEKLY"']),
        ({"name": None}, ["schedule_name: is required"]),
        ({"name": "late"}, ["schedule_name: 2 schedules have this name"]),
        ({"enabled": None, "start_minute": None}, ["enabled: not reported", "start_minute: not reported"]),
        (
            {"autoscaling_settings": None, "end_minute": 60},
            ["end_minute: must be <= 59, got 60", "autoscaling_settings: is required"],
        ),
        (
            one_time("peak", id="s1", start_at="2020-01-01T08:00:00Z"),
            ["start_at: has already started (2020-01-01T08:00:00Z)"],
        ),
    ],
    ids=["cadence", "no name", "name of another", "not reported", "settings", "already started"],
)
def test_a_schedule_is_a_comment_when_a_program_may_not_declare_it(
    broken: dict[str, Any], reasons: list[str], export: Callable[..., str]
) -> None:
    """With every reason; the schedules around it are declared. In another environment the name is free."""
    late = {**PEAK, "id": "s2", "name": "late"}
    sent = broken if broken.get("cadence") == "ONE_TIME" else {**PEAK, **broken}
    program = export({"dev": with_schedules(sent, late), "staging": with_schedules(late)})
    title = f'# Schedule "{broken.get("name", "peak") or ""}" (s1) of environment dev: left out.'
    assert comments(program)[: 1 + len(reasons)] == [title, *(f"#   {reason}" for reason in reasons)]
    environments = ["staging"] if broken.get("name") == "late" else ["dev", "staging"]
    assert [(it["env_name"], it["schedule_name"]) for it in declared(program)] == [(it, "late") for it in environments]


@pytest.mark.parametrize(("flags", "indent"), [((), ""), (("--stack-config",), "    ")])
def test_a_comment_says_so_when_schedules_cannot_be_read(
    flags: tuple[str, ...], indent: str, export: Callable[..., str]
) -> None:
    """They may exist: nothing at all would look as if there were none."""
    text = export({"dev": {**ONE_SETTING, "autoscaling_schedules": {"schedules": "many"}}}, *flags)
    assert f"\n{indent}# Environment dev: its schedules cannot be read.\n" in text
    assert '"policy"' in text or "policy:" in text


def test_schedules_are_named_in_a_comment_when_stack_config_is_exported(export: Callable[..., str]) -> None:
    """Configuration has no place for them; an environment without schedules gets no comment."""
    dev = with_schedules(PEAK, one_time("Launch", id="s2"))
    environments = {"dev": {**ONE_SETTING, **dev}, "empty": dev, "staging": {**ONE_SETTING, **with_schedules()}}
    text = export(environments, "--stack-config")
    assert [line for line in text.splitlines() if "schedule" in line] == [
        f'    # Environment {env_name}: configuration cannot declare its schedules "peak" (s1), "Launch" (s2).'
        for env_name in ("dev", "empty")
    ]
    assert set(yaml.safe_load(text)["config"]["baseten:environments"]) == {"dev", "staging"}


# --- any text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "environments"),
    [
        (CHAT, {"dev": {}, "production": SETTINGS, "staging": ONE_SETTING, "Staging": SETTINGS}),
        (CHAT, {"Dev": SETTINGS, "Staging": SETTINGS}),
        (CHAT, {"dev": LATER}),
        ({"id": "abc", "name": 'Ünï """odd\\'}, {"Bad Name": SETTINGS, "dev": SETTINGS}),
        (
            CHAT,
            {
                "dev": {**ONE_SETTING, **with_schedules(PEAK, one_time(id="s2"), {**PEAK, "id": "s3", "cadence": "?"})},
                "odd": with_schedules(*({**PEAK, "id": name, "name": name} for name in ODD_NAMES)),
                "staging": {"autoscaling_schedules": {"schedules": "many"}},
                "week": with_schedules({**PEAK, "weekdays": WEEK}, {**PEAK, "name": "six", "weekdays": WEEK[1:]}),
            },
        ),
    ],
    ids=["several", "none", "later", "odd names", "schedules"],
)
def test_a_formatter_changes_nothing_when_a_program_is_exported(
    model: dict[str, str], environments: dict[str, dict[str, Any]], export: Callable[..., str]
) -> None:
    text = export(environments, model=model)
    for command in (["format", "--check"], ["check", "--select", "D100,E4,E7,E9,F,I,W"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--stdin-filename", "__main__.py", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + text


@pytest.mark.parametrize("name", [*ODD_NAMES, '"""', "\\'", "%s", "é\u0301"])
def test_the_name_is_declared_unchanged_when_a_schedule_has_an_odd_one(name: str, export: Callable[..., str]) -> None:
    """In ASCII: what a shell writes to a file is not always UTF-8."""
    program = export({"dev": with_schedules({**PEAK, "name": name})})
    assert [one["schedule_name"] for one in declared(program)] == [name]
    assert program.isascii()


@pytest.mark.parametrize("part", ["id", "name", "cadence", "start_at", "timezone", "model"])
def test_a_program_declares_nothing_else_when_what_is_reported_is_hostile(
    part: str, emulator: Emulator, export: Callable[..., str]
) -> None:
    """Nothing that Baseten reports ends the string or the comment it is in."""
    hostile = {**(one_time(id="s1") if part == "start_at" else PEAK), part: HOSTILE}
    environments = {"dev": with_schedules(hostile, zone=HOSTILE if part == "timezone" else "UTC")}
    model = {"id": "m", "name": HOSTILE} if part == "model" else CHAT
    if part == "model":
        environments = {HOSTILE: SETTINGS}
    program, config = export(environments, model=model), export(environments, "--stack-config", model=model)
    assert {type(statement) for statement in ast.parse(program).body} <= {ast.Expr, ast.ImportFrom}
    assert len(declared(program)) == (1 if part in ("id", "name") else 0)
    assert yaml.safe_load(config) == {"config": {"baseten:environments": None}}
    assert all(line.isprintable() for text in (program, config) for line in text.split("\n"))
