import re
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2

from baseten_pulumi.errors import BasetenError, Statements
from baseten_pulumi.provider.host import Call, PartialFailure, answer, current_call
from tests.unit.provider.serving import Context, serve

URN = "urn:pulumi:dev::p::t::n"
ERROR = BasetenError(Statements("Goal.", "Seen.", "Now.", "Advice."))


def _struct(values: dict[str, Any]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


def _create(timeout: float = 0.0) -> provider_pb2.CreateRequest:
    properties = _struct({"model_id": "abc123", "__provider": "pickle"})
    return provider_pb2.CreateRequest(urn=URN, properties=properties, timeout=timeout)


def _raise(error: Exception) -> Any:
    raise error


def test_call_is_found_when_a_servicer_stands_below() -> None:
    """URN, timeout and inputs of the request being answered, whatever its parameters are called."""
    context, request = Context(), _create(timeout=90.0)

    def deeper() -> Call:
        return current_call()

    call = serve(request, context, deeper)
    assert call == Call(URN, 90.0, request.properties, context)


def test_inputs_are_the_new_ones_when_an_update_is_answered() -> None:
    """An update brings olds and news; news are the inputs."""
    news = _struct({"model_id": "new", "__provider": "p"})
    request = provider_pb2.UpdateRequest(urn=URN, olds=_struct({"model_id": "old"}), news=news, timeout=5.0)
    call = serve(request, Context(), current_call)
    assert (call.properties, call.timeout_seconds) == (news, 5.0)


@pytest.mark.parametrize(
    "request_",
    [
        _create(),
        provider_pb2.DiffRequest(urn=URN, id="x"),
        provider_pb2.ReadRequest(urn=URN, id="x"),
        provider_pb2.DeleteRequest(urn=URN, id="x"),
    ],
)
def test_timeout_is_none_when_the_request_sets_none(request_: Any) -> None:
    """A zero means that the program set none, and some requests know no timeout."""
    call = serve(request_, Context(), current_call)
    assert (call.urn, call.timeout_seconds) == (URN, None)


@pytest.mark.parametrize(("request_", "context"), [(None, Context()), (_create(), None), (None, None)])
def test_call_is_empty_when_no_servicer_stands_below(request_: Any, context: Any) -> None:
    """Outside Pulumi's host everything works, plainer."""
    assert serve(request_, context, current_call) == Call()


def test_result_is_the_operations_when_nothing_goes_wrong() -> None:
    """The operation is given the call, and nothing is put into the answer."""
    context = Context()
    assert serve(_create(), context, lambda: answer(lambda call: call.urn)) == URN
    assert context.trailers == ()


def test_words_are_in_the_details_when_an_error_is_answered() -> None:
    """The error's own text, with the code the host aborts with, else the engine passes the details over."""
    context = Context()
    with pytest.raises(BasetenError) as caught:
        serve(_create(), context, lambda: answer(lambda _: _raise(ERROR)))
    assert caught.value is ERROR
    assert (context.status.code, context.status.message) == (2, "Goal.\nSeen. Now.\nAdvice.")
    assert len(context.status.details) == 0


def test_resource_is_in_the_details_when_something_was_sent() -> None:
    """Id, outputs with the host's own entry, inputs as they came, and the text as the reason."""
    context, request = Context(), _create()
    outputs = {"model_id": "abc123", "in_force": False, "autoscaling_settings": {"min_replica": 3}}
    with pytest.raises(BasetenError) as caught:
        serve(request, context, lambda: answer(lambda _: _raise(PartialFailure(ERROR, "abc123/prod", outputs))))
    assert caught.value is ERROR
    detail = provider_pb2.ErrorResourceInitFailed()
    assert context.status.details[0].Unpack(detail)
    assert (context.status.code, context.status.message) == (2, str(ERROR))
    assert (detail.id, list(detail.reasons)) == ("abc123/prod", [str(ERROR)])
    assert detail.properties == _struct({**outputs, "__provider": "pickle"})
    assert detail.inputs == request.properties
    assert "__provider" not in outputs


def test_refresh_is_advised_when_the_resource_cannot_be_kept() -> None:
    """Where nobody can be told to keep the resource, the user is told what to do first."""
    with pytest.raises(BasetenError) as caught:
        answer(lambda _: _raise(PartialFailure(ERROR, "abc123/prod", {})))
    assert str(caught.value) == (
        "Goal.\nSeen. Now.\n"
        "Run `pulumi refresh` first: this release of Pulumi's SDK does not record what was sent. Advice."
    )


def test_error_is_the_users_when_there_is_no_host() -> None:
    """Outside the host it is raised as it is."""
    with pytest.raises(BasetenError) as caught:
        answer(lambda _: _raise(ERROR))
    assert caught.value is ERROR


def test_bug_is_told_by_its_place_alone_when_it_is_no_error_of_ours() -> None:
    """Its text might hold anything, a key too."""
    context = Context()
    with pytest.raises(BasetenError) as caught:
        serve(_create(), context, lambda: answer(lambda _: int("k-4711")))
    assert re.sub(r":\d+", ":LINE", str(caught.value)) == (
        "The operation was not carried out.\n"
        "baseten-pulumi ended with ValueError in test_host.py:LINE.\n"
        "Run `pulumi up` again; if it stays, report it with these lines."
    )
    ((_, packed),) = context.trailers
    assert b"k-4711" not in packed
