"""Puts Pulumi's running dynamic host in shape for long waits, for this package's resources alone.

The stock host answers four calls at a time, drops Cancel and tells the engine nothing of which properties changed. Its
gRPC server is a local of the function that runs it, on the main thread. What is put into that server here answers slow
calls for our resources on threads of their own, hears Cancel (Ctrl-C), and adds to Diff what the provider noted with
`note_changes`. Other providers of the program keep their four at a time and everything else. Calls that came before the
first of our providers was loaded are answered as on the stock host.

One attribute is gRPC's own business; where it is gone, everything works as on the stock host, and one debug line says
so.
"""

import contextvars
import functools
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeAlias

import grpc
from pulumi.runtime.proto import provider_pb2

from baseten_pulumi.provider.diffing import Change
from baseten_pulumi.provider.loop import end_with_engine, shared_loop
from baseten_pulumi.provider.progress import debug

THREADS = 1024
"""How many slow calls are answered at a time; threads are made on demand, and a stranger's call that waits for its turn
takes one too."""

STRANGERS_THREADS = 4
"""As many calls as the stock host answers at a time."""

OUR_TYPES = frozenset(
    {"pulumi-python:dynamic/baseten:EnvironmentSettings", "pulumi-python:dynamic/baseten:SettingsInForce"}
)
_SLOW = frozenset({"Create", "Update", "Read", "Delete"})
_HOST = "pulumi.dynamic.__main__"

_Behaviour: TypeAlias = Callable[[Any, grpc.ServicerContext], Any]

_ours = ThreadPoolExecutor(THREADS, thread_name_prefix="baseten")
_strangers = ThreadPoolExecutor(STRANGERS_THREADS, thread_name_prefix="dynamic")
_attaching = threading.Lock()
_changes: contextvars.ContextVar[dict[str, Change] | None] = contextvars.ContextVar("_changes", default=None)


def attach() -> None:
    """Fit the host of this process, once; nothing happens outside Pulumi's dynamic host."""
    if getattr(sys.modules["__main__"].__spec__, "name", None) == _HOST:
        with _attaching:
            _attach()


def note_changes(changes: Mapping[str, Change]) -> None:
    """Tell the engine, in the answer to the Diff under way, what changes by property path."""
    noted = _changes.get()
    if noted is not None:
        noted.update(changes)


@functools.cache
def _attach() -> None:
    end_with_engine(lambda: _running_server() is not None)
    server: Any = _running_server()
    try:
        state = server._state  # noqa: SLF001 - the one attribute
        state.interceptor_pipeline = _Pipeline(state.interceptor_pipeline)
    except AttributeError:
        debug("Pulumi's dynamic host stays as it is: this release of grpcio is not known to baseten-pulumi.")


class _Pipeline:
    """What gRPC asks for the handler of each call; the interceptors there before stay in front."""

    def __init__(self, before: Any) -> None:
        self._before = before

    def execute(self, find: Callable[[Any], Any], call: Any) -> grpc.RpcMethodHandler | None:
        """Return the handler for a call, on the thread that serves all of them: must not wait."""
        handler = find(call) if self._before is None else self._before.execute(find, call)
        method = call.method.rpartition("/")[2]
        if method == "Cancel":
            shared_loop().cancel()  # at once: the threads that would answer may all be waiting
        if handler is None or handler.unary_unary is None:
            return handler
        if method in _SLOW:
            return _answered_by(_apart(handler.unary_unary), handler)
        return _answered_by(_detailed(handler.unary_unary), handler) if method == "Diff" else handler


def _answered_by(behaviour: _Behaviour, handler: grpc.RpcMethodHandler) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(behaviour, handler.request_deserializer, handler.response_serializer)


def _apart(answer: _Behaviour) -> _Behaviour:
    """Answer on our threads, and strangers' calls on as many as they are used to."""

    def behave(request: Any, context: grpc.ServicerContext) -> Any:
        if _is_ours(request):
            return answer(request, context)
        return _strangers.submit(contextvars.copy_context().run, answer, request, context).result()

    behave.experimental_thread_pool = _ours  # type: ignore[attr-defined] # gRPC asks functions for it
    return behave


def _detailed(answer: _Behaviour) -> _Behaviour:
    """Add what was noted to the answer."""

    def behave(request: Any, context: grpc.ServicerContext) -> Any:
        noted: dict[str, Change] = {}
        before = _changes.set(noted)
        try:
            response = answer(request, context)
        finally:
            _changes.reset(before)
        for path, change in noted.items():
            response.detailedDiff[path].kind = provider_pb2.PropertyDiff.Kind.Value(change)
        response.hasDetailedDiff = bool(noted)
        return response

    return behave


def _is_ours(request: Any) -> bool:
    """Tell by the last type in `urn:pulumi:stack::project::parents$type::name`."""
    parts = request.urn.split("::")
    return len(parts) > 2 and parts[2].rpartition("$")[2] in OUR_TYPES  # noqa: PLR2004 - the form above


def _running_server() -> grpc.Server | None:
    frame: FrameType | None = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - documented
    try:
        while frame is not None:
            server = next((value for value in frame.f_locals.values() if isinstance(value, grpc.Server)), None)
            if server is not None:
                return server
            frame = frame.f_back
        return None
    finally:
        del frame
