"""The engine that started this process: where it is, and whether it still is.

Its address is the host's last argument, after the flags of verbose logs and traces. Plugin processes outlive an engine
that was killed, so somebody has to look.
"""

import asyncio
import contextlib
import functools
import os
import sys

import grpc
from pulumi.runtime.proto import engine_pb2_grpc

LOOK_EVERY_SECONDS = 1.0
# An engine that is stopped or under load is slow to take a connection; one that is gone refuses every time.
GONE_AFTER_SECONDS = 5.0


@functools.cache
def address() -> tuple[str, int] | None:
    """Return the engine's host and port; None outside Pulumi's dynamic host."""
    host, _, port = (sys.argv[-1] if len(sys.argv) > 1 else "").rpartition(":")
    return (host, int(port)) if host and port.isdigit() else None


@functools.cache
def stub() -> engine_pb2_grpc.EngineStub | None:
    """Return what the engine is spoken to through; None outside Pulumi's dynamic host."""
    where = address()
    return None if where is None else engine_pb2_grpc.EngineStub(grpc.insecure_channel(f"{where[0]}:{where[1]}"))


async def until_gone(host: str, port: int) -> None:
    """Return once the engine is gone: its address refused every connection for five seconds, or our parent died.

    Pulumi's own CLI may have a shell between, which outlives it; then the address alone tells.
    """
    parent = os.getppid()
    refused_seconds = 0.0
    while refused_seconds < GONE_AFTER_SECONDS and os.getppid() == parent:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        refused_seconds = refused_seconds + LOOK_EVERY_SECONDS if await _refuses(host, port) else 0.0


async def _refuses(host: str, port: int) -> bool:
    """Tell whether nobody listens there; anything but a refusal is no proof."""
    try:
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), LOOK_EVERY_SECONDS)
            writer.close()
    except OSError as error:
        return isinstance(error, ConnectionRefusedError)
    return False
