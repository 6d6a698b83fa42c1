"""Turn responses that are not a success, and exceptions of httpx, into errors that say what to do."""

import asyncio
import html
import json
import math
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx
import pydantic

from baseten_pulumi import errors
from baseten_pulumi.api.models import one_line
from baseten_pulumi.errors import Message, RequestError

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    UnicodeError,
)
_NAMES_LISTED = 10
_HTML = re.compile(r"\s*<(!doctype html|html|head|body)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
MAY_HAVE_APPLIED = "Baseten may have applied the request anyway."
_SET_KEY = "set baseten:apiKey (`pulumi config set --secret baseten:apiKey KEY`) or BASETEN_API_KEY."
_NETWORK = "Try again. If it fails again, check the network, the proxy, and baseten:baseUrl or BASETEN_BASE_URL."
_ACTIONS: dict[type[RequestError], str] = {
    errors.AuthenticationError: f"Use a valid API key: {_SET_KEY}",
    errors.PermissionDeniedError: f"Use an API key that may manage this model: {_SET_KEY}",
    errors.NotFoundError: "Check the model id, the environment name, and baseten:baseUrl or BASETEN_BASE_URL.",
    errors.ConflictError: "Wait for the other operation, such as a promotion, to finish, then try again.",
    errors.RedirectedError: "Set baseten:baseUrl or BASETEN_BASE_URL to the address of Baseten's API.",
    errors.RejectedError: "Correct what Baseten rejected, and try again.",
    errors.RateLimitedError: "Try again in a minute, or with fewer operations at a time.",
    errors.ServerError: "Try again. If it fails again, see https://status.baseten.co.",
    errors.RequestTimeoutError: _NETWORK,
    errors.ConnectionFailedError: _NETWORK,
    errors.UnexpectedResponseError: "Check that baseten:baseUrl or BASETEN_BASE_URL points to Baseten, not to a proxy.",
    errors.CertificateError: "Set SSL_CERT_FILE to a file with the certificates to trust, or correct baseten:baseUrl.",
}
# Gateways in front of Baseten answer these while it restarts.
_GATEWAY_STATUSES = frozenset({502, 503, 504, *range(520, 525)})
# How long errors are retried that may not be transient: 409, 423, 500 and the like.
_DOUBTFUL_SECONDS = 300.0
_UNREADABLE_SECONDS = 60.0
# A host name that does not resolve is usually misspelled.
_UNKNOWN_HOST_SECONDS = 15.0
# Reads are eventually consistent: an environment that was there a moment ago may be missing in one of them.
KNOWN_ENVIRONMENT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: HTTP method.
        path: Path of the URL, with its query.
        failed: What the error says if it does not succeed; a sentence.
        base_url: Where it goes, for errors.
    """

    method: str
    path: str
    failed: str
    base_url: str

    @property
    def endpoint(self) -> str:
        """What Baseten's rate limit counts by: method and path without ids, "GET /v1/models/…/environments"."""
        empty, version, *parts = self.path.partition("?")[0].split("/")
        return f"{self.method} " + "/".join([empty, version, *("…" if i % 2 else part for i, part in enumerate(parts))])

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing at Baseten."""
        return self.method == "GET"


@dataclass(frozen=True, slots=True)
class Response:
    """A response, with the API key already removed.

    Attributes:
        status: HTTP status.
        headers: Headers by lowercase name.
        content: The body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """Return the body as an object; an empty one if it is none."""
        try:
            body = json.loads(self.content)
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}


def from_response(request: Request, response: Response) -> RequestError:
    """Return the error for a response that is not a success."""
    kind = _kind(response.status)
    # A 5xx is ambiguous: the request may have passed the gateway that answered.
    is_ambiguous = not request.is_read and response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    identifier = response.headers.get("x-request-id") or response.headers.get("x-baseten-request-id")
    retry_after = _retry_after(response)
    details = [f"request {one_line(identifier)[:80]}"] if identifier else []
    details += [f"Retry-After {retry_after:.0f} s"] if retry_after else []
    suffix = f" ({', '.join(details)})" if details else ""
    location = response.headers.get("location") if kind is errors.RedirectedError else None
    quoted = f" (Location: {one_line(location)})" if location else _quoted(response)
    observed = f"Baseten returned {response.status} for {request.method} {request.path}{quoted}{suffix}."
    error = kind(
        Message(request.failed, observed, _state(request, is_ambiguous), _ACTIONS[kind]),
        status_code=response.status,
        retry_after=retry_after,
        may_have_applied=is_ambiguous,
    )
    is_doubtful = kind is errors.ServerError and response.status not in (HTTPStatus.TOO_EARLY, *_GATEWAY_STATUSES)
    if isinstance(error, errors.TransientError) and (is_doubtful or kind is errors.ConflictError):
        error.retried_for = _DOUBTFUL_SECONDS
    return error


def from_exception(
    request: Request, exception: Exception, redacted: Callable[[str], str] = lambda text: text
) -> RequestError:
    """Return the error for a request that got no response.

    Args:
        request: The request.
        exception: What was raised.
        redacted: Removes the API key from a text.
    """
    is_sent = not isinstance(exception, _NEVER_SENT)
    kind: type[RequestError] = errors.ConnectionFailedError
    what = f"could not connect to {request.base_url}"
    if isinstance(exception, (httpx.TimeoutException, asyncio.TimeoutError)):
        kind, what = errors.RequestTimeoutError, "got no response in time"
    elif is_sent:
        what = "lost its connection"
    if _has_cause(exception, ssl.SSLCertVerificationError):
        kind, what = errors.CertificateError, f"could not verify the certificate of {request.base_url}"
    detail = one_line(redacted(str(exception))).rstrip(".")
    observed = f"{request.method} {request.path} {what}{f' ({detail})' if detail else ''}."
    is_ambiguous = is_sent and not request.is_read
    message = Message(request.failed, observed, _state(request, is_ambiguous), _ACTIONS[kind])
    error = kind(message, may_have_applied=is_ambiguous)
    if isinstance(error, errors.TransientError) and _has_cause(exception, socket.gaierror):
        error.retried_for = _UNKNOWN_HOST_SECONDS
    return error


def from_unreadable(request: Request, response: Response, reason: pydantic.ValidationError) -> RequestError:
    """Return the error for a success whose body is not what the API describes."""
    first = reason.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    what = one_line(f"{place}: {first['msg']}" if place else first["msg"])
    observed = (
        f"Baseten returned {response.status} for {request.method} {request.path} with an unexpected body ({what})."
    )
    return _unexpected(request, response.status, observed)


def too_large(request: Request, status: int, limit_bytes: int) -> RequestError:
    """Return the error for a response that is larger than any of the API."""
    observed = (
        f"Baseten returned {status} for {request.method} {request.path} with a body of more than {limit_bytes} bytes."
    )
    return _unexpected(request, status, observed)


def not_sent(request: Request, timeout: float) -> RequestError:
    """Return the error for a request that the rate limit left no time to send."""
    what = f"{request.method} {request.path}"
    observed = f"{what} was not sent within {round(timeout, 1):g} s because of the rate limit."
    action = _ACTIONS[errors.RateLimitedError]
    return errors.RequestTimeoutError(Message(request.failed, observed, _state(request, is_ambiguous=False), action))


def ambiguous(error: RequestError) -> RequestError:
    """Return the error of the last attempt, if Baseten may have acted on an earlier one."""
    copy = error.with_message(state=MAY_HAVE_APPLIED)
    copy.may_have_applied = True
    return copy


def missing_model(error: RequestError, model_id: str, hint: str = "") -> errors.ModelNotFoundError:
    """Return the error for a 404 that means that the model does not exist.

    Args:
        error: The 404.
        model_id: The id that was given.
        hint: That it is the name of a model, and its id; "" if it is not.
    """
    observed = hint or f'Model "{model_id}" was not found, or this API key cannot see it.'
    action = "Check model_id, and check that the API key belongs to the model's workspace."
    message = Message(error.message.failed, observed, error.message.state, "Use the id." if hint else action)
    return errors.ModelNotFoundError(message, status_code=error.status_code, may_have_applied=error.may_have_applied)


def missing_environment(
    error: RequestError, model_id: str, env_name: str, names: list[str]
) -> errors.EnvironmentNotFoundError:
    """Return the error for a 404 that means that the model has no such environment."""
    listed = ", ".join([*map(one_line, sorted(names)[:_NAMES_LISTED]), *(["…"] if len(names) > _NAMES_LISTED else [])])
    observed = f'Model "{model_id}" has no environment "{env_name}"; it has {listed}.'
    action = (
        "Correct env_name, or declare a BasetenEnvironment, which creates it. "
        "If one that is declared was deleted, run `pulumi up --refresh`."
    )
    return errors.EnvironmentNotFoundError(
        Message(error.message.failed, observed, error.message.state, action),
        status_code=error.status_code,
        may_have_applied=error.may_have_applied,
    )


def no_environments(error: RequestError, model_id: str) -> errors.NotFoundError:
    """Return the error for a 404 of a model without environments: every model has one, so the API key hides them."""
    observed = f'Model "{model_id}" has no environments that this API key can see.'
    action = "Check that the API key belongs to the model's workspace."
    return errors.NotFoundError(
        Message(error.message.failed, observed, error.message.state, action),
        status_code=error.status_code,
        may_have_applied=error.may_have_applied,
    )


def _unexpected(request: Request, status: int, observed: str) -> RequestError:
    kind, is_ambiguous = errors.UnexpectedResponseError, not request.is_read
    message = Message(request.failed, observed, _state(request, is_ambiguous), _ACTIONS[kind])
    error = kind(message, status_code=status, may_have_applied=is_ambiguous)
    error.retried_for = _UNREADABLE_SECONDS
    return error


def _kind(status: int) -> type[RequestError]:
    kinds: dict[int, type[RequestError]] = {
        HTTPStatus.UNAUTHORIZED: errors.AuthenticationError,
        HTTPStatus.FORBIDDEN: errors.PermissionDeniedError,
        HTTPStatus.NOT_FOUND: errors.NotFoundError,
        HTTPStatus.REQUEST_TIMEOUT: errors.RequestTimeoutError,
        HTTPStatus.CONFLICT: errors.ConflictError,
        HTTPStatus.LOCKED: errors.ConflictError,
        HTTPStatus.TOO_EARLY: errors.ServerError,
        HTTPStatus.TOO_MANY_REQUESTS: errors.RateLimitedError,
    }
    if status in kinds:
        return kinds[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.ServerError
    return errors.RejectedError if status >= HTTPStatus.BAD_REQUEST else errors.RedirectedError


def _state(request: Request, is_ambiguous: bool) -> str:
    if request.is_read:
        return ""
    return MAY_HAVE_APPLIED if is_ambiguous else "Nothing was changed."


def _quoted(response: Response) -> str:
    """Quote Baseten after a colon: its error, message or detail, or else the raw text; "" if there is none."""
    body = response.json()
    raw = response.content.decode(errors="replace")
    if _HTML.match(raw):
        title = one_line(html.unescape(found[1])) if (found := _TITLE.search(raw)) else ""
        return f": an HTML page from a proxy or gateway{f' (title: {title})' if title else ''}"
    text = next((body[key] for key in ("error", "message", "detail") if body.get(key)), raw)
    line = one_line(text if isinstance(text, str) else json.dumps(text)).rstrip(".")
    return f": {line}" if line else ""


def _retry_after(response: Response) -> float | None:
    """Return how many seconds Baseten asks to wait: in the body, or in the header as seconds or as a date."""
    for value in (response.json().get("retry_after"), response.headers.get("retry-after")):
        try:
            seconds = float(value)  # type: ignore[arg-type] # None and other types raise TypeError
        except (TypeError, ValueError, OverflowError):
            seconds = _seconds_until(value)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _seconds_until(value: Any) -> float:
    """Return the seconds until an HTTP date; not a number if it is none."""
    try:
        date = parsedate_to_datetime(value if isinstance(value, str) else "")
    except (TypeError, ValueError, OverflowError):
        return math.nan
    date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return max((date - datetime.now(timezone.utc)).total_seconds(), 0.0)


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, kind):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
