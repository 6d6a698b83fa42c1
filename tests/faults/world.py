"""Where a run of the campaign takes place: Baseten, the way there, an engine, and the time.

Every operation is a provider process of its own, as Pulumi's are: only the state outlives it.
"""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import httpx
import looptime
from typing_extensions import Self

from baseten_pulumi.provider import check, pulumi_internals, session
from baseten_pulumi.provider.ownership import SettingsOwners
from baseten_pulumi.testing import Emulator, FictionalEnvironment, FictionalModel, RecordedRequest
from tests.faults.declared import BACKPRESSURE, Program, address, nested, settings_of
from tests.faults.engine import Engine, Resource
from tests.faults.process import Process
from tests.faults.wire import Exchange, Wire

KEY = "sk-campaign-4711-secret"
ENVIRONMENTS = ("m1/production", "m1/staging", "m2/production")
REMOVABLE = "m2/production"
_PARTS_OF_ENVIRONMENT = 6
# An operation that lasts longer never ends: it is killed, and breaks the promise of its timeout.
_LONGEST_SECONDS = 10_000.0
# looptime rounds what is left until the next timer, and with a coarse resolution stands still right before it. Its idle
# cycles are for other threads, for which `Process` waits itself.
_LOOP: dict[str, Any] = {"resolution": 1e-14, "noop_cycles": 0}
_ROLLING = {"rolling_deploy_strategy": "REPLICA", "stabilization_time_seconds": 0, "replica_overhead_percent": 0}
_SURGING = {**_ROLLING, "max_surge_percent": 25, "max_unavailable_percent": 0}
_YIELDING = {**_ROLLING, "max_surge_percent": 0, "max_unavailable_percent": 30}


@dataclass(frozen=True, slots=True)
class Interruption:
    """What ends an operation before its time: Ctrl-C after some seconds, or a kill at the n-th request."""

    cancels_after_seconds: float | None = None
    dies_at_request: int | None = None
    is_carried_out: bool = True  # whether that request still has its effect
    keeps_steps: bool = True  # whether the engine lives and records the steps that had ended


@dataclass(frozen=True, slots=True)
class Done:
    """One operation that was carried out."""

    kind: str  # up, refresh or preview
    program: Program
    engine: Engine
    is_killed: bool
    lines: tuple[str, ...]  # what rows showed
    before: dict[str, Resource]
    after: dict[str, Resource]
    exchanges: tuple[Exchange, ...]
    took_seconds: float
    left: list[str]  # tasks that were still there when the last call had ended

    @property
    def succeeded(self) -> bool:
        return not (self.engine.has_failed or self.is_killed)

    @property
    def text(self) -> str:
        return "\n".join(self.engine.texts)


@dataclass
class World:
    """Baseten, a stack and its program; to be used as a context manager."""

    apply_seconds: float = 2.0
    rate_limit: float | None = None
    observe: Callable[[Done], None] = lambda _: None
    # Called with each environment that a request changes after its own operation has ended.
    on_late_effect: Callable[[str], None] = lambda _: None
    program: Program = field(default_factory=Program)  # what the next `up` declares
    config: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)  # the state by name
    removed: set[str] = field(default_factory=set)  # environments that Baseten does not have any more

    def __post_init__(self) -> None:
        self.loop = looptime.new_event_loop(start=1000.0, **_LOOP)
        self.loop.set_exception_handler(lambda loop, context: None)  # a killed process leaves errors nobody asks for
        production, staging = _environment("production", _SURGING), _environment("staging", _YIELDING)
        self.emulator = Emulator(
            apply_seconds=self.apply_seconds,
            deployment_seconds=self.apply_seconds,
            rate_limit=self.rate_limit,
            account=[FictionalModel("m1", "one", (production, staging)), _second_model()],
            clock=self.loop.time,
            on_request=self._carried_out,
        )
        self.wire = Wire(self.loop, self.emulator.application)
        self._lines: list[str] = []
        self._first_of_operation = 0
        self._operations = 0
        self._patches = contextlib.ExitStack()

    def __enter__(self) -> Self:
        client = functools.partial(httpx.AsyncClient, transport=self.wire)
        self._patches.enter_context(mock.patch.object(httpx, "AsyncClient", client))
        for method in ("report", "note", "warn"):
            shown = mock.patch.object(pulumi_internals.Row, method, lambda _, text: self._lines.append(text))
            self._patches.enter_context(shown)
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.close()

    def pass_by(self, seconds: float) -> None:
        """Let time pass, for Baseten too."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def leap(self, seconds: float) -> None:
        """Let the clock jump, as on a machine that was asleep: whatever was due meanwhile is late."""
        self.loop.setup_looptime(start=self.loop.time() + seconds, **_LOOP)

    def applied(self, environment: str) -> dict[str, Any]:
        """Return what Baseten really has applied; nothing if the environment was removed."""
        return {} if environment in self.removed else settings_of(self.emulator.reported(*address(environment)))

    def remove(self) -> None:
        self.emulator.remove_environment(*address(REMOVABLE))
        self.removed.add(REMOVABLE)

    def restore(self) -> None:
        model = _second_model()
        self.emulator.add_model(model.id, model.name, model.environments)
        self.removed.discard(REMOVABLE)

    def change(self, environment: str, path: str, value: Any) -> None:
        changed = {path: None if (path, value) == (BACKPRESSURE, "NONE") else value}
        self.emulator.change(*address(environment), **nested(changed))

    def up(self, interruption: Interruption | None = None) -> Done:
        return self._operation("up", interruption, lambda engine: engine.up(self.program))

    def refresh(self, interruption: Interruption | None = None) -> Done:
        return self._operation("refresh", interruption, lambda engine: engine.refresh())

    def preview(self) -> Done:
        return self._operation("preview", None, lambda engine: engine.up(self.program, is_preview=True))

    def _operation(
        self, kind: str, interruption: Interruption | None, carry_out: Callable[[Engine], Coroutine[Any, Any, None]]
    ) -> Done:
        interruption = interruption or Interruption()
        before, began = dict(self.resources), self.loop.time()
        first = self._first_of_operation = len(self.wire.exchanges)
        self._lines.clear()
        self._operations += 1
        # Each process has an address of Baseten's of its own, and so no connection of the one before.
        own = {"baseten:apiKey": KEY, "baseten:baseUrl": f"http://127.0.0.1:{self._operations}"}
        process = Process(self.loop)
        with (
            mock.patch.object(session, "background_loop", return_value=process),
            # A process that has checked nothing yet, and sent nothing.
            mock.patch.object(check, "settings_owners", SettingsOwners()),
            mock.patch.dict(session.former_settings, clear=True),
        ):
            engine = Engine(process, {**own, **self.config}, dict(before))
            with self._interrupted(interruption, engine):
                self.loop.run_until_complete(carry_out(engine))
            is_killed, took = process.is_dead, self.loop.time() - began
            left = self.loop.run_until_complete(process.end(self.wire.tasks.keys()))
        if kind != "preview" and (interruption.keeps_steps or not is_killed):
            self.resources = engine.resources
        exchanges = tuple(self.wire.exchanges[first:])
        done = Done(
            kind,
            self.program,
            engine,
            is_killed,
            tuple(self._lines),
            before,
            dict(self.resources),
            exchanges,
            took,
            left,
        )
        self._first_of_operation = len(self.wire.exchanges)
        self.observe(done)
        return done

    def _carried_out(self, request: RecordedRequest) -> None:
        exchange = self.wire.carried_out(request.outcome, {name: self.applied(name) for name in ENVIRONMENTS})
        is_late = exchange not in self.wire.exchanges[self._first_of_operation :]
        if request.outcome in ("ACCEPTED", "QUEUED") and is_late:
            self.on_late_effect(environment_in(request.path))

    @contextlib.contextmanager
    def _interrupted(self, interruption: Interruption, engine: Engine) -> Iterator[None]:
        timers = [self.loop.call_later(_LONGEST_SECONDS, engine.process.die)]
        if interruption.cancels_after_seconds is not None:
            timers.append(self.loop.call_later(interruption.cancels_after_seconds, engine.cancel))
        left = interruption.dies_at_request or 0

        def on_request(exchange: Exchange) -> None:
            nonlocal left
            if (exchange.carried_out_seconds is not None) == interruption.is_carried_out:
                left -= 1
                if left == 0:
                    engine.process.die()

        self.wire.on_request = on_request
        try:
            yield
        finally:
            self.wire.on_request = lambda _: None
            for timer in timers:
                timer.cancel()


def environment_in(path: str) -> str:
    """Return the environment that the path of a request names; "" if it names none."""
    parts = path.split("/")
    return f"{parts[3]}/{parts[5]}" if len(parts) == _PARTS_OF_ENVIRONMENT else ""


def _second_model() -> FictionalModel:
    return FictionalModel("m2", "two", (_environment("production", _YIELDING), _environment("spare", _YIELDING)))


def _environment(name: str, config: dict[str, Any]) -> FictionalEnvironment:
    return FictionalEnvironment(name, {"max_replica": 9}, {"rolling_deploy_config": config, "rolling_deploy": True})
