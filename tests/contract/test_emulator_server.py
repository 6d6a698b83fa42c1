"""The emulator as a server: start, stop, port, options."""

import re
import socket
import subprocess
import sys
import threading
from typing import Any

import httpx
import pytest

from baseten_pulumi import testing
from baseten_pulumi.testing import Emulator, Fault, RecordedRequest
from tests.programs import until

ENVIRONMENT = "/v1/models/lm4chat8/environments/production"
KEY = {"Authorization": "Api-Key s3cret"}

pytest_plugins = ["pytester"]


def test_it_stops_at_once_when_an_answer_is_still_delayed() -> None:
    """Connected clients and answers in flight are cut off, and the thread ends."""
    broken: list[BaseException] = []

    def ask(url: str) -> None:
        try:
            httpx.get(url, headers=KEY, trust_env=False)
        except httpx.TransportError as error:
            broken.append(error)

    with Emulator() as emulator, httpx.Client(trust_env=False) as idle:
        emulator.faults.add(Fault.delay(60, path="production"))
        idle.get(emulator.url + "/v1/models", headers=KEY)
        asking = threading.Thread(target=ask, args=(emulator.url + ENVIRONMENT,))
        asking.start()
        until(lambda: len(emulator.requests) == 1)
    asking.join(30)
    assert len(broken) == 1


def test_an_idle_connection_is_closed_when_it_stops() -> None:
    """A client that keeps its connection reads to the end at once; left open, reading would time out."""
    with Emulator() as emulator:
        host, port = emulator.url.removeprefix("http://").split(":")
        idle = socket.create_connection((host, int(port)), timeout=30)
        idle.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Api-Key k\r\n\r\n")
        assert idle.recv(100_000).startswith(b"HTTP/1.1 200")
    idle.settimeout(30)
    with idle:
        while idle.recv(100_000):
            pass


def test_an_answer_is_not_held_back_when_a_connection_is_kept() -> None:
    """Nagle's delay would add 40 ms to each."""
    with Emulator() as emulator, httpx.Client(trust_env=False, headers=KEY) as client:
        client.get(emulator.url + ENVIRONMENT)
        assert emulator._server is not None
        (connection,) = emulator._server._uvicorn.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_it_serves_loopback_alone_when_it_runs() -> None:
    """Nothing is open to the network."""
    with Emulator() as emulator:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", emulator.url)


def test_the_port_is_named_when_it_is_in_use() -> None:
    """The error says what to change; the port is free again once the other has stopped."""
    with Emulator() as first:
        port = int(first.url.rpartition(":")[2])
        with (
            pytest.raises(OSError, match=f"port {port} on 127.0.0.1 is in use by another program"),
            Emulator(port=port),
        ):
            pass
    with Emulator(port=port) as second:
        assert second.url.endswith(f":{port}")


def test_a_port_that_cannot_be_had_is_an_error_when_it_is_not_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other refusal of the system is passed on as it is."""

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PermissionError, match="Permission denied"), Emulator(port=80):
        pass


def test_a_server_that_never_serves_is_an_error_when_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr("uvicorn.Server.run", lambda *_: None)
    monkeypatch.setattr("baseten_pulumi.testing.emulator.server._START_SECONDS", 0.01)
    with pytest.raises(RuntimeError, match=r"the emulator did not start within 0\.01 s"), Emulator():
        pass


def test_the_state_outlives_the_server_when_it_is_started_again() -> None:
    """The account belongs to the object; its URL only to the `with` block."""
    emulator = Emulator()
    with emulator:
        httpx.patch(
            emulator.url + ENVIRONMENT, json={"autoscaling_settings": {"max_replica": 6}}, headers=KEY, trust_env=False
        )
        with pytest.raises(RuntimeError, match="is already serving"):
            emulator.__enter__()
    with pytest.raises(RuntimeError, match="inside its `with` block"):
        _ = emulator.url
    with emulator:
        answer = httpx.get(emulator.url + ENVIRONMENT, headers=KEY, trust_env=False).json()
    assert answer["autoscaling_settings"]["max_replica"] == 6
    emulator.__exit__(None, None, None)


@pytest.mark.parametrize(
    "options", [{"apply_seconds": -1}, {"rate_limit": 0}, {"rate_burst": 9}, {"rate_limit": 9, "rate_burst": 0}]
)
def test_an_option_is_refused_when_it_makes_no_sense(options: dict[str, Any]) -> None:
    """The message names the option."""
    with pytest.raises(ValueError, match=next(iter(options))):
        Emulator(**options)


def test_a_listener_hears_of_requests_when_one_is_given() -> None:
    """Before they are answered."""
    heard: list[RecordedRequest] = []
    with Emulator(on_request=heard.append) as emulator:
        httpx.get(emulator.url + "/v1/models", headers=KEY, trust_env=False)
    assert tuple(heard) == emulator.requests


def test_the_fixture_serves_when_the_plugin_is_opted_into(pytester: pytest.Pytester) -> None:
    """A user's test needs one line of configuration."""
    pytester.makeconftest('pytest_plugins = ["baseten_pulumi.testing.plugin"]')
    pytester.makepyfile("""
        import httpx

        def test_it(baseten_emulator):
            with httpx.Client(headers={"Authorization": "Api-Key k"}, trust_env=False) as client:
                assert len(client.get(baseten_emulator.url + "/v1/models").json()["models"]) == 3
    """)
    pytester.runpytest_inprocess("-p", "no:looptime_plugin").assert_outcomes(passed=1)


def test_every_public_name_is_found_when_it_is_asked_for() -> None:
    """Names are loaded on first use; another one is an error as everywhere."""
    for name in testing.__all__:
        assert getattr(testing, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = testing.Nothing


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("baseten_pulumi.testing", ("starlette", "uvicorn", "pydantic")),
        ("baseten_pulumi.testing.engine", ("starlette", "uvicorn")),
        ("baseten_pulumi.testing.emulator", ("baseten_pulumi.testing.engine", "baseten_pulumi.api", "httpx")),
        ("baseten_pulumi.testing.plugin", ("starlette", "uvicorn")),
    ],
)
def test_a_module_needs_only_its_own_half_when_it_is_imported(module: str, absent: tuple[str, ...]) -> None:
    """A user of one half need not install what the other needs."""
    script = f"import sys, {module}; print([name for name in {absent} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout.strip() == b"[]"
