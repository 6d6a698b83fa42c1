"""The real process of Pulumi's dynamic host, over real gRPC: everything this package relies on without a promise."""

import functools
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import engine_pb2, provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from baseten_pulumi.testing import Emulator, Fault
from tests import programs
from tests.unit.provider.listening import Engine
from tests.unit.provider.processes import (
    HIDDEN_PIPELINE,
    KEY,
    MORE_ARGUMENTS,
    OTHER_ARGUMENTS,
    OTHERS,
    OURS,
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


@pytest.fixture
def host(shared_host: Host, shown: Engine) -> Host:
    shown.lines.clear()
    return shared_host


@pytest.fixture(scope="module")
def shared_host(shown: Engine, served: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    running = Host(shown.address, tmp_path_factory.mktemp("host"), {"apiKey": KEY, "baseUrl": served.url})
    _check(running)
    yield running
    running.stop()


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


# --- one call -------------------------------------------------------------------------------------------------------


def test_error_has_no_traceback_when_the_first_call_of_a_process_fails(tmp_path: Path) -> None:
    """The engine shows the text of the status alone; no engine is needed for it."""
    host = Host("127.0.0.1:9", tmp_path, {})
    try:
        refused = host.refused("Create", provider_pb2.CreateRequest(urn=URN, properties=struct(inputs())))
    finally:
        host.stop()
    assert refused.message.splitlines()[0] == "Baseten cannot be reached without an API key."
    assert "Traceback" not in refused.message
    assert refused.status is not None
    assert (refused.status.code, len(refused.status.details)) == (2, 0)


def test_unknowns_arrive_as_they_were_when_a_preview_checks(host: Host) -> None:
    """At every depth; integers are whole again, and `in_force` is added."""
    groups: dict[str, Any] = {"autoscaling_settings": {"min_replica": UNKNOWN}, "promotion_settings": UNKNOWN}
    unknown = {"model_id": UNKNOWN, **groups}
    answer = _check(host, **unknown)
    assert (list(answer.failures), MessageToDict(answer.inputs)) == ([], {**inputs(**unknown), "in_force": True})


@pytest.mark.parametrize(
    ("changes", "expected", "replaces"),
    [
        ({}, {}, []),
        (
            {"autoscaling_settings": {"min_replica": 2, "scale_down_delay": UNKNOWN}},
            {
                "autoscaling_settings.min_replica": "UPDATE",
                "autoscaling_settings.max_replica": "DELETE",
                "autoscaling_settings.scale_down_delay": "UPDATE",
            },
            [],
        ),
        ({"promotion_settings": {"rolling_deploy": True}}, {"promotion_settings.rolling_deploy": "ADD"}, []),
        ({"promotion_settings": UNKNOWN}, {"promotion_settings": "UPDATE"}, []),
        ({"model_id": UNKNOWN}, {"model_id": "UPDATE"}, []),
        ({"env_name": "staging"}, {"env_name": "UPDATE_REPLACE"}, ["env_name"]),
    ],
)
def test_diff_names_every_change_when_it_is_asked(
    changes: dict[str, Any], expected: dict[str, str], replaces: list[str], host: Host
) -> None:
    """By path, so that a preview shows what changes and nothing else."""
    request = provider_pb2.DiffRequest(urn=URN, id="id", olds=struct(OUTPUTS), news=struct(inputs(**changes)))
    answer = host.ask("Diff", request)
    kinds = {path: provider_pb2.PropertyDiff.Kind.Name(each.kind) for path, each in answer.detailedDiff.items()}
    assert (kinds, answer.hasDetailedDiff, list(answer.replaces)) == (expected, bool(expected), replaces)
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    assert answer.changes == (some if expected else none)


def test_diff_shows_what_is_left_to_wait_for_when_the_last_wait_failed(host: Host) -> None:
    """`in_force` changes from false to true: it is not removed."""
    olds, news = {**OUTPUTS, "in_force": False}, inputs(in_force=True)
    answer = host.ask("Diff", provider_pb2.DiffRequest(urn=URN, id="id", olds=struct(olds), news=struct(news)))
    assert {path: each.kind for path, each in answer.detailedDiff.items()} == {
        "in_force": provider_pb2.PropertyDiff.UPDATE
    }


def test_resource_is_kept_when_its_custom_timeout_ends_the_wait(host: Host, baseten: Emulator, shown: Engine) -> None:
    """URN and timeout are found: the row shows the wait, and the engine gets the resource to keep."""
    baseten.faults.add(Fault.never_applies())
    with pytest.raises(RefusedError) as caught:
        host.create(inputs(in_force=True), timeout=1.0)
    assert caught.value.message.startswith("Timed out after 1 s waiting for settings of environment")
    kept = caught.value.kept
    assert (kept.id, list(kept.reasons)) == ("abc123/production", [caught.value.message])
    outputs = MessageToDict(kept.properties)
    assert outputs == {**OUTPUTS, "in_force": False, "revision": outputs["revision"]}
    assert MessageToDict(kept.inputs) == inputs()
    assert shown.texts == ["waiting: min_replica 0→1, max_replica 1→3"]
    assert {(line.urn, line.ephemeral) for line in shown.lines} == {(URN, True)}


def test_drift_is_in_outputs_and_inputs_when_refreshed(host: Host, baseten: Emulator) -> None:
    """The next preview then shows the change."""
    changed = {"min_replica": 1, "max_replica": 9}
    baseten.change("abc123", "production", changed)
    answer = host.ask("Read", provider_pb2.ReadRequest(urn=URN, id="abc123/production", properties=struct(OUTPUTS)))
    assert MessageToDict(answer.properties) == {**OUTPUTS, "autoscaling_settings": changed}
    assert MessageToDict(answer.inputs) == inputs(autoscaling_settings=changed)


def test_id_is_empty_when_a_refresh_finds_the_environment_deleted(host: Host, baseten: Emulator) -> None:
    """The engine then removes the resource from the state."""
    request = provider_pb2.ReadRequest(urn=URN, id="abc123/canary", properties=struct(OUTPUTS))
    assert host.ask("Read", request).id == ""


def test_everything_is_returned_when_a_program_looks_an_environment_up(host: Host, baseten: Emulator) -> None:
    """A lookup has the host's own entry and nothing else."""
    looked_up = struct({"__provider": OURS})
    request = provider_pb2.ReadRequest(urn=URN, id="abc123/staging", properties=looked_up, inputs=looked_up)
    found = MessageToDict(host.ask("Read", request).properties)
    assert (found["env_name"], found["autoscaling_settings"]["max_replica"]) == ("staging", 1)


def test_error_is_answered_as_it_is_when_another_provider_fails(host: Host) -> None:
    """Its calls are answered by the host as it is."""
    refused = host.refused("Create", provider_pb2.CreateRequest(urn=OTHERS_URN, properties=struct(inputs(OTHERS))))
    assert refused.status is None
    assert "an error of the other provider" in refused.text


# --- the engine's side ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [[], ["--logtostderr", "-v=9"], ["--tracing", "http://127.0.0.1:9411/api"]])
def test_engine_is_found_when_flags_come_before_its_address(
    flags: list[str], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verbose logs and traces are arguments of the host."""
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
    shown: Engine, baseten: Emulator, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """Also if there are more waits than threads in Pulumi's host, and the other provider goes on."""
    baseten.faults.add(Fault.never_applies())
    host = Host(shown.address, tmp_path, {"apiKey": KEY, "baseUrl": baseten.url})
    try:
        _check(host)
        others = _create_others(host, ["a"], tmp_path, threads)
        ours = [threads.submit(_refused_create, host, name) for name in NAMES]
        until(lambda: _patched(baseten) == MANY)
        until(lambda: baseten.requests[-1].method == "GET")
        host.cancel()
        began = time.monotonic()
        for name, each in zip(NAMES, ours, strict=True):
            assert each.result(SECONDS_TO_HAPPEN).kept.id == f"abc123/{name}"
        assert time.monotonic() - began < LONG_SECONDS / 10
        (tmp_path / "released").touch()
        assert [each.result(SECONDS_TO_HAPPEN).id for each in others] == ["a"]
    finally:
        host.stop()


def _refused_create(host: Host, env_name: str, timeout: float = LONG_SECONDS) -> RefusedError:
    request = provider_pb2.CreateRequest(
        urn=urn(env_name), properties=struct(inputs(env_name=env_name)), timeout=timeout
    )
    return host.refused("Create", request)


@pytest.mark.parametrize(
    ("site", "adapts"), [(MORE_ARGUMENTS, True), (OTHER_ARGUMENTS, False), (HIDDEN_PIPELINE, False)]
)
def test_everything_works_when_grpc_has_changed(
    site: str, adapts: bool, shown: Engine, baseten: Emulator, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """Ours and other providers' calls alike; at worst four at a time and without a detailed diff."""
    shown.lines.clear()
    host = Host(shown.address, tmp_path, {"apiKey": KEY, "baseUrl": baseten.url}, site)
    try:
        (tmp_path / "released").touch()
        _check(host)
        (other,) = _create_others(host, ["a"], tmp_path, threads)
        assert other.result(SECONDS_TO_HAPPEN).id == "a"
        assert host.create(inputs()).id == "abc123/production"
        request = provider_pb2.DiffRequest(
            urn=URN, id="id", olds=struct(OUTPUTS), news=struct(inputs(env_name="staging"))
        )
        answer = host.ask("Diff", request)
        assert (list(answer.replaces), answer.hasDetailedDiff) == (["env_name"], adapts)
        baseten.faults.add(Fault.never_applies())
        refused = _refused_create(host, "staging", timeout=1.0)
        assert refused.message.startswith("Timed out after 1 s")
        assert refused.kept.id == "abc123/staging"
        host.cancel()
        debug = [line.message for line in shown.lines if line.severity == engine_pb2.DEBUG]
        told = "baseten-pulumi does not support this version of grpcio: only four waits run at a time."
        assert debug == ([told] if site == HIDDEN_PIPELINE else [])
    finally:
        host.stop()


# --- an engine that goes away ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["", IGNORES_SIGINT], ids=["foreground", "background"])
def test_process_ends_when_its_engine_is_gone(
    site: str, baseten: Emulator, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """A killed engine sends no Cancel; a process that a script started in the background ignores SIGINT."""
    engine = Engine()
    baseten.start_promotion("abc123", "production")
    host = Host(engine.address, tmp_path, {"apiKey": KEY, "baseUrl": baseten.url}, site)
    try:
        waiting = threads.submit(_refused_create, host, "production")
        until(lambda: bool(engine.lines))
        engine.stop()
        with socket.socket() as nobody:  # or the port might be given to another test's engine
            nobody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            nobody.bind(("127.0.0.1", int(engine.address.rpartition(":")[2])))
            until(lambda: not host.is_alive)
        waiting.result(SECONDS_TO_HAPPEN)
    finally:
        host.stop()


def test_process_goes_on_when_its_engine_accepts_a_new_connection(
    baseten: Emulator, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """A connection can break, or be given up after half an hour without use, and the engine is still there."""
    engine = Engine()
    baseten.start_promotion("abc123", "production", percent=20)
    host = Host(engine.address, tmp_path, {"apiKey": KEY, "baseUrl": baseten.url})
    again = engine
    try:
        waiting = threads.submit(host.create, inputs(), LONG_SECONDS)
        until(lambda: bool(engine.lines))
        engine.stop()
        again = Engine(engine.address)
        baseten.start_promotion("abc123", "production", percent=60)
        until(lambda: any("60 %" in text for text in again.texts))
        baseten.finish_promotion("abc123", "production")
        assert waiting.result(SECONDS_TO_HAPPEN).id == "abc123/production"
        assert host.is_alive
    finally:
        host.stop()
        again.stop()
