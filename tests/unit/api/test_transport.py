"""Connections, time and cancellation, over real sockets."""

import asyncio
import gzip
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from baseten_pulumi import errors
from baseten_pulumi.api import transport
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.transport import LARGEST_RESPONSE_BYTES, LONGEST_REQUEST_SECONDS, MAX_CONNECTIONS
from baseten_pulumi.config import Endpoint
from tests.key_scan import told
from tests.unit.api.server import (
    DROPPED,
    KEY,
    SETTINGS,
    SILENCE,
    Call,
    Reply,
    Server,
    exchange,
    list_models,
    read,
    response,
)

NO_MODELS = response(200, {"models": []}, keeps=True)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"


@asynccontextmanager
async def _serving(*replies: Reply) -> AsyncIterator[tuple[Server, BasetenClient]]:
    async with Server([*replies]) as server:
        client = BasetenClient(Endpoint(server.url, KEY))
        try:
            yield server, client
        finally:
            await client.close()


async def _list_at(url: str) -> object:
    client = BasetenClient(Endpoint(url, KEY))
    try:
        return await list_models(client)
    except errors.RequestError as error:
        return error
    finally:
        await client.close()


async def _iterations(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _cancel(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _now() -> float:
    return asyncio.get_running_loop().time()


# --- connections ----------------------------------------------------------------------------------------------------


async def _after_cancelling_a_hundred(call: Callable[[], Coroutine[Any, Any, object]]) -> list[object]:
    """Cancel a hundred requests an iteration of the loop after they were started; return the results of 64 more."""
    tasks = [asyncio.ensure_future(call()) for _ in range(100)]
    await _iterations(1)
    await _cancel(*tasks)
    return await asyncio.gather(*(call() for _ in range(64)), return_exceptions=True)


def test_shared_client_of_httpx_is_stuck_when_requests_were_cancelled() -> None:
    """The reason for a client for each connection; once this fails, httpx needs none any more."""

    async def work() -> list[object]:
        limits, timeout = httpx.Limits(max_connections=MAX_CONNECTIONS), httpx.Timeout(5.0, pool=0.5)
        async with Server([NO_MODELS]) as server, httpx.AsyncClient(limits=limits, trust_env=False) as client:
            return await _after_cancelling_a_hundred(lambda: client.get(server.url, timeout=timeout))

    assert {type(result) for result in asyncio.run(work())} == {httpx.PoolTimeout}


def test_every_request_is_answered_when_others_were_cancelled() -> None:
    async def work() -> None:
        async with _serving(NO_MODELS) as (_, client):
            assert await _after_cancelling_a_hundred(lambda: list_models(client)) == [[]] * 64

    asyncio.run(work())


@pytest.mark.parametrize("is_connected", [False, True])
def test_next_request_is_answered_when_one_was_cancelled_at_any_moment(is_connected: bool) -> None:
    """Connecting, sending, receiving or giving back: the cancellation is not lost, and nothing is left behind."""

    async def work() -> None:
        iterations, is_over = 0, False
        while not is_over:
            async with _serving(NO_MODELS) as (_, client):
                if is_connected:
                    await list_models(client)
                task = asyncio.ensure_future(list_models(client))
                await _iterations(iterations)
                is_over = not task.cancel()
                await asyncio.wait({task})
                assert task.cancelled() is not is_over
                assert await list_models(client) == []
                iterations += 1

    asyncio.run(work())


def test_one_connection_serves_all_when_requests_follow_one_another() -> None:
    async def work(client: BasetenClient) -> None:
        for _ in range(10):
            await asyncio.gather(list_models(client), return_exceptions=True)

    done = exchange(work, NO_MODELS, response(500, keeps=True), NO_MODELS)
    assert [it.connection for it in done.received] == [1] * 10


def test_connections_are_sixteen_at_most_when_many_requests_are_sent() -> None:
    async def work() -> None:
        async with _serving(SILENCE) as (server, client):
            tasks = [asyncio.ensure_future(read(client)) for _ in range(20)]
            await server.until(lambda: len(server.received) == MAX_CONNECTIONS)
            await asyncio.sleep(0.1)
            assert server.connections == len(server.received) == MAX_CONNECTIONS
            server.replies, cancelled_at = [response(200, {})], _now()
            await _cancel(*tasks[:MAX_CONNECTIONS])
            assert all(task.cancelled() for task in tasks[:MAX_CONNECTIONS])
            await asyncio.gather(*tasks[MAX_CONNECTIONS:])
            await server.until(lambda: not server.open_connections)
            assert _now() - cancelled_at < 3.0

    asyncio.run(work())


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\n", HEAD, HEAD + b"{}"], ids=["nothing", "line", "head", "body"]
)
def test_connection_is_closed_when_its_request_was_cancelled(sent: bytes) -> None:
    """What is still under way on it would be taken for the next response."""

    async def work() -> None:
        async with _serving(NO_MODELS, Reply(sent, piece=b"", pause=60.0), NO_MODELS) as (server, client):
            await list_models(client)
            task = asyncio.ensure_future(list_models(client))
            await server.until(lambda: len(server.received) == 2)
            await _iterations(20)
            await _cancel(task)
            await server.until(lambda: not server.open_connections)
            assert await list_models(client) == []
            assert [it.connection for it in server.received] == [1, 1, 2]

    asyncio.run(work())


@pytest.mark.parametrize("broken", [Reply(b"nonsense\r\n\r\n", keeps=True), Reply(HEAD + b"{}"), DROPPED])
def test_connection_is_closed_when_its_request_failed(broken: Reply) -> None:
    async def work(client: BasetenClient) -> object:
        with pytest.raises(errors.ConnectionFailedError, match="lost its connection"):
            await list_models(client)
        return await list_models(client)

    done = exchange(work, broken, NO_MODELS)
    assert (done.result, [it.connection for it in done.received]) == ([], [1, 2])


def test_request_fails_when_its_client_is_closed() -> None:
    async def work() -> None:
        async with _serving(SILENCE) as (server, client):
            task = asyncio.ensure_future(list_models(client))
            await server.until(lambda: len(server.received) == 1)
            await client.close()
            with pytest.raises(errors.ConnectionFailedError):
                await task
            await server.until(lambda: not server.open_connections)

    asyncio.run(work())


# --- time and size --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endless", [SILENCE, Reply(HEAD, piece=b"", pause=60.0), Reply(b"HTTP", piece=b"1", pause=0.02)]
)
@pytest.mark.parametrize(("timeout", "longest"), [(1.5, LONGEST_REQUEST_SECONDS), (1800.0, 1.5)])
def test_request_ends_at_its_deadline_when_the_response_does_not(
    endless: Reply, timeout: float, longest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then does not lengthen it, and no response uses up a whole wait. Nobody knows what was applied."""
    monkeypatch.setattr(transport, "LONGEST_REQUEST_SECONDS", longest)

    async def work(client: BasetenClient) -> None:
        started_at = _now()
        with pytest.raises(errors.RequestTimeoutError, match="got no response in time") as caught:
            await client.update_environment("abc123", "production", SETTINGS, timeout=timeout)
        assert caught.value.may_have_applied
        assert 1.5 <= _now() - started_at < 10.0

    assert len(exchange(work, endless).received) == 1


@pytest.mark.parametrize("is_in_time", [False, True])
def test_request_waits_as_long_as_a_429_asks_when_its_deadline_allows(is_in_time: bool) -> None:
    sent: list[str] = []

    async def work(client: BasetenClient) -> None:
        with pytest.raises(errors.RateLimitedError):
            await list_models(client)
        limited_at = _now()
        updating = client.update_environment(
            "abc123", "production", SETTINGS, timeout=5.0 if is_in_time else 0.1, on_send=lambda: sent.append("sent")
        )
        if is_in_time:
            await updating
            assert _now() - limited_at >= 0.2
        else:
            with pytest.raises(errors.RequestTimeoutError, match="because of the rate limit") as caught:
                await updating
            assert not caught.value.may_have_applied
        assert _now() - limited_at < 3.0

    done = exchange(work, response(429, {"retry_after": 0.2 if is_in_time else 30}), response(200, {}))
    assert len(done.received) == 1 + len(sent) == 1 + is_in_time


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 500 Oh\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(2 * LARGEST_RESPONSE_BYTES)),
    ],
    ids=["no length", "a length", "compressed"],
)
def test_reading_ends_when_a_response_is_too_large(head: bytes) -> None:
    async def work() -> None:
        async with _serving(Reply(head, piece=b" " * 65536)) as (server, client):
            with pytest.raises(
                errors.UnexpectedResponseError, match=f"with a body of more than {LARGEST_RESPONSE_BYTES} bytes"
            ):
                await list_models(client)
            await server.until(lambda: not server.open_connections)
            assert server.sent_bytes < 3 * LARGEST_RESPONSE_BYTES

    asyncio.run(work())


# --- TLS, proxies and names -----------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that SSL_CERT_FILE says to trust."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
@pytest.mark.parametrize(
    ("certificate", "is_trusted"),
    [
        (lambda own: own.issue_cert("localhost"), True),
        (lambda own: trustme.CA().issue_cert("localhost"), False),
        (lambda own: own.issue_cert("elsewhere.example"), False),
        (lambda own: own.issue_cert("localhost", not_after=datetime.now(timezone.utc) - timedelta(days=1)), False),
    ],
    ids=["trusted", "unknown authority", "another host's", "expired"],
)
def test_request_is_sent_when_the_certificate_is_trusted(
    certificate: Callable[[trustme.CA], trustme.LeafCert], is_trusted: bool, scheme: str, authority: trustme.CA
) -> None:
    async def work() -> None:
        async with Server([NO_MODELS], tls=_context(certificate(authority))) as server:
            result = await _list_at(server.url.replace("https", scheme))
            assert len(server.received) == is_trusted
            if not is_trusted:
                assert type(result) is errors.CertificateError
                assert f"could not verify the certificate of {scheme}://localhost:" in str(result)

    asyncio.run(work())


def test_connection_is_lost_when_a_response_is_not_tls(authority: trustme.CA) -> None:
    """A record that cannot be decrypted is an ssl.SSLError, which httpx passes on as it is."""

    def answer(listening: socket.socket) -> None:
        with _context(authority.issue_cert("localhost")).wrap_socket(
            listening.accept()[0], server_side=True
        ) as connection:
            connection.recv(65536)
            socket.socket.send(connection, b"\x17\x03\x03\x00\x20" + b"x" * 32)

    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            answering = asyncio.get_running_loop().run_in_executor(None, answer, listening)
            error = await _list_at(f"https://localhost:{listening.getsockname()[1]}")
            await answering
        assert type(error) is errors.ConnectionFailedError
        assert "lost its connection ([SSL: " in str(error)

    asyncio.run(work())


def test_unknown_host_is_recognized_when_its_name_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = asyncio.run(_list_at("https://api.baseten.example"))
    assert isinstance(error, errors.ConnectionFailedError)
    assert error.retried_for == 15.0


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the proxy variables to these alone."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD")
    for name in (*names, *map(str.lower, names)):
        monkeypatch.delenv(name, raising=False)

    def set_all(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


def test_proxy_is_used_when_the_host_is_another_machine(proxies: Callable[..., None]) -> None:
    async def work() -> None:
        async with Server([NO_MODELS]) as proxy, Server([NO_MODELS]) as emulator:
            proxies(HTTP_PROXY=proxy.url.replace("//", "//user:pass%40word@"))
            for url in ("http://baseten.example:8095/gateway", emulator.url):
                assert await _list_at(url) == []
            assert [it.target for it in proxy.received] == ["http://baseten.example:8095/gateway/v1/models"]
            assert [it.target for it in emulator.received] == ["/v1/models"]
            assert proxy.received[0].headers["proxy-authorization"] == f"Basic {b64encode(b'user:pass@word').decode()}"
            assert "proxy-authorization" not in emulator.received[0].headers

    asyncio.run(work())


def test_proxy_is_used_when_it_is_named_without_a_scheme(proxies: Callable[..., None]) -> None:
    async def work() -> None:
        async with Server([DROPPED]) as proxy:
            proxies(HTTPS_PROXY=proxy.url.removeprefix("http://"), HTTP_PROXY="http://other.invalid")
            await _list_at("https://baseten.example")
            assert [it.target for it in proxy.received] == ["baseten.example:443"]

    asyncio.run(work())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_both_certificates_are_verified_when_a_proxy_and_the_host_have_those_of_a_private_authority(
    scheme: str, authority: trustme.CA, proxies: Callable[..., None]
) -> None:
    """An https proxy shows a certificate of its own before it is told the user's name and password."""
    connects: list[bytes] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def work() -> None:
        async with Server([NO_MODELS], tls=_context(authority.issue_cert("baseten.example"))) as server:

            async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connects.append(await reader.readuntil(b"\r\n\r\n"))
                there, back = await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                await asyncio.gather(pass_on(reader, back), pass_on(there, writer), return_exceptions=True)

            tls = _context(authority.issue_cert("localhost")) if scheme == "https" else None
            async with await asyncio.start_server(tunnel, "127.0.0.1", 0, ssl=tls) as proxy:
                proxies(HTTPS_PROXY=f"{scheme}://user:pass@localhost:{proxy.sockets[0].getsockname()[1]}")
                assert await _list_at("https://baseten.example") == []
                proxy.close()
        assert [it.target for it in server.received] == ["/v1/models"]
        (connect,) = connects
        assert connect.startswith(b"CONNECT baseten.example:443 ")
        assert b"Proxy-Authorization: Basic " + b64encode(b"user:pass") in connect
        assert KEY.encode() not in connect

    asyncio.run(work())


def test_request_is_sent_when_the_host_has_only_an_ipv6_address(proxies: Callable[..., None]) -> None:
    async def work() -> None:
        async with Server([NO_MODELS], host="::1") as server:
            proxies(ALL_PROXY="http://proxy.invalid")  # not for this machine
            assert server.url.startswith("http://[::1]:")
            assert await _list_at(server.url) == []
            assert server.received[0].headers["host"] == server.url.removeprefix("http://")

    asyncio.run(work())


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_used"),
    [
        ("https://api.baseten.co", "", True),
        ("https://api.baseten.co", "*", False),
        ("https://api.baseten.co", "other.example, baseten.co", False),
        ("https://api.baseten.co", ".BASETEN.co", False),
        ("https://api.baseten.co", "seten.co", True),
        ("https://baseten.example:8095", "baseten.example:8095", False),
        ("https://baseten.example:8095", "baseten.example:8096", True),
        ("https://10.1.2.3", "10.1.2.3", False),
        ("https://10.1.2.3:8095", "192.168.0.0/16, 10.0.0.0/8", False),
        ("https://10.1.2.3", "10.1.2.99/24", False),
        ("https://11.1.2.3", "10.0.0.0/8", True),
        ("https://[2001:db8::1]:8095", "2001:db8::1", False),
        ("https://[2001:db8::1]", "[2001:0db8:0::1]", False),
        ("https://[2001:db8::1]:8095", "2001:db8::/32", False),
        ("https://[2001:db9::1]", "2001:db8::/32,::1", True),
        ("https://api.baseten.co", "10.0.0.0/8, [::1, 10.0.0.0/99, http://x y, ,:", True),
        ("https://api.baseten.co", "10.0.0.0/8, [::1, 10.0.0.0/99, http://x y, ,:, baseten.co", False),
        ("https://127.0.0.1:8095", "", False),
    ],
)
def test_proxy_is_not_used_when_no_proxy_names_the_host(
    url: str, no_proxy: str, is_used: bool, proxies: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, address or network; an entry that cannot be read names nothing, and the others count."""
    used: list[str | None] = []

    def opened(**arguments: Any) -> object:
        used.append(arguments["proxy"])
        assert arguments["trust_env"] is False  # otherwise httpx reads the variables in its own way
        return object()

    monkeypatch.setattr(httpx, "AsyncClient", opened)
    proxies(ALL_PROXY="http://proxy.example:1", NO_PROXY=no_proxy)
    BasetenClient(Endpoint(url, KEY))
    assert used == ["http://proxy.example:1" if is_used else None]


@pytest.mark.parametrize(("variable", "value"), [("HTTPS_PROXY", "gopher://p.example:1"), ("SSL_CERT_FILE", __file__)])
def test_client_is_refused_when_a_variable_cannot_be_used(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(errors.ConfigurationError) as caught:
        BasetenClient(Endpoint("https://api.baseten.co", KEY))
    failed, observed, action = str(caught.value).splitlines()
    assert failed == "Baseten cannot be reached."
    assert observed.startswith("The proxy or certificate variables cannot be used: ")
    assert observed.endswith(". Nothing was sent.")
    assert action == "Correct HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."
    assert KEY not in told(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
def test_nothing_is_sent_when_a_name_cannot_be_part_of_a_url(name: str) -> None:
    calls: list[Call[object]] = [
        lambda it: it.read_environment(name, "production", timeout=5.0),
        lambda it: it.update_environment("abc123", name, SETTINGS, timeout=5.0),
        lambda it: it.list_environments(name, timeout=5.0),
    ]
    for call in calls:
        done = exchange(call, DROPPED)
        assert isinstance(done.result, errors.ConfigurationError)
        assert str(done.result) == (
            f"Baseten cannot be reached.\n{name!a} cannot be a model id or an environment name. Nothing was sent.\n"
            "Correct model_id and env_name."
        )
        assert done.received == []


@pytest.mark.parametrize("name", ["../..", "..%2f..", "%2e%2e", "a/b", "a\\b", "a\r\nX: y", "a\0b", "ä", "a?b", "a#b"])
def test_name_stays_one_segment_of_the_path_when_it_holds_anything(name: str) -> None:
    (received,) = exchange(lambda it: it.read_environment(name, name, timeout=5.0), response(200, {})).received
    version, models, first, environments, second = received.target.removeprefix("/").split("/")
    assert (version, models, environments) == ("v1", "models", "environments")
    assert first == second
    assert "x" not in received.headers
