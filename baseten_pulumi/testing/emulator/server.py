"""A running server: uvicorn on a thread of its own, on the loopback interface only."""

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from baseten_pulumi.testing.emulator.app import HangUp

LOOPBACK = "127.0.0.1"

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75


class PortInUseError(OSError):
    """Say that another program already serves on the port."""


class _Uvicorn(uvicorn.Server):
    """Tell when it serves, and stop at once with every connection closed."""

    _loop: asyncio.AbstractEventLoop

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()
        self._end = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.serving.set()
        ended = asyncio.ensure_future(self._end.wait())
        while not ended.done():
            await self.on_tick(0)
            await asyncio.wait({ended}, timeout=1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        # Uvicorn's own waits 0.1 s for clients to leave; these are gone, and tests stop hundreds of emulators.
        for server in self.servers:
            server.close()
        await asyncio.sleep(0)

    def hang_up(self, client: Any = None) -> None:
        """Close a client's connection at once; None closes every one."""
        for connection in list(self.server_state.connections):
            if client is None or getattr(connection, "client", None) == client:
                connection.transport.abort()

    def end(self) -> None:
        """Stop from another thread."""
        self._loop.call_soon_threadsafe(self._end_at_once)

    def _end_at_once(self) -> None:
        self.hang_up()
        self._end.set()


class Server:
    """Serve an application until stopped.

    Args:
        application: Makes the ASGI application, from what closes the connection of a client by its address.
        port: Where to listen; 0 for any free port.

    Raises:
        PortInUseError: Another program serves on the port.
    """

    def __init__(self, application: Callable[[HangUp], ASGIApp], port: int) -> None:
        self._socket = _listening(port)
        self.url = f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"
        self._uvicorn = _Uvicorn(_configuration(application(self._hang_up)))
        self._thread = threading.Thread(
            target=self._uvicorn.run, args=([self._socket],), name="baseten-emulator", daemon=True
        )

    def start(self) -> None:
        """Begin to serve; returns once it does."""
        self._thread.start()
        if not self._uvicorn.serving.wait(_START_SECONDS):
            self._socket.close()
            raise RuntimeError(f"the emulator did not start within {_START_SECONDS:g} s")

    def stop(self) -> None:
        """Stop serving, with requests in flight cut off; returns once the port is free."""
        self._uvicorn.end()
        self._thread.join(_STOP_SECONDS)
        self._socket.close()

    def _hang_up(self, client: Any) -> None:
        self._uvicorn.hang_up(client)


def _configuration(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="httptools" if find_spec("httptools") else "h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )


def _listening(port: int) -> socket.socket:
    # The protocol is stated since asyncio turns Nagle's delay (40 ms a response) off only for sockets that state it.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise PortInUseError(error.errno, f"port {port} on {LOOPBACK} is in use by another program") from None
        raise
    listener.settimeout(0)
    return listener
