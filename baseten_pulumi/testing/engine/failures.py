"""What a provider's failed call means, read as gRPC for Go reads it."""

import contextlib
from typing import Any

from google.protobuf.message import DecodeError
from pulumi.runtime.proto import provider_pb2, status_pb2

from baseten_pulumi.testing.engine import values


class ProviderError(Exception):
    """The provider refused or failed; its own words."""


class InitFailedError(ProviderError):
    """The resource exists but did not come to be as wanted; it is kept in state with the reasons."""

    def __init__(self, detail: Any) -> None:
        super().__init__("\n".join(detail.reasons) or "resource init failed")
        self.id: str = detail.id
        self.outputs = values.from_struct(detail.properties)
        self.inputs = values.from_struct(detail.inputs) if detail.HasField("inputs") else None
        self.reasons = tuple(detail.reasons)


def meaning_of(error: Any) -> ProviderError:
    """Read a failed call as gRPC for Go does: the details' message wins, and a partial failure is one of its own."""
    status = _details(error)
    if status is None:
        return ProviderError(error.details() or f"The call ended with {error.code().name}.")
    if status.code != error.code().value[0]:
        return ProviderError(f"The details of the failure have code {status.code}, the call {error.code().value[0]}.")
    for packed in status.details:
        detail = provider_pb2.ErrorResourceInitFailed()
        if packed.Unpack(detail):
            return InitFailedError(detail)
    return ProviderError(status.message)


def _details(error: Any) -> Any:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            with contextlib.suppress(DecodeError):
                return status_pb2.Status.FromString(value)
    return None
