"""A small server on this machine that sends scripted bytes, and a client that calls it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, TypeAlias, TypeVar

import pytest

from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.config import Endpoint
from baseten_pulumi.errors import BasetenError, RequestError
from baseten_pulumi.schema.environment import Environment

KEY = "sk-secret-4711"
SETTINGS = {"autoscaling_settings.min_replica": 3}
# Far more than anything here takes: what never ends fails.
LONGEST_SECONDS = 60.0

_Result = TypeVar("_Result")
Call: TypeAlias = Callable[[BasetenClient], Awaitable[_Result]]


@dataclass(frozen=True)
class Reply:
    """The bytes to send, a piece that follows for ever after pauses, and whether the connection stays open then."""

    content: bytes = b""
    piece: bytes | None = None
    pause: float = 0.0
    keeps: bool = False


DROPPED = Reply()
SILENCE = Reply(piece=b"", pause=LONGEST_SECONDS)


def response(status: int, body: Any = b"", headers: Sequence[tuple[str, str]] = (), *, keeps: bool = False) -> Reply:
    """Return a whole response; a body that is neither bytes nor text is sent as JSON."""
    text = body if isinstance(body, (bytes, str)) else json.dumps(body)
    content = text.encode() if isinstance(text, str) else text
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(content)}", *(f"{key}: {it}" for key, it in headers)]
    return Reply("\r\n".join([*lines, "", ""]).encode("latin-1") + content, keeps=keeps)


@dataclass(frozen=True)
class Received:
    target: str
    headers: dict[str, str]
    connection: int


@dataclass
class Server:
    """Send the replies, the last one for ever; with `tls` over TLS. Remembers every request."""

    replies: list[Reply]
    tls: SSLContext | None = None
    host: str = "127.0.0.1"
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    sent_bytes: int = 0

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls, backlog=1000)
        port = self._server.sockets[0].getsockname()[1]
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"https://localhost:{port}" if self.tls else f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.until(lambda: not self.open_connections)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once a condition holds."""
        for _ in range(4000):
            if condition():
                return
            await asyncio.sleep(0.005)
        pytest.fail("it did not happen")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        number = self.connections
        try:
            while await self._answer(reader, writer, number):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        await reader.readexactly(int(headers.get("content-length", 0)))
        self.received.append(Received(first.split(" ")[1], headers, number))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        writer.write(reply.content)
        await writer.drain()
        if reply.piece is None:
            return reply.keeps
        closed = asyncio.ensure_future(reader.read())
        try:
            while not closed.done():
                await asyncio.wait({closed}, timeout=reply.pause)
                writer.write(reply.piece)
                self.sent_bytes += len(reply.piece)
                await writer.drain()
        finally:
            closed.cancel()
        return False


@dataclass(frozen=True)
class Exchange:
    """What a call returned or raised, and what the server received."""

    result: Any
    received: list[Received]


def exchange(call: Call[Any], *replies: Reply, key: str = KEY) -> Exchange:
    """Let a new client call a server with these replies; an error of this package is a result."""

    async def talk() -> Exchange:
        async with Server([*replies]) as server:
            client = BasetenClient(Endpoint(server.url, key))
            try:
                return Exchange(await asyncio.wait_for(call(client), LONGEST_SECONDS), server.received)
            except BasetenError as error:
                return Exchange(error, server.received)
            finally:
                await client.close()

    return asyncio.run(talk())


def failure(call: Call[Any], *replies: Reply) -> RequestError:
    """Return the error of a call."""
    error = exchange(call, *replies).result
    assert isinstance(error, RequestError), error
    return error


async def read(client: BasetenClient) -> Environment:
    return await client.read_environment("abc123", "production", timeout=10.0)


async def update(client: BasetenClient) -> str:
    return (await client.update_environment("abc123", "production", SETTINGS, timeout=10.0)).status


async def list_models(client: BasetenClient) -> object:
    return await client.list_models(timeout=10.0)
