"""The real process of Pulumi's dynamic host, over real gRPC: everything this package relies on without a promise."""

import contextlib
import functools
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import engine_pb2, provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from baseten_pulumi.provider import AutoscalingScheduleProvider
from baseten_pulumi.testing import Emulator, Fault
from tests import programs, schedules
from tests.unit.provider.listening import Engine
from tests.unit.provider.processes import (
    HIDDEN_PIPELINE,
    KEY,
    MORE_ARGUMENTS,
    OTHER_ARGUMENTS,
    OTHERS,
    URN,
    Host,
    RefusedError,
    inputs,
    struct,
    urn,
)
from tests.unit.provider.servicer import Servicer

MANY = 12
OTHER_THREADS = 4
LONG_SECONDS = 300.0
SECONDS_TO_HAPPEN = 60.0
until = functools.partial(programs.until, within_seconds=SECONDS_TO_HAPPEN)
NAMES = [f"e{number}" for number in range(MANY)]
OTHERS_URN = "urn:pulumi:dev::p::pulumi-python:dynamic:Resource::other"
OUTPUTS: dict[str, Any] = {**inputs(), "status": "ACCEPTED", "in_force": True, "revision": "1f2e3d4c"}
IGNORES_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
Start: TypeAlias = Callable[..., Host]


@pytest.fixture(scope="module")
def served() -> Iterator[Emulator]:
    with Emulator(api_key=KEY) as running:
        yield running


@pytest.fixture
def baseten(served: Emulator) -> Emulator:
    """Baseten as new."""
    served.faults.clear()
    served.add_model("abc123", "model", ["production", "staging", *NAMES])
    served.clear_requests()
    return served


@pytest.fixture(scope="module")
def shown() -> Iterator[Engine]:
    """The engine that starts the processes of this module."""
    running = Engine()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shared_host(shown: Engine, served: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    running = Host(shown.address, tmp_path_factory.mktemp("host"), {"apiKey": KEY, "baseUrl": served.url})
    _check(running)
    yield running
    running.stop()


@pytest.fixture
def host(shared_host: Host, shown: Engine) -> Host:
    shown.lines.clear()
    return shared_host


@pytest.fixture
def start(shown: Engine, baseten: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start processes for one test; they end with it."""
    with contextlib.ExitStack() as running:

        def start(site: str = "", engine: Engine = shown) -> Host:
            config = {"apiKey": KEY, "baseUrl": baseten.url}
            host = Host(engine.address, tmp_path_factory.mktemp("host"), config, site)
            running.callback(host.stop)
            return host

        yield start


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY + 8) as running:
        yield running


def _check(host: Host, **changes: Any) -> Any:
    """Check settings, as the engine does before every create."""
    request = provider_pb2.CheckRequest(urn=URN, olds=Struct(), news=struct(inputs(**changes)))
    return host.ask("Check", request)


def _patched(baseten: Emulator) -> int:
    return len({request.path for request in baseten.requests if request.method == "PATCH"})


def _create_others(host: Host, names: list[str], folder: Path, threads: ThreadPoolExecutor) -> "list[Future[Any]]":
    """Create resources of another provider, which wait until the folder holds a file called released."""
    declared = [{"__provider": OTHERS, "name": name, "folder": str(folder)} for name in names]
    return [threads.submit(host.create, props, urn=OTHERS_URN) for props in declared]


def _refused_create(host: Host, env_name: str, timeout: float = LONG_SECONDS) -> RefusedError:
    declared = struct(inputs(env_name=env_name, in_force=True))
    return host.refused("Create", provider_pb2.CreateRequest(urn=urn(env_name), properties=declared, timeout=timeout))


# --- one call -------------------------------------------------------------------------------------------------------


def test_unknowns_arrive_as_they_were_when_a_preview_checks(host: Host) -> None:
    """At every depth; integers are whole again, and `in_force` is added."""
    groups: dict[str, Any] = {"autoscaling_settings": {"min_replica": UNKNOWN}, "promotion_settings": UNKNOWN}
    unknown = {"model_id": UNKNOWN, **groups}
    answer = _check(host, **unknown)
    assert (list(answer.failures), MessageToDict(answer.inputs)) == ([], {**inputs(**unknown), "in_force": True})


SCHEDULE = {**schedules.inputs("abc123"), "__provider": serialize_provider(AutoscalingScheduleProvider())}


@pytest.mark.parametrize(
    ("olds", "news", "expected", "replaces"),
    [
        (OUTPUTS, inputs(), {}, []),
        (
            OUTPUTS,
            inputs(
                autoscaling_settings={"min_replica": 2, "scale_down_delay": UNKNOWN},
                promotion_settings={"rolling_deploy": True},
            ),
            {
                "autoscaling_settings.min_replica": "UPDATE",
                "autoscaling_settings.max_replica": "DELETE",
                "autoscaling_settings.scale_down_delay": "UPDATE",
                "promotion_settings.rolling_deploy": "ADD",
            },
            [],
        ),
        (
            {**SCHEDULE, "schedule_id": "diffed-1", "in_force": True},
            {**SCHEDULE, "env_name": "staging", "start_hour": UNKNOWN},
            {"env_name": "UPDATE_REPLACE", "start_hour": "UPDATE"},
            ["env_name"],
        ),
    ],
    ids=["nothing", "settings", "schedule"],
)
def test_diff_names_every_change_when_it_is_asked(
    olds: dict[str, Any], news: dict[str, Any], expected: dict[str, str], replaces: list[str], host: Host
) -> None:
    """By path, so that a preview shows what changes and nothing else."""
    answer = host.ask("Diff", provider_pb2.DiffRequest(urn=URN, id="id", olds=struct(olds), news=struct(news)))
    kinds = {path: provider_pb2.PropertyDiff.Kind.Name(each.kind) for path, each in answer.detailedDiff.items()}
    assert (kinds, answer.hasDetailedDiff, list(answer.replaces)) == (expected, bool(expected), replaces)
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    assert answer.changes == (some if expected else none)


def test_resource_is_kept_when_its_custom_timeout_ends_the_wait(host: Host, baseten: Emulator, shown: Engine) -> None:
    """URN and timeout are found: the row shows the wait, and the engine gets the resource to keep."""
    baseten.faults.add(Fault.never_applies())
    refused = _refused_create(host, "production", timeout=1.0)
    assert refused.message.startswith("Timed out after 1 s waiting for settings of environment")
    assert (refused.kept.id, list(refused.kept.reasons)) == ("abc123/production", [refused.message])
    outputs = MessageToDict(refused.kept.properties)
    assert outputs == {**OUTPUTS, "in_force": False, "revision": outputs["revision"]}
    assert MessageToDict(refused.kept.inputs) == inputs()
    lines = [(line.message, line.urn, line.ephemeral) for line in shown.lines]
    assert lines == [("waiting: min_replica 0→1, max_replica 1→3", urn("production"), True)]


def test_drift_is_in_outputs_and_inputs_when_refreshed(host: Host, baseten: Emulator) -> None:
    """The next preview then shows the change. The engine removes a resource without an id from the state."""
    changed = {"min_replica": 1, "max_replica": 9}
    baseten.change("abc123", "production", changed)
    answer = host.ask("Read", provider_pb2.ReadRequest(urn=URN, id="abc123/production", properties=struct(OUTPUTS)))
    assert MessageToDict(answer.properties) == {**OUTPUTS, "autoscaling_settings": changed}
    assert MessageToDict(answer.inputs) == {**inputs(autoscaling_settings=changed), "in_force": True}
    gone = provider_pb2.ReadRequest(urn=URN, id="abc123/canary", properties=struct(OUTPUTS))
    assert host.ask("Read", gone).id == ""


def test_error_is_answered_as_it_is_when_another_provider_fails(host: Host) -> None:
    refused = host.refused("Create", provider_pb2.CreateRequest(urn=OTHERS_URN, properties=struct(inputs(OTHERS))))
    assert refused.status is None
    assert "an error of the other provider" in refused.text


# --- the engine's side ----------------------------------------------------------------------------------------------


def test_engine_is_found_when_flags_come_before_its_address(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbose logs and traces are arguments of the host."""
    flags = ["--logtostderr", "-v=9", "--tracing", "http://127.0.0.1:9411/api"]
    monkeypatch.setattr(sys, "argv", ["pulumi.dynamic", *flags, engine.address])
    Servicer({}).delete("abc123/production", {})
    assert engine.texts == ["abc123/production: Baseten keeps the settings"]


@pytest.mark.parametrize("argv", [[], ["x"], ["x", ""], ["x", "a.py::test"], ["x", ":80"], ["x", "127.0.0.1:9"]])
def test_operation_succeeds_when_no_engine_answers(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that cannot be shown is dropped."""
    monkeypatch.setattr(sys, "argv", argv)
    Servicer({}).delete("abc123/production", {})


def test_operation_succeeds_when_the_engine_is_too_slow_to_answer(host: Host, baseten: Emulator, shown: Engine) -> None:
    """Rows are worth two seconds at the end, and no failure."""
    shown.answers.clear()
    try:
        baseten.start_promotion("abc123", "production")
        with programs.once(lambda: bool(shown.lines), lambda: baseten.finish_promotion("abc123", "production")):
            assert host.create(inputs()).id == "abc123/production"
    finally:
        shown.answers.set()


# --- many calls at once ---------------------------------------------------------------------------------------------


def test_operations_wait_side_by_side_when_another_provider_keeps_its_own_threads(
    host: Host, baseten: Emulator, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """Pulumi's host answers four calls at a time: four of another provider's still, and any number of ours."""
    for name in NAMES:
        baseten.start_promotion("abc123", name)
    others = _create_others(host, NAMES[:6], tmp_path, threads)
    until(lambda: len(list(tmp_path.glob("started-*"))) == OTHER_THREADS)
    ours = [
        threads.submit(host.create, inputs(env_name=name), LONG_SECONDS, urn(name, "baseten:index:Model$"))
        for name in NAMES
    ]
    until(lambda: _patched(baseten) == MANY)
    assert len(list(tmp_path.glob("started-*"))) == OTHER_THREADS
    for name in NAMES:
        baseten.finish_promotion("abc123", name)
    assert [each.result(SECONDS_TO_HAPPEN).id for each in ours] == [f"abc123/{name}" for name in NAMES]
    (tmp_path / "released").touch()
    assert [each.result(SECONDS_TO_HAPPEN).id for each in others] == NAMES[:6]


def test_every_wait_ends_at_once_when_pulumi_cancels(
    start: Start, baseten: Emulator, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """Also if there are more waits than threads in Pulumi's host, and the other provider goes on."""
    baseten.faults.add(Fault.never_applies())
    host = start()
    _check(host)
    (other,) = _create_others(host, ["a"], tmp_path, threads)
    ours = [threads.submit(_refused_create, host, name) for name in NAMES]
    until(lambda: _patched(baseten) == MANY and baseten.requests[-1].method == "GET")
    host.cancel()
    began = time.monotonic()
    assert [each.result(SECONDS_TO_HAPPEN).kept.id for each in ours] == [f"abc123/{name}" for name in NAMES]
    assert time.monotonic() - began < LONG_SECONDS / 10
    (tmp_path / "released").touch()
    assert other.result(SECONDS_TO_HAPPEN).id == "a"


@pytest.mark.parametrize(
    ("site", "adapts"),
    [(MORE_ARGUMENTS, True), (OTHER_ARGUMENTS, False), (HIDDEN_PIPELINE, False)],
    ids=["more arguments", "other arguments", "hidden"],
)
def test_everything_works_when_grpc_has_changed(
    site: str, adapts: bool, start: Start, shown: Engine, baseten: Emulator, tmp_path: Path
) -> None:
    """Ours and other providers' calls alike; at worst four at a time and without a detailed diff."""
    shown.lines.clear()
    host = start(site)
    (tmp_path / "released").touch()
    _check(host)
    assert host.create({"__provider": OTHERS, "name": "a", "folder": str(tmp_path)}, urn=OTHERS_URN).id == "a"
    assert host.create(inputs()).id == "abc123/production"
    news = struct(inputs(env_name="staging"))
    answer = host.ask("Diff", provider_pb2.DiffRequest(urn=URN, id="id", olds=struct(OUTPUTS), news=news))
    assert (list(answer.replaces), answer.hasDetailedDiff) == (["env_name"], adapts)
    baseten.faults.add(Fault.never_applies())
    refused = _refused_create(host, "staging", timeout=0.3)
    assert refused.message.startswith("Timed out after 0 s")
    assert refused.kept.id == "abc123/staging"
    host.cancel()
    debug = [line.message for line in shown.lines if line.severity == engine_pb2.DEBUG]
    unsupported = "baseten-pulumi does not support this version of grpcio: only four waits run at a time."
    assert debug == ([unsupported] if site == HIDDEN_PIPELINE else [])


# --- an engine that goes away ---------------------------------------------------------------------------------------


def test_process_ends_when_its_engine_is_gone(start: Start, baseten: Emulator, threads: ThreadPoolExecutor) -> None:
    """A killed engine sends no Cancel; a process that a script started in the background ignores SIGINT."""
    engine = Engine()
    hosts = [start(engine=engine), start(IGNORES_SIGINT, engine)]
    for name in ("production", "staging"):
        baseten.start_promotion("abc123", name)
    waiting = [threads.submit(_refused_create, *each) for each in zip(hosts, ("production", "staging"), strict=True)]
    until(lambda: sum(line.ephemeral for line in engine.lines) == 2)
    engine.stop()
    with socket.socket() as nobody:  # or the port might be given to another test's engine
        nobody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        nobody.bind(("127.0.0.1", int(engine.address.rpartition(":")[2])))
        until(lambda: not any(host.is_alive for host in hosts))
    for each in waiting:
        each.result(SECONDS_TO_HAPPEN)


def test_process_goes_on_when_its_engine_accepts_a_new_connection(
    start: Start, baseten: Emulator, threads: ThreadPoolExecutor
) -> None:
    """A connection can break, or be given up after half an hour without use, and the engine is still there."""
    engine = Engine()
    baseten.start_promotion("abc123", "production", percent=20)
    host = start(engine=engine)
    waiting = threads.submit(host.create, inputs(), LONG_SECONDS)
    until(lambda: bool(engine.lines))
    engine.stop()
    again = Engine(engine.address)
    try:
        baseten.start_promotion("abc123", "production", percent=60)
        until(lambda: any("60 %" in text for text in again.texts))
        baseten.finish_promotion("abc123", "production")
        assert waiting.result(SECONDS_TO_HAPPEN).id == "abc123/production"
        assert host.is_alive
    finally:
        again.stop()
