import asyncio
import gzip
import json
import os
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api import client as client_module
from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.api.models import Environment

if TYPE_CHECKING:
    from tests.unit.api.conftest import Answers, Trickle, Wire
    from tests.unit.conftest import FakeClock

KEY = "sk-secret-123"
PATH = "/v1/models/abc123/environments/production"
LIST = "/v1/models/abc123/environments"
MODELS = "/v1/models"
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
        self.agents: list[str] = []

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
                self.agents = [it.headers["user-agent"] for it in server.received]
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
        'Settings of environment "production" of model "abc123" were not put in force.\n'
        f"Baseten answered 422 to PATCH {PATH}: max_replica is too high. {DOUBT}\n"
        "Correct the setting Baseten names, then run `pulumi up` again."
    )


def test_doubt_stays_when_a_broken_update_is_not_found_later(talk: Talk, answers: "Answers") -> None:
    """The explanation of a 404 keeps it too."""
    nothing = answers.json(404, {})
    error = talk.fail(_update, answers.silence, nothing, nothing, answers.json(200, {"models": []}))
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
    """A 404 for the list as well, and an account whose models are others, mean that there is no such model."""
    nothing = answers.json(404, {})
    error = talk.fail(ask, nothing, nothing, answers.json(200, {"models": [{"id": "xyz789"}]}))
    assert type(error) is errors.ModelNotFoundError
    assert error.may_have_taken_effect is False
    assert [path for _, path in talk.asked] == [PATH, LIST, MODELS]


@pytest.mark.parametrize(
    "third",
    [
        (404, {}),
        (403, {}),
        (500, {}),
        (200, {"models": "many"}),
        (200, {}),
        (200, {"models": [{"id": "abc123"}]}),
    ],
)
def test_model_is_not_called_missing_when_the_account_does_not_show_it(
    third: tuple[int, Any], talk: Talk, answers: "Answers"
) -> None:
    """A wrong base URL answers 404 to everything: a refresh must not drop the stack's resources for that."""
    nothing = answers.json(404, {"error": "no"})
    error = talk.fail(_read, nothing, nothing, answers.json(*third))
    assert type(error) is errors.NotFoundError
    assert f"Baseten answered 404 to GET {PATH}: no." in str(error)
    assert [path for _, path in talk.asked] == [PATH, LIST, MODELS]


@pytest.mark.parametrize("found", [[], [(404, {})]])
def test_404_stays_unexplained_when_looking_it_up_takes_too_long(
    found: list[tuple[int, Any]], talk: Talk, answers: "Answers", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lookup has ten seconds, however much time the operation has."""
    assert client_module.LOOKING_UP_SECONDS == 10.0
    monkeypatch.setattr(client_module, "LOOKING_UP_SECONDS", 0.1)

    async def read(client: BasetenClient) -> Environment:
        return await client.read_environment("abc123", "production", within_seconds=1800.0)

    began = time.monotonic()
    error = talk.fail(read, answers.json(404, {}), *(answers.json(*it) for it in found), answers.trickle)
    assert type(error) is errors.NotFoundError
    assert time.monotonic() - began < 2.5


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


@pytest.mark.parametrize("body", ["<html>login</html>", "", "3", "[]"])
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


def test_answer_is_given_up_when_it_trickles_on_in_a_long_wait(
    talk: Talk, answers: "Answers", monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer has a minute, however much time the wait has: the next poll may fare better."""
    assert client_module.LONGEST_ANSWER_SECONDS == 60.0
    monkeypatch.setattr(client_module, "LONGEST_ANSWER_SECONDS", 0.1)

    async def read(client: BasetenClient) -> Environment:
        return await client.read_environment("abc123", "production", within_seconds=1800.0)

    began = time.monotonic()
    assert type(talk.fail(read, answers.trickle)) is errors.RequestTimeoutError
    assert time.monotonic() - began < 2.5


def test_answer_is_read_when_it_is_just_as_large_as_allowed(talk: Talk, answers: "Answers") -> None:
    """Four mebibytes."""
    assert talk.ask(_read, answers.text(200, "{}".ljust(4 * 1024 * 1024))).settings == {}


@pytest.mark.parametrize("is_packed", [False, True])
def test_answer_is_cut_when_it_is_larger_than_allowed(is_packed: bool, talk: Talk, answers: "Answers") -> None:
    """What a few packed bytes unfold to counts; a PATCH may have taken effect all the same."""
    content = b"{}".ljust(4 * 1024 * 1024 + 1)
    packed = answers.content(200, gzip.compress(content), [("Content-Encoding", "gzip")])
    error = talk.fail(_update, packed if is_packed else answers.content(200, content))
    assert type(error) is errors.UnexpectedAnswerError
    assert error.may_have_taken_effect is True
    assert str(error) == (
        'Settings of environment "production" of model "abc123" were not put in force.\n'
        f"Baseten answered 200 to PATCH {PATH} with more than 4194304 bytes. {DOUBT}\n"
        "Check that baseten:baseUrl is Baseten's API and that no proxy answers in its place."
    )
    assert len(talk.asked) == 1


def test_answer_is_unpacked_once_when_it_comes_packed(talk: Talk, answers: "Answers") -> None:
    """The headers of the transfer are not believed a second time."""
    packed = gzip.compress(b'{"autoscaling_settings": {"min_replica": 2}}')
    found = talk.ask(_read, answers.content(200, packed, [("Content-Encoding", "gzip")]))
    assert found.settings == {"autoscaling_settings.min_replica": 2}


@pytest.mark.parametrize(("status", "said"), [(200, "QUEUED"), (409, "a promotion runs")])
def test_answer_is_read_when_its_headers_are_not_ascii(status: int, said: str, talk: Talk, answers: "Answers") -> None:
    """A proxy's own words in a header do not make an answer a broken connection."""
    answer = answers.json(status, {"status": said, "message": said}, [("X-Proxy", "Käse")])
    if status == 200:
        assert talk.ask(_update, answer) == said
    else:
        assert said in str(talk.fail(_update, answer))


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


def test_troubles_are_told_when_requests_are_tried_again(talk: Talk, answers: "Answers") -> None:
    """Whoever asks can show why it takes longer."""
    troubles: list[errors.RequestError] = []

    async def update(client: BasetenClient) -> None:
        await client.update_environment(
            "abc123", "production", dict(SETTINGS), within_seconds=5.0, on_trouble=troubles.append
        )
        await client.read_environment_now("abc123", "production", within_seconds=5.0, on_trouble=troubles.append)

    talk.ask(update, answers.json(429, {}), answers.json(200, {}), answers.json(503, {}), answers.json(200, {}))
    assert [trouble.status_code for trouble in troubles] == [429, 503]


def test_client_names_itself_when_the_package_is_not_installed(
    talk: Talk, answers: "Answers", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy inside somebody's own tree has no release, and works."""

    def no_release(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(client_module, "version", no_release)
    talk.ask(_read, answers.json(200, {}))
    (agent,) = talk.agents
    assert agent.startswith("baseten-pulumi/unreleased python/3.")


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
