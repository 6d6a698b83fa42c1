"""Fits Pulumi's dynamic host to this provider.

The stock host hands a provider neither the resource's URN nor its timeout, answers every exception with a traceback and
forgets a resource whose create or update ended in one. All of that is in the gRPC call being answered, which stands on
the stack below the provider: this module finds it there by type, asks it, and puts the error's own words and, where the
request was sent already, the resource to keep into the answer's status details. Where no such call is found, everything
works as on the stock host.
"""

import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, status_pb2

from baseten_pulumi.errors import BasetenError, Statements

# The host aborts with UNKNOWN, and the engine heeds details only where their code is the same.
_CODE = grpc.StatusCode.UNKNOWN
_DETAILS_KEY = "grpc-status-details-bin"
_PROVIDER_KEY = "__provider"
_REFRESH_FIRST = "Run `pulumi refresh` first: this release of Pulumi's SDK does not record what was sent."

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Call:
    """The request being answered.

    Attributes:
        urn: The resource's name within the stack; empty where it is not known.
        timeout_seconds: The resource's custom timeout for this operation; None where none is set.
        properties: The inputs it brought, with the host's own entry.
        context: Where the answer goes; None outside Pulumi's host.
    """

    urn: str = ""
    timeout_seconds: float | None = None
    properties: Struct | None = None
    context: grpc.ServicerContext | None = None


class PartialFailure(Exception):  # noqa: N818
    """An error after a request was sent: the resource stays in state and is updated again next time.

    Attributes:
        error: What went wrong.
        resource_id: The resource's id.
        outputs: What was sent, as outputs.
    """

    def __init__(self, error: BasetenError, resource_id: str, outputs: Mapping[str, Any]) -> None:
        super().__init__(str(error))
        self.error = error
        self.resource_id = resource_id
        self.outputs = outputs


def answer(operation: Callable[[Call], _Result]) -> _Result:
    """Run an operation for the call being answered, and put its errors into the answer in plain words."""
    call = current_call()
    try:
        return operation(call)
    except PartialFailure as failure:
        raise _kept(call, failure) from None
    except Exception as error:  # noqa: BLE001 - a defect too is told in plain words
        told = error if isinstance(error, BasetenError) else defect(error, "The operation was not carried out.", "")
        _put(call, status_pb2.Status(code=_CODE.value[0], message=str(told)))
        raise told.with_traceback(None) from None


def defect(error: Exception, goal: str, now: str) -> BasetenError:
    """Describe an exception that should not be by its place alone: its text might hold anything."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return BasetenError(
        Statements(
            goal=goal,
            seen=f"baseten-pulumi ended with {type(error).__name__} in {Path(place.filename).name}:{place.lineno}.",
            now=now,
            advice="Run `pulumi up` again; if it stays, report it with these lines.",
        )
    )


def current_call() -> Call:
    """Return the request being answered; an empty one outside Pulumi's host."""
    here = inspect.currentframe()
    frame = here.f_back if here else None
    try:
        while frame is not None:
            found = _call_in(frame)
            if found is not None:
                return found
            frame = frame.f_back
        return Call()
    finally:
        del here, frame  # a frame that holds itself keeps every value of the call until the next collection


def _call_in(frame: FrameType) -> Call | None:
    values = list(frame.f_locals.values())
    context = next((value for value in values if isinstance(value, grpc.ServicerContext)), None)
    request = next((value for value in values if isinstance(value, Message)), None)
    if context is None or request is None:
        return None
    return Call(
        urn=getattr(request, "urn", ""),
        timeout_seconds=getattr(request, "timeout", 0.0) or None,
        properties=getattr(request, "news", None) or getattr(request, "properties", None),
        context=context,
    )


def _kept(call: Call, failure: PartialFailure) -> BasetenError:
    """Ask the engine to keep the resource; where it cannot be asked, tell the user."""
    if call.context is None or call.properties is None:
        said = failure.error.statements
        return BasetenError(Statements(said.goal, said.seen, said.now, f"{_REFRESH_FIRST} {said.advice}"))
    outputs = Struct()
    outputs.update({**failure.outputs, _PROVIDER_KEY: call.properties[_PROVIDER_KEY]})
    status = status_pb2.Status(code=_CODE.value[0], message=str(failure.error))
    status.details.add().Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=failure.resource_id, properties=outputs, reasons=[str(failure.error)], inputs=call.properties
        )
    )
    _put(call, status)
    return failure.error


def _put(call: Call, status: status_pb2.Status) -> None:
    if call.context is not None:
        call.context.set_trailing_metadata(((_DETAILS_KEY, status.SerializeToString()),))
