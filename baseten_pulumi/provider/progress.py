"""One live line for each resource's row, and notes that outlive it.

A line that cannot be shown is dropped: it must never fail the operation it tells of.
"""

import contextlib

import grpc
from pulumi.runtime.proto import engine_pb2

from baseten_pulumi.provider import engine

_SECONDS_TO_ARRIVE = 2.0
# gRPC cancels a call whose future is collected, so each is held until it is done.
_under_way: set[grpc.Future] = set()


class Row:
    """The row of one resource in what `pulumi up` shows."""

    def __init__(self, urn: str) -> None:
        self._urn = urn
        self._latest: grpc.Future | None = None

    def report(self, text: str) -> None:
        """Show how things go; the next line replaces it. Returns at once."""
        stub = engine.stub()
        if stub is not None:
            line = stub.Log.future(_line(self._urn, text, engine_pb2.INFO, ephemeral=True), timeout=_SECONDS_TO_ARRIVE)
            _under_way.add(line)
            line.add_done_callback(_under_way.discard)
            self._latest = line

    def settle(self) -> None:
        """Wait until the latest line has arrived, so that it does not come after the operation's end."""
        if self._latest is not None:
            with contextlib.suppress(grpc.RpcError, grpc.FutureTimeoutError, grpc.FutureCancelledError):
                self._latest.result(_SECONDS_TO_ARRIVE)

    def note(self, text: str) -> None:
        """Tell something that stays in the summary."""
        _tell(self._urn, text, engine_pb2.INFO)

    def warn(self, text: str) -> None:
        """Warn of something, in the summary too."""
        _tell(self._urn, text, engine_pb2.WARNING)


def debug(text: str) -> None:
    """Tell something that `pulumi up --debug` shows."""
    _tell("", text, engine_pb2.DEBUG)


def _tell(urn: str, text: str, severity: "engine_pb2.LogSeverity.ValueType") -> None:
    stub = engine.stub()
    if stub is not None:
        with contextlib.suppress(grpc.RpcError):
            stub.Log(_line(urn, text, severity, ephemeral=False), timeout=_SECONDS_TO_ARRIVE)


def _line(
    urn: str, text: str, severity: "engine_pb2.LogSeverity.ValueType", *, ephemeral: bool
) -> engine_pb2.LogRequest:
    return engine_pb2.LogRequest(severity=severity, message=text, urn=urn, ephemeral=ephemeral)
