"""Every reliance on what Pulumi and gRPC do not promise, each with a fallback.

Pulumi's dynamic host answers four calls at a time, does not pass a resource's URN or timeout to the provider, forgets a
resource whose create or update raised, and ignores Cancel. This module

- finds the gRPC request that is being answered on the stack, for URN and timeout (`current_call`). Without it rows are
  not shown and the default timeout holds;
- puts an error's text, and the resource to keep, into the status of the response (`answer`). Without it errors come
  with a traceback, and a resource that failed after its settings were sent is created again;
- wraps the running server's interceptor pipeline (`adapt_host`), so that our calls run on threads of their own, Cancel
  ends our waits, and Diff names what changes. Without it waits queue up four at a time and previews show less;
- talks to the engine at the address that is the process's last argument (`Row`), and ends the process when the engine
  is gone. Without it rows are not shown and an orphaned process waits until its timeout.

Calls for other providers in the same program are answered by the same code on the same number of threads as before.
"""

import contextlib
import contextvars
import functools
import inspect
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message as ProtobufMessage
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, status_pb2

from baseten_pulumi.api.background import background_loop
from baseten_pulumi.errors import BasetenError, Message

OUR_TYPES = frozenset(
    f"pulumi-python:dynamic/baseten:{name}"
    for name in ("AutoscalingSchedule", "Environment", "EnvironmentSettings", "SettingsInForce")
)
DEFAULT_TIMEOUT_SECONDS = 30 * 60.0
OUR_THREADS = 1024
"""Calls for our resources that are answered at a time; threads are started when they are needed."""
OTHER_THREADS = 4
"""Calls for other providers that are answered at a time, as in Pulumi's host."""

_PACKAGE = Path(__file__).parent.parent
_HOST = "pulumi.dynamic.__main__"
_SLOW_METHODS = frozenset({"Create", "Update", "Read", "Delete"})
# The host aborts with UNKNOWN, and the engine reads details only if their code is the same.
_CODE = grpc.StatusCode.UNKNOWN
_DETAILS_KEY = "grpc-status-details-bin"
_PROVIDER_KEY = "__provider"
_LOG_SECONDS = 2.0
_RECONNECT_SECONDS = 5.0
_INTERRUPT_AGAIN_SECONDS = 1.0

_Result = TypeVar("_Result")
_Handler = Callable[[Any, grpc.ServicerContext], Any]

_our_threads = ThreadPoolExecutor(OUR_THREADS, thread_name_prefix="baseten")
_other_threads = ThreadPoolExecutor(OTHER_THREADS, thread_name_prefix="dynamic")
_adapting = threading.Lock()
_changes: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar("_changes", default=None)
# gRPC cancels a call whose future is garbage collected.
_lines_under_way: set[grpc.Future] = set()


@dataclass(frozen=True, slots=True)
class Call:
    """The gRPC request that is being answered; everything is empty outside Pulumi's host.

    Attributes:
        urn: URN of the resource.
        timeout: Seconds the operation may take: `custom_timeouts`, or 30 minutes.
        properties: The inputs in the request.
        context: The context of the response.
    """

    urn: str = ""
    timeout: float = DEFAULT_TIMEOUT_SECONDS
    properties: Struct | None = None
    context: grpc.ServicerContext | None = None


class PartialFailure(Exception):  # noqa: N818 - Pulumi's own name
    """An error after a request was sent: the engine keeps the resource and updates it next time.

    Attributes:
        error: What failed.
        resource_id: Id of the resource.
        outputs: Outputs to record.
    """

    def __init__(self, error: BasetenError, resource_id: str, outputs: Mapping[str, Any]) -> None:
        super().__init__(str(error))
        self.error, self.resource_id, self.outputs = error, resource_id, outputs


def answer(operation: Callable[[Call], _Result]) -> _Result:
    """Run an operation for the request that is being answered; its errors become the text of the response."""
    call = current_call()
    try:
        return operation(call)
    except PartialFailure as failure:
        raise _with_resource(call, failure) from None
    except Exception as error:  # noqa: BLE001 - an internal error is shown without its traceback too
        shown = error if isinstance(error, BasetenError) else internal_error(error)
        _set_status(call, status_pb2.Status(code=_CODE.value[0], message=str(shown)))
        raise shown.with_traceback(None) from None


def internal_error(error: Exception, state: str = "") -> BasetenError:
    """Describe an unexpected exception by its type and the last place in this package; its text could hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    place = [*frames[-1:], *(frame for frame in frames if _PACKAGE in Path(frame.filename).parents)][-1]
    where = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
    return BasetenError(Message(f"Internal error in baseten-pulumi: {where}.", "", state, "Please report it."))


def current_call() -> Call:
    """Find the request that is being answered on the stack."""
    frame = inspect.currentframe()
    try:
        while frame is not None:
            values = list(frame.f_locals.values())
            context = next((value for value in values if isinstance(value, grpc.ServicerContext)), None)
            request: Any = next((value for value in values if isinstance(value, ProtobufMessage)), None)
            if context is not None and request is not None:
                properties = getattr(request, "news", None) or getattr(request, "properties", None)
                timeout = getattr(request, "timeout", 0.0) or DEFAULT_TIMEOUT_SECONDS
                return Call(getattr(request, "urn", ""), timeout, properties, context)
            frame = frame.f_back
        return Call()
    finally:
        del frame  # a frame that refers to itself keeps every value of the call until the next collection


def _with_resource(call: Call, failure: PartialFailure) -> BasetenError:
    """Have the engine keep the resource; if it cannot be reached, tell the user what to do."""
    if call.context is None or call.properties is None:
        message = failure.error.message
        first = "Run `pulumi refresh` first: this version of the Pulumi SDK does not record what was sent."
        return failure.error.with_message(action=f"{first} {message.action}")
    inputs, outputs = Struct(), Struct()
    inputs.CopyFrom(call.properties)
    inputs.fields.pop("in_force", None)  # then the next preview says that there is still something to wait for
    outputs.update({**failure.outputs, _PROVIDER_KEY: call.properties[_PROVIDER_KEY]})
    status = status_pb2.Status(code=_CODE.value[0], message=str(failure.error))
    status.details.add().Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=failure.resource_id, properties=outputs, reasons=[str(failure.error)], inputs=inputs
        )
    )
    _set_status(call, status)
    return failure.error


def _set_status(call: Call, status: status_pb2.Status) -> None:
    if call.context is not None:
        call.context.set_trailing_metadata(((_DETAILS_KEY, status.SerializeToString()),))


class Row:
    """The row of one resource in the output of `pulumi up`. Whatever cannot be shown is dropped.

    Args:
        urn: URN of the resource.
    """

    def __init__(self, urn: str) -> None:
        self._urn = urn
        self._last: grpc.Future | None = None

    def report(self, text: str) -> None:
        """Show a line until the next one replaces it. Returns at once."""
        engine = _engine()
        if engine is not None:
            request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=text, urn=self._urn, ephemeral=True)
            self._last = engine.Log.future(request, timeout=_LOG_SECONDS)
            _lines_under_way.add(self._last)
            self._last.add_done_callback(_lines_under_way.discard)

    def end(self, text: str) -> None:
        """Show how the operation ended, if a line was shown: the last word of a success is a success."""
        if self._last is not None:
            self.report(text)

    def flush(self) -> None:
        """Wait until the last line has arrived, so that it does not come after the end of the operation."""
        if self._last is not None:
            with contextlib.suppress(grpc.RpcError, grpc.FutureTimeoutError, grpc.FutureCancelledError):
                self._last.result(_LOG_SECONDS)

    def note(self, text: str) -> None:
        """Show a line that stays."""
        _log(self._urn, text, engine_pb2.INFO)

    def warn(self, text: str) -> None:
        """Show a warning that stays."""
        _log(self._urn, text, engine_pb2.WARNING)


def _log(urn: str, text: str, severity: "engine_pb2.LogSeverity.ValueType") -> None:
    engine = _engine()
    if engine is not None:
        with contextlib.suppress(grpc.RpcError):
            engine.Log(engine_pb2.LogRequest(severity=severity, message=text, urn=urn), timeout=_LOG_SECONDS)


def _engine() -> engine_pb2_grpc.EngineStub | None:
    channel = _engine_channel()
    return None if channel is None else engine_pb2_grpc.EngineStub(channel)


def _engine_channel() -> grpc.Channel | None:
    """Return a channel to the engine, whose address is the last argument of the process; None outside Pulumi's host."""
    host, _, port = (sys.argv[-1] if len(sys.argv) > 1 else "").rpartition(":")
    return _channel(f"{host}:{port}") if host and port.isdigit() else None


@functools.cache
def _channel(address: str) -> grpc.Channel:
    return grpc.insecure_channel(address)


def note_changes(changes: Mapping[str, str]) -> None:
    """Add what changes, by property path, to the response of the Diff that is being answered."""
    noted = _changes.get()
    if noted is not None:
        noted.update(changes)


def adapt_host() -> None:
    """Adapt the host of this process, once; does nothing outside Pulumi's dynamic host."""
    if getattr(sys.modules["__main__"].__spec__, "name", None) == _HOST:
        with _adapting:
            _adapt_host()


@functools.cache
def _adapt_host() -> None:
    server: Any = _running_server()
    try:
        state = server._state  # noqa: SLF001 - the one private attribute
        state.interceptor_pipeline = _Pipeline(state.interceptor_pipeline)
    except AttributeError:
        _log(
            "",
            "baseten-pulumi does not support this version of grpcio: only four waits run at a time.",
            engine_pb2.DEBUG,
        )
    _end_with_engine()


def _running_server() -> grpc.Server | None:
    """Find the server of the host, a local variable of the function that runs on the main thread."""
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


class _Pipeline:
    """What gRPC asks for the handler of each call. Interceptors that were there before stay in front."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def execute(self, find: Callable[[Any], Any], call: Any, *more: Any) -> grpc.RpcMethodHandler | None:
        """Return the handler for a call. Runs on the thread that serves all calls, so it must not wait."""
        handler = find(call) if self._inner is None else self._inner.execute(find, call, *more)
        try:
            return _adapted(handler, call)
        except Exception:  # noqa: BLE001 - whatever changed in gRPC must not break other providers
            return handler


def _adapted(handler: Any, call: Any) -> Any:
    method = call.method.rpartition("/")[2]
    if method == "Cancel":
        background_loop().cancel()  # at once: the threads that would answer may all be waiting
    if handler is None or handler.unary_unary is None or method not in (*_SLOW_METHODS, "Diff"):
        return handler
    answering = _with_changes(handler.unary_unary) if method == "Diff" else _on_own_threads(handler.unary_unary)
    return grpc.unary_unary_rpc_method_handler(answering, handler.request_deserializer, handler.response_serializer)


def _on_own_threads(handle: _Handler) -> _Handler:
    """Answer our calls on threads of our own, and those for other providers on as many as they are used to."""

    def handler(request: Any, context: grpc.ServicerContext) -> Any:
        # The type is the last part of the third: urn:pulumi:stack::project::parent$type::name.
        parts = request.urn.split("::")
        if len(parts) > 2 and parts[2].rpartition("$")[2] in OUR_TYPES:  # noqa: PLR2004 - the form above
            return handle(request, context)
        return _other_threads.submit(contextvars.copy_context().run, handle, request, context).result()

    handler.experimental_thread_pool = _our_threads  # type: ignore[attr-defined] # gRPC looks for it on functions
    return handler


def _with_changes(handle: _Handler) -> _Handler:
    """Add what `note_changes` was called with to the response."""

    def handler(request: Any, context: grpc.ServicerContext) -> Any:
        noted: dict[str, str] = {}
        token = _changes.set(noted)
        try:
            response = handle(request, context)
        finally:
            _changes.reset(token)
        for path, kind in noted.items():
            response.detailedDiff[path].kind = provider_pb2.PropertyDiff.Kind.Value(kind)
            response.hasDetailedDiff = True
        return response

    return handler


def _end_with_engine() -> None:
    """End this process when the engine is gone: it would go on waiting, as the plugin's shell script does."""
    channel = _engine_channel()
    was_ready = False

    def on_change(state: grpc.ChannelConnectivity) -> None:
        nonlocal was_ready
        if state is grpc.ChannelConnectivity.READY:
            was_ready = True
        elif was_ready and state is not grpc.ChannelConnectivity.CONNECTING:
            was_ready = False
            threading.Thread(target=_end_unless_reconnected, args=(channel,), name="engine", daemon=True).start()

    if channel is not None:
        channel.subscribe(on_change, try_to_connect=True)


def _end_unless_reconnected(channel: grpc.Channel) -> None:
    """Interrupt the process, as Ctrl-C would, unless the engine accepts a connection.

    Python lets the calls of other providers end first. A process in the background ignores SIGINT; SIGTERM ends it. A
    signal that another thread takes may leave the main thread asleep, hence again while it serves.
    """
    with contextlib.suppress(grpc.FutureTimeoutError):
        grpc.channel_ready_future(channel).result(_RECONNECT_SECONDS)
        return
    background_loop().cancel()
    main_thread = threading.main_thread().ident
    assert main_thread is not None, "the main thread has started"  # noqa: S101 - for the type checker
    is_handled = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    while _running_server() is not None:
        signal.pthread_kill(main_thread, signal.SIGINT if is_handled else signal.SIGTERM)
        time.sleep(_INTERRUPT_AGAIN_SECONDS)
