"""The ASGI application of an emulator: keys, rate limit, faults and records around Baseten's API.

A request goes through `Gateway.__call__`: delay, scripted response, key, rate limit, the API itself, record, transfer.
The description and `/emulator/…` are outside all that: no key, no limit, no faults, no record.
"""

import asyncio
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from baseten_pulumi.testing.emulator import control
from baseten_pulumi.testing.emulator.errors import ApiError
from baseten_pulumi.testing.emulator.faults import Arrival, Delay, Ending, Mangled, ScriptedResponse, Transfer
from baseten_pulumi.testing.emulator.routes import DESCRIPTION, DOCS, Call, api
from baseten_pulumi.testing.emulator.settings import Settings, overlaid

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator.emulator import Emulator

HangUp: TypeAlias = Callable[[Any], None]
"""Close the connection of the client with this address, at once and without a response."""

_MASK = "***"
_SCHEMES = ("api-key", "bearer")
_JSON = [(b"content-type", b"application/json")]
_PIECES = 8


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request and its response.

    Attributes:
        method: In capitals.
        path: Without the query.
        query: The last value of each parameter.
        headers: By lower-case name; the key is masked.
        body: The parsed JSON; None without a body or if it is not JSON.
        status: Of the response; None if the connection was closed instead.
        outcome: ACCEPTED, QUEUED or UNCHANGED of an update; None for everything else.
        at_seconds: When it arrived, on the emulator's clock.
        answered_at_seconds: When its response was made, on the same clock; a read shows what was applied then.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    status: int | None
    outcome: str | None
    at_seconds: float
    answered_at_seconds: float


class RateLimit:
    """A token bucket for each key and endpoint.

    Args:
        per_second: Requests a second; None for no limit.
        clock: Seconds that only grow.
        burst: Requests accepted at once after a pause; None for one second's worth.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float], burst: float | None = None) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def retry_after_seconds(self, key: str, endpoint: str) -> int | None:
        """Take a token and return None, or return in how many whole seconds there will be one."""
        if self._per_second is None:
            return None
        now_seconds = self._clock()
        burst = max(1.0, self._per_second if self._burst is None else self._burst)
        tokens, since_seconds = self._buckets.get((key, endpoint), (burst, now_seconds))
        tokens = min(burst, tokens + (now_seconds - since_seconds) * self._per_second)
        if tokens >= 1:
            self._buckets[key, endpoint] = (tokens - 1, now_seconds)
            return None
        self._buckets[key, endpoint] = (tokens, now_seconds)
        return max(1, math.ceil((1 - tokens) / self._per_second))


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    content: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    outcome: str | None = None


class Gateway:
    """Serve an emulator.

    Args:
        emulator: Its options, its account and its faults.
        record: Called with every request before it is answered.
        hang_up: Closes a client's connection.
    """

    _numbers = count(1)

    def __init__(self, emulator: "Emulator", record: Callable[[RecordedRequest], None], hang_up: HangUp) -> None:
        self._emulator = emulator
        self._record = record
        self._hang_up = hang_up
        self._limit = RateLimit(emulator.rate_limit, emulator.clock, emulator.rate_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request, or close its connection."""
        path = scope["path"]
        if path == DESCRIPTION or path.startswith(DOCS):
            await api(scope, receive, send)
            return
        if path.startswith("/emulator/"):
            await control.app({**scope, "emulator": self._emulator}, receive, send)
            return
        at_seconds, body = self._emulator.clock(), await _body(receive)
        arrival = Arrival.of(scope["method"], path)
        response = await self._response(scope, arrival, body)
        self._record(self._recorded(scope, body, response, at_seconds))
        if response is None:
            self._hang_up(scope.get("client"))
            await receive()
            return
        await self._transfer(response, self._emulator.faults.take(Transfer, arrival), scope, receive, send)

    async def _response(self, scope: Scope, arrival: Arrival, body: bytes) -> _Response | None:
        """Return the response; None if the connection is to be closed."""
        faults = self._emulator.faults
        delay = faults.take(Delay, arrival)
        if delay is not None:
            await asyncio.sleep(delay.seconds)
        ending = faults.take(Ending, arrival)
        if ending is not None and not ending.takes_effect:
            return _ended(ending, None)
        response = await self._true_response(scope, arrival, body)
        return response if ending is None else _ended(ending, response)

    async def _true_response(self, scope: Scope, arrival: Arrival, body: bytes) -> _Response:
        headers = dict(scope["headers"])
        try:
            key = _key(headers.get(b"authorization", b"").decode("latin-1"), self._emulator.api_key)
        except ApiError as error:
            return _json(error.status, {"message": error.message})
        seconds = self._limit.retry_after_seconds(key, f"{arrival.method} {arrival.endpoint}")
        if seconds is not None:
            content = {"error": "Rate limit exceeded", "retry_after": seconds}
            return _json(429, content, (b"retry-after", str(seconds).encode()))
        call = Call(self._emulator, arrival)
        if arrival.method == "PATCH":
            body, call.later = split(body, self._emulator.later_settings)
        try:
            response = await _called(call, scope, body)
        except Exception as error:  # noqa: BLE001 - the error is for whoever runs the emulator
            return _json(500, {"message": f"the emulator itself failed: {error!r}"})
        return replace(response, outcome=call.outcome)

    def _recorded(self, scope: Scope, body: bytes, response: _Response | None, at_seconds: float) -> RecordedRequest:
        return RecordedRequest(
            method=scope["method"],
            path=scope["path"],
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            headers=masked(scope["headers"]),
            body=_parsed(body),
            status=None if response is None else response.status,
            outcome=None if response is None else response.outcome,
            at_seconds=at_seconds,
            answered_at_seconds=self._emulator.clock(),
        )

    async def _transfer(
        self, response: _Response, transfer: Transfer | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send a response, as a fault has it."""
        content = response.content
        headers = [*response.headers]
        if b"x-request-id" not in dict(headers):
            headers.append((b"x-request-id", f"emulated-{next(self._numbers)}".encode()))
        if response.status >= 200 and response.status not in (204, 304):  # noqa: PLR2004
            headers.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if transfer is not None and transfer.is_cut_off:
            await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
            self._hang_up(scope.get("client"))
            await receive()
            return
        if transfer is not None:
            size = -(-len(content) // _PIECES) or 1
            for begin in range(0, len(content), size):
                await asyncio.sleep(transfer.seconds / _PIECES)
                await send({"type": "http.response.body", "body": content[begin : begin + size], "more_body": True})
            content = b""
        await send({"type": "http.response.body", "body": content})


def masked(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name, with what follows the scheme of an authorization masked."""
    readable = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    for name in ("authorization", "proxy-authorization"):
        if name in readable:
            scheme, space, _ = readable[name].partition(" ")
            readable[name] = f"{scheme} {_MASK}" if space else _MASK
    return readable


def _key(header: str, allowed_key: str | None) -> str:
    """Return the key of an Authorization header.

    Raises:
        ApiError: 401 without a key in a known scheme, 403 for a key that is not the allowed one.
    """
    scheme, _, key = header.partition(" ")
    key = key.strip()
    if scheme.lower() not in _SCHEMES or not key:
        raise ApiError(401, "Authentication credentials were not provided or are malformed")
    if allowed_key is not None and key != allowed_key:
        raise ApiError(403, "The API key is not valid for this organization")
    return key


async def _called(call: Call, scope: Scope, body: bytes) -> _Response:
    """Have the API respond. A body counts as JSON whatever its content type, as in the reference's own curl example."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await api({**scope, "headers": headers + _JSON, "emulator": call}, receive, send)
    head, *parts = messages
    kept = tuple(pair for pair in head["headers"] if pair[0] != b"content-length")
    return _Response(head["status"], b"".join(part.get("body", b"") for part in parts), kept)


def split(body: bytes, paths: Collection[str]) -> tuple[bytes, Settings]:
    """Return a body without what it has at the paths, and that."""
    parsed, found = _parsed(body), Settings()
    for path in paths:
        *parents, name = path.split(".")
        place = parsed
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if isinstance(place, dict) and name in place:
            part: Settings = {name: place.pop(name)}
            for parent in reversed(parents):
                part = {parent: part}
            found = overlaid(found, part)
    return json.dumps(parsed).encode() if found else body, found


def _ended(ending: Ending, response: _Response | None) -> _Response | None:
    if isinstance(ending, ScriptedResponse):
        outcome = None if response is None else response.outcome
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in ending.headers]
        if ending.content and b"content-type" not in dict(headers):
            headers += _JSON
        return _Response(ending.status, ending.content, tuple(headers), outcome)
    if not isinstance(ending, Mangled) or response is None:
        return None
    if ending.how == "broken":
        return replace(response, content=response.content[: len(response.content) // 2])
    return replace(response, content=json.dumps(_with_wrong_types(json.loads(response.content))).encode())


def _with_wrong_types(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_wrong_types(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_wrong_types(each) for each in value]
    return "many" if isinstance(value, int) and not isinstance(value, bool) else value


def _json(status: int, content: object, *headers: tuple[bytes, bytes]) -> _Response:
    return _Response(status, json.dumps(content).encode(), (*_JSON, *headers))


async def _body(receive: Receive) -> bytes:
    body, is_whole = b"", False
    while not is_whole:
        message = await receive()
        body += message.get("body", b"")
        is_whole = not message.get("more_body")
    return body


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None
