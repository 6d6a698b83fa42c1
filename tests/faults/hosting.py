"""Pulumi's own dynamic host and the local engine's side of it, in one process.

The host's servicer is the real one. What is missing between the two is gRPC: here a call is a call.
"""

import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc

from baseten_pulumi.testing.engine.provider_process import Launch, Provider
from tests.faults.stage import Died, Stage

_MAIN = "\nmain()"


class HostedProvider(Provider):
    """What the local engine calls, answered in this process by a fresh host."""

    def __init__(self, stage: Stage, config: Mapping[str, str]) -> None:
        super().__init__(Launch(Path(), {}, "", config, lambda line: None))
        self._stage = stage

    def start(self) -> Any:
        if self._stub is None:
            self._stub = _Stub(_fresh_host())
            self._configure(self._stub)
        return self._stub

    def cancel(self) -> None:
        self._stage.cancel()


class _Stub:
    """Calls the servicer as gRPC would."""

    def __init__(self, servicer: Any) -> None:
        self._servicer = servicer

    def __getattr__(self, method: str) -> Any:
        return functools.partial(self._call, getattr(self._servicer, method))

    @staticmethod
    def _call(method: Any, request: Any) -> Any:
        context = Context()
        try:
            return method(request, context)
        except Died:
            raise FailedCallError(grpc.StatusCode.UNAVAILABLE, "the process was killed", ()) from None
        except _AbortedError as aborted:
            raise FailedCallError(aborted.code, aborted.text, context.trailers) from None
        except Exception as error:  # noqa: BLE001 - older hosts leave their errors to gRPC
            text = f"Exception calling application: {error}"
            raise FailedCallError(grpc.StatusCode.UNKNOWN, text, context.trailers) from None


class FailedCallError(grpc.RpcError):  # type: ignore[misc] # gRPC has no types
    def __init__(self, code: grpc.StatusCode, text: str, trailers: tuple[tuple[str, bytes], ...]) -> None:
        super().__init__(text)
        self._told = (code, text, trailers)

    def code(self) -> grpc.StatusCode:
        return self._told[0]

    def details(self) -> str:
        return self._told[1]

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return self._told[2]


class _AbortedError(Exception):
    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class _Abstract(grpc.ServicerContext):  # type: ignore[misc] # gRPC has no types
    def __init__(self) -> None:
        self.trailers: tuple[tuple[str, bytes], ...] = ()

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self.trailers = trailing_metadata

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise _AbortedError(code, details)


def _unused(*_: object) -> None:
    raise AssertionError("nothing else of the context is used")


# gRPC's interface has two dozen methods, of which two are used.
Context = type("Context", (_Abstract,), dict.fromkeys(_Abstract.__abstractmethods__, _unused))


def _fresh_host() -> Any:
    """Return the servicer of a host that has just started: no provider is loaded."""
    host = _host()
    host._PROVIDER_CACHE.clear()
    return host.DynamicResourceProviderServicer()


@functools.cache
def _host() -> SimpleNamespace:
    """Load Pulumi's host module but for its last line, which would serve for ever."""
    spec = importlib.util.find_spec("pulumi.dynamic.__main__")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text("utf-8").rstrip()
    assert source.endswith(_MAIN)
    names: dict[str, Any] = {"__name__": "hosted"}
    exec(compile(source.removesuffix(_MAIN), spec.origin, "exec"), names)  # noqa: S102 - Pulumi's own module
    names["configure"] = lambda settings: None  # it would configure the SDK of the tests' own process
    return SimpleNamespace(**names)
