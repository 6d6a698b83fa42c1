"""The API key goes to Baseten and is shown nowhere else."""

import asyncio
import html
import json
import logging
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.models import Update
from baseten_pulumi.config import Endpoint
from tests.key_scan import holds, told
from tests.unit.api.server import SETTINGS, Reply, Server, exchange, list_models, read, response, update

KEY = 'k/+very~secret&"4711"'
SPELLINGS = {
    "plain": KEY,
    "URL": quote(KEY),
    "URL, lower case": quote(KEY, safe="").replace("%2B", "%2b"),
    "URL twice": quote(quote(KEY, safe=""), safe=""),
    "JSON": json.dumps(KEY),
    "JSON of JSON": json.dumps(json.dumps(KEY)),
    "JSON of PHP and Go": KEY.replace("/", "\\/").replace("&", "\\u0026"),
    "HTML": html.escape(KEY),
    "base64": b64encode(KEY.encode()).decode(),
    "base64 of a header": b64encode(f"Api-Key {KEY}".encode()).decode(),
    "base64 of credentials": b64encode(f"x:{KEY}".encode()).decode(),
    "base64 for URLs": urlsafe_b64encode(f"?{KEY}?".encode()).decode(),
    "twice": f"{KEY}{KEY}",
    "parted by something invisible": f"{KEY[:9]}\u200b{KEY[9:]}",
}
each_spelling = pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)


def _shows(text: str) -> bool:
    return "very~secret" in text or holds(text, KEY)


@each_spelling
def test_key_is_in_no_error_when_it_is_echoed(spelling: str) -> None:
    """Of a failure, of a success that cannot be read, or of what is not HTTP: not in its text, attributes or frames."""
    shown = "".join(character for character in spelling if character.isprintable())
    headers = [("x-request-id", shown), ("location", f"https://elsewhere.example/?{shown}"), ("retry-after", shown)]
    bodies = ({"message": spelling}, {"detail": [spelling]}, {spelling: 1}, spelling, "x" * 295 + spelling)
    replies = [
        *(response(status, body, headers) for status in (307, 422, 500) for body in bodies),
        *(response(200, body) for body in (spelling, {"models": spelling}, {"models": [{"id": [spelling]}]})),
        Reply(f"HTTP/1.1 200 {spelling}\r\n{spelling}\r\n\r\n".encode()),
        Reply(f"{spelling}\r\n\r\n".encode()),
    ]

    async def call_again(client: BasetenClient) -> None:
        for _ in replies:
            with pytest.raises(errors.RequestError) as caught:
                await list_models(client)
            assert not _shows(told(caught.value))

    exchange(call_again, *replies, key=KEY)


async def _whole_update(client: BasetenClient) -> Update:
    return await client.update_environment("abc123", "production", SETTINGS, timeout=10.0)


@each_spelling
def test_key_is_in_no_value_when_it_is_echoed(spelling: str) -> None:
    environment = {
        "name": f"x{spelling}",
        "promotion_settings": {"promotion_cleanup_strategy": spelling},
        "in_progress_promotion": {"status": spelling, "error_message": f"Not {spelling}."},
    }
    said = {"status": "QUEUED", "message": f"Not {spelling}.", "error": spelling}
    found = [
        exchange(read, response(200, environment), key=KEY).result,
        exchange(update, response(200, {"status": spelling}), key=KEY).result,
        exchange(_whole_update, response(200, said), key=KEY).result,
        exchange(list_models, response(200, {"models": [{"id": spelling, "name": spelling}]}), key=KEY).result,
    ]
    assert not _shows(repr(found))


def test_key_is_in_no_list_of_names_when_it_is_echoed() -> None:
    nothing, named = response(404, {}), response(200, {"environments": [{"name": f"x{KEY}"}]})
    model = response(200, {"models": [{"id": f"m{KEY}", "name": "abc123"}]})
    for replies, shown in (((nothing, named), "it has x[redacted]."), ((nothing, nothing, model), "(m[redacted])")):
        error = exchange(read, *replies, key=KEY).result
        assert shown in str(error)
        assert not _shows(told(error))


def test_short_key_is_not_redacted_when_an_emulator_accepts_any() -> None:
    """It could occur in a response by chance."""
    assert exchange(update, response(200, {"status": "TASK"}), key="TAS").result == "TASK"


def test_key_is_in_no_log_when_everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        exchange(update, response(500, {"message": KEY}), key=KEY)
    assert {"httpx", "httpcore"} <= {record.name.partition(".")[0] for record in caplog.records}
    assert not _shows(caplog.text)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_key_goes_to_no_other_server_when_a_response_is_a_redirect(status: int) -> None:
    async def work() -> None:
        async with Server([response(200, {})]) as other:
            redirect = response(status, {}, [("Location", f"{other.url}/v1/models")])
            async with Server([redirect]) as server:
                client = BasetenClient(Endpoint(server.url, KEY))
                for call in (read, update):
                    with pytest.raises(errors.RedirectedError):
                        await call(client)
                await client.close()
                assert [it.headers["authorization"] for it in server.received] == [f"Api-Key {KEY}"] * 2
            assert other.received == []

    asyncio.run(work())
