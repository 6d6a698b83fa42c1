import asyncio
import json
from typing import Any

import httpx
import pydantic
import pytest

from baseten_pulumi import errors
from baseten_pulumi.api import failures, models
from baseten_pulumi.api.failures import Request, from_exception, from_response, from_unreadable
from baseten_pulumi.errors import RequestError, Statements

KEY = "sk-secret-123"
PATH = "/v1/models/abc123/environments/production"
PATCH = Request("PATCH", PATH, "Settings were not sent.", KEY)
GET = Request("GET", PATH, "Settings could not be read.", KEY)
NOTHING, DOUBT = "Nothing was changed.", "Baseten may have taken the settings all the same."
NETWORK = (
    "Run `pulumi up` again; if it stays, check the network, its proxies and the address "
    "(baseten:baseUrl or BASETEN_BASE_URL)."
)

STATUSES: list[tuple[int, type[RequestError], bool]] = [
    (301, errors.RedirectedError, False),
    (302, errors.RedirectedError, False),
    (308, errors.RedirectedError, False),
    (400, errors.RejectedError, False),
    (401, errors.AuthenticationError, False),
    (403, errors.PermissionDeniedError, False),
    (404, errors.NotFoundError, False),
    (405, errors.RejectedError, False),
    (409, errors.ConflictError, False),
    (418, errors.RejectedError, False),
    (422, errors.RejectedError, False),
    (429, errors.RateLimitedError, False),
    (500, errors.ServerError, True),
    (501, errors.ServerError, True),
    (502, errors.ServerError, True),
    (503, errors.ServerError, True),
    (504, errors.ServerError, True),
    (524, errors.ServerError, True),
]
NEVER_SENT: list[tuple[Exception, type[RequestError]]] = [
    (httpx.ConnectError("refused"), errors.ConnectionBrokenError),
    (httpx.ConnectTimeout("slow"), errors.RequestTimeoutError),
    (httpx.PoolTimeout("busy"), errors.RequestTimeoutError),
    (httpx.ProxyError("407"), errors.ConnectionBrokenError),
    (httpx.UnsupportedProtocol("ftp"), errors.ConnectionBrokenError),
    (httpx.InvalidURL("URL too long"), errors.ConnectionBrokenError),
    (UnicodeError("label empty or too long"), errors.ConnectionBrokenError),
]
PERHAPS_SENT: list[tuple[Any, type[RequestError]]] = [
    (httpx.ReadTimeout("slow"), errors.RequestTimeoutError),
    (httpx.WriteTimeout("slow"), errors.RequestTimeoutError),
    (asyncio.TimeoutError(), errors.RequestTimeoutError),
    (httpx.ReadError("reset"), errors.ConnectionBrokenError),
    (httpx.WriteError("pipe"), errors.ConnectionBrokenError),
    (httpx.CloseError("closed"), errors.ConnectionBrokenError),
    (httpx.RemoteProtocolError("gone"), errors.ConnectionBrokenError),
    (httpx.DecodingError("gzip"), errors.ConnectionBrokenError),
    (httpx.TooManyRedirects("round"), errors.ConnectionBrokenError),
]
# What the user reads, once for each class.
TEXTS = {
    401: "Settings were not sent.\n"
    f"Baseten answered 401 to PATCH {PATH}: no such key. Nothing was changed.\n"
    "Set a valid key: `pulumi config set --secret baseten:apiKey KEY`, or BASETEN_API_KEY.",
    403: "Settings were not sent.\n"
    f"Baseten answered 403 to PATCH {PATH}: no such key. Nothing was changed.\n"
    "Set the key of one who may manage this model: `pulumi config set --secret "
    "baseten:apiKey KEY`, or BASETEN_API_KEY.",
    404: "Settings were not sent.\n"
    f"Baseten answered 404 to PATCH {PATH}: no such key. Nothing was changed.\n"
    "Check the model id, the environment's name and baseten:baseUrl.",
    409: "Settings were not sent.\n"
    f"Baseten answered 409 to PATCH {PATH}: no such key. Nothing was changed.\n"
    "Wait for the other operation (a promotion, perhaps) to end, then run `pulumi up` again.",
    422: "Settings were not sent.\n"
    f"Baseten answered 422 to PATCH {PATH}: no such key. Nothing was changed.\n"
    "Correct the setting Baseten names, then run `pulumi up` again.",
    429: "Settings were not sent.\n"
    f"Baseten answered 429 to PATCH {PATH}: no such key. Nothing was changed.\n"
    "Run `pulumi up` again in a minute, or with a lower `--parallel`.",
    503: "Settings were not sent.\n"
    f"Baseten answered 503 to PATCH {PATH}: no such key. Baseten may have taken the settings all the same.\n"
    "Run `pulumi up` again; if it stays, see https://status.baseten.co.",
    307: "Settings were not sent.\n"
    f"Baseten answered 307 to PATCH {PATH}: no such key. Nothing was changed.\n"
    "Set baseten:baseUrl to the address of Baseten's API itself.",
}


def _unreadable(body: bytes, request: Request = PATCH) -> RequestError:
    response = httpx.Response(200, content=body, headers={"x-request-id": "req-9"})
    try:
        models.read_environments(response.content)
    except pydantic.ValidationError as reason:
        return from_unreadable(request, response, reason)
    raise AssertionError("it was readable")


@pytest.mark.parametrize(("status", "kind", "in_doubt"), STATUSES)
def test_status_has_its_class_when_baseten_answers_it(status: int, kind: type[RequestError], in_doubt: bool) -> None:
    """Each status becomes one class; after a 5xx to a PATCH nobody knows whether it took effect."""
    error = from_response(PATCH, httpx.Response(status))
    assert type(error) is kind
    assert error.status_code == status
    assert error.may_have_taken_effect is in_doubt
    assert error.statements.now == (DOUBT if in_doubt else NOTHING)


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_reading_changes_nothing_when_it_is_refused(status: int) -> None:
    """An error of a GET says nothing of what is true now and leaves no doubt."""
    error = from_response(GET, httpx.Response(status))
    assert error.may_have_taken_effect is False
    assert error.statements.now == ""


@pytest.mark.parametrize(("status", "text"), TEXTS.items())
def test_text_is_whole_when_baseten_answers_a_status(status: int, text: str) -> None:
    """Four statements: what was not achieved, what was seen, what is true now, what to do."""
    assert str(from_response(PATCH, httpx.Response(status, json={"error": "no such key."}))) == text


@pytest.mark.parametrize(("exception", "kind"), NEVER_SENT)
def test_nothing_was_sent_when_no_connection_was_made(exception: Exception, kind: type[RequestError]) -> None:
    """Without a connection Baseten cannot have acted."""
    error = from_exception(PATCH, exception)
    assert type(error) is kind
    assert error.may_have_taken_effect is False
    assert error.statements.now == NOTHING
    assert error.status_code is None


@pytest.mark.parametrize(("exception", "kind"), PERHAPS_SENT)
def test_doubt_remains_when_the_connection_broke_later(exception: httpx.HTTPError, kind: type[RequestError]) -> None:
    """Once a request may have left, Baseten may have acted on it; reading leaves no doubt."""
    error = from_exception(PATCH, exception)
    assert type(error) is kind
    assert error.may_have_taken_effect is True
    assert error.statements.now == DOUBT
    assert from_exception(GET, exception).may_have_taken_effect is False


def test_every_exception_of_the_http_library_has_a_class_when_listed() -> None:
    """Nothing the HTTP library raises for a request is left out of the two lists, bases aside."""

    def leaves(kind: type[Exception]) -> set[type[Exception]]:
        below = kind.__subclasses__()
        return set().union(*(leaves(it) for it in below)) if below else {kind}

    # Raised only for a status checked on request, and only for a request this machine made wrongly.
    aside = {httpx.HTTPStatusError, httpx.LocalProtocolError}
    assert leaves(httpx.HTTPError) - aside == {
        type(it) for it, _ in NEVER_SENT + PERHAPS_SENT if isinstance(it, httpx.HTTPError)
    }


@pytest.mark.parametrize(
    ("request_", "exception", "text"),
    [
        (
            PATCH,
            httpx.ConnectTimeout("timed out"),
            f"Settings were not sent.\nPATCH {PATH} was not answered in time (timed out). {NOTHING}\n{NETWORK}",
        ),
        (
            PATCH,
            httpx.ReadTimeout(""),
            f"Settings were not sent.\nPATCH {PATH} was not answered in time. {DOUBT}\n{NETWORK}",
        ),
        (
            PATCH,
            httpx.ConnectError("refused"),
            f"Settings were not sent.\nPATCH {PATH} got no connection (refused). Nothing was changed.\n{NETWORK}",
        ),
        (
            PATCH,
            httpx.RemoteProtocolError("Server disconnected"),
            f"Settings were not sent.\nPATCH {PATH} lost its connection (Server disconnected). {DOUBT}\n{NETWORK}",
        ),
    ],
)
def test_text_is_whole_when_there_was_no_answer(request_: Request, exception: httpx.HTTPError, text: str) -> None:
    """A request without an answer says whether it may have arrived."""
    assert str(from_exception(request_, exception)) == text


def test_lost_connection_is_called_lost_when_reading() -> None:
    """A connection that broke while reading was there: it is not called missing."""
    assert " lost its connection" in from_exception(GET, httpx.ReadError("reset")).statements.seen


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"<html>", "Invalid JSON: expected value at line 1 column 1"),
        (b"", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"[]", "Input should be an object"),
        (b'{"environments": 3}', "environments: "),
        (b'{"environments": [{"name": "dev"}, {}]}', "environments.1.name: "),
    ],
)
def test_place_is_named_when_an_answer_is_not_what_the_api_describes(body: bytes, place: str) -> None:
    """Not JSON, or JSON of the wrong type: the first place that is wrong is named."""
    error = _unreadable(body)
    assert type(error) is errors.UnexpectedAnswerError
    assert (error.status_code, error.may_have_taken_effect) == (200, True)
    assert place in error.statements.seen
    assert _unreadable(body, GET).may_have_taken_effect is False


def test_text_is_whole_when_an_answer_is_not_json() -> None:
    """The answer's status, what is wrong with it and the request's id."""
    assert str(_unreadable(b"<html>", GET)) == (
        "Settings could not be read.\n"
        f"Baseten answered 200 to GET {PATH} with something its API does not describe "
        "(Invalid JSON: expected value at line 1 column 1) (request req-9).\n"
        "Check that baseten:baseUrl is Baseten's API and that no proxy answers in its place."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"error": "E", "message": "M", "detail": "D"}', ": E."),
        (b'{"message": "M", "detail": "D"}', ": M."),
        (b'{"error": "", "detail": "D"}', ": D."),
        (b'{"detail": [{"loc": ["body"], "msg": "no"}]}', ': [{"loc": ["body"], "msg": "no"}].'),
        (b'{"error": {"code": 7}}', ': {"code": 7}.'),
        (b'{"other": 1}', ': {"other": 1}.'),
        (b'["list"]', ': ["list"].'),
        (b"plain\n  text\n", ": plain text."),
        (b"\xff\xfe broken", ": \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} broken."),
        (b"", "."),
        (b"x" * 400, f": {'x' * 300}…."),
        (b"[" * 200_000, f": {'[' * 300}…."),
        (b"bell \x07 and \xe2\x80\x8bnothing", ": bell  and nothing."),
    ],
)
def test_baseten_is_quoted_when_it_says_something(content: bytes, said: str) -> None:
    """Its `error`, `message` or `detail`, else the raw text; on one line, and not endless."""
    seen = from_response(GET, httpx.Response(400, content=content)).statements.seen
    assert seen == f"Baseten answered 400 to GET {PATH}{said}"


@pytest.mark.parametrize("header", ["x-request-id", "X-Baseten-Request-Id"])
def test_request_id_is_quoted_when_baseten_gives_one(header: str) -> None:
    """Support asks for it."""
    error = from_response(GET, httpx.Response(500, headers={header: "req-42"}))
    assert error.statements.seen.endswith(" (request req-42).")


def test_request_id_is_cut_when_it_is_endless() -> None:
    """An error stays readable."""
    error = from_response(GET, httpx.Response(500, headers={"x-request-id": "r" * 500}))
    assert error.statements.seen.endswith(f" (request {'r' * 80}).")


@pytest.mark.parametrize(
    ("content", "headers", "seconds"),
    [
        (b'{"retry_after": 37}', {}, 37.0),
        (b'{"retry_after": 1.5}', {"retry-after": "9"}, 1.5),
        (b'{"retry_after": "12"}', {}, 12.0),
        (b'{"retry_after": 0}', {"retry-after": "9"}, 0.0),
        (b'{"retry_after": null}', {"retry-after": "9"}, 9.0),
        (b'{"retry_after": "soon"}', {"retry-after": "9"}, 9.0),
        (b'{"retry_after": -1}', {"retry-after": "9"}, 9.0),
        (b'{"retry_after": NaN}', {"retry-after": "9"}, 9.0),
        (b'{"retry_after": 1e999}', {}, None),
        (b'{"retry_after": 1' + b"0" * 400 + b"}", {}, None),
        (b'{"retry_after": [1]}', {}, None),
        (b"not JSON", {"Retry-After": "4"}, 4.0),
        (b"not JSON", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        (b"", {}, None),
    ],
)
def test_wait_is_the_bodys_then_the_headers_when_baseten_asks_for_one(
    content: bytes, headers: dict[str, str], seconds: float | None
) -> None:
    """`retry_after` in the body comes first, then the header; nonsense counts as nothing."""
    error = from_response(PATCH, httpx.Response(429, content=content, headers=headers))
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "error",
    [
        from_response(PATCH, httpx.Response(401, json={"error": f"unknown key {KEY}"})),
        from_response(PATCH, httpx.Response(400, json={"detail": [{"input": {"key": KEY}}]})),
        from_response(PATCH, httpx.Response(500, content=f"Authorization: Api-Key {KEY}".encode())),
        from_response(PATCH, httpx.Response(400, content=("x" * 295 + KEY).encode())),
        from_response(PATCH, httpx.Response(502, headers={"x-request-id": f"for-{KEY}"})),
        from_exception(PATCH, httpx.LocalProtocolError(f"Illegal header value b'Api-Key {KEY}'")),
        from_response(PATCH, httpx.Response(400, content=f"{KEY[:6]}\u200b{KEY[6:]}".encode())),
        _unreadable(json.dumps({"environments": KEY}).encode()),
        _unreadable(json.dumps({"environments": [{"name": [KEY]}]}).encode()),
        failures.missing_environment(
            from_response(PATCH, httpx.Response(404)), ("abc123", "prod"), [f"{KEY[:6]}\x00{KEY[6:]}"], KEY
        ),
    ],
)
def test_key_is_in_no_error_when_the_server_echoes_it(error: RequestError) -> None:
    """The API key is in no text, no repr and no statement."""
    for text in (str(error), repr(error), repr(error.statements), repr(error.args)):
        assert KEY not in text
        assert KEY[:8] not in text


def test_key_is_not_shown_when_a_request_is_printed() -> None:
    """A request in a traceback or a log line holds no key."""
    assert repr(PATCH) == f"Request(PATCH {PATH})"


def test_model_is_named_when_it_has_no_environments_either() -> None:
    """A 404 for the model's own list means that the model is missing."""
    error = from_response(PATCH, httpx.Response(404, json={"error": "not found"}))
    found = failures.missing_model(error, "abc123", "Baseten answered 404 to GET /v1/models/abc123/environments.")
    assert type(found) is errors.ModelNotFoundError
    assert found.status_code == 404
    assert str(found) == (
        "Settings were not sent.\n"
        'Model "abc123" does not exist, or this API key cannot see it. '
        "Baseten answered 404 to GET /v1/models/abc123/environments. Nothing was changed.\n"
        "Check model_id, and that the API key belongs to the workspace of the model."
    )


def test_id_is_asked_for_when_a_name_was_given() -> None:
    """Whose name it is stands in place of the doubt, and what to write in place of it."""
    error = from_response(GET, httpx.Response(404))
    named = '"llama-chat" is the name of a model; its id is lm4chat8.'
    assert str(failures.missing_model(error, "llama-chat", "Baseten answered 404.", named)) == (
        "Settings could not be read.\n"
        '"llama-chat" is the name of a model; its id is lm4chat8. Baseten answered 404.\n'
        "Set model_id to the id."
    )


@pytest.mark.parametrize(("names", "listed"), [(["staging", "production"], "production, staging"), ([], "none")])
def test_environments_are_listed_when_the_named_one_is_missing(names: list[str], listed: str) -> None:
    """The model exists: its environments are named."""
    error = from_response(PATCH, httpx.Response(404))
    found = failures.missing_environment(error, ("abc123", "prod"), names, KEY)
    assert type(found) is errors.EnvironmentNotFoundError
    assert str(found) == (
        "Settings were not sent.\n"
        f'Model "abc123" has no environment "prod"; it has {listed}. Nothing was changed.\n'
        "Correct env_name, or create the environment at Baseten first: settings are adopted, not environments made."
    )


def test_ten_environments_are_listed_when_there_are_more() -> None:
    """An error stays readable; exactly ten are all named."""
    error = from_response(GET, httpx.Response(404))
    names = [f"env-{number:02}" for number in range(11)]
    more = failures.missing_environment(error, ("abc123", "prod"), names, KEY)
    assert more.statements.seen.endswith(f"it has {', '.join(names[:10])}, ….")
    ten = failures.missing_environment(error, ("abc123", "prod"), names[:10], KEY)
    assert ten.statements.seen.endswith(", env-08, env-09.")


def test_no_doubt_is_told_when_what_is_too_large_was_only_read() -> None:
    """Reading changes nothing, whatever comes back."""
    error = failures.too_large(GET, 200, 64)
    assert str(error) == (
        "Settings could not be read.\n"
        f"Baseten answered 200 to GET {PATH} with more than 64 bytes.\n"
        "Check that baseten:baseUrl is Baseten's API and that no proxy answers in its place."
    )
    assert (error.status_code, error.may_have_taken_effect) == (200, False)


def test_doubt_stays_when_a_404_is_explained() -> None:
    """An earlier attempt may have taken effect whatever is missing now."""
    error = failures.in_doubt(from_response(PATCH, httpx.Response(404)))
    explained = [
        failures.missing_model(error, "abc123", ""),
        failures.missing_environment(error, ("abc123", "prod"), [], KEY),
    ]
    assert [it.may_have_taken_effect for it in explained] == [True, True]
    assert {it.statements.now for it in explained} == {DOUBT}


def test_words_and_flag_change_when_an_earlier_attempt_is_in_doubt() -> None:
    """The error says what is true now, and the one given is left as it was."""
    error = errors.RejectedError(Statements("G.", "S.", NOTHING, "A."), status_code=422)
    doubtful = failures.in_doubt(error)
    assert type(doubtful) is errors.RejectedError
    assert (doubtful.may_have_taken_effect, doubtful.status_code) == (True, 422)
    assert str(doubtful) == f"G.\nS. {DOUBT}\nA."
    assert (error.may_have_taken_effect, error.statements.now) == (False, NOTHING)
