"""The local engine's processes and its lock: what they do to each other, and that none is left behind."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from baseten_pulumi.testing import LocalEngine
from baseten_pulumi.testing.engine.locking import LockedError
from baseten_pulumi.testing.engine.program_process import ProgramProcess
from tests import processes
from tests.engines import RUN_SECONDS
from tests.programs import until
from tests.things import Things

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def running(things: Things) -> Iterator[Start]:
    """Start an `up` and leave it running; whatever is still there at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        process = things.start("up")
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()
    processes.kill(things, lambda line: True)


def test_the_step_under_way_is_kept_and_nothing_new_starts_when_the_run_is_to_end(
    things: Things, running: Start
) -> None:
    """SIGTERM, as Ctrl-C, ends it in good order: state saved, processes gone, a status and a sentence of its own."""
    things.declare('a = Thing("a", size=1, seconds=1)', 'Thing("b", word=a.made)')
    process = running()
    things.until("create")
    process.send_signal(signal.SIGTERM)
    text, _ = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 1
    assert "The run was cancelled. What was done is in the state" in text
    assert things.resource("a")["id"] == "a-plain"
    assert things.names("create") == ["a"]
    assert not processes.left_behind(things)


def test_the_provider_can_tell_when_the_engine_is_killed(things: Things, running: Start) -> None:
    """It is the engine's own child, and nobody listens at the engine's address any more."""
    things.declare(
        "class TellingProvider(ThingProvider):",
        "    def create(self, props):",
        "        journal('told', props, parent=os.getppid(), engine=sys.argv[1])",
        "        return super().create(props)",
        'Thing("a", provider=TellingProvider(), size=1, seconds=60)',
    )
    process = running()
    things.until("create")
    [told] = things.calls("told")
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


def test_nothing_is_on_disk_before_the_end_when_checkpoints_are_skipped(things: Things, library: LocalEngine) -> None:
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
    things.declare(*program, 'Thing("b", provider=LookingProvider(), word=a.made, patience=0.3)')
    skipping = {"PULUMI_SKIP_CHECKPOINTS": "true", "PULUMI_EXPERIMENTAL": "true"}
    assert LocalEngine(things.folder, environment={**things.environment, **skipping}).up().succeeded
    assert [call["found"] for call in things.calls("looked")] == [False]
    assert things.resource("a")["id"] == "a-plain"
    assert library.destroy().succeeded
    things.declare(*program, f'Thing("b", provider=LookingProvider(), word=a.made, patience={RUN_SECONDS})')
    assert library.up().succeeded
    assert [call["found"] for call in things.calls("looked")] == [True]


def test_the_program_is_gone_when_the_engine_is_killed(things: Things, running: Start) -> None:
    """Not even SIGKILL leaves a program behind: its standard input closes with the engine."""
    things.declare('(CLOUD / "program").touch()', "time.sleep(600)")
    process = running()
    until((things.cloud / "program").exists)
    process.kill()
    process.wait()
    until(lambda: not processes.left_behind(things))


def test_a_second_run_is_refused_when_one_is_under_way(things: Things, library: LocalEngine, running: Start) -> None:
    """The refusal names the process that holds the stack; previews need no lock; the lock goes with its holder."""
    things.declare('Thing("a", size=1, seconds=60)')
    process = running()
    things.until("create")
    with pytest.raises(LockedError, match=f"process {process.pid}"):
        library.up()
    assert "locked by another run" in things.fails("up")
    assert library.preview().succeeded
    process.kill()
    process.wait()
    processes.kill(things, processes.is_provider)
    things.declare('Thing("b", size=1)')
    assert library.up().succeeded


def test_the_run_fails_with_the_state_saved_when_the_provider_dies(things: Things, library: LocalEngine) -> None:
    """A provider process that ends in a call is named with its exit status; what was done before is kept."""
    things.declare('a = Thing("a", size=1)', 'Thing("b", size=a.size, dies="create")')
    outcome = library.up()
    assert not outcome.succeeded
    assert outcome.changes == {"create": 2, "errored": 1}
    [message] = outcome.messages
    assert message.text == "The provider process ended in the middle of the call (exit status 7)."
    assert things.resource("a")["id"] == "a-plain"


def test_the_run_fails_when_the_provider_does_not_start(things: Things, library: LocalEngine) -> None:
    """What the interpreter says about it is shown."""
    (things.folder / "dill.py").write_text('raise ImportError("no dill today")\n')
    things.declare("import sys", 'Thing("a", size=1)')
    outcome = library.up()
    assert not outcome.succeeded
    assert "no dill today" in outcome.text


def test_a_secret_provider_is_brought_back_by_the_program_when_a_stack_is_refreshed_or_destroyed(
    things: Things, library: LocalEngine
) -> None:
    """The provider's code may be a secret, then the disk has it not: the program runs once more to bring it."""
    program = ('Thing("a", provider=SecretiveProvider(), size=1)', 'Box("box", size=1)')
    things.declare(*program)
    assert library.up().succeeded
    assert "ciphertext" in things.resource("a")["inputs"]["__provider"]
    assert library.up().changes == {"same": 4}
    things.drift("a-plain", size=5)
    assert library.refresh().changes == {"update": 1, "same": 3}
    assert library.up(refresh=True).changes == {"update": 1, "same": 3}
    assert library.destroy().changes == {"delete": 4}
    assert not (things.cloud / "a-plain").exists()


def test_the_way_out_is_named_when_a_secret_provider_left_the_program(things: Things, library: LocalEngine) -> None:
    """Nobody has the provider's code any more: the resource stays in the state and the run fails with what to do."""
    things.declare('Thing("a", provider=SecretiveProvider(), size=1)')
    library.up()
    things.declare("")
    outcome = library.up()
    assert not outcome.succeeded
    assert "serialize_as_secret_always = False" in outcome.text
    assert things.resource("a")["id"] == "a-plain"


def test_live_status_and_warnings_are_shown_when_the_provider_sends_them(things: Things, library: LocalEngine) -> None:
    """A status shows in the resource's row when it changes; a warning comes again under Diagnostics."""
    things.declare(
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
    text = library.up().text
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


def test_the_run_ends_and_the_state_is_saved_when_the_library_is_interrupted(
    things: Things, library: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A KeyboardInterrupt in a user's test passes through; nothing is left running."""
    things.declare('a = Thing("a", size=1, seconds=0.5)', 'Thing("b", word=a.made)')
    journal = things.cloud / "journal"
    waiting = ProgramProcess.wait

    def wait(self: ProgramProcess, seconds: float) -> int | None:
        if journal.exists() and '"create"' in journal.read_text():
            monkeypatch.setattr(ProgramProcess, "wait", waiting)
            raise KeyboardInterrupt
        return waiting(self, seconds)

    monkeypatch.setattr(ProgramProcess, "wait", wait)
    with pytest.raises(KeyboardInterrupt):
        library.up()
    assert not processes.left_behind(things)
    assert not (things.cloud / "b-plain").exists()
