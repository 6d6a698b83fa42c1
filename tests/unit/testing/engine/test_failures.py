"""What a provider's failed call means."""

from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import any_pb2
from pulumi.runtime.proto import provider_pb2, status_pb2

from baseten_pulumi.testing.engine import values
from baseten_pulumi.testing.engine.failures import InitFailedError, meaning_of


@dataclass
class Failure:
    """A failed call, as gRPC hands it out."""

    text: str = "plain words"
    metadata: Any = ()

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return self.text

    def trailing_metadata(self) -> Any:
        return self.metadata


def with_status(status: bytes) -> Failure:
    return Failure(metadata=(("other", b""), ("grpc-status-details-bin", status)))


def partial(**fields: Any) -> Failure:
    detail = any_pb2.Any()
    detail.Pack(provider_pb2.ErrorResourceInitFailed(**fields))
    other = any_pb2.Any(type_url="type.googleapis.com/pulumirpc.ErrorCause", value=b"")
    status = status_pb2.Status(code=2, message="half-way", details=[other, detail])
    return with_status(status.SerializeToString())


def test_the_words_are_the_providers_when_a_call_fails() -> None:
    """Several lines stay several lines; an empty message gives way to the code's name."""
    assert str(meaning_of(Failure("two\nlines"))) == "two\nlines"
    assert str(meaning_of(Failure(""))) == "The call ended with UNKNOWN."
    assert str(meaning_of(Failure(metadata=None))) == "plain words"


def test_the_message_of_the_details_wins_when_there_are_some() -> None:
    """As gRPC for Go reads it; details that cannot be read are passed over."""
    status = status_pb2.Status(code=2, message="in detail").SerializeToString()
    assert str(meaning_of(with_status(status))) == "in detail"
    assert str(meaning_of(with_status(b"\xff\xff"))) == "plain words"


def test_a_mismatch_is_named_when_codes_differ() -> None:
    """Details of another code are not the call's own, as gRPC for Go reads them."""
    status = status_pb2.Status(code=13, message="in detail").SerializeToString()
    assert str(meaning_of(with_status(status))) == "The details of the failure have code 13, the call 2."


def test_what_exists_is_handed_over_when_a_resource_stopped_half_way() -> None:
    """Id, properties, inputs and all the reasons."""
    properties = values.to_struct({"size": 1})
    error = meaning_of(partial(id="x", properties=properties, inputs=properties, reasons=["one", "two\nlines"]))
    assert isinstance(error, InitFailedError)
    assert (error.id, error.outputs, error.inputs) == ("x", {"size": 1}, {"size": 1})
    assert error.reasons == ("one", "two\nlines")
    assert str(error) == "one\ntwo\nlines"
    bare = meaning_of(partial(id="x"))
    assert isinstance(bare, InitFailedError)
    assert bare.inputs is None
    assert str(bare) == "resource init failed"
