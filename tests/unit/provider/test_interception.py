"""The real provider process under many calls at once: threads, Cancel, Diff, and an engine that goes away."""

import asyncio
import contextlib
import functools
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import engine_pb2, provider_pb2

from baseten_pulumi.provider import engine as engines
from baseten_pulumi.provider import interception
from baseten_pulumi.testing import Emulator, Fault
from tests import programs
from tests.unit.provider.processes import CLOSED_GRPC, KEY, STRANGERS, URN, Host, RefusedError, inputs, struct

if TYPE_CHECKING:
    from tests.unit.provider.listening import Engine

AT_ONCE = 40
LONG_SECONDS = 300.0
SECONDS_TO_HAPPEN = 60.0
until = functools.partial(programs.until, within_seconds=SECONDS_TO_HAPPEN)
STRANGERS_URN = "urn:pulumi:dev::p::pulumi-python:dynamic:Resource::stranger"
NAMES = [f"e{number}" for number in range(AT_ONCE)]


@pytest.fixture
def baseten() -> Iterator[Emulator]:
    """Baseten, where nothing is ever in force."""
    with Emulator(api_key=KEY) as running:
        running.add_model("abc123", "model", ["production", *NAMES])
        running.faults.add(Fault.never_applies())
        yield running


@pytest.fixture
def host(shown: "Engine", baseten: Emulator, tmp_path: Path) -> Iterator[Host]:
    shown.lines.clear()
    running = Host(shown.address, tmp_path, {"apiKey": KEY, "baseUrl": baseten.url})
    yield running
    running.stop()


@pytest.fixture
def unattached(shown: "Engine", baseten: Emulator, tmp_path: Path) -> Iterator[Host]:
    """A process whose release of grpcio is not known."""
    shown.lines.clear()
    running = Host(shown.address, tmp_path, {"apiKey": KEY, "baseUrl": baseten.url}, CLOSED_GRPC)
    yield running
    running.stop()


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE + 10) as threads:
        yield threads


def _patched(baseten: Emulator) -> set[str]:
    return {request.path for request in baseten.requests if request.method == "PATCH"}


def _kept(future: "Future[Any]") -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        future.result(SECONDS_TO_HAPPEN)
    return caught.value


def _attach(host: Host) -> None:
    """Have the process meet our provider, as a Check does before every Create."""
    host.ask("Check", provider_pb2.CheckRequest(urn=URN, olds=struct({}), news=struct(inputs())))


def test_waits_are_all_under_way_and_end_at_once_when_pulumi_cancels(
    host: Host, baseten: Emulator, callers: ThreadPoolExecutor
) -> None:
    """Forty creates wait together, ten times what the stock host does; Cancel ends each with what is true now."""
    _attach(host)
    waiting = [callers.submit(host.create, inputs(env_name=name), LONG_SECONDS) for name in NAMES]
    until(lambda: len(_patched(baseten)) == AT_ONCE)
    # The first look was answered, and so was every PATCH before it.
    until(lambda: [request.method for request in baseten.requests][-2:] == ["GET", "GET"])
    host.cancel()
    for name, future in zip(NAMES, waiting, strict=True):
        refused = _kept(future)
        assert f'Settings of environment "{name}" of model "abc123" were accepted but' in refused.message
        assert refused.kept.id == f"abc123/{name}"
        kept = MessageToDict(refused.kept.properties)
        assert (kept["in_force"], kept["requests"]) == (False, 1)


def test_nothing_is_sent_when_pulumi_has_cancelled_already(host: Host, baseten: Emulator) -> None:
    """A create that the engine had under way when Cancel came is refused, and nothing is kept."""
    _attach(host)
    host.cancel()
    with pytest.raises(RefusedError) as caught:
        host.create(inputs())
    assert "Pulumi cancelled the run." in caught.value.message
    request = provider_pb2.ReadRequest(urn=URN, id="abc123/production", properties=struct(inputs()))
    assert "Pulumi cancelled the run." in host.refused("Read", request).message


def test_strangers_are_answered_four_at_a_time_when_ours_take_no_place_of_theirs(
    host: Host, baseten: Emulator, callers: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """A stranger's creates run as on the stock host, ours beside them, and each stranger gets its own answer."""
    baseten.faults.clear()
    _attach(host)
    strangers = [f"s{number}" for number in range(6)]
    requests = [
        provider_pb2.CreateRequest(
            urn=STRANGERS_URN, properties=struct({"__provider": STRANGERS, "name": name, "folder": str(tmp_path)})
        )
        for name in strangers
    ]
    answers = [callers.submit(host.ask, "Create", request) for request in requests]
    until(lambda: len(list(tmp_path.glob("started-*"))) >= interception.STRANGERS_THREADS)
    for name in NAMES[:8]:
        assert host.create(inputs(env_name=name)).id == f"abc123/{name}"
    assert len(list(tmp_path.glob("started-*"))) == interception.STRANGERS_THREADS
    (tmp_path / "released").touch()
    assert [answer.result(SECONDS_TO_HAPPEN).id for answer in answers] == strangers


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        (
            {"autoscaling_settings": {"min_replica": 2, "scale_down_delay": 60}},
            {
                "autoscaling_settings.min_replica": "UPDATE",
                "autoscaling_settings.max_replica": "DELETE",
                "autoscaling_settings.scale_down_delay": "ADD",
            },
        ),
        ({"env_name": "staging"}, {"env_name": "UPDATE_REPLACE"}),
    ],
)
def test_changed_settings_are_named_when_compared(
    changes: dict[str, Any], expected: dict[str, str], host: Host
) -> None:
    """The engine learns each setting that changes, against what was sent last."""
    _attach(host)
    olds = struct({**inputs(), "status": "ACCEPTED", "in_force": True})
    request = provider_pb2.DiffRequest(urn=URN, id="abc123/production", olds=olds, news=struct(inputs(**changes)))
    answer = host.ask("Diff", request)
    kinds = {path: provider_pb2.PropertyDiff.Kind.Name(each.kind) for path, each in answer.detailedDiff.items()}
    assert (kinds, answer.hasDetailedDiff) == (expected, bool(expected))
    assert not any(each.inputDiff for each in answer.detailedDiff.values())


def test_everything_works_as_on_the_stock_host_when_it_cannot_be_fitted(
    unattached: Host, baseten: Emulator, shown: "Engine"
) -> None:
    """One debug line says so; settings are put in force, errors plain and resources kept all the same."""
    refused = _refused_create(unattached)
    assert "were accepted but are not in force after 1 s." in refused.message
    assert refused.kept.id == "abc123/production"
    baseten.faults.clear()
    assert unattached.create(inputs(env_name="e1")).id == "abc123/e1"
    unattached.cancel()
    assert unattached.create(inputs(env_name="e2")).id == "abc123/e2"
    lines = [line for line in shown.lines if line.severity == engine_pb2.DEBUG]
    assert [line.message for line in lines] == [
        "Pulumi's dynamic host stays as it is: this release of grpcio is not known to baseten-pulumi."
    ]


def _refused_create(host: Host) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        host.create(inputs(), timeout=1.0)
    return caught.value


@pytest.mark.parametrize("site", ["", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"])
def test_process_ends_when_its_engine_is_gone(
    site: str, baseten: Emulator, callers: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """A killed engine tells nobody: its address refuses connections, the waits end and the process with them.

    That holds where SIGINT is ignored, too, as for what a script starts in the background.
    """
    with socket.create_server(("127.0.0.1", 0)) as engine:
        address = engine.getsockname()
        accepting = threading.Thread(target=_accept, args=(engine,), daemon=True)
        accepting.start()
        host = Host("{}:{}".format(*address), tmp_path, {"apiKey": KEY, "baseUrl": baseten.url}, site)
        waiting = callers.submit(host.create, inputs(), LONG_SECONDS)
        until(lambda: len(_patched(baseten)) == 1)
        assert host.is_alive
        engine.shutdown(socket.SHUT_RDWR)
    with socket.socket() as nobody:  # else another test's server might be given the port, and answer
        nobody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        nobody.bind(address)
        try:
            until(lambda: not host.is_alive)
            with pytest.raises(RefusedError):
                waiting.result(SECONDS_TO_HAPPEN)
        finally:
            host.stop()


def _accept(engine: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            engine.accept()[0].close()


def test_nothing_is_fitted_when_this_is_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program imports the provider too, and has no host."""
    monkeypatch.setattr(interception, "_attach", lambda: pytest.fail("there is nothing to fit"))
    interception.attach()
    interception.note_changes({"in_force": "DELETE"})


@pytest.mark.parametrize("has_server", [True, False])
def test_host_is_fitted_once_when_several_providers_are_configured(
    has_server: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pickles are two instances of the provider; what a later host hides is told once and harms nothing."""
    told: list[str] = []
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", ModuleSpec("pulumi.dynamic.__main__", None))
    monkeypatch.setattr(interception, "debug", told.append)
    monkeypatch.setattr(interception, "end_with_engine", lambda is_serving: told.append("watched"))
    interception._attach.cache_clear()
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        monkeypatch.setattr(interception, "_running_server", lambda: server if has_server else None)
        interception.attach()
        interception.attach()
        assert isinstance(server._state.interceptor_pipeline, interception._Pipeline) is has_server
        server.stop(None)
    assert told == ["watched"] if has_server else told[0] == "watched" and len(told) == 2
    interception._attach.cache_clear()


def test_engine_is_not_gone_when_it_is_merely_slow_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is not taken in time, or cannot be made here, is no refusal."""

    async def slow(host: str, port: int) -> None:
        raise next(troubles)

    parents = iter([1] * 9 + [2])
    troubles = iter([TimeoutError(), asyncio.TimeoutError(), OSError(24, "too many open files")] * 3)
    monkeypatch.setattr("os.getppid", lambda: next(parents))
    monkeypatch.setattr(asyncio, "open_connection", slow)
    monkeypatch.setattr(engines, "LOOK_EVERY_SECONDS", 0.001)
    monkeypatch.setattr(engines, "GONE_AFTER_SECONDS", 0.001)
    asyncio.run(engines.until_gone("127.0.0.1", 9))
    assert next(parents, None) is None


def test_engine_counts_as_gone_when_the_parent_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's death makes another process our parent, whoever answers at its address now."""
    parents = iter([1, 1, 2])
    monkeypatch.setattr("os.getppid", lambda: next(parents))
    monkeypatch.setattr(engines, "LOOK_EVERY_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as alive:
        asyncio.run(engines.until_gone(*alive.getsockname()))
    assert next(parents, None) is None
