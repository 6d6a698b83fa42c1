"""How an answer travels: at once, or slowly, or not to its end."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from baseten_pulumi.testing.emulator.faults import Transfer

_PIECES = 8


class Travelling(Response):
    """Send an answer as a fault has it.

    Args:
        answer: What to send.
        transfer: What becomes of it on the way.
        hang_up: Closes the connection of the client with this address.
    """

    def __init__(self, answer: Response, transfer: Transfer, hang_up: Callable[[Any], None]) -> None:
        self._answer = answer
        self._transfer = transfer
        self._hang_up = hang_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, and then as much of the body as the fault lets through."""
        answer = self._answer
        await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
        content = bytes(answer.body)
        if self._transfer.is_cut_off:
            await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
            self._hang_up(scope.get("client"))
            await receive()
            return
        size = -(-len(content) // _PIECES) or 1
        for begin in range(0, len(content), size):
            await asyncio.sleep(self._transfer.seconds / _PIECES)
            await send({"type": "http.response.body", "body": content[begin : begin + size], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
