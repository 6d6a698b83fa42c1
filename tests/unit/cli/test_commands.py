import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from baseten_pulumi.cli import main, status
from baseten_pulumi.cli.surveying import Survey
from baseten_pulumi.fields import FIELDS, flatten
from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.emulator import Fault
from baseten_pulumi.version import __version__

KEY = "k-command-4711"
MODEL = "lm4chat8"


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(api_key=KEY) as running:
        monkeypatch.setenv("BASETEN_BASE_URL", running.url)
        monkeypatch.setenv("BASETEN_API_KEY", KEY)
        yield running


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(arguments) == status
    printed = capsys.readouterr()
    assert KEY not in printed.out + printed.err
    assert (printed.out if status else printed.err) == ""
    return printed.err if status else printed.out


def test_table_shows_settings_and_promotion_when_the_status_is_asked_for(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each setting, a column for each environment; what is piped holds no colours and is cut nowhere."""
    emulator.start_promotion(MODEL, "production", percent=40)
    text = _printed(capsys, "status", "--model", "llama-chat")
    lines = [line.split() for line in text.splitlines()]
    assert text.startswith("Model llama-chat (lm4chat8)\nsetting")
    assert lines[1] == ["setting", "dev", "production", "staging"]
    assert lines[2] == ["promotion", "–", "RAMPING_UP,", "40", "%", "–"]
    assert ["max_replica", "1", "3", "1"] in lines
    assert ["max_surge_percent", "–", "10", "10"] in lines
    assert {field.name for field in FIELDS.values()} <= {line[0] for line in lines}
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_tables_stand_below_each_other_when_the_terminal_is_narrow(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No value is cut; colours are there unless NO_COLOR says otherwise."""
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "60", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    text = _printed(capsys, "status", "--model", MODEL)
    assert text.count("setting ") == 3
    assert "SCALE_TO_ZERO" in text
    assert "\x1b[36m3" in text
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[36m" not in _printed(capsys, "status", "--model", MODEL)


def test_json_holds_every_setting_when_another_program_asks(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The members are those that the command's help describes; null where Baseten reports nothing."""
    emulator.start_promotion(MODEL, "production", percent=40)
    answer = json.loads(_printed(capsys, "status", "--model", MODEL, "--json"))
    assert answer["model"] == {"id": MODEL, "name": "llama-chat", "team_name": "Fictional"}
    names = [environment.pop("env_name") for environment in answer["environments"]]
    assert names == ["dev", "production", "staging"]
    dev, production, _ = answer["environments"]
    promotion = production.pop("in_progress_promotion")
    assert promotion == {"status": "RAMPING_UP", "is_running": True, "percent_traffic_to_new_version": 40}
    assert dev.pop("in_progress_promotion") is None
    reported = {**flatten(emulator.reported(MODEL, "production")), "request_backpressure_settings.policy": "NONE"}
    assert flatten(production) == reported
    assert dev["promotion_settings"]["rolling_deploy_config"]["max_surge_percent"] is None
    assert dev["autoscaling_settings"]["target_in_flight_tokens"] is None


def test_chosen_environments_alone_are_shown_when_they_are_named(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """In order, whatever order they were named in."""
    text = _printed(capsys, "status", "--model", MODEL, "--env", "staging", "--env", "dev")
    assert text.splitlines()[1].split() == ["setting", "dev", "staging"]
    exported = _printed(capsys, "export", "--model", MODEL, "--env", "staging")
    assert 'env_name="staging"' in exported
    assert exported.count("BasetenEnvironmentSettings(") == 1


def test_it_is_said_so_when_a_model_has_no_environments(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to show is a status; nothing to export is an error."""
    emulator.add_model("empty000", "empty", ())
    assert _printed(capsys, "status", "--model", "empty") == "Model empty (empty000)\nIt has no environments.\n"
    assert json.loads(_printed(capsys, "status", "--model", "empty", "--json"))["environments"] == []
    assert _printed(capsys, "export", "--model", "empty", status=1) == (
        "Model empty (empty000) could not be exported.\n"
        "It has no environments.\n"
        "Create one at Baseten first, or promote a deployment.\n"
    )


@pytest.mark.parametrize("command", ["export", "status"])
@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["lama-chat"], 'None of 4 models has that name; near it: "llama-chat" (lm4chat8, Fictional).'),
        (["embeddings"], '2 models have that name: "embeddings" (emb3d9x2, Fictional), "embeddings" (tw1n0001, '),
        (
            [MODEL, "--env", "canary"],
            (
                f'Model "{MODEL}" has no environment "canary"; it has dev, production, staging.\n'
                "Correct --env, or leave it out for every environment.\n"
            ),
        ),
    ],
)
def test_error_says_what_there_is_when_it_is_not_clear_what_is_meant(
    command: str, arguments: list[str], seen: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Near names, the ids of namesakes, the environments there are; an id is always clear."""
    emulator.add_model("tw1n0001", "embeddings")
    assert seen in _printed(capsys, command, "--model", *arguments, status=1)
    assert _printed(capsys, command, "--model", "tw1n0001")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            Fault.status(401, body={"message": f"unknown key {KEY}"}),
            [
                "Baseten answered 401 to GET /v1/models: unknown key [key]",
                "Set BASETEN_API_KEY to a valid key of one who may see the model.",
            ],
        ),
        (Fault.status(500), ["Baseten answered 500", "Try again in a minute; if it stays, see https://status.base"]),
        (Fault.broken_json(), ["with something its API does not describe", "Try again in a minute"]),
        (Fault.status(404), ["Baseten answered 404", "Check the model, the environment and BASETEN_BASE_URL."]),
        (Fault.status(308), ["Baseten answered 308", "Set BASETEN_BASE_URL to the address of Baseten's API itself."]),
        (Fault.status(400), ["Baseten answered 400", "Check the model, the environment and BASETEN_BASE_URL."]),
    ],
)
def test_error_is_words_for_a_command_when_baseten_cannot_be_asked(
    fault: Fault, words: list[str], emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, no word of `pulumi up`, and never the key."""
    emulator.faults.add(fault)
    text = _printed(capsys, "status", "--model", MODEL, status=1)
    assert all(word in text for word in words), text
    assert "pulumi " not in text
    assert "baseten:" not in text


def test_error_names_the_variable_when_there_is_no_key(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command reads no stack's configuration."""
    monkeypatch.setenv("BASETEN_API_KEY", " ")
    assert _printed(capsys, "export", "--model", MODEL, status=1) == (
        "Baseten could not be asked.\n"
        "There is no API key: BASETEN_API_KEY is not set. Nothing was sent.\n"
        "Set BASETEN_API_KEY. Keys are made at https://app.baseten.co/settings/api_keys.\n"
    )
    monkeypatch.setenv("BASETEN_API_KEY", KEY)
    monkeypatch.setenv("BASETEN_BASE_URL", "http://example.com")
    assert "BASETEN_BASE_URL is not https" in _printed(capsys, "export", "--model", MODEL, status=1)


@pytest.mark.parametrize("arguments", [["status"], ["export", "--model"], ["export", "--model", "m", "--yaml"]])
def test_usage_is_shown_when_arguments_are_wrong(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As every command line tool does."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: baseten-pulumi" in capsys.readouterr().err


def test_the_extra_is_named_when_its_package_is_missing(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the table needs it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "baseten_pulumi.cli.status_table", raising=False)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert _printed(capsys, "status", "--model", MODEL, status=1) == (
        'The table needs one more package: pip install "baseten-pulumi[cli]". With --json none is needed.\n'
    )
    assert _printed(capsys, "status", "--model", MODEL, "--json")
    assert _printed(capsys, "export", "--model", MODEL)


def test_it_ends_without_a_word_when_it_is_interrupted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C has the exit status that shells know."""

    def interrupted(*_: object) -> Survey:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "survey", interrupted)
    assert _printed(capsys, "status", "--model", MODEL, "--json", status=130) == ""


def test_it_ends_in_peace_when_nobody_reads_on(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`baseten-pulumi export … | head -1` shows a line and no error."""

    class Closed:
        def write(self, _: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            return other.fileno()

    with (tmp_path / "out").open("w") as other:
        closed: Any = Closed()
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(["export", "--model", MODEL]) == 0


def test_release_is_told_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """As every report of a defect needs it."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"baseten-pulumi {__version__}\n"
