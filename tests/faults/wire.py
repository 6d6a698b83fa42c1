"""The way from the HTTP client to the emulator, without sockets: same application, same bytes, virtual time.

A client that gives up does not stop the server: what was under way there takes effect later, as at Baseten.
`httpx.ASGITransport` would end the server's work with the client's.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

CONNECT_SECONDS = 0.002


@dataclass(slots=True)
class Exchange:
    """A request, and what the client got of its response."""

    at_seconds: float  # when the client began to send it
    method: str
    path: str
    body: Any  # the JSON that was sent
    status: int | None = None
    received: bytes | None = None  # the whole body of the response
    is_refused: bool = False  # without a connection it was certainly not sent
    carried_out_seconds: float | None = None  # when the server had carried it out
    outcome: str | None = None  # the server's status of a PATCH, such as ACCEPTED
    truth: Any = field(default=None, repr=False)  # what was applied then, by environment

    @property
    def answer(self) -> Any:
        """The JSON that was received; None if there is none."""
        with suppress(ValueError, TypeError):
            return json.loads(self.received or b"")
        return None


class Wire(httpx.AsyncBaseTransport):
    """Carry requests to the application that `serve` makes, and remember them.

    Attributes:
        exchanges: Every request so far.
        is_cut: Whether no connection can be made.
        on_request: Called with each request before it reaches the server, and again once it was carried out.
        tasks: The server's tasks, and the request of each.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, serve: Callable[[Callable[[Any], None]], ASGIApp]) -> None:
        self.exchanges: list[Exchange] = []
        self.is_cut = False
        self.on_request: Callable[[Exchange], None] = lambda _: None
        self.tasks: dict[asyncio.Task[Any], Exchange] = {}
        self._loop = loop
        self._ports = itertools.count(40000)
        self._hung_up: dict[int, asyncio.Event] = {}
        self._application = serve(lambda client: self._hung_up[client[1]].set())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        exchange = Exchange(self._loop.time(), request.method, request.url.path, json.loads(body) if body else None)
        self.exchanges.append(exchange)
        await asyncio.sleep(CONNECT_SECONDS)
        if self.is_cut:
            exchange.is_refused = True
            raise httpx.ConnectError("All connection attempts failed", request=request)
        self.on_request(exchange)
        messages: asyncio.Queue[Message | None] = asyncio.Queue()
        task = self._loop.create_task(self._serve(_scope(request, next(self._ports)), body, messages))
        self.tasks[task] = exchange
        task.add_done_callback(self.tasks.pop)
        response = _Response(exchange, request, messages)
        head = await response.next()
        if head is None:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        exchange.status = head["status"]
        return httpx.Response(head["status"], headers=head["headers"], stream=response, request=request)

    async def _serve(self, scope: dict[str, Any], body: bytes, send: "asyncio.Queue[Message | None]") -> None:
        """Have the application respond; None on the queue is the end, or a broken connection."""
        port: int = scope["client"][1]
        gone = self._hung_up[port] = asyncio.Event()
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            return next(messages, {"type": "http.disconnect"})

        async def sending(message: Message) -> None:
            if not gone.is_set():
                send.put_nowait(message)

        try:
            await self._application(scope, receive, sending)
        finally:
            del self._hung_up[port]
            send.put_nowait(None)

    def carried_out(self, outcome: str | None, truth: Any) -> Exchange:
        """Record the result of the request that the server is carrying out."""
        task = asyncio.current_task()
        assert task is not None
        exchange = self.tasks[task]
        exchange.carried_out_seconds, exchange.outcome, exchange.truth = self._loop.time(), outcome, truth
        self.on_request(exchange)
        return exchange


class _Response(httpx.AsyncByteStream):
    """The head and body of a response, each message within the client's timeout."""

    def __init__(self, exchange: Exchange, request: httpx.Request, messages: "asyncio.Queue[Message | None]") -> None:
        self._exchange, self._request, self._messages = exchange, request, messages

    async def next(self) -> Message | None:
        try:
            return await asyncio.wait_for(self._messages.get(), self._request.extensions["timeout"]["read"])
        except asyncio.TimeoutError:
            raise httpx.ReadTimeout("", request=self._request) from None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = b""
        while True:
            message = await self.next()
            if message is None:
                raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
            received += message.get("body", b"")
            yield message.get("body", b"")
            if not message.get("more_body"):
                break
        self._exchange.received = received


def _scope(request: httpx.Request, port: int) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", port),
        "server": ("127.0.0.1", 80),
    }
