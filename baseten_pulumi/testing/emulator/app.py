"""The application: from a request on the wire to an answer, a record and, where scripted, a fault.

Starlette routes; everything a request goes through stands in `Endpoint`, one instance for each path.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from baseten_pulumi.testing.emulator.authorization import admitted_key
from baseten_pulumi.testing.emulator.faults import Answer, Arrival, Delay, Ending, Faults, Mangled, Transfer
from baseten_pulumi.testing.emulator.limiting import RateLimit
from baseten_pulumi.testing.emulator.openapi import DESCRIPTION, description
from baseten_pulumi.testing.emulator.operations import Operation, Operations
from baseten_pulumi.testing.emulator.recording import RecordedRequest, RequestLog, masked
from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.store import Store
from baseten_pulumi.testing.emulator.transferring import Travelling

HangUp: TypeAlias = Callable[[Any], None]
"""Close the connection of the client with this address, at once and without an answer."""

_OK = 200
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Services:
    """Hold what every endpoint shares.

    Attributes:
        store: The account.
        faults: What goes wrong.
        limit: How many requests are let in.
        clock: Seconds that only grow.
        record: Told of every request before it is answered.
        hang_up: Closes a client's connection.
        api_key: The only key accepted; None accepts any that is not empty.
    """

    store: Store
    faults: Faults
    limit: RateLimit
    clock: Callable[[], float]
    record: Callable[[RecordedRequest], None]
    hang_up: HangUp
    api_key: str | None = None


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    content: bytes
    headers: Mapping[str, str]
    outcome: str | None = None


class Endpoint:
    """Serve one path.

    Args:
        services: What every endpoint shares.
        template: The path with its parameters' names.
        operations: By method; None for a path the API does not have.
    """

    _numbers = count(1)

    def __init__(self, services: Services, template: str, operations: Mapping[str, Operation] | None) -> None:
        self._services = services
        self._template = template
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or drop it."""
        request, at_seconds = Request(scope, receive), self._services.clock()
        body = await request.body()
        reply = await self._replied(request, body)
        self._services.record(_recorded(request, body, reply, at_seconds, self._services.clock()))
        if reply is None:
            await self._dropped(request)
            return
        headers = {"x-request-id": f"emulated-{next(self._numbers)}", **reply.headers}
        answer = Response(reply.content, reply.status, headers, media_type=_JSON)
        transfer = self._services.faults.take(Transfer, _arrival(request))
        await (answer if transfer is None else Travelling(answer, transfer, self._services.hang_up))(
            scope, receive, send
        )

    async def _replied(self, request: Request, body: bytes) -> _Reply | None:
        """Return the reply; None where the connection is to be dropped."""
        arrival = _arrival(request)
        delay = self._services.faults.take(Delay, arrival)
        if delay is not None:
            await asyncio.sleep(delay.seconds)
        ending = self._services.faults.take(Ending, arrival)
        if ending is not None and not ending.takes_effect:
            return _ended(ending, None)
        reply = self._carried_out(request, arrival, body)
        return reply if ending is None else _ended(ending, reply)

    def _carried_out(self, request: Request, arrival: Arrival, body: bytes) -> _Reply:
        try:
            return self._answered(request, arrival, body)
        except RefusalError as refusal:
            return _reply(refusal.status, {"message": refusal.message})
        except Exception as error:  # noqa: BLE001 - a fault of the emulator itself has to reach whoever runs it
            return _reply(500, {"message": f"the emulator itself failed: {error!r}"})

    def _answered(self, request: Request, arrival: Arrival, body: bytes) -> _Reply:
        if self._operations is None:
            raise RefusalError(404, f"no such route: {arrival.path}")
        services = self._services
        key = admitted_key(request.headers.get("authorization"), services.api_key)
        operation = self._operations.get(arrival.method)
        if operation is None:
            return _not_allowed(arrival.method, ", ".join(self._operations))
        retry_after_seconds = services.limit.retry_after_seconds(key, f"{arrival.method} {self._template}")
        if retry_after_seconds is not None:
            return _limited(retry_after_seconds)
        answer = operation(arrival, body)
        return _reply(_OK, answer, outcome=answer.get("status") if arrival.method == "PATCH" else None)

    async def _dropped(self, request: Request) -> None:
        self._services.hang_up(request.scope.get("client"))
        await request.receive()


def application(services: Services) -> Router:
    """Return the ASGI application of an emulator; its description is for everybody, without a key, limit or record."""
    routes = Operations(services.store, services.faults).routes()
    endpoints = [Route(template, Endpoint(services, template, operations)) for template, operations in routes.items()]
    return Router(
        [*endpoints, Route(DESCRIPTION, _describe)],
        redirect_slashes=False,
        default=Endpoint(services, "", None),
    )


async def _describe(_request: Request) -> Response:
    return Response(json.dumps(description()), media_type=_JSON)


def request_log(
    log: RequestLog, listener: Callable[[RecordedRequest], None] | None
) -> Callable[[RecordedRequest], None]:
    """Return what remembers a request and then tells a listener."""

    def record(request: RecordedRequest) -> None:
        log.add(request)
        if listener is not None:
            listener(request)

    return record


def _arrival(request: Request) -> Arrival:
    return Arrival(request.method, request.url.path, **request.path_params)


def _reply(status: int, answer: object, headers: Mapping[str, str] | None = None, outcome: str | None = None) -> _Reply:
    return _Reply(status, json.dumps(answer).encode(), headers or {}, outcome)


def _limited(retry_after_seconds: int) -> _Reply:
    answer = {"error": "Rate limit exceeded", "retry_after": retry_after_seconds}
    return _reply(429, answer, {"retry-after": str(retry_after_seconds)})


def _not_allowed(method: str, allowed: str) -> _Reply:
    return _reply(405, {"message": f"{method} is not allowed here, only {allowed}"}, {"allow": allowed})


def _ended(ending: Ending, true_reply: _Reply | None) -> _Reply | None:
    if isinstance(ending, Answer):
        outcome = None if true_reply is None else true_reply.outcome
        return _Reply(ending.status, ending.content, dict(ending.headers), outcome)
    if isinstance(ending, Mangled) and true_reply is not None:
        return _mangled(ending, true_reply)
    return None


def _mangled(ending: Mangled, reply: _Reply) -> _Reply:
    if ending.how == "broken":
        content = reply.content[: len(reply.content) // 2]
    else:
        content = json.dumps(_with_wrong_types(json.loads(reply.content))).encode()
    return _Reply(reply.status, content, reply.headers, reply.outcome)


def _with_wrong_types(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_wrong_types(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_wrong_types(each) for each in value]
    return "many" if isinstance(value, int) and not isinstance(value, bool) else value


def _recorded(
    request: Request, body: bytes, reply: _Reply | None, at_seconds: float, answered_at_seconds: float
) -> RecordedRequest:
    return RecordedRequest(
        method=request.method,
        path=request.url.path,
        query=dict(request.query_params),
        headers=masked(request.scope["headers"]),
        body=_parsed(body),
        status=None if reply is None else reply.status,
        outcome=None if reply is None else reply.outcome,
        at_seconds=at_seconds,
        answered_at_seconds=answered_at_seconds,
    )


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None
