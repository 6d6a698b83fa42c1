"""The body of an answer, read no further than any answer of the API goes."""

import zlib
from collections.abc import Callable
from typing import TypeAlias

import httpx

ACCEPTED_ENCODINGS = "gzip, deflate"
# Either of the two, as its first bytes tell.
_GZIP_OR_ZLIB = zlib.MAX_WBITS + 32

_Unpack: TypeAlias = Callable[[bytes, int], bytes]


async def read(streamed: httpx.Response, limit_bytes: int) -> bytes | None:
    """Return a body, unpacked; None where it is longer than the limit, packed or unpacked.

    Nothing is unpacked beyond the limit: a few packed bytes can be a great many.

    Raises:
        httpx.HTTPError: the body broke off, or cannot be unpacked.
    """
    unpack = _unpacking(streamed.headers.get("content-encoding", ""))
    content, received = bytearray(), 0
    async for piece in streamed.aiter_raw():
        received += len(piece)
        content += unpack(piece, limit_bytes + 1 - len(content))
        if max(received, len(content)) > limit_bytes:
            return None
    return bytes(content)


def _unpacking(encoding: str) -> _Unpack:
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return lambda piece, _: piece
    packed = zlib.decompressobj(_GZIP_OR_ZLIB)

    def unpack(piece: bytes, most_bytes: int) -> bytes:
        try:
            return packed.decompress(piece, most_bytes)
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from None

    return unpack
