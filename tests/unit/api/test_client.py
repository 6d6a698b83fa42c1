import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.api.models import Environment

if TYPE_CHECKING:
    from tests.unit.api.conftest import Answers, Trickle, Wire
    from tests.unit.conftest import FakeClock

KEY = "sk-secret-123"
PATH = "/v1/models/abc123/environments/production"
LIST = "/v1/models/abc123/environments"
SETTINGS = {"autoscaling_settings.min_replica": 3}
DOUBT = "Baseten may have taken the settings all the same."
_Result = TypeVar("_Result")
Ask = Callable[[BasetenClient], Awaitable[_Result]]


class Talk:
    """One conversation of a client with scripted answers."""

    def __init__(self, wire: "type[Wire]", clock: "FakeClock") -> None:
        self._wire = wire
        self._clock = clock
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[Any] = []

    def ask(self, ask: Ask[_Result], *answers: "bytes | Trickle") -> _Result:
        return asyncio.run(self._ask(ask, *answers))

    def fail(self, ask: Ask[Any], *answers: "bytes | Trickle") -> errors.RequestError:
        with pytest.raises(errors.RequestError) as caught:
            self.ask(ask, *answers)
        return caught.value

    async def _ask(self, ask: Ask[_Result], *answers: "bytes | Trickle") -> _Result:
        async with self._wire(*answers) as server:
            client = BasetenClient(Endpoint(server.url, KEY, is_loopback=True), self._clock)
            try:
                return await ask(client)
            finally:
                self.asked = server.asked
                self.bodies = [json.loads(it.body) for it in server.received if it.body]
                await client.close()


@pytest.fixture
def talk(wire: "type[Wire]", clock: "FakeClock") -> Talk:
    return Talk(wire, clock)


async def _read(client: BasetenClient) -> Environment:
    return await client.read_environment("abc123", "production", within_seconds=5.0)


async def _read_now(client: BasetenClient) -> Environment:
    return await client.read_environment_now("abc123", "production", within_seconds=5.0)


async def _update(client: BasetenClient) -> str | None:
    return await client.update_environment("abc123", "production", dict(SETTINGS), within_seconds=5.0)


def test_update_is_sent_again_when_the_connection_breaks(talk: Talk, answers: "Answers") -> None:
    """A PATCH may be repeated: the same settings again do no harm."""
    status = talk.ask(
        _update, answers.silence, answers.json(503, {}), answers.json(200, {"status": "QUEUED", "message": ""})
    )
    assert status == "QUEUED"
    assert talk.asked == [("PATCH", PATH)] * 3
    assert talk.bodies == [{"autoscaling_settings": {"min_replica": 3}}] * 3


def test_doubt_stays_when_a_broken_update_is_refused_later(talk: Talk, answers: "Answers") -> None:
    """The first PATCH may have arrived, whatever comes of the second."""
    error = talk.fail(_update, answers.silence, answers.json(422, {"detail": "max_replica is too high"}))
    assert type(error) is errors.RejectedError
    assert error.may_have_taken_effect is True
    assert str(error) == (
        'Settings of environment "production" of model "abc123" were not sent.\n'
        f"Baseten answered 422 to PATCH {PATH}: max_replica is too high. {DOUBT}\n"
        "Correct the setting Baseten names, then run `pulumi up` again."
    )


def test_doubt_stays_when_a_broken_update_is_not_found_later(talk: Talk, answers: "Answers") -> None:
    """The explanation of a 404 keeps it too."""
    nothing = answers.json(404, {})
    error = talk.fail(_update, answers.silence, nothing, nothing)
    assert type(error) is errors.ModelNotFoundError
    assert (error.may_have_taken_effect, error.statements.now) == (True, DOUBT)


def test_nothing_was_sent_when_nobody_listens(clock: "FakeClock") -> None:
    """A refused connection is retried and leaves no doubt."""

    async def ask() -> None:
        client = BasetenClient(Endpoint("http://127.0.0.1:9", KEY, is_loopback=True), clock)
        try:
            await _update(client)
        finally:
            await client.close()

    with pytest.raises(errors.ConnectionBrokenError) as caught:
        asyncio.run(ask())
    assert caught.value.may_have_taken_effect is False
    assert len(clock.slept) == 3


@pytest.mark.parametrize("ask", [_read, _read_now, _update])
def test_environment_is_missing_when_the_model_has_others(ask: Ask[Any], talk: Talk, answers: "Answers") -> None:
    """A 404 is explained by a second request: the model's own list."""
    listed = answers.json(200, {"environments": [{"name": "staging"}, {"name": "dev"}]})
    error = talk.fail(ask, answers.json(404, {"error": "no"}), listed)
    assert type(error) is errors.EnvironmentNotFoundError
    assert 'Model "abc123" has no environment "production"; it has dev, staging.' in error.statements.seen
    assert [path for _, path in talk.asked] == [PATH, LIST]


@pytest.mark.parametrize("ask", [_read, _read_now, _update])
def test_model_is_missing_when_its_list_is_not_found_either(ask: Ask[Any], talk: Talk, answers: "Answers") -> None:
    """A 404 for the list as well means that there is no such model."""
    error = talk.fail(ask, answers.json(404, {}))
    assert type(error) is errors.ModelNotFoundError
    assert error.may_have_taken_effect is False


@pytest.mark.parametrize(
    "second",
    [
        (500, {}),
        (401, {}),
        (200, {"environments": "many"}),
        (200, {"environments": [{"name": "production"}]}),
    ],
)
def test_404_stays_unexplained_when_the_list_does_not_explain_it(
    second: tuple[int, Any], talk: Talk, answers: "Answers"
) -> None:
    """Where the list cannot be read, or holds the environment, neither is called missing: a refresh keeps it."""
    error = talk.fail(_read, answers.json(404, {"error": "no"}), answers.json(*second))
    assert type(error) is errors.NotFoundError
    assert error.status_code == 404


def test_reading_is_tried_once_when_a_wait_polls(talk: Talk, answers: "Answers") -> None:
    """The wait has its own pace."""
    assert talk.fail(_read, answers.json(503, {})).status_code == 503
    assert len(talk.asked) == 1


def test_reading_is_tried_again_when_nobody_polls(talk: Talk, answers: "Answers") -> None:
    """Outside a wait, a trouble that may go away is retried."""
    found = talk.ask(
        _read_now,
        answers.json(429, {"retry_after": 1}),
        answers.silence,
        answers.json(200, {"autoscaling_settings": {"min_replica": 2}}),
    )
    assert found.settings == {"autoscaling_settings.min_replica": 2}
    assert len(talk.asked) == 3


@pytest.mark.parametrize("location", ["https://example.invalid/", "/v1/elsewhere"])
def test_redirect_is_not_followed_when_it_is_answered(location: str, talk: Talk, answers: "Answers") -> None:
    """The key is not carried elsewhere."""
    error = talk.fail(_update, answers.text(302, "", [("Location", location)]))
    assert type(error) is errors.RedirectedError
    assert talk.asked == [("PATCH", PATH)]


@pytest.mark.parametrize("body", ["<html>login</html>", "", '{"status": 3}', "[]"])
def test_doubt_is_told_when_a_success_cannot_be_read(body: str, talk: Talk, answers: "Answers") -> None:
    """A PATCH that was answered 200 with something else is not sent again and may have taken effect."""
    error = talk.fail(_update, answers.text(200, body))
    assert type(error) is errors.UnexpectedAnswerError
    assert error.may_have_taken_effect is True
    assert len(talk.asked) == 1


def test_answer_is_given_up_when_it_trickles_past_the_deadline(talk: Talk, answers: "Answers") -> None:
    """Each byte comes in time and the answer never ends: the deadline counts."""

    async def read(client: BasetenClient) -> Environment:
        return await client.read_environment("abc123", "production", within_seconds=0.1)

    began = time.monotonic()
    error = talk.fail(read, answers.trickle)
    assert type(error) is errors.RequestTimeoutError
    assert time.monotonic() - began < 5.0


def test_path_segments_are_quoted_when_they_hold_more_than_names(talk: Talk, answers: "Answers") -> None:
    """An address cannot leave its place in the path, whatever checking let through."""

    async def read(client: BasetenClient) -> Environment:
        return await client.read_environment("a/../b?c#d", "x y%2f", within_seconds=5.0)

    talk.ask(read, answers.json(200, {}))
    assert talk.asked == [("GET", "/v1/models/a%2F..%2Fb%3Fc%23d/environments/x%20y%252f")]


def test_key_is_in_no_error_when_the_server_echoes_the_request(talk: Talk, answers: "Answers") -> None:
    """From wire to message, the key is taken out."""
    error = talk.fail(_update, answers.json(400, {"error": f"bad header Api-Key {KEY}"}, [("x-request-id", KEY)]))
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
    talk: Talk, answers: "Answers", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback is reached directly, whatever the proxy variables say."""
    _without_proxies(monkeypatch)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "nonsense")
    assert talk.ask(_read, answers.json(200, {})).settings == {}


def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy"):
            monkeypatch.delenv(variable)
