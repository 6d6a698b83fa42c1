"""How commands end and what they write where: seen from a terminal, a pipe and a script."""

import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest

from baseten_pulumi.cli import COMMANDS, main
from baseten_pulumi.testing import Emulator, Fault
from baseten_pulumi.version import __version__
from tests.programs import until

COMMAND = (sys.executable, "-m", "baseten_pulumi.cli")
# Longer than any command takes, however busy the machine is.
SECONDS = 60


def _statuses(text: str) -> set[int]:
    return {int(status) for status in re.findall(r"^  (\d+) +\S", text.partition("exit status")[2], re.MULTILINE)}


def _examples(text: str) -> list[list[str]]:
    lines = text.partition("\nexamples")[2].partition("\n\n")[0].replace("\\\n", "").splitlines()[1:]
    return [shlex.split(line) for line in lines]


def test_help_is_printed_when_there_is_no_sub_command(run: Callable[..., str]) -> None:
    text = run()
    assert text == run("--help")
    assert all(f"    {name} " in text for name in COMMANDS)


def test_version_is_printed_when_asked_for(run: Callable[..., str]) -> None:
    assert run("--version") == f"baseten-pulumi {__version__}\n"


def test_no_sub_command_is_imported_when_help_is_printed() -> None:
    """`--help` is fast, and works without what only a sub-command needs."""
    absent = ("httpx", "fastapi", "starlette", "uvicorn", *(f"baseten_pulumi.cli.{name}" for name in COMMANDS))
    script = f"""
import sys
from baseten_pulumi.cli import main
main([])
sys.exit(", ".join(name for name in {absent} if name in sys.modules) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--fast"], "baseten-pulumi: error: unrecognized arguments: --fast"),
        (["status", "llama-chat"], "baseten-pulumi status: error: unrecognized arguments: llama-chat"),
        (["export", "--model", "m", "--yaml"], "baseten-pulumi export: error: unrecognized arguments: --yaml"),
        (["export", "--model", ""], "error: argument --model: must be a name, got ''"),
        (["status", "--model", "m", "--env", ".."], "error: argument --env: must be a name, got '..'"),
        (["status", "--model", "m", "--env", "\udc80"], r"error: argument --env: must be a name, got '\udc80'"),
    ],
)
def test_usage_is_printed_when_the_command_line_is_invalid(
    arguments: list[str], error: str, run: Callable[..., str]
) -> None:
    text = run(*arguments, status=2)
    assert text.startswith("usage: baseten-pulumi")
    assert text.endswith(f"{error}\n")


@pytest.mark.parametrize(
    ("command", "statuses"),
    [([], {0, 1, 2, 130}), (["export"], {0, 1, 2, 130}), (["status"], {0, 1, 2, 130}), (["emulate"], {0, 1, 2})],
)
def test_help_names_every_exit_status_when_printed(
    command: list[str], statuses: set[int], run: Callable[..., str]
) -> None:
    assert _statuses(run(*command, "--help")) == statuses


@pytest.mark.parametrize("command", ["export", "status"])
def test_examples_work_when_they_are_run(command: str, emulator: Emulator, run: Callable[..., str]) -> None:
    examples = _examples(run(command, "--help"))
    assert len(examples) == 3
    for words in examples:
        ours = words[1 : next((at for at, word in enumerate(words) if word in (">", "|")), None)]
        assert run(*ours)


def test_examples_of_the_emulator_work_when_they_are_run(run: Callable[..., str]) -> None:
    """Its options exist, its requests succeed, and the PATCH changes what it says."""
    serve, *requests = _examples(run("emulate", "--help"))
    assert serve == ["baseten-pulumi", "emulate", "--port", "8095", "--apply-seconds", "3"]
    assert len(requests) == 2
    with Emulator() as emulator:
        for curl, *words in requests:
            assert curl == "curl"
            options = [(words.pop(0), words.pop(0)) for _ in range(len(words) // 2)]
            headers = dict(value.split(": ") for name, value in options if name == "-H")
            sent = dict(options)
            url = words[0].replace("http://127.0.0.1:8095", emulator.url)
            response = httpx.request(
                sent.get("-X", "GET"), url, headers=headers, content=sent.get("-d"), trust_env=False
            )
            assert response.status_code == 200, response.text
        assert emulator.reported("lm4chat8", "production")["autoscaling_settings"]["max_replica"] == 4


def test_it_ends_silently_when_interrupted(emulator: Emulator) -> None:
    """Ctrl-C while a request is in flight: no traceback, and the exit status that shells know."""
    delay = emulator.faults.add(Fault.delay(SECONDS))
    with subprocess.Popen(
        [*COMMAND, "status", "--model", "llama-chat"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: emulator.faults.hits(delay) > 0)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=SECONDS) == ("", "")
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "stream", "status"),
    [(("export", "--help"), "stdout", 0), (("export", "--model", "m"), "stderr", 1)],
    ids=["output", "errors"],
)
def test_it_ends_silently_when_what_it_writes_is_not_read(arguments: tuple[str, ...], stream: str, status: int) -> None:
    """`baseten-pulumi … | head -1` prints no traceback, and a script goes by the exit status."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {name: value for name, value in os.environ.items() if name != "BASETEN_API_KEY"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writer}
    done = subprocess.run(
        [*COMMAND, *arguments],
        env={**environment, "PYTHONUNBUFFERED": ""},  # or nothing would be left in the buffer for the end
        timeout=SECONDS,
        check=False,
        **streams,  # type: ignore[call-overload] # mypy knows no keywords of a dict
    )
    os.close(writer)
    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (status, b"", b"")


def test_characters_are_replaced_when_the_terminal_lacks_them(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dash in a table is no reason to fail."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["status", "--model", "llama-chat"]) == 0
    assert re.search(rb"^promotion +\? +\? +\?$", written.getvalue(), re.MULTILINE)
