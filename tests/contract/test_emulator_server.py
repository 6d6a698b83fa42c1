"""The emulator as a server: start, stop, port, connections that break, options."""

import re
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import httpx
import pytest

from baseten_pulumi import testing
from baseten_pulumi.testing import Emulator, Fault, RecordedRequest
from tests.programs import until

ENVIRONMENT = "/v1/models/lm4chat8/environments/production"
CHANGE = {"autoscaling_settings": {"max_replica": 6}}
KEY = {"Authorization": "Api-Key s3cret"}

pytest_plugins = ["pytester"]


def _max_replica(emulator: Emulator) -> Any:
    return emulator.reported("lm4chat8", "production")["autoscaling_settings"]["max_replica"]


# --- start and stop -------------------------------------------------------------------------------------------------


def test_it_stops_at_once_when_an_answer_is_still_delayed() -> None:
    """Requests in flight and idle connections are cut off; left open, reading would time out."""
    broken: list[BaseException] = []

    def ask(url: str) -> None:
        try:
            httpx.get(url, headers=KEY, trust_env=False)
        except httpx.TransportError as error:
            broken.append(error)

    with Emulator() as emulator:
        delay = emulator.faults.add(Fault.delay(60, path="production"))
        idle = socket.create_connection(("127.0.0.1", int(emulator.url.rpartition(":")[2])), timeout=30)
        idle.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Api-Key k\r\n\r\n")
        assert idle.recv(100_000).startswith(b"HTTP/1.1 200")
        asking = threading.Thread(target=ask, args=(emulator.url + ENVIRONMENT,))
        asking.start()
        until(lambda: emulator.faults.hits(delay) == 1)
    asking.join(30)
    assert len(broken) == 1
    with idle:
        while idle.recv(100_000):
            pass


def test_it_serves_loopback_alone_when_it_runs() -> None:
    """Nothing is open to the network: not even another address of this machine."""
    with Emulator() as emulator:
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)", emulator.url)
        assert found is not None
        with pytest.raises(OSError, match=r"."):
            socket.create_connection(("127.0.0.2", int(found[1])), timeout=5)


def test_the_port_is_named_when_it_is_in_use() -> None:
    """The port is free again once the other has stopped."""
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


def test_the_state_outlives_the_server_when_it_is_started_again() -> None:
    emulator = Emulator()
    with emulator:
        httpx.patch(emulator.url + ENVIRONMENT, json=CHANGE, headers=KEY, trust_env=False)
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
    with pytest.raises(ValueError, match=[*options][-1]):
        Emulator(**options)


# --- connections ----------------------------------------------------------------------------------------------------


def test_a_listener_hears_of_requests_when_one_is_given() -> None:
    heard: list[RecordedRequest] = []
    with Emulator(on_request=heard.append) as emulator:
        httpx.get(emulator.url + "/v1/models", headers=KEY, trust_env=False)
    assert tuple(heard) == emulator.requests


def test_an_answer_is_not_held_back_when_a_connection_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nagle's delay would add 40 ms to each; the event loop turns it off for every connection of a TCP server."""
    ports: list[int] = []
    set_option = socket.socket.setsockopt

    def record(self: socket.socket, level: int, name: int, value: int) -> None:
        if (level, name, value) == (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1):
            ports.append(self.getsockname()[1])
        set_option(self, level, name, value)

    monkeypatch.setattr(socket.socket, "setsockopt", record)
    with Emulator() as emulator:
        httpx.get(emulator.url + ENVIRONMENT, headers=KEY, trust_env=False)
        assert int(emulator.url.rpartition(":")[2]) in ports


@pytest.mark.parametrize(("takes_effect", "replicas"), [(False, 3), (True, 6)])
def test_the_connection_breaks_when_it_is_scripted(
    emulator: Emulator, client: httpx.Client, takes_effect: bool, replicas: int
) -> None:
    """Before the request has any effect, or after; other connections go on."""
    with httpx.Client(base_url=emulator.url, headers=client.headers, trust_env=False) as other:
        assert other.get(ENVIRONMENT).is_success
        emulator.faults.add(Fault.dropped(takes_effect=takes_effect, times=1))
        with pytest.raises(httpx.RemoteProtocolError):
            client.patch(ENVIRONMENT, json=CHANGE)
        assert _max_replica(emulator) == replicas
        assert other.get(ENVIRONMENT).is_success
    assert [request.status for request in emulator.requests] == [200, None, 200]


def test_an_answer_is_cut_off_when_it_is_scripted(emulator: Emulator, client: httpx.Client) -> None:
    """The request was carried out, and its answer breaks off in the middle of the body."""
    emulator.faults.add(Fault.cut_off(times=1))
    with client.stream("PATCH", ENVIRONMENT, json=CHANGE) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    assert _max_replica(emulator) == 6
    assert client.get(ENVIRONMENT).is_success


def test_an_answer_is_late_when_it_is_delayed(emulator: Emulator, client: httpx.Client) -> None:
    """Others are not held up."""
    emulator.faults.add(Fault.delay(60, method="PATCH", times=1))
    with pytest.raises(httpx.ReadTimeout):
        client.patch(ENVIRONMENT, json=CHANGE, timeout=httpx.Timeout(30, read=0.05))
    assert client.get(ENVIRONMENT, timeout=30).is_success
    emulator.faults.add(Fault.delay(0.2, method="PATCH"))
    assert client.patch(ENVIRONMENT, json=CHANGE, timeout=30).is_success
    taken = {request.method: request.answered_at_seconds - request.at_seconds for request in emulator.requests}
    assert 0.2 <= taken["PATCH"] < 60
    assert taken["GET"] < 60


def test_a_body_trickles_in_when_it_is_scripted(emulator: Emulator, client: httpx.Client) -> None:
    """The head comes first, however long the rest takes; the answer is whole."""
    emulator.faults.add(Fault.slow_body(600, times=1))
    with client.stream("GET", ENVIRONMENT, timeout=30) as answer:
        assert answer.is_success
    emulator.faults.add(Fault.slow_body(0.4, times=1))
    began = time.monotonic()
    content = client.get(ENVIRONMENT, timeout=30).content
    assert time.monotonic() - began >= 0.4
    assert content == client.get(ENVIRONMENT).content


# --- the package ----------------------------------------------------------------------------------------------------


def test_the_fixture_serves_when_the_plugin_is_opted_into(pytester: pytest.Pytester) -> None:
    """A user's test needs one line of configuration, and its program finds the emulator in the environment."""
    pytester.makeconftest('pytest_plugins = ["baseten_pulumi.testing.fixtures"]')
    pytester.makepyfile("""
        import os

        def test_it(baseten_emulator):
            assert os.environ["BASETEN_BASE_URL"] == baseten_emulator.url
            assert os.environ["BASETEN_API_KEY"] == "any"
            assert len(baseten_emulator.models()) == 3
    """)
    pytester.runpytest_inprocess("-p", "no:looptime_plugin").assert_outcomes(passed=1)


def test_every_public_name_is_found_when_it_is_asked_for() -> None:
    for name in testing.__all__:
        assert getattr(testing, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = testing.Nothing


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("baseten_pulumi.testing.fixtures", ("fastapi", "starlette", "uvicorn", "pydantic")),
        ("baseten_pulumi.testing.emulator", ("baseten_pulumi.api", "httpx")),
    ],
)
def test_a_module_needs_only_its_own_half_when_it_is_imported(module: str, absent: tuple[str, ...]) -> None:
    """A user of one half need not install what the other needs."""
    script = f"import sys, {module}; print([name for name in {absent} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout.strip() == b"[]"
