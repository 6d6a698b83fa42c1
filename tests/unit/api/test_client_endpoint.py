import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.api.models import Environment
from tests.unit.api.talking import KEY, SETTINGS, read, update

if TYPE_CHECKING:
    from tests.unit.api.conftest import Answers
    from tests.unit.api.talking import Talk
    from tests.unit.conftest import FakeClock


@pytest.mark.parametrize(
    ("base_url", "model_id"), [("https://xn--a.example", "abc123"), ("https://api.example", "a" * 70_000)]
)
def test_nothing_was_sent_when_the_address_cannot_be_written(base_url: str, model_id: str, clock: "FakeClock") -> None:
    """A host name or URL that the HTTP library refuses is an error with words."""

    async def ask() -> None:
        client = BasetenClient(Endpoint(base_url, KEY), clock)
        try:
            await client.update_environment(model_id, "production", dict(SETTINGS), within_seconds=0.0)
        finally:
            await client.close()

    with pytest.raises(errors.ConnectionBrokenError) as caught:
        asyncio.run(ask())
    assert caught.value.may_have_taken_effect is False
    assert " got no connection to https://" in caught.value.statements.seen


def test_path_segments_are_quoted_when_they_hold_more_than_names(talk: "Talk", answers: "Answers") -> None:
    """An address cannot leave its place in the path, whatever checking let through."""

    async def ask(client: BasetenClient) -> Environment:
        return await client.read_environment("a/../b?c#d", "x y%2f", within_seconds=5.0)

    talk.ask(ask, answers.json(200, {}))
    assert talk.asked == [("GET", "/v1/models/a%2F..%2Fb%3Fc%23d/environments/x%20y%252f")]


def test_key_is_in_no_error_when_the_server_echoes_the_request(talk: "Talk", answers: "Answers") -> None:
    """From wire to message, the key is taken out."""
    error = talk.fail(update, answers.json(400, {"error": f"bad header Api-Key {KEY}"}, [("x-request-id", KEY)]))
    assert KEY not in f"{error} {error!r}"
    assert "bad header Api-Key [key] (request [key])" in str(error)


def test_key_is_not_shown_when_an_endpoint_is_printed() -> None:
    """An endpoint in a traceback holds no key."""
    assert KEY not in repr(Endpoint("https://api.baseten.co", KEY))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "gopher://proxy.example:1"),
        ("ALL_PROXY", "socks5://proxy.example:1080"),
        ("HTTPS_PROXY", "http://proxy.example:port"),
    ],
)
def test_proxy_variable_is_named_when_it_cannot_be_used(
    name: str, value: str, clock: "FakeClock", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A malformed proxy is an error with words, not a traceback."""
    _without_proxies(monkeypatch)
    monkeypatch.setenv(name, value)
    with pytest.raises(errors.ConfigurationError) as caught:
        BasetenClient(Endpoint("https://api.baseten.co", KEY), clock)
    first, second, third = str(caught.value).splitlines()
    assert first == "Baseten could not be asked."
    assert second.startswith("The environment's proxy or certificate variables cannot be used: ")
    assert second.endswith(". Nothing was sent.")
    assert not second.endswith(".. Nothing was sent.")
    assert third == "Correct HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."


def test_proxies_are_ignored_when_the_host_is_this_machine(
    talk: "Talk", answers: "Answers", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback is reached directly, whatever the proxy variables say."""
    _without_proxies(monkeypatch)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "nonsense")
    assert talk.ask(read, answers.json(200, {})).settings == {}


def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy"):
            monkeypatch.delenv(variable)
