"""The local engine's command line and library: what is its own of them. No real engine takes part."""

import io
import os
import signal
import subprocess
import sys

import pytest

from baseten_pulumi.testing import LocalEngine
from baseten_pulumi.testing.engine.__main__ import main
from baseten_pulumi.testing.engine.display import BANNER
from tests.things import Things


def test_the_first_line_says_what_this_is_when_a_command_runs(things: Things) -> None:
    """The local engine names itself and the way to the real one before anything else; plain streams get no colour."""
    things.declare('Thing("a", size=1)')
    text = things.up().text
    assert text.splitlines()[0] == BANNER
    assert "https://www.pulumi.com/docs/install/" in BANNER
    assert "\x1b" not in text


def test_an_operation_previews_first_when_it_is_not_told_to_skip_that(things: Things) -> None:
    """As with the real CLI: --yes still previews, nobody is asked where nobody is there."""
    things.declare('Thing("a", size=1)')
    command = [sys.executable, "-m", "baseten_pulumi.testing.engine", "up", "--cwd", str(things.folder)]
    refused = subprocess.run(command, env=things.environment, capture_output=True, text=True, check=False, input="")
    assert refused.returncode == 2
    assert "--yes or --skip-preview" in refused.stderr
    done = subprocess.run([*command, "--yes"], env=things.environment, capture_output=True, text=True, check=True)
    assert done.stdout.index("Previewing update (dev):") < done.stdout.index("Updating (dev):")
    assert "+ 2 to create" in done.stdout
    assert "+ 2 created" in done.stdout
    things.declare('Thing("a", word="bad")')
    failed = subprocess.run([*command, "--yes"], env=things.environment, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "Updating (dev):" not in failed.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def _at_a_terminal(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is one that a person started on the stack."""
    things.declare('Thing("a", size=1)')
    monkeypatch.setattr(sys, "stdin", Terminal())
    for name, value in things.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_at_a_terminal")
@pytest.mark.parametrize(("answer", "status", "created"), [("no", 8, False), ("yes", 0, True)])
def test_a_person_is_asked_when_there_is_one_and_the_run_needs_a_yes(
    things: Things, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, *, created: bool
) -> None:
    """After the preview only a yes goes on."""
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    assert main(["up", "--cwd", str(things.folder)]) == status
    assert (things.cloud / "a-plain").exists() is created


@pytest.mark.usefixtures("_at_a_terminal")
@pytest.mark.parametrize("answer", [KeyboardInterrupt, EOFError])
def test_nothing_is_done_when_a_person_leaves_the_question(
    things: Things, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: type[BaseException]
) -> None:
    """Ctrl-C and Ctrl-D are a no; neither a traceback nor a word of cancelling what has not begun."""

    def asked(_question: str) -> str:
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        raise answer

    monkeypatch.setattr("builtins.input", asked)
    assert main(["up", "--cwd", str(things.folder)]) == 8
    assert capsys.readouterr().err == ""
    assert not (things.cloud / "a-plain").exists()


def test_an_operation_goes_on_when_nobody_reads_its_lines(things: Things) -> None:
    """`up | head -1` is no reason to stop half-way, nor one for a traceback."""
    things.declare('Thing("a", size=1)')
    command = [sys.executable, "-m", "baseten_pulumi.testing.engine", "up", "-y", "-f", "-C", str(things.folder)]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, env=things.environment, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert things.resource("a")["id"] == "a-plain"


def test_outputs_are_shown_by_name_as_a_table_or_as_json_when_asked_for(things: Things) -> None:
    """`stack output` has the real CLI's three shapes."""
    things.declare('pulumi.export("word", "hello")', 'pulumi.export("list", [1])')
    things.up()
    command = [sys.executable, "-m", "baseten_pulumi.testing.engine", "stack", "output", "-C", str(things.folder)]

    def shown(*more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*command, *more], env=things.environment, capture_output=True, text=True, check=False)

    assert shown().stdout == ("Current stack outputs (2):\n    OUTPUT  VALUE\n    list    [1]\n    word    hello\n")
    assert shown("word").stdout == "hello\n"
    assert shown("list", "--json").stdout == "[\n  1\n]\n"
    assert shown("nothing").returncode == 1


def test_everything_of_the_command_line_is_there_when_it_is_used_as_a_library(
    things: Things, library: LocalEngine
) -> None:
    """A user's tests get outcomes: success, counts, outputs, messages and the text."""
    things.declare('a = Thing("a", size=1)', 'pulumi.export("size", a.size)', 'pulumi.log.warn("mind")')
    previewed = library.preview(diff=True)
    assert previewed.succeeded
    assert previewed.changed
    assert previewed.changes == {"create": 2}
    assert previewed.outputs == {"size": 1}
    assert "+ size: 1" in previewed.text
    outcome = library.up()
    assert outcome.outputs == library.outputs() == {"size": 1}
    assert [(message.severity, message.text) for message in outcome.messages] == [("warning", "mind")]
    assert outcome.text.splitlines()[0] == BANNER
    assert library.export()["deployment"]["resources"][1]["id"] == "a-plain"
    assert not library.up().changed
    assert library.refresh().changes == {"same": 2}
    assert library.destroy().changes == {"delete": 2}


def test_an_output_reads_unknown_when_only_an_up_can_tell_it(things: Things, library: LocalEngine) -> None:
    """In a preview's outcome what is not known yet is a word, not the wire's own sign for it."""
    things.declare('pulumi.export("made", Thing("a", size=1).made)')
    assert library.preview().outputs == {"made": "[unknown]"}
    assert library.up().outputs == {"made": "made as a-plain"}
