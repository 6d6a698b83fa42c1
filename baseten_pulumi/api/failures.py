"""What went wrong with a request, as an error that says what to do.

Every answer that is not a success and every exception of the HTTP library becomes one of `baseten_pulumi.errors`. The
API key is taken out of whatever Baseten or the HTTP library says.
"""

import asyncio
import json
import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
import pydantic

from baseten_pulumi import errors
from baseten_pulumi.api.limiting import NoTurnError
from baseten_pulumi.api.masking import masked
from baseten_pulumi.errors import RequestError, Statements

# Longest piece of an answer that an error quotes.
QUOTED_CHARACTERS = 300
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    UnicodeError,
)
# More names than this are not listed.
_NAMES_LISTED = 10
_MAY_HAVE_TAKEN = "Baseten may have taken the settings all the same."

_CLASSES: dict[int, type[RequestError]] = {
    HTTPStatus.UNAUTHORIZED: errors.AuthenticationError,
    HTTPStatus.FORBIDDEN: errors.PermissionDeniedError,
    HTTPStatus.NOT_FOUND: errors.NotFoundError,
    HTTPStatus.CONFLICT: errors.ConflictError,
    HTTPStatus.TOO_MANY_REQUESTS: errors.RateLimitedError,
}
_NETWORK = (
    "Run `pulumi up` again; if it stays, check the network, its proxies and the address "
    "(baseten:baseUrl or BASETEN_BASE_URL)."
)
_ADVICE: dict[type[RequestError], str] = {
    errors.AuthenticationError: "Set a valid key: `pulumi config set --secret baseten:apiKey KEY`, or BASETEN_API_KEY.",
    errors.PermissionDeniedError: "Set the key of one who may manage this model: `pulumi config set --secret "
    "baseten:apiKey KEY`, or BASETEN_API_KEY.",
    errors.NotFoundError: "Check the model id, the environment's name and baseten:baseUrl.",
    errors.ConflictError: "Wait for the other operation (a promotion, perhaps) to end, then run `pulumi up` again.",
    errors.RedirectedError: "Set baseten:baseUrl to the address of Baseten's API itself.",
    errors.RejectedError: "Correct the setting Baseten names, then run `pulumi up` again.",
    errors.RateLimitedError: "Run `pulumi up` again in a minute, or with a lower `--parallel`.",
    errors.ServerError: "Run `pulumi up` again; if it stays, see https://status.baseten.co.",
    errors.RequestTimeoutError: _NETWORK,
    errors.ConnectionBrokenError: _NETWORK,
    errors.UnexpectedAnswerError: "Check that baseten:baseUrl is Baseten's API and that no proxy answers in its place.",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as far as an error needs to know it.

    Attributes:
        method: HTTP method.
        path: Path of the URL.
        goal: What is not achieved when it does not succeed; a whole sentence.
        api_key: What must not be quoted.
        host: Where it goes: scheme, host and port.
    """

    method: str
    path: str
    goal: str
    api_key: str
    host: str = ""

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"

    @property
    def changes_something(self) -> bool:
        """Whether Baseten's state could depend on it."""
        return self.method != "GET"


def from_response(request: Request, response: httpx.Response) -> RequestError:
    """Return the error for an answer that is not a success."""
    status = response.status_code
    kind = _class_of(status)
    # After a 5xx nobody knows: the request may have passed the gateway that answered.
    ambiguous = request.changes_something and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    said, identifier = _said(response, request.api_key), _request_id(response, request.api_key)
    seen = f"Baseten answered {status} to {request.method} {request.path}{said}{identifier}."
    return kind(
        Statements(request.goal, seen, _now(request, ambiguous), _ADVICE[kind]),
        status_code=status,
        retry_after_seconds=_retry_after(response),
        may_have_taken_effect=ambiguous,
    )


def from_exception(request: Request, exception: Exception) -> RequestError:
    """Return the error for a request that got no answer."""
    timed_out = isinstance(exception, (httpx.TimeoutException, asyncio.TimeoutError))
    kind = errors.RequestTimeoutError if timed_out else errors.ConnectionBrokenError
    left = not isinstance(exception, _NEVER_SENT)
    ambiguous = request.changes_something and left
    unreached = f"got no connection to {request.host}" if request.host else "got no connection"
    happened = "was not answered in time" if timed_out else "lost its connection" if left else unreached
    detail = _one_line(str(exception), request.api_key)
    seen = f"{request.method} {request.path} {happened}{f' ({detail})' if detail else ''}."
    return kind(
        Statements(request.goal, seen, _now(request, ambiguous), _ADVICE[kind]), may_have_taken_effect=ambiguous
    )


def from_unreadable(
    request: Request, response: httpx.Response, reason: pydantic.ValidationError
) -> errors.UnexpectedAnswerError:
    """Return the error for a success whose body is not what the API describes."""
    first = reason.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    where = f"{place}: {first['msg']}" if place else first["msg"]
    seen = (
        f"Baseten answered {response.status_code} to {request.method} {request.path} with something its API does not "
        f"describe ({_one_line(where, request.api_key)}){_request_id(response, request.api_key)}."
    )
    return _unexpected(request, response.status_code, seen)


def not_sent(request: Request, within_seconds: float, reason: NoTurnError) -> errors.RateLimitedError:
    """Return the error for a request whose turn would come too late."""
    paused = f"not at all for {reason.pause_seconds:.0f} s, then " if reason.pause_seconds >= 1 else ""
    seen = (
        f"{request.method} {request.path} was not sent: so as not to be refused, such requests go out slowly ({paused}"
        f"{reason.per_second:.3g} a second), and it had no turn within {within_seconds:.3g} s."
    )
    return errors.RateLimitedError(
        Statements(request.goal, seen, _now(request, ambiguous=False), _ADVICE[errors.RateLimitedError]),
        retry_after_seconds=reason.pause_seconds or None,
    )


def in_doubt(error: RequestError) -> RequestError:
    """Return the error of the last attempt, where Baseten may have acted on an earlier one."""
    doubtful = error.restated(now=_MAY_HAVE_TAKEN)
    doubtful.may_have_taken_effect = True
    return doubtful


def too_large(request: Request, status_code: int, limit_bytes: int) -> errors.UnexpectedAnswerError:
    """Return the error for an answer that was not read to its end."""
    seen = f"Baseten answered {status_code} to {request.method} {request.path} with more than {limit_bytes} bytes."
    return _unexpected(request, status_code, seen)


def missing_model(error: RequestError, model_id: str, answer: str, whose_name: str = "") -> errors.ModelNotFoundError:
    """Return what a 404 means when the model has no environments either.

    Args:
        error: The 404.
        model_id: What was given for the model's id.
        answer: How Baseten said that it has none.
        whose_name: Whose name was given; "" where it is none's.
    """
    seen = whose_name or f'Model "{model_id}" does not exist, or this API key cannot see it.'
    advice = "Check model_id, and that the API key belongs to the workspace of the model."
    if whose_name:
        advice = "Set model_id to the id."
    return errors.ModelNotFoundError(
        Statements(error.statements.goal, f"{seen} {answer}", error.statements.now, advice),
        status_code=error.status_code,
        may_have_taken_effect=error.may_have_taken_effect,
    )


def missing_environment(
    error: RequestError, address: tuple[str, str], names: list[str], api_key: str
) -> errors.EnvironmentNotFoundError:
    """Return what a 404 means when the model exists and has environments of other names."""
    model_id, env_name = address
    known = [_one_line(name, api_key) for name in sorted(names)[:_NAMES_LISTED]]
    listed = ", ".join([*known, *(["…"] if len(names) > _NAMES_LISTED else [])])
    seen = f'Model "{model_id}" has no environment "{env_name}"; it has {listed or "none"}.'
    advice = (
        "Correct env_name, or create the environment at Baseten first: settings are adopted, not environments made."
    )
    return errors.EnvironmentNotFoundError(
        Statements(error.statements.goal, seen, error.statements.now, advice),
        status_code=error.status_code,
        may_have_taken_effect=error.may_have_taken_effect,
    )


def unclear_name(request: Request, name: str, count: int) -> errors.ScheduleNameError:
    """Return the error for schedules of one name at Baseten; for a count of 1 it is a one-time schedule."""
    quoted = f'"{_one_line(name, request.api_key)}"'
    seen = f"Baseten has a one-time schedule {quoted}, which stays as it is."
    if count > 1:
        seen = f"Baseten has {count} schedules called {quoted}, and a schedule is known by its name."
    advice = "Rename one at Baseten, then run `pulumi up` again."
    return errors.ScheduleNameError(Statements(request.goal, seen, _now(request, ambiguous=False), advice))


def unsettled(request: Request, name: str) -> errors.RequestTimeoutError:
    """Return the error for a schedule that was sent before and was not reported in time."""
    seen = f'Schedule "{_one_line(name, request.api_key)}" was sent before and is not reported yet.'
    now = "Nothing was sent: it might be there twice then."
    advice = "Run `pulumi up` again once no promotion is running."
    return errors.RequestTimeoutError(Statements(request.goal, seen, now, advice))


def _unexpected(request: Request, status_code: int, seen: str) -> errors.UnexpectedAnswerError:
    kind, doubtful = errors.UnexpectedAnswerError, request.changes_something
    return kind(
        Statements(request.goal, seen, _now(request, doubtful), _ADVICE[kind]),
        status_code=status_code,
        may_have_taken_effect=doubtful,
    )


def _class_of(status: int) -> type[RequestError]:
    if status in _CLASSES:
        return _CLASSES[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.ServerError
    return errors.RejectedError if status >= HTTPStatus.BAD_REQUEST else errors.RedirectedError


def _now(request: Request, ambiguous: bool) -> str:
    if not request.changes_something:
        return ""
    return _MAY_HAVE_TAKEN if ambiguous else "Nothing was changed."


def _said(response: httpx.Response, api_key: str) -> str:
    """Quote Baseten: its error, message or detail, else the raw text."""
    body = _json(response)
    # As UTF-8 whatever it is called: not everything that can be named as a character set can be read.
    raw = response.content.decode(errors="replace")
    told = next((body[key] for key in ("error", "message", "detail") if body.get(key)), raw)
    text = _one_line(told if isinstance(told, str) else json.dumps(told), api_key)
    return f": {text.rstrip('.')}" if text else ""


def _one_line(text: str, api_key: str) -> str:
    shown = "".join(character for character in " ".join(text.split()) if character.isprintable())
    line = masked(shown, api_key)
    return line if len(line) <= QUOTED_CHARACTERS else f"{line[:QUOTED_CHARACTERS]}…"


def _request_id(response: httpx.Response, api_key: str) -> str:
    identifier = response.headers.get("x-request-id") or response.headers.get("x-baseten-request-id")
    return f" (request {_one_line(identifier, api_key)[:80]})" if identifier else ""


def _retry_after(response: httpx.Response) -> float | None:
    """Return how long Baseten asks to wait: the body's word, then the header's."""
    told_twice: tuple[Any, Any] = (_json(response).get("retry_after"), response.headers.get("retry-after"))
    for told in told_twice:
        try:
            seconds = float(told)
        except (TypeError, ValueError, OverflowError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
