"""A servicer of Pulumi's, as far as the provider looks for it on the stack."""

from typing import Any

import grpc
from pulumi.runtime.proto import status_pb2


class _Abstract(grpc.ServicerContext):  # type: ignore[misc] # gRPC has no types
    def __init__(self) -> None:
        self.trailers: tuple[tuple[str, bytes], ...] = ()

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self.trailers = trailing_metadata

    @property
    def status(self) -> status_pb2.Status:
        ((key, value),) = self.trailers
        assert key == "grpc-status-details-bin"
        return status_pb2.Status.FromString(value)


def _unused(*_: object) -> None:
    raise AssertionError("nothing else of the context is used")


# gRPC's interface has two dozen methods, of which one is used.
Context = type("Context", (_Abstract,), dict.fromkeys(_Abstract.__abstractmethods__, _unused))


def serve(request: Any, context: Any, work: Any) -> Any:
    """Stand where Pulumi's servicer stands: request and context are arguments of a frame below."""
    return work()
