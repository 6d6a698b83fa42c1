"""How commands end and what they write where, as a terminal, a pipe and a script see it."""

import contextlib
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from baseten_pulumi.cli import COMMANDS, main
from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.emulator import Fault
from tests.programs import until

COMMAND = (sys.executable, "-m", "baseten_pulumi.cli")
ENGINE = (sys.executable, "-m", "baseten_pulumi.testing.engine")
SECONDS = 60
"""What no command takes, however busy the machine is."""


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator() as running:
        monkeypatch.setenv("BASETEN_BASE_URL", running.url)
        monkeypatch.setenv("BASETEN_API_KEY", "any")
        monkeypatch.delenv("NO_COLOR", raising=False)
        yield running


def _help(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def _statuses(text: str) -> set[int]:
    return {int(status) for status in re.findall(r"^  (\d+) +\S", text.partition("exit status")[2], re.MULTILINE)}


def _examples(text: str) -> list[list[str]]:
    lines = text.partition("\nexamples")[2].partition("\n\n")[0].replace("\\\n", "").splitlines()[1:]
    return [shlex.split(line) for line in lines]


def _seen_on_a_terminal(command: tuple[str, ...], environment: Mapping[str, str]) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**os.environ, **environment}):
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the terminal is gone once nobody holds its other end
            while piece := os.read(ours, 4096):
                seen += piece
    os.close(ours)
    return seen.decode()


def test_commands_are_listed_when_none_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """The same as with --help, and no error."""
    assert main([]) == 0
    bare = capsys.readouterr()
    assert bare.err == ""
    assert bare.out == _help(capsys)
    assert all(f"    {name} " in bare.out for name in COMMANDS)


def test_it_is_refused_when_only_an_option_is_given_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """What is not understood is not passed over."""
    with pytest.raises(SystemExit) as ended:
        main(["--fast"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("baseten-pulumi: error: unrecognized arguments: --fast\n")


@pytest.mark.parametrize("command", [(), ("export",), ("status",)])
def test_statuses_are_in_the_help_when_commands_end_with_them(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of them is shown by a test of its own below, or above."""
    assert _statuses(_help(capsys, *command)) == {0, 1, 2, 130}


@pytest.mark.parametrize("command", ["export", "status"])
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--model", "llama-chat"], 0), (["--model", "lama"], 1), (["--env", "dev"], 2), (["--model", ""], 2)],
)
def test_status_is_that_of_the_help_when_a_command_ends(
    command: str, arguments: list[str], status: int, emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Data are on standard output and errors on the other one, never both."""
    try:
        ended: object = main([command, *arguments])
    except SystemExit as error:
        ended = error.code
    printed = capsys.readouterr()
    assert ended == status
    assert (printed.out == "") == (status != 0)
    assert (printed.err == "") == (status == 0)


def test_it_ends_without_a_word_when_it_is_interrupted_while_it_asks(emulator: Emulator) -> None:
    """Ctrl-C has the exit status that shells know."""
    asked = emulator.faults.add(Fault.delay(SECONDS))
    with subprocess.Popen(
        [*COMMAND, "status", "--model", "llama-chat"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: emulator.faults.hits(asked) > 0)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=SECONDS) == ("", "")
    assert process.returncode == 130


@pytest.mark.parametrize("command", ["export", "status"])
def test_examples_of_the_help_work_when_they_are_typed(
    command: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Up to where the shell takes over."""
    examples = _examples(_help(capsys, command))
    assert len(examples) == 2
    for words in examples:
        ours = words[1 : next((at for at, word in enumerate(words) if word in (">", "|")), None)]
        assert main(ours) == 0
        assert capsys.readouterr().out


def test_examples_of_the_emulator_work_when_they_are_typed(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help's requests are answered, and the one that changes something does."""
    text = _help(capsys, "emulate")
    assert _statuses(text) == {0, 1, 2}
    serve, *requests = _examples(text)
    assert serve[:4] == ["baseten-pulumi", "emulate", "--port", "8095"]
    for curl, *words in requests:
        assert curl == "curl"
        options = [(words.pop(at), words.pop(at)) for at in [0] * 8 if words[at].startswith("-")]
        headers = dict(value.split(": ") for name, value in options if name == "-H")
        sent = dict(options)
        url = words[0].replace("http://127.0.0.1:8095", emulator.url)
        answer = httpx.request(sent.get("-X", "GET"), url, headers=headers, content=sent.get("-d"), trust_env=False)
        assert answer.status_code == 200, answer.text
    assert emulator.reported("lm4chat8", "production")["autoscaling_settings"]["max_replica"] == 4


@pytest.mark.parametrize(
    "command",
    [
        (*COMMAND,),
        (*COMMAND, "export", "--help"),
        (*COMMAND, "status", "--model", "llama-chat"),
        (*ENGINE,),
    ],
)
def test_it_ends_in_peace_when_nobody_reads_what_it_writes(command: tuple[str, ...], emulator: Emulator) -> None:
    """`… | head -1`: neither a traceback nor another status."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=SECONDS, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_it_still_has_failed_when_nobody_reads_why(emulator: Emulator) -> None:
    """A pipeline goes by the status."""
    reader, writer = os.pipe()
    os.close(reader)
    command = (*COMMAND, "export", "--model", "nobody")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, timeout=SECONDS, check=False)
    os.close(writer)
    assert (done.returncode, done.stdout) == (1, b"")


def test_emulator_goes_on_when_nobody_reads_its_lines(emulator: Emulator) -> None:
    """`baseten-pulumi emulate | head -1` ends the lines and not the emulator."""
    with subprocess.Popen(
        [*COMMAND, "emulate", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[3]
        process.stdout.close()
        for _ in range(2):
            assert httpx.get(f"{url}/v1/models", headers={"Authorization": "Api-Key any"}, trust_env=False).is_success
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_all_of_it_is_passed_on_when_it_goes_through_a_pipe(emulator: Emulator, tmp_path: Path) -> None:
    """`baseten-pulumi export … | tee __main__.py` writes a program that compiles."""
    copy = tmp_path / "__main__.py"
    piped = f"{shlex.join([*COMMAND, 'export', '--model', 'llama-chat'])} | tee {shlex.quote(str(copy))}"
    done = subprocess.run(["sh", "-c", piped], capture_output=True, text=True, timeout=SECONDS, check=True)
    assert done.stderr == ""
    assert done.stdout == copy.read_text(encoding="utf-8")
    compile(done.stdout, str(copy), "exec")


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_a_terminals_when_it_wants_them(
    variables: dict[str, str], emulator: Emulator, *, coloured: bool
) -> None:
    """Without them there is no escape of any kind, bold ones included."""
    environment = {"TERM": "xterm-256color", "COLUMNS": "200", **variables}
    seen = _seen_on_a_terminal((*COMMAND, "status", "--model", "llama-chat"), environment)
    assert "max_replica" in seen
    assert ("\x1b[" in seen) is coloured
