import io
import json
import sys
from collections.abc import Callable

import pytest

from baseten_pulumi import get_environment
from baseten_pulumi.cli import main
from baseten_pulumi.schema.settings import FIELDS, flatten, nest
from baseten_pulumi.testing import Emulator
from tests.unit.cli.conftest import HOSTILE

MODEL = "lm4chat8"


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what `status` prints in a terminal with some variables."""

    def in_a_terminal(**variables: str) -> str:
        for name, value in {"TERM": "xterm-256color", **variables}.items():
            monkeypatch.setenv(name, value)
        written = Terminal()
        monkeypatch.setattr(sys, "stdout", written)
        assert main(["status", "--model", MODEL]) == 0
        return written.getvalue()

    return in_a_terminal


def test_table_has_every_setting_and_promotion_when_output_is_piped(
    emulator: Emulator, run: Callable[..., str]
) -> None:
    """A row for each setting and a column for each environment, without colors and without a limit on the width."""
    emulator.start_promotion(MODEL, "production", percent=40)
    text = run("status", "--model", "llama-chat")
    lines = [line.split() for line in text.splitlines()]
    assert text.startswith("Model llama-chat (lm4chat8)\nsetting")
    assert lines[1] == ["setting", "dev", "production", "staging"]
    assert lines[2] == ["deployment", "SCALED_TO_ZERO", "ACTIVE,", "1", "replica", "SCALED_TO_ZERO"]
    assert lines[3] == ["promotion", "–", "RAMPING_UP,", "40", "%", "–"]
    assert ["max_replica", "1", "3", "1"] in lines
    assert ["max_surge_percent", "–", "25", "25"] in lines
    assert ["rolling_deploy", "false", "false", "false"] in lines
    assert {field.name for field in FIELDS.values()} <= {line[0] for line in lines}
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_tables_are_below_each_other_when_the_terminal_is_narrow(terminal: Callable[..., str]) -> None:
    """No value is cut. With NO_COLOR, or in a dumb terminal, there is no escape sequence at all, not even for bold."""
    text = terminal(COLUMNS="60", TERM="dumb")
    assert text == terminal(COLUMNS="60", NO_COLOR="1")
    assert (text.count("setting "), text.count("SCALE_TO_ZERO")) == (3, 3)
    assert "…" not in text
    assert "\x1b" not in text


def test_a_value_is_colored_when_it_is_not_the_default(terminal: Callable[..., str]) -> None:
    text = terminal(COLUMNS="200")
    assert text.count("setting ") == 1
    assert "\x1b[36m3" in text
    assert "\x1b[36mSCALE_TO_ZERO" not in text


def test_json_has_every_setting_when_it_is_asked_for(emulator: Emulator, run: Callable[..., str]) -> None:
    emulator.start_promotion(MODEL, "production", percent=40)
    emulator.finish_promotion(MODEL, "production", "FAILED", "no capacity")
    (printed,) = json.loads(run("status", "--model", MODEL, "--json"))["models"]
    assert (printed["id"], printed["name"], printed["team_name"]) == (MODEL, "llama-chat", "Fictional")
    assert [it["env_name"] for it in printed["environments"]] == ["dev", "production", "staging"]
    dev, production, _ = printed["environments"]
    reported = {**flatten(emulator.reported(MODEL, "production")), "request_backpressure_settings.policy": "NONE"}
    promotion = {
        "status": "FAILED",
        "percent_traffic_to_new_version": 40,
        "error_message": "no capacity",
        "is_running": False,
        "rolling_deploy": False,
    }
    every_setting = nest({path: reported.get(path) for path in FIELDS})
    shown = get_environment(model_id=MODEL, env_name="production")
    assert production == {
        **{name: shown[name] for name in ("env_name", "created_at", "instance_type", "current_deployment")},
        "candidate_deployment": None,
        "in_progress_promotion": promotion,
        **every_setting,
    }
    assert dev["in_progress_promotion"] is None
    assert dev["promotion_settings"]["rolling_deploy_config"]["max_surge_percent"] is None


def test_a_model_without_environments_is_shown_when_it_has_none(emulator: Emulator, run: Callable[..., str]) -> None:
    emulator.add_model("empty000", "empty", ())
    assert run("status", "--model", "empty") == "Model empty (empty000)\nIt has no environments.\n"
    assert json.loads(run("status", "--model", "empty", "--json"))["models"][0]["environments"] == []


def test_nothing_controls_the_terminal_when_names_are_hostile(
    respond: Callable[..., None], run: Callable[..., str]
) -> None:
    """Escape sequences and line ends are removed from what Baseten reports."""
    settings = {"promotion_settings": {"promotion_cleanup_strategy": HOSTILE}}
    respond({"id": HOSTILE, "name": "name"}, {HOSTILE: settings})
    text = run("status", "--model", "name")
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("import os") == 3
