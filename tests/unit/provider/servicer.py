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
        name: The name of the resource that is created, updated and so on.
    """

    def __init__(
        self, config: Mapping[str, str], kind: type[Any] = EnvironmentSettingsProvider, name: str = "settings"
    ) -> None:
        self.provider = kind()
        self._name = name
        stack = {f"baseten:{key}": value for key, value in config.items()}
        self.provider.configure(ConfigureRequest(Config(stack, "p")))
        self._context: Any = None

    def urn(self, name: str = "", parent: str = "") -> str:
        """Return the URN of a resource; without a name, of the one that is created, updated and so on."""
        kind = type(self.provider).__name__.removesuffix("Provider")
        return urn(name or self._name, parent).replace("EnvironmentSettings", kind)

    def check(
        self, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None, name: str = "", parent: str = ""
    ) -> CheckResult:
        request = provider_pb2.CheckRequest(urn=self.urn(name, parent))
        result: CheckResult = self._answer(request, lambda: self.provider.check(dict(olds or {}), dict(news)))
        return result

    def reasons(self, news: Mapping[str, Any], name: str = "", parent: str = "") -> list[str]:
        """Return the failures of a check."""
        result = self.check(news, name=name, parent=parent)
        assert all(failure.property == "" for failure in result.failures)
        return [failure.reason for failure in result.failures]

    def diff(self, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        request = provider_pb2.DiffRequest(urn=self.urn())
        result: DiffResult = self._answer(request, lambda: self.provider.diff("id", olds, news))
        return result

    def create(self, props: dict[str, Any], timeout: float = 0.0) -> dict[str, Any]:
        request = provider_pb2.CreateRequest(urn=self.urn(), properties=struct({**props, **PICKLE}), timeout=timeout)
        result: CreateResult = self._answer(request, lambda: self.provider.create(props))
        outputs = result.outs or {}
        environment = f"{props.get('model_id')}/{props.get('env_name')}"
        assert result.id in (environment, f"{environment}/{outputs.get('schedule_id')}", "in-force")
        return outputs

    def update(self, olds: dict[str, Any], news: dict[str, Any], timeout: float = 0.0) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(urn=self.urn(), news=struct({**news, **PICKLE}), timeout=timeout)
        result: UpdateResult = self._answer(request, lambda: self.provider.update("id", olds, news))
        return result.outs or {}

    def read(self, resource_id: str, props: dict[str, Any]) -> ReadResult:
        request = provider_pb2.ReadRequest(urn=self.urn(), id=resource_id)
        result: ReadResult = self._answer(request, lambda: self.provider.read(resource_id, props))
        return result

    def delete(self, resource_id: str, props: dict[str, Any]) -> None:
        self._answer(provider_pb2.DeleteRequest(urn=self.urn()), lambda: self.provider.delete(resource_id, props))

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
