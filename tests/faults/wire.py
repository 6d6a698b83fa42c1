"""The way from the HTTP client to the emulator, without sockets: same application, same bytes, virtual time.

A client that gives up does not stop the server: what was under way there takes effect later, as at Baseten.
`httpx.ASGITransport` would end the server's work with the client's.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

CONNECT_SECONDS = 0.002


@dataclass(slots=True)
class Exchange:
    """A request, and what the client got of its response.

    Attributes:
        at_seconds: When the client began to send it.
        method: HTTP method.
        path: Path of the URL.
        body: The JSON that was sent; None if there was none.
        status: Status of the response; None if there was none.
        received: The whole body of the response; None if it did not arrive whole.
        is_refused: Whether there was no connection, so that it was certainly not sent.
        carried_out_seconds: When the server had carried it out; None until then.
        outcome: The server's status of a PATCH, such as ACCEPTED; None if it was not accepted.
        truth: What was applied then, by environment; None if the request had no effect on it.
    """

    at_seconds: float
    method: str
    path: str
    body: Any
    status: int | None = None
    received: bytes | None = None
    is_refused: bool = False
    carried_out_seconds: float | None = None
    outcome: str | None = None
    truth: Any = field(default=None, repr=False)

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
        sent = json.loads(body) if body else None
        exchange = Exchange(self._loop.time(), request.method, request.url.path, sent)
        self.exchanges.append(exchange)
        await asyncio.sleep(CONNECT_SECONDS)
        if self.is_cut:
            exchange.is_refused = True
            raise httpx.ConnectError("All connection attempts failed", request=request)
        self.on_request(exchange)
        return await _Conversation(self, exchange, request, body).answered()

    async def serve(self, scope: dict[str, Any], body: bytes, send: "asyncio.Queue[Message | None]") -> None:
        """Have the application respond on a task of its own; None on the queue is the end, or a broken connection."""
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

    def begin(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        """Have the server work on, whatever becomes of the client."""
        task = self._loop.create_task(work)
        self.tasks[task] = exchange
        task.add_done_callback(self.tasks.pop)

    def carried_out(self, outcome: str | None, truth: Any) -> Exchange:
        """Record the result of the request that the server is carrying out."""
        task = asyncio.current_task()
        assert task is not None
        exchange = self.tasks[task]
        exchange.carried_out_seconds, exchange.outcome, exchange.truth = self._loop.time(), outcome, truth
        self.on_request(exchange)
        return exchange

    def port(self) -> int:
        return next(self._ports)


class _Conversation(httpx.AsyncByteStream):
    """One request, and the head and body of its response, each within the client's timeouts."""

    def __init__(self, wire: Wire, exchange: Exchange, request: httpx.Request, body: bytes) -> None:
        self._exchange = exchange
        self._request = request
        self._read_seconds = request.extensions["timeout"]["read"]
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        wire.begin(exchange, wire.serve(_scope(request, wire.port()), body, self._messages))

    async def answered(self) -> httpx.Response:
        head = await self._next()
        if head is None:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=self._request)
        self._exchange.status = head["status"]
        return httpx.Response(head["status"], headers=head["headers"], stream=self, request=self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = b""
        while True:
            message = await self._next()
            if message is None:
                raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
            received += message.get("body", b"")
            yield message.get("body", b"")
            if not message.get("more_body"):
                break
        self._exchange.received = received

    async def _next(self) -> Message | None:
        try:
            return await asyncio.wait_for(self._messages.get(), self._read_seconds)
        except asyncio.TimeoutError:
            raise httpx.ReadTimeout("", request=self._request) from None


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
