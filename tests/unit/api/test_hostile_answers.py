"""Whatever a server sends, the client ends with an answer or an error of this package, soon and without reading on."""

import asyncio
import contextlib
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.api.connection import LARGEST_ANSWER_BYTES
from tests.cases import cases
from tests.unit.api.conftest import Answers, Wire
from tests.unit.api.talking import SECONDS_TO_END, Talk, read, update
from tests.unit.conftest import FakeClock

if TYPE_CHECKING:
    from baseten_pulumi.api.models import Environment

MEBIBYTE = 1024 * 1024
MOST_BYTES = 10 * MEBIBYTE
HEAD = b"HTTP/1.1 200 OK\r\n"

# --- anything -------------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    [
        "error",
        "message",
        "detail",
        "retry_after",
        "status",
        "environments",
        "environment",
        "name",
        "in_progress_promotion",
    ]
)
_BODIES = st.binary(max_size=60) | (_JSON | st.dictionaries(_KEYS, _JSON)).map(lambda it: json.dumps(it).encode())
_TOKENS = st.sampled_from(["gzip", "deflate", "br", "rot13", "chunked", "identity", "utf-16", "text/html; charset=hex"])
_VALUES = _TOKENS | st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12)
_NAMES = st.sampled_from(
    [
        "content-encoding",
        "content-type",
        "retry-after",
        "x-request-id",
        "transfer-encoding",
        "location",
        "x",
        "set-cookie",
    ]
)
_HEADERS = st.lists(st.tuples(_NAMES, _VALUES), max_size=3)
_LENGTHS = st.integers(0, 100) | st.sampled_from([-1, 10**9, 10**20])


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    """Draw the bytes of an answer: nearly one, or none at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(min_size=1, max_size=60))
    body, status = draw(_BODIES), draw(st.sampled_from([100, 200, 204, 304, 307, 400, 404, 429, 500, 503, 999]))
    length = draw(st.just(len(body)) | _LENGTHS)
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {length}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in draw(_HEADERS)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def _asked(ask: Callable[[BasetenClient], Awaitable[object]], answer: bytes) -> list[tuple[str, str]]:
    async with Wire(answer) as server:
        client = BasetenClient(Endpoint(server.url, "k-hostile-4711", is_loopback=True), FakeClock())
        with contextlib.suppress(errors.BasetenError):
            await ask(client)
        await client.close()
        return server.asked


@pytest.mark.parametrize("ask", [read, update])
@cases(150, share=50)
@given(answer=_answers())
def test_client_ends_with_our_errors_when_an_answer_is_anything(
    ask: Callable[[BasetenClient], Awaitable[object]], answer: bytes
) -> None:
    """No other exception comes out, and nobody is asked without end: a wait of five seconds has few attempts."""
    assert len(asyncio.run(_asked(ask, answer))) <= 12


@pytest.mark.parametrize("charset", ["rot13", "hex", "zlib", "undefined", "idna", "punycode", "utf-16", "nonsense"])
def test_words_are_read_as_utf8_when_their_character_set_cannot_be_read(
    charset: str, talk: Talk, answers: Answers
) -> None:
    """Python knows sets by name that it cannot decode text with; a refusal stays a refusal."""
    error = talk.fail(update, answers.text(400, "<p>Käse", [("Content-Type", f"text/html; charset={charset}")]))
    assert type(error) is errors.RejectedError
    assert "400" in str(error)
    assert "<p>Käse" in str(error)


# --- without end ----------------------------------------------------------------------------------------------------


class Flood:
    """A server that sends a beginning and then the same piece for ever; it counts what was taken."""

    def __init__(self, beginning: bytes, piece: bytes) -> None:
        self._beginning = beginning
        self._piece = piece
        self.sent_bytes = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._beginning)
        try:
            while True:
                writer.write(self._piece)
                await writer.drain()
                self.sent_bytes += len(self._piece)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def ask(self) -> "Environment":
        async with self.serving() as url:
            client = BasetenClient(Endpoint(url, "k-hostile-4711", is_loopback=True), FakeClock())
            try:
                asked = client.read_environment("abc123", "production", within_seconds=1.5)
                return await asyncio.wait_for(asked, SECONDS_TO_END)
            finally:
                await client.close()

    def fail(self) -> errors.RequestError:
        with pytest.raises(errors.RequestError) as caught:
            asyncio.run(self.ask())
        return caught.value


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


_PIECE = b" " * 65536
_ENDLESS_GZIP = gzip.compress(b"{}")
# A packed stream that never ends: blocks of zeros, each flushed.
_PACKER = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS + 16)
_PACKED_BEGINNING = _PACKER.compress(bytes(MEBIBYTE)) + _PACKER.flush(zlib.Z_FULL_FLUSH)
_PACKED_PIECE = _PACKER.compress(bytes(64 * MEBIBYTE)) + _PACKER.flush(zlib.Z_FULL_FLUSH)
_GZIPPED = b"Content-Encoding: gzip\r\n"


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (HEAD + b"\r\n", _PIECE),
        (HEAD + b"Content-Length: 2000000000\r\n\r\n", _PIECE),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", _chunk(_PIECE)),
        (b"HTTP/1.1 500 Oh\r\n\r\n", _PIECE),
        (HEAD + _GZIPPED + b"\r\n" + _PACKED_BEGINNING, _PACKED_PIECE),
        (HEAD + _GZIPPED + b"Transfer-Encoding: chunked\r\n\r\n" + _chunk(_PACKED_BEGINNING), _chunk(_PACKED_PIECE)),
        (HEAD + _GZIPPED + b"\r\n" + _ENDLESS_GZIP, _PIECE),
    ],
    ids=["no length", "a false length", "chunks", "an error", "packed", "packed chunks", "after the packed end"],
)
def test_reading_ends_when_a_body_does_not(beginning: bytes, piece: bytes) -> None:
    """Four mebibytes are read, packed or unpacked; what is in flight besides is the network's."""
    flood = Flood(beginning, piece)
    tracemalloc.start()
    try:
        error = flood.fail()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(error) is errors.UnexpectedAnswerError
    assert f"more than {LARGEST_ANSWER_BYTES} bytes" in str(error)
    assert peak_bytes < 2 * MOST_BYTES
    assert flood.sent_bytes < MOST_BYTES + len(piece)


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (HEAD, b"X-Header: more\r\n"),
        (HEAD + b"X-Header: ", b"more" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100),
        (b"", b"\0" * 1000),
    ],
    ids=["headers", "one header", "continue", "hints", "nothing that is HTTP"],
)
def test_reading_ends_when_an_answer_never_begins(beginning: bytes, piece: bytes) -> None:
    """Headers and interim answers without end are given up, at the latest when the time is over."""
    assert isinstance(Flood(beginning, piece).fail(), errors.TransientError)


def test_rest_is_not_read_when_a_body_is_longer_than_its_length(talk: Talk, answers: Answers) -> None:
    """Only what the length tells belongs to the answer."""
    packed: Any = answers.content(200, b'{"status": "QUEUED"}') + b"x" * 100_000
    assert talk.ask(update, packed) == "QUEUED"


def test_connection_is_said_to_be_lost_when_a_body_is_shorter_than_its_length(talk: Talk) -> None:
    """What was cut off is no answer; the settings may have been taken."""
    error = talk.fail(update, HEAD + b"Content-Length: 50\r\nConnection: close\r\n\r\n{}")
    assert type(error) is errors.ConnectionBrokenError
    assert error.may_have_taken_effect


def test_answer_is_refused_when_what_is_packed_is_broken(talk: Talk, answers: Answers) -> None:
    """Bytes that are no gzip are an error with words, and the settings may have been taken."""
    error = talk.fail(update, answers.content(200, b"no gzip", [("Content-Encoding", "gzip")]))
    assert error.may_have_taken_effect
    assert "incorrect header check" in str(error)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_answer_is_unexpected_when_it_is_packed_in_a_way_nobody_asked_for(
    encoding: str, talk: Talk, answers: Answers
) -> None:
    """Only gzip and deflate are asked for, and unpacked."""
    packed = answers.content(200, gzip.compress(gzip.compress(b"{}")), [("Content-Encoding", encoding)])
    assert type(talk.fail(read, packed)) is errors.UnexpectedAnswerError


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress])
def test_answer_is_unpacked_when_it_is_packed_as_asked_for(
    pack: Callable[[bytes], bytes], talk: Talk, answers: Answers
) -> None:
    """Baseten's gateway may pack what it answers."""
    encoding = "gzip" if pack is gzip.compress else "deflate"
    packed = answers.content(200, pack(b'{"status": "QUEUED"}'), [("Content-Encoding", encoding)])
    assert talk.ask(update, packed) == "QUEUED"
