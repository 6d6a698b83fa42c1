import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest

from baseten_pulumi.schema.settings import FIELDS, flatten
from baseten_pulumi.testing import Emulator

MODEL = "lm4chat8"
HOSTILE = 'x"""\nimport os\u2028\x85import sys\x1b[31m'


def _in_a_terminal(environment: dict[str, str]) -> str:
    """Return what `status` prints in a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "baseten_pulumi.cli", "status", "--model", MODEL]
    variables = {**os.environ, "TERM": "xterm-256color", **environment}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=variables):
        os.close(theirs)
        printed = b""
        with contextlib.suppress(OSError):  # the terminal ends with the process
            while piece := os.read(ours, 4096):
                printed += piece
    os.close(ours)
    return printed.decode()


def test_table_has_every_setting_and_promotion_when_output_is_piped(
    emulator: Emulator, run: Callable[..., str]
) -> None:
    """A row for each setting and a column for each environment, without colors and without a limit on the width."""
    emulator.start_promotion(MODEL, "production", percent=40)
    text = run("status", "--model", "llama-chat")
    lines = [line.split() for line in text.splitlines()]
    assert text.startswith("Model llama-chat (lm4chat8)\nsetting")
    assert lines[1] == ["setting", "dev", "production", "staging"]
    assert lines[2] == ["promotion", "–", "RAMPING_UP,", "40", "%", "–"]
    assert ["max_replica", "1", "3", "1"] in lines
    assert ["max_surge_percent", "–", "10", "10"] in lines
    assert ["rolling_deploy", "false", "false", "false"] in lines
    assert {field.name for field in FIELDS.values()} <= {line[0] for line in lines}
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_tables_are_below_each_other_when_the_terminal_is_narrow(emulator: Emulator) -> None:
    """No value is cut. With NO_COLOR there is no escape sequence at all, not even for bold."""
    text = _in_a_terminal({"COLUMNS": "60", "NO_COLOR": "1"})
    assert text.count("setting ") == 3
    assert text.count("SCALE_TO_ZERO") == 3
    assert "…" not in text
    assert "\x1b" not in text


def test_a_value_is_colored_when_it_is_not_the_default(emulator: Emulator) -> None:
    """In a terminal that has colors."""
    text = _in_a_terminal({"COLUMNS": "200"})
    assert text.count("setting ") == 1
    assert "\x1b[36m3" in text
    assert "\x1b[36mSCALE_TO_ZERO" not in text


def test_json_has_every_setting_when_it_is_asked_for(emulator: Emulator, run: Callable[..., str]) -> None:
    """With the members that the help describes; null if Baseten reports nothing."""
    emulator.start_promotion(MODEL, "production", percent=40)
    printed = json.loads(run("status", "--model", MODEL, "--json"))
    assert printed["model"] == {"id": MODEL, "name": "llama-chat", "team_name": "Fictional"}
    names = [environment.pop("env_name") for environment in printed["environments"]]
    assert names == ["dev", "production", "staging"]
    dev, production, _ = printed["environments"]
    promotion = production.pop("in_progress_promotion")
    assert promotion == {"status": "RAMPING_UP", "is_running": True, "percent_traffic_to_new_version": 40}
    assert dev.pop("in_progress_promotion") is None
    assert set(production) == {"autoscaling_settings", "promotion_settings", "request_backpressure_settings"}
    reported = {**flatten(emulator.reported(MODEL, "production")), "request_backpressure_settings.policy": "NONE"}
    assert flatten(production) == reported
    assert dev["promotion_settings"]["rolling_deploy_config"]["max_surge_percent"] is None
    assert dev["autoscaling_settings"]["target_in_flight_tokens"] is None


def test_a_model_without_environments_is_shown_when_it_has_none(emulator: Emulator, run: Callable[..., str]) -> None:
    """That is a status, not an error."""
    emulator.add_model("empty000", "empty", ())
    assert run("status", "--model", "empty") == "Model empty (empty000)\nIt has no environments.\n"
    assert json.loads(run("status", "--model", "empty", "--json"))["environments"] == []


def test_error_names_the_extra_when_rich_is_not_installed(
    emulator: Emulator, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the table needs it."""
    monkeypatch.setitem(sys.modules, "rich", None)
    assert run("status", "--model", MODEL, status=1) == (
        'The table needs one more package: pip install "baseten-pulumi[cli]". --json does not need it.\n'
    )
    assert run("status", "--model", MODEL, "--json")


def test_nothing_controls_the_terminal_when_names_are_hostile(
    respond: Callable[..., None], run: Callable[..., str]
) -> None:
    """Escape sequences and line ends are removed from what Baseten reports."""
    settings = {"promotion_settings": {"promotion_cleanup_strategy": HOSTILE}}
    respond({"id": HOSTILE, "name": "name"}, {HOSTILE: settings})
    text = run("status", "--model", "name")
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("import os") == 3
