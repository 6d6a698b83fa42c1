"""Call a provider as Pulumi's host does: with the request and its context on the stack."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from pulumi.dynamic import CheckResult, Config, ConfigureRequest, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.runtime.proto import provider_pb2, status_pb2

from baseten_pulumi.provider import EnvironmentSettingsProvider
from tests.unit.provider.processes import struct, urn

PICKLE = {"__provider": "pickle"}


class _Abstract(grpc.ServicerContext):  # type: ignore[misc] # gRPC has no types
    def __init__(self) -> None:
        self.trailers: tuple[tuple[str, bytes], ...] = ()

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self.trailers = trailing_metadata


def _unused(*_: object) -> None:
    raise AssertionError("nothing else of the context is used")


# gRPC's interface has two dozen methods, of which one is used.
_Context = type("_Context", (_Abstract,), dict.fromkeys(_Abstract.__abstractmethods__, _unused))


class Servicer:
    """A host with one provider.

    Args:
        config: The stack's configuration, without `baseten:`.
        kind: The class of the provider.
    """

    def __init__(self, config: Mapping[str, str], kind: type[Any] = EnvironmentSettingsProvider) -> None:
        self.provider = kind()
        stack = {f"baseten:{key}": value for key, value in config.items()}
        self.provider.configure(ConfigureRequest(Config(stack, "p")))
        self._context: Any = None

    def check(
        self, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None, name: str = "settings", parent: str = ""
    ) -> CheckResult:
        request = provider_pb2.CheckRequest(urn=urn(name, parent))
        result: CheckResult = self._answer(request, lambda: self.provider.check(dict(olds or {}), dict(news)))
        return result

    def reasons(self, news: Mapping[str, Any], name: str = "settings", parent: str = "") -> list[str]:
        """Return the failures of a check."""
        result = self.check(news, name=name, parent=parent)
        assert all(failure.property == "" for failure in result.failures)
        return [failure.reason for failure in result.failures]

    def diff(self, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        request = provider_pb2.DiffRequest(urn=urn())
        result: DiffResult = self._answer(request, lambda: self.provider.diff("id", olds, news))
        return result

    def create(self, props: dict[str, Any], timeout: float = 0.0) -> dict[str, Any]:
        request = provider_pb2.CreateRequest(urn=urn(), properties=struct({**props, **PICKLE}), timeout=timeout)
        result: CreateResult = self._answer(request, lambda: self.provider.create(props))
        assert result.id in (f"{props.get('model_id')}/{props.get('env_name')}", "in-force")
        return result.outs or {}

    def update(self, olds: dict[str, Any], news: dict[str, Any], timeout: float = 0.0) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(urn=urn(), news=struct({**news, **PICKLE}), timeout=timeout)
        result: UpdateResult = self._answer(request, lambda: self.provider.update("id", olds, news))
        return result.outs or {}

    def read(self, resource_id: str, props: dict[str, Any]) -> ReadResult:
        request = provider_pb2.ReadRequest(urn=urn(), id=resource_id)
        result: ReadResult = self._answer(request, lambda: self.provider.read(resource_id, props))
        return result

    def delete(self, resource_id: str, props: dict[str, Any]) -> None:
        self._answer(provider_pb2.DeleteRequest(urn=urn()), lambda: self.provider.delete(resource_id, props))

    @property
    def status(self) -> status_pb2.Status:
        """The status that the last call has put into its response."""
        ((key, value),) = self._context.trailers
        assert key == "grpc-status-details-bin"
        return status_pb2.Status.FromString(value)

    @property
    def kept(self) -> Any:
        """The resource that the engine keeps after the last call."""
        (packed,) = self.status.details
        detail = provider_pb2.ErrorResourceInitFailed()
        assert packed.Unpack(detail)
        return detail

    def _answer(self, request: Any, method: Callable[[], Any]) -> Any:
        self._context = _Context()
        return _serve(request, self._context, method)


def _serve(request: Any, context: Any, method: Callable[[], Any]) -> Any:
    """Call a method where request and context are arguments of a frame below, as in the host's servicer."""
    return method()
