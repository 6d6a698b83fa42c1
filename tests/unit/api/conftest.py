import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.api.talking import Talk

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Trickle:
    """Answers with a head and then a byte now and then, for a minute, and breaks off."""


class Wire:
    """A server on this machine that answers with the bytes given, the last for ever, and remembers every request.

    An empty answer closes the connection without a word.
    """

    def __init__(self, *answers: bytes | Trickle) -> None:
        self._answers = list(answers)
        self.received: list[Received] = []

    async def __aenter__(self) -> "Wire":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(it.method, it.path) for it in self.received]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = first.split(" ")
        self.received.append(Received(method, path, headers, body))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        try:
            await self._write(writer, answer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _write(self, writer: asyncio.StreamWriter, answer: bytes | Trickle) -> None:
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(3000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)


class Answers:
    """Builds what a `Wire` sends."""

    silence = b""
    trickle = Trickle()

    @staticmethod
    def json(status: int, body: Any, headers: Sequence[tuple[str, str]] = ()) -> bytes:
        return Answers.text(status, json.dumps(body), headers)

    @staticmethod
    def text(status: int, body: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
        return Answers.content(status, body.encode(), headers)

    @staticmethod
    def content(status: int, content: bytes, headers: Sequence[tuple[str, str]] = ()) -> bytes:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode() + content


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def wire() -> type[Wire]:
    return Wire


@pytest.fixture
def talk(wire: type[Wire], clock: "FakeClock") -> Talk:
    return Talk(wire, clock)
