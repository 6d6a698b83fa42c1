"""The emulator itself: what tests and the command line start, script and question."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from starlette.routing import Router
from typing_extensions import Self

from baseten_pulumi.testing.emulator.account import (
    CPU,
    FICTIONAL_ACCOUNT,
    FictionalEnvironment,
    FictionalModel,
    described,
)
from baseten_pulumi.testing.emulator.app import HangUp, Services, application, request_log
from baseten_pulumi.testing.emulator.faults import Faults
from baseten_pulumi.testing.emulator.limiting import RateLimit
from baseten_pulumi.testing.emulator.promotions import EndStatus, Promotion
from baseten_pulumi.testing.emulator.recording import AppliedChange, RecordedRequest, RequestLog
from baseten_pulumi.testing.emulator.server import Server
from baseten_pulumi.testing.emulator.store import Behaviour, Store


@dataclass(kw_only=True, eq=False)
class Emulator:
    """Serve Baseten's API on this machine, for as long as the `with` block lasts.

        with Emulator(apply_seconds=2) as emulator:
            ...  # point a client at emulator.url, with any key

    Everything may be called from any thread, before, during and after serving. The state lives as long as
    the object does.

    Attributes:
        port: Where to listen, on the loopback interface only; 0 for any free port.
        apply_seconds: Seconds between accepting settings and reporting them.
        api_key: The only key accepted; None accepts any that is not empty.
        rate_limit: Requests per second for each key and endpoint; None for no limit.
        rate_burst: Requests accepted at once after a pause; None for one second's worth.
        replica_cap: Above it, replicas are accepted and silently capped in what is reported; None for no cap.
        account: The models to start with.
        on_request: Called on the server's thread with each request before it is answered; None to call nothing.
        clock: Seconds that only grow.
        faults: What goes wrong; nothing until something is added.
    """

    port: int = 0
    apply_seconds: float = 0.0
    api_key: str | None = field(default=None, repr=False)
    rate_limit: float | None = None
    rate_burst: float | None = None
    replica_cap: int | None = None
    account: Iterable[FictionalModel] = field(default=FICTIONAL_ACCOUNT, repr=False)
    on_request: Callable[[RecordedRequest], None] | None = field(default=None, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    faults: Faults = field(default_factory=Faults, init=False, repr=False)
    _log: RequestLog = field(default_factory=RequestLog, init=False, repr=False)
    _store: Store = field(init=False, repr=False)
    _server: Server | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.apply_seconds < 0:
            raise ValueError(f"apply_seconds must be at least 0, got {self.apply_seconds:g}")
        if self.rate_limit is not None and self.rate_limit <= 0:
            raise ValueError(f"rate_limit must be above 0, got {self.rate_limit:g}")
        if self.rate_burst is not None and (self.rate_limit is None or self.rate_burst < 1):
            raise ValueError(f"rate_burst must be at least 1, and needs a rate_limit, got {self.rate_burst:g}")
        self._store = Store(self.account, Behaviour(self.apply_seconds, self.replica_cap, self.clock))

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
        return self._log.all()

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._log.clear()

    @property
    def applied(self) -> list[AppliedChange]:
        """When accepted changes came into force, oldest first."""
        return self._store.applied()

    def reported(self, model_id: str, env_name: str) -> dict[str, Any]:
        """Return an environment as GET answers it."""
        return self._store.environment(model_id, env_name)

    def models(self) -> list[dict[str, Any]]:
        """Return the account's models as the API lists them."""
        return self._store.models()

    def environments(self, model_id: str) -> list[dict[str, Any]]:
        """Return a model's environments as the API lists them."""
        return self._store.environments(model_id)

    def add_model(
        self, model_id: str, name: str, environments: Iterable[str | FictionalEnvironment] = ("production",)
    ) -> None:
        """Add a model, in place of one with the same id; a bare name is an environment with every default."""
        self._store.add_model(FictionalModel(model_id, name, described(environments), CPU))

    def remove_model(self, model_id: str) -> None:
        """Remove a model with its environments."""
        self._store.remove_model(model_id)

    def remove_environment(self, model_id: str, env_name: str) -> None:
        """Remove an environment, be it `production`."""
        self._store.remove_environment(model_id, env_name)

    def change(
        self,
        model_id: str,
        env_name: str,
        autoscaling_settings: Mapping[str, Any] | None = None,
        promotion_settings: Mapping[str, Any] | None = None,
        request_backpressure_settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Change settings as somebody does by hand: in force at once; a null is reported as null.

        Raises:
            ValueError: A setting has no such name.
        """
        changes = {
            "autoscaling_settings": autoscaling_settings,
            "promotion_settings": promotion_settings,
            "request_backpressure_settings": request_backpressure_settings,
        }
        self._store.change(model_id, env_name, {name: dict(fields or {}) for name, fields in changes.items()})

    def put_schedule(
        self, model_id: str, env_name: str, schedule: Mapping[str, Any], timezone: str | None = None
    ) -> str:
        """Put an autoscaling schedule in force as somebody does by hand, held to no rule; return its id.

        Args:
            model_id: The model.
            env_name: Its environment.
            schedule: As the API reports it; with an `id` in place of the one that has it.
            timezone: The timezone of all schedules of the environment; None keeps the one there is.
        """
        return self._store.put_schedule(model_id, env_name, dict(schedule), timezone)

    def remove_schedule(self, model_id: str, env_name: str, schedule_id: str) -> None:
        """Remove an autoscaling schedule as somebody does by hand."""
        self._store.remove_schedule(model_id, env_name, schedule_id)

    def start_promotion(
        self, model_id: str, env_name: str, percent: int = 0, seconds: float | None = None, status: str = "RAMPING_UP"
    ) -> None:
        """Begin a promotion, behind which changes queue.

        Args:
            model_id: The model.
            env_name: Its environment.
            percent: Share of the traffic on the new deployment.
            seconds: When it succeeds by itself; None where `finish_promotion` ends it.
            status: RELEASING, RAMPING_UP, RAMPING_DOWN or PAUSED.
        """
        self._store.start_promotion(model_id, env_name, Promotion(self.clock(), percent, seconds, status))

    def finish_promotion(
        self, model_id: str, env_name: str, status: EndStatus = "SUCCEEDED", error_message: str | None = None
    ) -> None:
        """End the promotion that runs; what queued behind it comes into force `apply_seconds` later.

        Raises:
            ValueError: None runs.
        """
        self._store.finish_promotion(model_id, env_name, status, error_message)

    def application(self, hang_up: HangUp) -> Router:
        """Return the ASGI application, for a server other than the emulator's own.

        Args:
            hang_up: Closes the connection of the client with an address, at once.
        """
        services = Services(
            store=self._store,
            faults=self.faults,
            limit=RateLimit(self.rate_limit, self.clock, self.rate_burst),
            clock=self.clock,
            record=request_log(self._log, self.on_request),
            hang_up=hang_up,
            api_key=self.api_key,
        )
        return application(services)
