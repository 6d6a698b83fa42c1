"""The emulator: what tests and the command line start, script and read."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from typing_extensions import Self

from baseten_pulumi.testing.emulator.app import Gateway, HangUp, RecordedRequest
from baseten_pulumi.testing.emulator.faults import Faults
from baseten_pulumi.testing.emulator.server import Server
from baseten_pulumi.testing.emulator.store import Store

_KEPT_REQUESTS = 100_000


@dataclass(kw_only=True, eq=False)
class Emulator(Store):
    """Serve Baseten's API on this machine, for as long as the `with` block lasts.

        with Emulator(apply_seconds=2) as emulator:
            ...  # point a client at emulator.url, with any key

    Everything may be called from any thread, before, during and after serving. The state lives as long as the object.

    Attributes:
        port: Where to listen, on the loopback interface only; 0 for any free port.
        apply_seconds: Seconds between accepting settings and reporting them.
        deployment_seconds: Seconds between reporting settings of an environment and those of its current deployment.
        promotion_seconds: How long a promotion takes that a request starts.
        api_key: The only key accepted; None accepts any that is not empty.
        rate_limit: Requests per second for each key and endpoint; None for no limit.
        rate_burst: Requests accepted at once after a pause; None for one second's worth.
        replica_cap: Higher numbers of replicas are accepted and reported as this; None for no cap.
        allow_ramp_up: Whether `ramp_up_while_promoting: true` is accepted, as it was until October 2026.
        later_settings: Dotted paths in a PATCH, of settings or of objects of settings. What is there is stored and
            reported without any validation, as what Baseten adds after this release.
        account: The models to start with.
        on_request: Called on the server's thread with each request before its response is sent; None to call nothing.
        clock: Seconds that only grow.
        faults: What goes wrong; nothing until something is added.
    """

    port: int = 0
    api_key: str | None = field(default=None, repr=False)
    rate_limit: float | None = None
    rate_burst: float | None = None
    on_request: Callable[[RecordedRequest], None] | None = field(default=None, repr=False)
    faults: Faults = field(default_factory=Faults, init=False, repr=False)
    _requests: deque[RecordedRequest] = field(init=False, repr=False)
    _server: Server | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate_limit is not None and self.rate_limit <= 0:
            raise ValueError(f"rate_limit must be above 0, got {self.rate_limit:g}")
        if self.rate_burst is not None and (self.rate_limit is None or self.rate_burst < 1):
            raise ValueError(f"rate_burst must be at least 1, and needs a rate_limit, got {self.rate_burst:g}")
        self._requests = deque(maxlen=_KEPT_REQUESTS)

    def __enter__(self) -> Self:
        """Start serving.

        Raises:
            PortInUseError: Another program serves on the port.
        """
        if self._server is not None:
            raise RuntimeError("this emulator is already serving")
        server = Server(self.application, self.port)
        server.start()
        self._server = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving, at once."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:8095`; RuntimeError while it does not serve."""
        if self._server is None:
            raise RuntimeError("the emulator only serves inside its `with` block")
        return self._server.url

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request so far, oldest first."""
        return tuple(self._requests.copy())

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._requests.clear()

    def application(self, hang_up: HangUp) -> Gateway:
        """Return the ASGI application, for a server other than the emulator's own.

        Args:
            hang_up: Closes the connection of the client with an address, at once.
        """
        return Gateway(self, self._record, hang_up)

    def _record(self, request: RecordedRequest) -> None:
        self._requests.append(request)
        if self.on_request is not None:
            self.on_request(request)
