"""The API key goes to Baseten alone and stands nowhere else."""

import asyncio
import contextlib
import json
import logging
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
import trustme

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.api.pool import Pool
from tests.key_scan import holds, told
from tests.unit.api.talking import LIST, MODELS, PATH, SETTINGS, Ask, read, read_now, update

if TYPE_CHECKING:
    from tests.unit.api.conftest import Answers, Received, Wire
    from tests.unit.conftest import FakeClock

KEY = "k/+very~secret&4711"
ECHO = f"{KEY} {quote(KEY, safe='')} {b64encode(f'Api-Key {KEY}'.encode()).decode()} {json.dumps(KEY)}"
HEADERS = [("x-request-id", KEY), ("location", f"https://elsewhere.example/?{quote(KEY)}"), ("retry-after", KEY)]
STATUSES = (301, 302, 303, 307, 308, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504)


def _asked(ask: Ask[Any], clock: "FakeClock", wire: "type[Wire]", *answers: Any) -> tuple[Any, "list[Received]"]:
    """Return what comes of a question, an error included, and what the server received."""

    async def conversation() -> "tuple[Any, list[Received]]":
        async with wire(*answers) as server:
            client = BasetenClient(Endpoint(server.url, KEY, is_loopback=True), clock)
            try:
                return await ask(client), server.received
            except errors.BasetenError as error:
                return error, server.received
            finally:
                await client.close()

    return asyncio.run(conversation())


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [read, read_now, update])
@pytest.mark.parametrize("status", STATUSES)
def test_key_is_in_no_error_when_it_is_echoed(
    status: int, ask: Ask[Any], clock: "FakeClock", wire: "type[Wire]", answers: "Answers"
) -> None:
    """Whatever a server or a proxy says, and however it writes the key, the error and its locals do not hold it."""
    for body in ({"message": ECHO}, {"detail": [ECHO]}, {KEY: ECHO}):
        error, _ = _asked(ask, clock, wire, answers.json(status, body, HEADERS))
        assert isinstance(error, errors.RequestError)
        assert "[key]" in str(error) or error.status_code is None  # no turn in time: Baseten's words are of no use
        assert not holds(told(error), KEY)


@pytest.mark.parametrize("ask", [read, read_now, update])
@pytest.mark.parametrize(
    "answer", [ECHO, f'"{ECHO}"', json.dumps([ECHO]), json.dumps({"environments": [{"name": [ECHO]}]}), ""]
)
def test_key_is_in_no_error_when_an_answer_cannot_be_read(
    answer: str, ask: Ask[Any], clock: "FakeClock", wire: "type[Wire]", answers: "Answers"
) -> None:
    """What does not fit the API's description is not quoted."""
    error, _ = _asked(ask, clock, wire, answers.text(200, answer, HEADERS) if answer else answers.silence)
    assert not isinstance(error, errors.BasetenError) or not holds(told(error), KEY)
    assert not holds(repr(error), KEY)


def test_key_is_in_no_word_of_basetens_when_it_is_echoed(
    clock: "FakeClock", wire: "type[Wire]", answers: "Answers"
) -> None:
    """Statuses and settings that are words go into state and rows."""
    told_ = {"promotion_settings": {"promotion_cleanup_strategy": KEY}, "in_progress_promotion": {"status": KEY}}
    environment, _ = _asked(read, clock, wire, answers.json(200, told_))
    assert environment.settings == {"promotion_settings.promotion_cleanup_strategy": "[key]"}
    assert environment.promotion.status == "[key]"
    status, _ = _asked(update, clock, wire, answers.json(200, {"status": f"NEW {KEY}"}))
    assert status == "NEW [key]"


def test_names_are_told_without_the_key_when_it_is_echoed_in_them(
    clock: "FakeClock", wire: "type[Wire]", answers: "Answers"
) -> None:
    """Commands print the names of models, teams, environments and schedules, and programs may export them."""
    models = {"models": [{"id": f"m{KEY}", "name": f"chat {KEY}", "team_name": KEY}, {"id": "xyz789"}]}
    listed, _ = _asked(lambda it: it.read_models_now(within_seconds=60.0), clock, wire, answers.json(200, models))
    assert [(it.id, it.name, it.team_name) for it in listed] == [
        ("m[key]", "chat [key]", "[key]"),
        ("xyz789", None, None),
    ]
    schedules = {"timezone": "UTC", "schedules": [{"id": "1", "name": f"peak {KEY}", "cadence": "DAILY"}]}
    one = {"name": f"x{KEY}", "autoscaling_schedules": schedules}
    every, _ = _asked(
        lambda it: it.read_environments_now("abc123", within_seconds=60.0),
        clock,
        wire,
        answers.json(200, {"environments": [one]}),
    )
    (name,), (environment,) = every, every.values()
    assert name == "x[key]"
    assert 'autoscaling_schedule_settings.schedules["peak [key]"]' in environment.settings
    assert not holds(repr(environment.settings), KEY)


def test_names_of_environments_are_listed_without_the_key_when_one_is_missing(
    clock: "FakeClock", wire: "type[Wire]", answers: "Answers"
) -> None:
    """Names are Baseten's words too."""
    listed = answers.json(200, {"environments": [{"name": f"x{KEY}"}, {"name": "dev"}]})
    error, received = _asked(read, clock, wire, answers.json(404, {}), listed)
    assert "it has dev, x[key]." in str(error)
    assert [it.path for it in received] == [PATH, LIST]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "SSL_CERT_FILE"])
def test_key_is_in_no_error_when_the_environment_cannot_be_used(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A client that cannot be made tells why, and nothing of the key."""
    (tmp_path / "broken").write_text("no certificate")
    value = "gopher://p.example:1" if variable == "HTTPS_PROXY" else str(tmp_path / "broken")
    monkeypatch.setenv(variable, value)
    with pytest.raises(errors.ConfigurationError) as caught:
        Pool(Endpoint("https://api.baseten.co", KEY))
    assert not holds(told(caught.value), KEY)


def test_key_is_in_no_log_when_everything_is_logged(
    clock: "FakeClock", wire: "type[Wire]", answers: "Answers", caplog: pytest.LogCaptureFixture
) -> None:
    """The HTTP library tells of every step where a program asks for it, but not of the headers it sends."""
    with caplog.at_level(logging.DEBUG):
        _asked(update, clock, wire, answers.json(200, {}))
        _asked(update, clock, wire, answers.json(500, {"message": ECHO}))
    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}
    assert not holds(caplog.text, KEY)


# --- redirects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize("ask", [read, update])
def test_key_goes_nowhere_else_when_it_is_sent_elsewhere(
    status: int, ask: Ask[Any], clock: "FakeClock", wire: "type[Wire]", answers: "Answers"
) -> None:
    """A redirect is an error, to another host as to another path of the same one; nobody is asked a second time."""

    async def conversation() -> tuple[errors.RequestError, int, int]:
        async with wire(answers.json(200, {})) as other:
            elsewhere = answers.json(status, {}, [("Location", f"{other.url}{PATH}")])
            async with wire(elsewhere) as server:
                client = BasetenClient(Endpoint(server.url, KEY, is_loopback=True), clock)
                with pytest.raises(errors.RedirectedError) as caught:
                    await ask(client)
                await client.close()
                return caught.value, len(server.received), len(other.received)

    error, asked, misled = asyncio.run(conversation())
    assert (asked, misled) == (1, 0)
    assert str(status) in str(error)


# --- TLS ------------------------------------------------------------------------------------------------------------


async def _asked_over_tls(certificate: trustme.LeafCert, clock: "FakeClock", **limits: Any) -> tuple[Any, list[bytes]]:
    """Ask a server with a certificate of its own; return what came of it and what it could read."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    for name, value in limits.items():
        setattr(context, name, value)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    client = BasetenClient(Endpoint(f"https://localhost:{server.sockets[0].getsockname()[1]}", KEY), clock)
    try:
        return await read(client), heard
    except errors.RequestError as error:
        return error, heard
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority of this machine's own, which the environment says to trust."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    for name in ("ALL_PROXY", "HTTPS_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return made


def test_key_is_sent_over_tls_when_the_certificate_is_trusted(authority: trustme.CA, clock: "FakeClock") -> None:
    """The counterpart of the tests below: with a certificate for this host, of an authority that is trusted."""
    answer, heard = asyncio.run(_asked_over_tls(authority.issue_cert("localhost"), clock))
    assert answer.settings == {}
    assert holds(heard[0], KEY)


YESTERDAY = datetime.now(timezone.utc) - timedelta(days=1)


@pytest.mark.parametrize(
    "certificate",
    [
        lambda own: trustme.CA().issue_cert("localhost"),
        lambda own: own.issue_cert("elsewhere.example"),
        lambda own: own.issue_cert("localhost", not_after=YESTERDAY),
    ],
    ids=["self-made", "another host's", "run out"],
)
def test_nothing_is_sent_when_the_certificate_is_not_good(
    certificate: Callable[[trustme.CA], trustme.LeafCert], authority: trustme.CA, clock: "FakeClock"
) -> None:
    """TLS is verified, and a server that fails reads not a byte."""
    error, heard = asyncio.run(_asked_over_tls(certificate(authority), clock))
    assert isinstance(error, errors.ConnectionBrokenError)
    assert "certificate verify failed" in str(error)
    assert not error.may_have_taken_effect
    assert heard == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_nothing_is_sent_when_the_server_speaks_an_old_tls_only(authority: trustme.CA, clock: "FakeClock") -> None:
    """TLS 1.2 is the least."""
    certificate = authority.issue_cert("localhost")
    error, heard = asyncio.run(_asked_over_tls(certificate, clock, maximum_version=ssl.TLSVersion.TLSv1_1))
    assert isinstance(error, errors.ConnectionBrokenError)
    assert heard == []


# --- names ----------------------------------------------------------------------------------------------------------

NAMES = [
    "..",
    ".",
    "",
    "../..",
    "..%2f..",
    "%2e%2e",
    "a/b",
    "a\\b",
    "a\r\nX: y",
    "a\0b",
    "ä",
    "\ud800",
    "a?b",
    "a#b",
    "a;b",
]


async def _each(client: BasetenClient, model_id: str, env_name: str) -> None:
    asks: list[Callable[[], Awaitable[object]]] = [
        lambda: client.read_environment(model_id, env_name, within_seconds=5.0),
        lambda: client.read_environment_now(model_id, env_name, within_seconds=5.0),
        lambda: client.read_environments(model_id, within_seconds=5.0),
        lambda: client.read_environments_now(model_id, within_seconds=5.0),
        lambda: client.update_environment(model_id, env_name, dict(SETTINGS), within_seconds=5.0),
    ]
    for ask in asks:
        with contextlib.suppress(errors.BasetenError):
            await ask()


@pytest.mark.parametrize("name", NAMES)
def test_name_reaches_no_other_address_when_a_function_of_the_client_is_given_it(
    name: str, clock: "FakeClock", wire: "type[Wire]", answers: "Answers"
) -> None:
    """Every function quotes it or refuses it: a path has the API's own segments, and a name is one of them."""
    answer = answers.json(200, {"environments": []})
    for model_id, env_name in ((name, "production"), ("abc123", name)):

        async def ask(client: BasetenClient, names: tuple[str, str] = (model_id, env_name)) -> None:
            await _each(client, *names)

        _, received = _asked(ask, clock, wire, answer)
        for it in received:
            segments = httpx.URL(f"http://x{it.path}").raw_path.decode().split("/")
            assert segments[:3] == ["", "v1", "models"]
            assert segments[4] == "environments"
            assert len(segments) in (5, 6)
            assert it.path != MODELS
            assert "x" not in it.headers
