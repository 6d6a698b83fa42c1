"""Where a run of the campaign takes place: Baseten, the way there, an engine, and the time.

Every operation is a provider process of its own, as Pulumi's are: only the state outlives it.
"""

import asyncio
import contextlib
import functools
import importlib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import httpx
import looptime
from typing_extensions import Self

from baseten_pulumi.provider import check, pulumi_internals, session
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
    """What ends an operation before its time: Ctrl-C after some seconds, or a kill at the n-th request.

    Attributes:
        cancels_after_seconds: When Ctrl-C is pressed; None for never.
        dies_at_request: Which request of the operation is the process's last; None for none.
        is_carried_out: Whether that request still has its effect.
        keeps_steps: Whether the engine lives and records the steps that had ended; otherwise it dies too.
    """

    cancels_after_seconds: float | None = None
    dies_at_request: int | None = None
    is_carried_out: bool = True
    keeps_steps: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """One operation that was carried out.

    Attributes:
        kind: up, refresh or preview.
        program: What the program declared.
        succeeded: Whether no step failed.
        is_cancelled: Whether Ctrl-C ended it.
        is_killed: Whether a process was killed in the middle.
        text: Everything the engine showed.
        lines: What rows showed.
        steps: Steps by kind.
        before: State before, by name.
        after: State after, by name.
        exchanges: Requests of the operation.
        began_seconds: When it began.
        ended_seconds: When it ended.
        joint_wait_seconds: When the joint wait began and ended; None if there was none.
        seconds: How long the last call for each resource took.
        left: Tasks that were still there when the last call had ended.
    """

    kind: str
    program: Program
    succeeded: bool
    is_cancelled: bool
    is_killed: bool
    text: str
    lines: tuple[str, ...]
    steps: Counter[str]
    before: dict[str, Resource]
    after: dict[str, Resource]
    exchanges: tuple[Exchange, ...]
    began_seconds: float
    ended_seconds: float
    joint_wait_seconds: tuple[float, float] | None
    seconds: dict[str, float]
    left: list[str]


@dataclass
class World:
    """Baseten, a stack and its program; to be used as a context manager.

    Attributes:
        apply_seconds: Seconds between accepting settings and reporting them.
        rate_limit: Requests a second for each endpoint; None for no limit.
        observe: Called with every operation.
        on_late_effect: Called with each environment that a request changes after its own operation has ended.
        program: What the next `up` declares.
        config: Configuration of the stack.
        resources: The state by name.
        removed: The environments that Baseten does not have any more.
    """

    apply_seconds: float = 2.0
    rate_limit: float | None = None
    observe: Callable[[Done], None] = lambda _: None
    on_late_effect: Callable[[str], None] = lambda _: None
    program: Program = field(default_factory=Program)
    config: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.loop = looptime.new_event_loop(start=1000.0, **_LOOP)
        self.loop.set_exception_handler(lambda loop, context: None)  # a killed process leaves errors nobody asks for
        self.emulator = Emulator(
            apply_seconds=self.apply_seconds,
            rate_limit=self.rate_limit,
            account=[
                FictionalModel("m1", "one", (_environment("production", _SURGING), _environment("staging", _YIELDING))),
                _second_model(),
            ],
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

    @property
    def now(self) -> float:
        """The time in seconds."""
        return self.loop.time()

    def pass_by(self, seconds: float) -> None:
        """Let time pass, for Baseten too."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def leap(self, seconds: float) -> None:
        """Let the clock jump, as on a machine that was asleep: whatever was due meanwhile is late."""
        self.loop.setup_looptime(start=self.now + seconds, **_LOOP)

    def applied(self, environment: str) -> dict[str, Any]:
        """Return what Baseten really has applied; nothing if the environment was removed."""
        return {} if environment in self.removed else settings_of(self.emulator.reported(*address(environment)))

    def remove(self) -> None:
        """Remove an environment at Baseten."""
        self.emulator.remove_environment(*address(REMOVABLE))
        self.removed.add(REMOVABLE)

    def restore(self) -> None:
        """Have the environment again, with settings of its own."""
        model = _second_model()
        self.emulator.add_model(model.id, model.name, model.environments)
        self.removed.discard(REMOVABLE)

    def change(self, environment: str, path: str, value: Any) -> None:
        """Change a setting as somebody else does."""
        changed = {path: None} if (path, value) == (BACKPRESSURE, "NONE") else {path: value}
        self.emulator.change(*address(environment), **nested(changed))

    def up(self, interruption: Interruption | None = None) -> Done:
        """Run `up`."""
        return self._operation("up", interruption or Interruption(), lambda engine: engine.up(self.program))

    def refresh(self, interruption: Interruption | None = None) -> Done:
        """Run `refresh`."""
        return self._operation("refresh", interruption or Interruption(), lambda engine: engine.refresh())

    def preview(self) -> Done:
        """Run `preview`."""
        return self._operation("preview", Interruption(), lambda engine: engine.up(self.program, is_preview=True))

    def _operation(
        self, kind: str, interruption: Interruption, carry_out: Callable[[Engine], Coroutine[Any, Any, None]]
    ) -> Done:
        before, began = dict(self.resources), self.now
        first = self._first_of_operation = len(self.wire.exchanges)
        self._lines.clear()
        with self._process() as process:
            engine = Engine(process, self._full_config(), dict(before))
            with self._interrupted(interruption, engine):
                self.loop.run_until_complete(carry_out(engine))
            is_killed, ended = process.is_dead, self.now
            left = self.loop.run_until_complete(process.end(self.wire.tasks.keys()))
        if kind != "preview" and (interruption.keeps_steps or not is_killed):
            self.resources = engine.resources
        done = Done(
            kind=kind,
            program=self.program,
            succeeded=not (engine.has_failed or is_killed),
            is_cancelled=engine.is_cancelled,
            is_killed=is_killed,
            text="\n".join(engine.texts),
            lines=tuple(self._lines),
            steps=engine.steps,
            before=before,
            after=dict(self.resources),
            exchanges=tuple(self.wire.exchanges[first:]),
            began_seconds=began,
            ended_seconds=ended,
            joint_wait_seconds=engine.joint_wait_seconds,
            seconds=engine.seconds,
            left=left,
        )
        self._first_of_operation = len(self.wire.exchanges)
        self.observe(done)
        return done

    def _full_config(self) -> dict[str, str]:
        # Each process has an address of Baseten's of its own, and so no connection of the one before.
        self._operations += 1
        url = f"http://127.0.0.1:{self._operations}"
        return {"baseten:apiKey": KEY, "baseten:baseUrl": url, **self.config}

    def _carried_out(self, request: RecordedRequest) -> None:
        """Record what was applied when the server carried out a request."""
        exchange = self.wire.carried_out(request.outcome, {name: self.applied(name) for name in ENVIRONMENTS})
        is_late = exchange not in self.wire.exchanges[self._first_of_operation :]
        if request.outcome in ("ACCEPTED", "QUEUED") and is_late:
            self.on_late_effect(environment_in(request.path))

    @contextlib.contextmanager
    def _process(self) -> Iterator[Process]:
        """Have a provider process that has checked nothing yet."""
        process = Process(self.loop)
        importlib.reload(check)
        with mock.patch.object(session, "background_loop", return_value=process):
            yield process

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
