import asyncio
import json
import ssl
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import httpx
import pydantic
import pytest

from baseten_pulumi import errors
from baseten_pulumi.api import failures, models
from baseten_pulumi.api.failures import Request, Response, from_exception, from_response
from baseten_pulumi.errors import RequestError

PATH = "/v1/models/abc123/environments/production"
PATCH = Request("PATCH", PATH, "Settings were not updated.", "https://api.baseten.co")
GET = Request("GET", PATH, "Settings could not be read.", "https://api.baseten.co")
NOT_FOUND = from_response(PATCH, Response(404, {}, b""))
PAGE, ODD = ": an HTML page from a proxy or gateway", "\N{REPLACEMENT CHARACTER}"
UNCHANGED, MAY_HAVE_APPLIED = "Nothing was changed.", "Baseten may have applied the request anyway."
SET_KEY = "set baseten:apiKey (`pulumi config set --secret baseten:apiKey KEY`) or BASETEN_API_KEY."
NETWORK = "Try again. If it fails again, check the network, the proxy, and baseten:baseUrl or BASETEN_BASE_URL."
# What to do, for each class.
ACTIONS = {
    errors.AuthenticationError: f"Use a valid API key: {SET_KEY}",
    errors.PermissionDeniedError: f"Use an API key that may manage this model: {SET_KEY}",
    errors.NotFoundError: "Check the model id, the environment name, and baseten:baseUrl or BASETEN_BASE_URL.",
    errors.ConflictError: "Wait for the other operation, such as a promotion, to finish, then try again.",
    errors.RedirectedError: "Set baseten:baseUrl or BASETEN_BASE_URL to the address of Baseten's API.",
    errors.RejectedError: "Correct what Baseten rejected, and try again.",
    errors.RateLimitedError: "Try again in a minute, or with fewer operations at a time.",
    errors.ServerError: "Try again. If it fails again, see https://status.baseten.co.",
    errors.RequestTimeoutError: NETWORK,
    errors.ConnectionFailedError: NETWORK,
    errors.UnexpectedResponseError: "Check that baseten:baseUrl or BASETEN_BASE_URL points to Baseten, not to a proxy.",
}
STATUSES = {
    **dict.fromkeys([300, 304], errors.RedirectedError),
    **dict.fromkeys([400, 405, 418, 422], errors.RejectedError),
    **dict.fromkeys([409, 423], errors.ConflictError),
    **dict.fromkeys([425, 500, 501, 502, 503, 504, 524, 999], errors.ServerError),
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    408: errors.RequestTimeoutError,
    429: errors.RateLimitedError,
}
CONNECT, LOST, LATE = "could not connect to https://api.baseten.co", "lost its connection", "got no response in time"
NEVER_SENT: list[tuple[Exception, str]] = [
    (httpx.ConnectError("refused"), f"{CONNECT} (refused)"),
    (httpx.ProxyError("407 No."), f"{CONNECT} (407 No)"),
    (httpx.UnsupportedProtocol(""), CONNECT),
    (httpx.InvalidURL("too long"), f"{CONNECT} (too long)"),
    (UnicodeError("label empty"), f"{CONNECT} (label empty)"),
    (httpx.ConnectTimeout(""), LATE),
    (httpx.PoolTimeout(""), LATE),
]
MAYBE_SENT: list[tuple[Exception, str]] = [
    (httpx.ReadTimeout("slow"), f"{LATE} (slow)"),
    (httpx.WriteTimeout(""), LATE),
    (asyncio.TimeoutError(), LATE),
    (httpx.ReadError("Gone."), f"{LOST} (Gone)"),
    (httpx.WriteError(""), LOST),
    (httpx.CloseError(""), LOST),
    (httpx.RemoteProtocolError(""), LOST),
    (httpx.DecodingError(""), LOST),
    (httpx.TooManyRedirects(""), LOST),
]


def _answered(status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> RequestError:
    return from_response(GET, Response(status, headers or {}, content))


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_error_says_what_to_do_when_baseten_answers_a_status(status: int, kind: type[RequestError]) -> None:
    response = Response(status, {"x-request-id": "req-9"}, b'{"error": "Because."}')
    error = from_response(PATCH, response)
    assert (type(error), error.status_code, error.may_have_applied) == (kind, status, status >= 500)
    assert str(error).splitlines() == [
        "Settings were not updated.",
        f"Baseten returned {status} for PATCH {PATH}: Because (request req-9). "
        + (MAY_HAVE_APPLIED if status >= 500 else UNCHANGED),
        ACTIONS[kind],
    ]
    reading = from_response(GET, response)
    assert (type(reading), reading.may_have_applied, reading.message.state) == (kind, False, "")


@pytest.mark.parametrize(("exception", "what"), NEVER_SENT + MAYBE_SENT)
def test_error_says_whether_it_was_sent_when_there_is_no_response(exception: Exception, what: str) -> None:
    error = from_exception(PATCH, exception)
    is_ambiguous = (exception, what) in MAYBE_SENT
    kind = errors.RequestTimeoutError if LATE in what else errors.ConnectionFailedError
    assert (type(error), error.status_code, error.may_have_applied) == (kind, None, is_ambiguous)
    state = MAY_HAVE_APPLIED if is_ambiguous else UNCHANGED
    assert str(error) == f"Settings were not updated.\nPATCH {PATH} {what}. {state}\n{ACTIONS[kind]}"
    assert not from_exception(GET, exception).may_have_applied


def test_every_exception_of_httpx_is_listed_when_a_request_can_raise_it() -> None:
    """The lists above grow with httpx."""

    def leaves(kind: type[Exception]) -> set[type[Exception]]:
        below = kind.__subclasses__()
        return set().union(*map(leaves, below)) if below else {kind}

    # raise_for_status is not called, and a request of ours is never malformed.
    unlisted = {httpx.HTTPStatusError, httpx.LocalProtocolError}
    assert leaves(httpx.HTTPError) - {type(it) for it, _ in NEVER_SENT + MAYBE_SENT} == unlisted


def test_certificate_error_is_final_when_the_certificate_cannot_be_verified() -> None:
    exception = httpx.ConnectError("certificate verify failed")
    exception.__cause__ = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error = from_exception(PATCH, exception)
    assert type(error) is errors.CertificateError
    assert str(error) == (
        f"Settings were not updated.\nPATCH {PATH} could not verify the certificate of https://api.baseten.co "
        f"(certificate verify failed). {UNCHANGED}\n"
        "Set SSL_CERT_FILE to a file with the certificates to trust, or correct baseten:baseUrl."
    )


@pytest.mark.parametrize(
    ("error", "observed", "action"),
    [
        (
            failures.not_sent(PATCH, 1799.97),
            f"PATCH {PATH} was not sent within 1800 s because of the rate limit. {UNCHANGED}",
            ACTIONS[errors.RateLimitedError],
        ),
        (
            failures.too_large(PATCH, 200, 64),
            f"Baseten returned 200 for PATCH {PATH} with a body of more than 64 bytes. {MAY_HAVE_APPLIED}",
            ACTIONS[errors.UnexpectedResponseError],
        ),
        (
            failures.missing_model(NOT_FOUND, "abc123"),
            f'Model "abc123" was not found, or this API key cannot see it. {UNCHANGED}',
            "Check model_id, and check that the API key belongs to the model's workspace.",
        ),
        (failures.missing_model(NOT_FOUND, "chat", "A hint."), f"A hint. {UNCHANGED}", "Use the id."),
        (
            failures.no_environments(NOT_FOUND, "abc123"),
            f'Model "abc123" has no environments that this API key can see. {UNCHANGED}',
            "Check that the API key belongs to the model's workspace.",
        ),
        (
            failures.missing_environment(NOT_FOUND, "abc123", "prod", [f"e{at}" for at in range(11)]),
            f'Model "abc123" has no environment "prod"; it has e0, e1, e10, e2, e3, e4, e5, e6, e7, e8, …. {UNCHANGED}',
            (
                "Correct env_name, or declare a BasetenEnvironment, which creates it. "
                "If one that is declared was deleted, run `pulumi up --refresh`."
            ),
        ),
        (
            failures.missing_model(failures.ambiguous(NOT_FOUND), "abc123"),
            f'Model "abc123" was not found, or this API key cannot see it. {MAY_HAVE_APPLIED}',
            "Check model_id, and check that the API key belongs to the model's workspace.",
        ),
    ],
)
def test_text_is_whole_when_an_error_is_no_mere_status(error: RequestError, observed: str, action: str) -> None:
    assert str(error) == f"Settings were not updated.\n{observed}\n{action}"
    assert error.may_have_applied is observed.endswith(MAY_HAVE_APPLIED)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<html>", "Invalid JSON: expected value at line 1 column 1"),
        (b"[]", "Input should be "),
        (b'{"environments": [{"name": "dev"}, {}]}', "environments.1.name: Field required"),
    ],
)
def test_place_is_named_when_a_body_is_not_what_the_api_describes(body: bytes, what: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        models.read_environments(body)
    error = failures.from_unreadable(GET, Response(200, {}, body), caught.value)
    assert (type(error), error.status_code) == (errors.UnexpectedResponseError, 200)
    first, observed, last = str(error).splitlines()
    assert (first, last) == ("Settings could not be read.", ACTIONS[errors.UnexpectedResponseError])
    assert observed.startswith(f"Baseten returned 200 for GET {PATH} with an unexpected body ({what}")


@pytest.mark.parametrize(
    ("content", "quoted"),
    [
        (b'{"error": "E.", "message": "M", "detail": "D"}', ": E."),
        (b'{"message": "M", "detail": "D"}', ": M."),
        (b'{"error": "", "detail": [{"loc": ["body"], "msg": "no"}]}', ': [{"loc": ["body"], "msg": "no"}].'),
        (b'{"other": 1}', ': {"other": 1}.'),
        (b"plain\n  text\n", ": plain text."),
        (b"\xff \x1b[2J", ": \N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}[2J."),
        (b"", "."),
        (b"x" * 400, f": {'x' * 300}…."),
        (b"[" * 200_000, f": {'[' * 300}…."),
        (b"<html><body>Bad gateway</body></html>", f"{PAGE}."),
        (b"\n<!DOCTYPE html><TITLE lang=en>502\n Bad &amp; gone\x1b</title>", f"{PAGE} (title: 502 Bad & gone{ODD})."),
        (b"<head><title></title>", f"{PAGE}."),
        (b'{"error": "<html>"}', ": <html>."),
        (b"<htmlx><title>no page</title>", ": <htmlx><title>no page</title>."),
    ],
    ids=range(14),
)
def test_baseten_is_quoted_when_a_response_has_a_body(content: bytes, quoted: str) -> None:
    """Its `error`, `message` or `detail`, or the raw text: one short line of printable characters. A page is named."""
    assert _answered(400, content).message.observed == f"Baseten returned 400 for GET {PATH}{quoted}"


@pytest.mark.parametrize(
    ("status", "headers", "shown"),
    [
        (307, {"location": "https://login.example/?a=1"}, " (Location: https://login.example/?a=1)."),
        (500, {"x-request-id": "r" * 500}, f": full (request {'r' * 80})."),
        (500, {"x-baseten-request-id": "r-1"}, ": full (request r-1)."),
        (503, {"retry-after": "86400"}, ": full (Retry-After 86400 s)."),
        (429, {"retry-after": "5", "x-request-id": "r-1"}, ": full (request r-1, Retry-After 5 s)."),
    ],
)
def test_header_is_shown_when_it_says_more_than_the_body(status: int, headers: dict[str, str], shown: str) -> None:
    error = _answered(status, b"full", headers)
    assert error.message.observed == f"Baseten returned {status} for GET {PATH}{shown}"


@pytest.mark.parametrize(
    ("body", "header", "seconds"),
    [
        ({"retry_after": 37}, "9", 37.0),
        ({"retry_after": 1.5}, None, 1.5),
        ({"retry_after": "12"}, None, 12.0),
        ({"retry_after": 0}, "9", 0.0),
        *(({"retry_after": odd}, "9", 9.0) for odd in (None, "soon", -1, float("nan"), 10**400, [1], {"s": 1})),
        (["retry_after"], "0.25", 0.25),
        ({}, "86400", 86_400.0),
        ({}, "Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ({}, "Wed, 21 Oct 2015 07:28:00", 0.0),
        *(({}, odd, None) for odd in (None, "", "-3", "inf", "Wed, 99 Oct 2015 99:28:00 GMT")),
        ({}, "Wed, 21 Oct 2015 07:28:00 +99999999999999999999", None),
    ],
)
def test_seconds_to_wait_are_read_when_baseten_asks_for_them(
    body: Any, header: str | None, seconds: float | None
) -> None:
    headers = {} if header is None else {"retry-after": header}
    assert _answered(429, json.dumps(body).encode(), headers).retry_after == seconds


def test_seconds_to_wait_are_counted_when_baseten_names_a_date() -> None:
    date = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=90), usegmt=True)
    assert _answered(503, b"", {"retry-after": date}).retry_after == pytest.approx(90.0, abs=5.0)


def test_endpoint_has_no_ids_when_the_rate_limit_counts_by_it() -> None:
    assert PATCH.endpoint == "PATCH /v1/models/…/environments/…"
    assert Request("GET", "/v1/models?name=a/b", "", "").endpoint == "GET /v1/models"
