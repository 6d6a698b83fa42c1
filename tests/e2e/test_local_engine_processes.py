"""What is the local engine's own: its processes, its lock, its refusals and its library. No real engine takes part."""

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from baseten_pulumi.testing.engine import LocalEngine, ProjectError
from baseten_pulumi.testing.engine.__main__ import main
from baseten_pulumi.testing.engine.display import BANNER
from baseten_pulumi.testing.engine.locking import LockedError
from baseten_pulumi.testing.engine.program_process import ProgramProcess
from tests.engines import RUN_SECONDS
from tests.programs import until
from tests.things import Things


@pytest.fixture
def stack(tmp_path: Path) -> Things:
    return Things(tmp_path, "local")


@pytest.fixture
def engine(stack: Things) -> LocalEngine:
    return LocalEngine(stack.folder, environment=stack.environment)


@pytest.fixture
def running(stack: Things) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Start an `up` and leave it running; whatever is still there at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        process = stack.start("up")
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" if Path("/proc").exists() else True
    )


def test_the_first_line_says_what_this_is_when_a_command_runs(stack: Things) -> None:
    """The local engine names itself and the way to the real one before anything else; plain streams get no colour."""
    stack.declare('Thing("a", size=1)')
    text = stack.up().text
    assert text.splitlines()[0] == BANNER
    assert "https://www.pulumi.com/docs/install/" in BANNER
    assert "\x1b" not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_step_under_way_is_kept_and_nothing_new_starts_when_the_run_is_interrupted(
    stack: Things, running: Callable[[], "subprocess.Popen[str]"], number: signal.Signals
) -> None:
    """The first signal ends the run in good order: state saved, processes gone, a status and a sentence of its own."""
    stack.declare(
        "import os",
        'open(CLOUD / "program", "w").write(str(os.getpid()))',
        'a = Thing("a", size=1, seconds=1)',
        'Thing("b", word=a.made)',
    )
    process = running()
    stack.until("create")
    process.send_signal(number)
    text, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 1
    assert "The run was cancelled. What was done is in the state" in text
    assert stack.resource("a")["id"] == "a-plain"
    calls = stack.calls()
    assert [call["name"] for call in calls if call["call"] == "create"] == ["a"]
    pids = [int((stack.cloud / "program").read_text()), *(call["pid"] for call in calls)]
    assert not [pid for pid in pids if is_alive(pid)]


def test_the_provider_is_not_waited_for_when_the_run_is_interrupted_twice(
    stack: Things, running: Callable[[], "subprocess.Popen[str]"]
) -> None:
    """The second signal ends the provider in the middle of its call; the step counts as failed."""
    stack.declare('Thing("a", size=1, seconds=60)')
    process = running()
    stack.until("create")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    while "Press Ctrl-C again to end at once" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 8
    assert "The provider was stopped in the middle of the call." in text
    assert not [call for call in stack.calls() if is_alive(call["pid"])]


def test_the_provider_can_tell_when_the_engine_is_killed(
    stack: Things, running: Callable[[], "subprocess.Popen[str]"]
) -> None:
    """It is the engine's own child, and nobody listens at the engine's address any more."""
    stack.declare(
        "class TellingProvider(ThingProvider):",
        "    def create(self, props):",
        "        journal('told', props, parent=os.getppid(), engine=sys.argv[1])",
        "        return super().create(props)",
        'Thing("a", provider=TellingProvider(), size=1, seconds=60)',
    )
    process = running()
    stack.until("create")
    [told] = stack.calls("told")
    host, _, port = told["engine"].partition(":")
    try:
        assert told["parent"] == process.pid
        socket.create_connection((host, int(port)), timeout=RUN_SECONDS).close()
        process.kill()
        process.wait()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=RUN_SECONDS)
    finally:
        os.kill(told["pid"], signal.SIGKILL)


def test_nothing_is_on_disk_before_the_end_when_checkpoints_are_skipped(stack: Things, engine: LocalEngine) -> None:
    """The real engine's choice for big fleets, by its own two variables; what was done is in the state all the same."""
    program = (
        "class LookingProvider(ThingProvider):",
        "    def create(self, props):",
        "        deadline = time.monotonic() + props['patience']",
        "        while not (found := self.found()) and time.monotonic() < deadline:",
        "            time.sleep(0.05)",
        "        journal('looked', props, found=found)",
        "        return super().create(props)",
        "    def found(self):",
        "        return any('::a' in path.read_text() for path in CLOUD.parent.glob('state/**/*.json'))",
        'a = Thing("a", size=1)',
    )
    stack.declare(*program, 'Thing("b", provider=LookingProvider(), word=a.made, patience=0.3)')
    skipping = {"PULUMI_SKIP_CHECKPOINTS": "true", "PULUMI_EXPERIMENTAL": "true"}
    assert LocalEngine(stack.folder, environment={**stack.environment, **skipping}).up().succeeded
    assert [call["found"] for call in stack.calls("looked")] == [False]
    assert stack.resource("a")["id"] == "a-plain"
    assert engine.destroy().succeeded
    stack.declare(*program, f'Thing("b", provider=LookingProvider(), word=a.made, patience={RUN_SECONDS})')
    assert engine.up().succeeded
    assert [call["found"] for call in stack.calls("looked")] == [True]


def test_the_program_is_gone_when_the_engine_is_killed(
    stack: Things, running: Callable[[], "subprocess.Popen[str]"]
) -> None:
    """Not even SIGKILL leaves a program behind: its standard input closes with the engine."""
    pid = stack.cloud / "program"
    stack.declare("import os, time", 'open(CLOUD / "program", "w").write(str(os.getpid()))', "time.sleep(60)")
    process = running()
    until(lambda: pid.exists() and pid.read_text() != "")
    process.kill()
    process.wait()
    until(lambda: not is_alive(int(pid.read_text())))


def test_a_second_run_is_refused_when_one_is_under_way(
    stack: Things, engine: LocalEngine, running: Callable[[], "subprocess.Popen[str]"]
) -> None:
    """The refusal names the process that holds the stack; previews need no lock; the lock goes with its holder."""
    stack.declare('Thing("a", size=1, seconds=60)')
    process = running()
    stack.until("create")
    with pytest.raises(LockedError, match=f"process {process.pid}"):
        engine.up()
    assert "locked by another run" in stack.fails("up")
    assert engine.preview().succeeded
    process.kill()
    process.wait()
    for pid in {call["pid"] for call in stack.calls() if is_alive(call["pid"])}:
        os.kill(pid, signal.SIGKILL)
    stack.declare('Thing("b", size=1)')
    assert engine.up().succeeded


def test_the_run_fails_with_the_state_saved_when_the_provider_dies(stack: Things, engine: LocalEngine) -> None:
    """A provider process that ends in a call is named with its exit status; what was done before is kept."""
    stack.declare('a = Thing("a", size=1)', 'Thing("b", size=a.size, dies="create")')
    outcome = engine.up()
    assert not outcome.succeeded
    assert outcome.changes == {"create": 2, "errored": 1}
    [message] = outcome.messages
    assert message.text == "The provider process ended in the middle of the call (exit status 7)."
    assert stack.resource("a")["id"] == "a-plain"


def test_the_run_fails_when_the_provider_does_not_start(stack: Things, engine: LocalEngine) -> None:
    """What the interpreter says about it is shown."""
    (stack.folder / "dill.py").write_text('raise ImportError("no dill today")\n')
    stack.declare("import sys", 'Thing("a", size=1)')
    outcome = engine.up()
    assert not outcome.succeeded
    assert "no dill today" in outcome.text


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ('import_="x"', "import_"),
        ('replace_on_changes=["size"]', "replace_on_changes"),
        ('version="1.0.0"', "version"),
        ('plugin_download_url="https://example.com"', "plugin_download_url"),
        ("deleted_with=first", "deleted_with"),
        ("replace_with=[first]", "replace_with"),
        ("replacement_trigger=1", "replacement_trigger"),
        ('hide_diffs=["size"]', "hide_diffs"),
        ("transforms=[lambda args: None]", "transforms"),
        ("hooks=pulumi.ResourceHookBinding(before_create=[lambda args: None])", "resource hooks"),
        ('custom_timeouts=pulumi.CustomTimeouts(create="soon")', "the timeout 'soon'"),
    ],
)
def test_the_option_is_refused_by_name_when_it_is_not_served(
    stack: Things, engine: LocalEngine, option: str, name: str
) -> None:
    """Nothing a program asks for is passed over in silence."""
    stack.declare('first = Thing("first", size=1)', f'Thing("a", ResourceOptions({option}), size=1)')
    outcome = engine.preview()
    assert not outcome.succeeded
    refusal = next(message.text for message in outcome.messages if "does not serve" in message.text)
    assert name in refusal
    assert "real Pulumi CLI" in refusal


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('pulumi.runtime.invoke("tests:index:find", {})', "the function tests:index:find"),
        ("pulumi.runtime.register_resource_transform(lambda args: None)", "transforms"),
        ('pulumi.CustomResource("aws:s3:Bucket", "a", {})', "resources of type aws:s3:Bucket"),
        ('pulumi.ProviderResource("tests", "a", {})', "resources of type pulumi:providers:tests"),
    ],
)
def test_the_call_is_refused_by_name_when_it_needs_a_real_engine(
    stack: Things, engine: LocalEngine, line: str, name: str
) -> None:
    """Functions, transforms and other providers' resources are the real engine's alone."""
    stack.declare(line)
    outcome = engine.preview()
    assert not outcome.succeeded
    assert f"The local engine does not serve {name}" in outcome.text


def test_two_resources_of_one_name_are_refused_when_a_program_has_them(stack: Things, engine: LocalEngine) -> None:
    """A URN names one resource."""
    stack.declare('Thing("a", size=1)', 'Thing("a", size=2)')
    outcome = engine.up()
    assert not outcome.succeeded
    assert "Duplicate resource URN" in outcome.text


def test_the_run_is_refused_when_a_configuration_value_is_encrypted(stack: Things, engine: LocalEngine) -> None:
    """There is no passphrase here: the sentence says what to use instead."""
    stack.configure({"serving:key": {"secure": "v1:abc"}})
    with pytest.raises(ProjectError, match="BASETEN_API_KEY"):
        engine.preview()
    assert "error: The configuration value serving:key is encrypted" in stack.fails("preview")


def test_a_secret_provider_is_brought_back_by_the_program_when_a_stack_is_refreshed_or_destroyed(
    stack: Things, engine: LocalEngine
) -> None:
    """The provider's code may be a secret, then the disk has it not: the program runs once more to bring it."""
    program = ('Thing("a", provider=SecretiveProvider(), size=1)', 'Box("box", size=1)')
    stack.declare(*program)
    assert engine.up().succeeded
    assert "ciphertext" in stack.resource("a")["inputs"]["__provider"]
    assert engine.up().changes == {"same": 4}
    stack.drift("a-plain", size=5)
    assert engine.refresh().changes == {"update": 1, "same": 3}
    assert engine.up(refresh=True).changes == {"update": 1, "same": 3}
    assert engine.destroy().changes == {"delete": 4}
    assert not (stack.cloud / "a-plain").exists()


def test_the_way_out_is_named_when_a_secret_provider_left_the_program(stack: Things, engine: LocalEngine) -> None:
    """Nobody has the provider's code any more: the resource stays in the state and the run fails with what to do."""
    stack.declare('Thing("a", provider=SecretiveProvider(), size=1)')
    engine.up()
    stack.declare("")
    outcome = engine.up()
    assert not outcome.succeeded
    assert "serialize_as_secret_always = False" in outcome.text
    assert stack.resource("a")["id"] == "a-plain"


def test_live_status_and_warnings_are_shown_when_the_provider_sends_them(stack: Things, engine: LocalEngine) -> None:
    """A status shows in the resource's row when it changes; a warning comes again under Diagnostics."""
    stack.declare(
        "class TellingProvider(ThingProvider):",
        "    def create(self, props):",
        "        import sys, grpc",
        "        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc",
        "        urn = context()['request'].urn",
        "        engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(sys.argv[1]))",
        "        for text in ('waiting for 2', 'waiting for 2', 'waiting for 1'):",
        "            engine.Log(engine_pb2.LogRequest(severity=1, urn=urn, message=text, ephemeral=True))",
        "        engine.Log(engine_pb2.LogRequest(severity=2, urn=urn, message='mind\\nthe gap'))",
        "        print('printed by the provider')",
        "        return super().create(props)",
        'Thing("a", provider=TellingProvider(), size=1)',
        'print("printed by the program")',
        'pulumi.log.info("noted by the program")',
        'pulumi.log.debug("not for the public")',
    )
    text = engine.up().text
    rows = [line for line in text.splitlines() if "waiting for" in line]
    assert rows == [
        " +  creating  tests:Thing  a  waiting for 2",
        " +  creating  tests:Thing  a  waiting for 1",
    ]
    assert "  tests:Thing (a):\n    warning: mind\n    the gap\n" in text
    assert "printed by the provider" in text
    assert "printed by the program" in text
    assert "    noted by the program\n" in text
    assert "not for the public" not in text


def test_an_operation_previews_first_when_it_is_not_told_to_skip_that(stack: Things) -> None:
    """As with the real CLI: --yes still previews, nobody is asked where nobody is there."""
    stack.declare('Thing("a", size=1)')
    command = [sys.executable, "-m", "baseten_pulumi.testing.engine", "up", "--cwd", str(stack.folder)]
    refused = subprocess.run(command, env=stack.environment, capture_output=True, text=True, check=False, input="")
    assert refused.returncode == 2
    assert "--yes or --skip-preview" in refused.stderr
    done = subprocess.run([*command, "--yes"], env=stack.environment, capture_output=True, text=True, check=True)
    assert done.stdout.index("Previewing update (dev):") < done.stdout.index("Updating (dev):")
    assert "+ 2 to create" in done.stdout
    assert "+ 2 created" in done.stdout
    stack.declare('Thing("a", word="bad")')
    failed = subprocess.run([*command, "--yes"], env=stack.environment, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "Updating (dev):" not in failed.stdout


@pytest.mark.parametrize(("answer", "status", "created"), [("no", 8, False), ("yes", 0, True)])
def test_a_person_is_asked_when_there_is_one_and_the_run_needs_a_yes(
    stack: Things, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, *, created: bool
) -> None:
    """After the preview only a yes goes on."""
    stack.declare('Thing("a", size=1)')
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    monkeypatch.setattr(sys, "stdin", Terminal())
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["up", "--cwd", str(stack.folder)]) == status
    assert (stack.cloud / "a-plain").exists() is created


@pytest.mark.parametrize("answer", [KeyboardInterrupt, EOFError])
def test_nothing_is_done_when_a_person_leaves_the_question(
    stack: Things, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: type[BaseException]
) -> None:
    """Ctrl-C and Ctrl-D are a no; neither a traceback nor a word of cancelling what has not begun."""

    def asked(_question: str) -> str:
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        raise answer

    stack.declare('Thing("a", size=1)')
    monkeypatch.setattr("builtins.input", asked)
    monkeypatch.setattr(sys, "stdin", Terminal())
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["up", "--cwd", str(stack.folder)]) == 8
    assert capsys.readouterr().err == ""
    assert not (stack.cloud / "a-plain").exists()


def test_an_operation_goes_on_when_nobody_reads_its_lines(stack: Things) -> None:
    """`up | head -1` is no reason to stop half-way, nor one for a traceback."""
    stack.declare('Thing("a", size=1)')
    command = [sys.executable, "-m", "baseten_pulumi.testing.engine", "up", "-y", "-f", "-C", str(stack.folder)]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, env=stack.environment, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert stack.resource("a")["id"] == "a-plain"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_outputs_are_shown_by_name_as_a_table_or_as_json_when_asked_for(stack: Things) -> None:
    """`stack output` has the real CLI's three shapes."""
    stack.declare('pulumi.export("word", "hello")', 'pulumi.export("list", [1])')
    stack.up()
    command = [sys.executable, "-m", "baseten_pulumi.testing.engine", "stack", "output", "-C", str(stack.folder)]

    def shown(*more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*command, *more], env=stack.environment, capture_output=True, text=True, check=False)

    assert shown().stdout == ("Current stack outputs (2):\n    OUTPUT  VALUE\n    list    [1]\n    word    hello\n")
    assert shown("word").stdout == "hello\n"
    assert shown("list", "--json").stdout == "[\n  1\n]\n"
    assert shown("nothing").returncode == 1


def test_everything_of_the_command_line_is_there_when_it_is_used_as_a_library(
    stack: Things, engine: LocalEngine
) -> None:
    """A user's tests get outcomes: success, counts, outputs, messages and the text."""
    stack.declare('a = Thing("a", size=1)', 'pulumi.export("size", a.size)', 'pulumi.log.warn("mind")')
    previewed = engine.preview(diff=True)
    assert previewed.succeeded
    assert previewed.changed
    assert previewed.changes == {"create": 2}
    assert previewed.outputs == {"size": 1}
    assert "+ size: 1" in previewed.text
    outcome = engine.up()
    assert outcome.outputs == engine.outputs() == {"size": 1}
    assert [(message.severity, message.text) for message in outcome.messages] == [("warning", "mind")]
    assert outcome.text.splitlines()[0] == BANNER
    assert engine.export()["deployment"]["resources"][1]["id"] == "a-plain"
    assert not engine.up().changed
    assert engine.refresh().changes == {"same": 2}
    assert engine.destroy().changes == {"delete": 2}


def test_the_run_ends_and_the_state_is_saved_when_the_library_is_interrupted(
    stack: Things, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyboardInterrupt in a user's test passes through; nothing is left running."""
    stack.declare('a = Thing("a", size=1, seconds=0.5)', 'Thing("b", word=a.made)')
    journal = stack.cloud / "journal"
    waiting = ProgramProcess.wait

    def wait(self: ProgramProcess, seconds: float) -> int | None:
        if journal.exists() and '"create"' in journal.read_text():
            monkeypatch.setattr(ProgramProcess, "wait", waiting)
            raise KeyboardInterrupt
        return waiting(self, seconds)

    monkeypatch.setattr(ProgramProcess, "wait", wait)
    with pytest.raises(KeyboardInterrupt):
        engine.up()
    assert not [call for call in stack.calls() if is_alive(call["pid"])]
    assert not (stack.cloud / "b-plain").exists()
