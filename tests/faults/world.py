"""Everything a run of the campaign takes place in: Baseten, the way there, the local engine, and the time.

Every operation is a process of its own, as Pulumi's are: nothing but the state outlives it. What an operation did is
told to an observer.
"""

import asyncio
import contextlib
import functools
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import httpx
from typing_extensions import Self

from baseten_pulumi.ownership import Owners
from baseten_pulumi.provider import claims, dropping, engine
from baseten_pulumi.provider import session as sessions
from baseten_pulumi.testing import Emulator, FictionalEnvironment, FictionalModel, RecordedRequest
from baseten_pulumi.testing.emulator.app import application
from baseten_pulumi.testing.emulator.settings import ROLLING_DEPLOY_DEFAULTS
from baseten_pulumi.testing.engine import deleting, refreshing
from baseten_pulumi.testing.engine.checkpoint import Resource, from_json, to_json
from baseten_pulumi.testing.engine.display import Display
from baseten_pulumi.testing.engine.goals import Goal
from baseten_pulumi.testing.engine.ledger import Ledger
from baseten_pulumi.testing.engine.monitor import NotDoneError, StoppedError
from baseten_pulumi.testing.engine.registering import Registrar
from baseten_pulumi.testing.engine.run import Options, Run
from baseten_pulumi.testing.engine.vault import Vault
from tests.faults import schedules
from tests.faults.declared import BACKPRESSURE, NO_POLICY, Program, address, nested
from tests.faults.goals import joint_goal, settings_goal
from tests.faults.hosting import HostedProvider
from tests.faults.operations import Done, How, Interruption
from tests.faults.stage import Stage
from tests.faults.virtual import VirtualClock, VirtualLoop
from tests.faults.wire import Exchange, Wire

KEY = "sk-campaign-4711-secret"
ENVIRONMENTS = ("m1/production", "m1/staging", "m2/production")
_URL = "http://127.0.0.1:9"
_NAMES = ("serving", "dev")
_ENVIRONMENT_PARTS = ("", "v1", "models", "{model_id}", "environments", "{env_name}")
# More steps than any program of the campaign has: no call waits for another's slot.
_PARALLEL = 64
_ROLLING = {"rolling_deploy_strategy": "REPLICA", "stabilization_time_seconds": 0, "replica_overhead_percent": 0}
_SURGING = {**_ROLLING, "max_surge_percent": 25, "max_unavailable_percent": 0}
_YIELDING = {**_ROLLING, "max_surge_percent": 0, "max_unavailable_percent": 30}


@dataclass
class World:
    """Baseten, a stack and its program; to be used as a context.

    Attributes:
        how: How Baseten behaves.
        observe: Told of every operation.
        program: What the next `up` declares.
        config: The stack's configuration.
        resources: The state.
        removed: The environments that Baseten does not have any more.
        on_late_effect: Told of each environment whose settings a request changes after its own operation has ended.
    """

    how: How = field(default_factory=How)
    observe: Callable[[Done], None] = lambda _: None
    program: Program = field(default_factory=Program)
    config: dict[str, str] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    on_late_effect: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.loop = VirtualLoop()
        self.emulator = Emulator(
            apply_seconds=self.how.apply_seconds,
            api=self.how.api,
            rate_limit=self.how.rate_limit,
            account=[
                FictionalModel("m1", "one", (_environment("production", _SURGING), _environment("staging", _YIELDING))),
                FictionalModel("m2", "two", (_environment("production", _YIELDING),)),
            ],
            clock=self.loop.time,
            on_request=self._carried_out,
        )
        self.wire = Wire(self.loop, lambda hang_up: application(self.emulator._services(hang_up)))
        if self.how.api == "current":
            for environment in ENVIRONMENTS[:2]:
                self.change(environment, schedules.path("night"), schedules.schedule("night", 22, 4))
        self._vault = Vault()
        self._lines: list[str] = []
        self._first_of_operation = 0
        self._ending = contextlib.ExitStack()

    def __enter__(self) -> Self:
        for where, name, what in (
            (sessions, "SystemClock", lambda: VirtualClock(self.loop)),
            (httpx, "AsyncClient", functools.partial(httpx.AsyncClient, transport=self.wire)),
            (httpx, "create_ssl_context", _tls),
            (engine, "stub", lambda: _Shown(self._lines)),
        ):
            self._ending.enter_context(mock.patch.object(where, name, what))
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.close()

    @property
    def now(self) -> float:
        """The time, in seconds."""
        return self.loop.time()

    def pass_by(self, seconds: float) -> None:
        """Let time pass, for Baseten too."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def reported(self, environment: str) -> dict[str, Any]:
        """Return what Baseten truly has in force; nothing where the environment was removed."""
        return {} if environment in self.removed else self.emulator.reported(*address(environment))

    def remove(self, environment: str) -> None:
        """Remove an environment at Baseten."""
        self.emulator.remove_environment(*address(environment))
        self.removed.add(environment)

    def restore(self, environment: str) -> None:
        """Have an environment again, with settings of its own, all of them reported: what is not would be no drift."""
        model_id, env_name = address(environment)
        rolling = {"rolling_deploy_config": ROLLING_DEPLOY_DEFAULTS}
        settings = {"autoscaling_settings": {"max_replica": 9}, "promotion_settings": rolling}
        self.emulator._store.create(model_id, env_name, settings)
        self.removed.discard(environment)

    def change(self, environment: str, path: str, value: Any) -> None:
        """Change a setting as somebody else does; a schedule that is there twice is there once afterwards."""
        if path in schedules.PATHS:
            self._change_schedule(address(environment), path, value)
        elif path == BACKPRESSURE:
            policy = None if value == NO_POLICY else value
            self.emulator.change(*address(environment), request_backpressure_settings={"policy": policy})
        else:
            self.emulator.change(*address(environment), **nested({path: value}))

    def _change_schedule(self, where: tuple[str, str], path: str, value: Any) -> None:
        known = [id_ for id_, name in schedules.ids(self.emulator.reported(*where)) if schedules.path(name) == path]
        kept = known[:1] if value != schedules.ABSENT else []
        for id_ in known[len(kept) :]:
            self.emulator.remove_schedule(*where, id_)
        if value != schedules.ABSENT:
            timezone = None if schedules.ids(self.emulator.reported(*where)) else schedules.TIMEZONES[0]
            own = {"id": kept[0]} if kept else {}
            self.emulator.put_schedule(*where, {**schedules.held(value), **own}, timezone)

    def up(self, interruption: Interruption | None = None) -> Done:
        """Run `up`."""
        return self._operation("up", interruption or Interruption(), self._up)

    def refresh(self, interruption: Interruption | None = None) -> Done:
        """Run `refresh`."""
        return self._operation("refresh", interruption or Interruption(), lambda run, _: refreshing.refresh(run))

    def preview(self) -> Done:
        """Run `preview`."""
        return self._operation("preview", Interruption(), self._up)

    def _operation(self, kind: str, interruption: Interruption, carry_out: Callable[[Run, Stage], None]) -> Done:
        before, began = by_name(self.resources), self.now
        first = self._first_of_operation = len(self.wire.exchanges)
        self._lines.clear()
        with self._process() as stage:
            run = self._run(kind, stage)
            with self._interrupted(interruption, run, stage), contextlib.suppress(StoppedError):
                carry_out(run, stage)
            is_killed, ended, left = stage.is_dead, self.now, stage.clear(lambda: set(self.wire.tasks))
        if kind != "preview" and (interruption.keeps_steps or not is_killed):
            self.resources = _rewritten(run.ledger.resources(), self._vault)
        done = Done(
            kind=kind,
            program=self.program,
            succeeded=not (run.errored or run.cancelled or is_killed),
            is_cancelled=run.cancelled,
            is_killed=is_killed,
            text=run.display.text + "".join(f"{message.text}\n" for message in run.display.messages),
            lines=tuple(self._lines),
            changes=dict(run.display.counts),
            before=before,
            after=by_name(self.resources),
            exchanges=tuple(self.wire.exchanges[first:]),
            began_seconds=began,
            ended_seconds=ended,
            left=left,
        )
        self._first_of_operation = len(self.wire.exchanges)
        self.observe(done)
        return done

    def _carried_out(self, request: RecordedRequest) -> None:
        """Note what was true when the server dealt with a request."""
        found = environment_in(request.path)
        truth = {name: self.reported(name) for name in ([found] if found in ENVIRONMENTS else ENVIRONMENTS)}
        exchange = self.wire.carried_out(request.outcome, truth)
        if (
            request.outcome in ("ACCEPTED", "QUEUED")
            and exchange not in self.wire.exchanges[self._first_of_operation :]
        ):
            self.on_late_effect(found)

    def _run(self, kind: str, stage: Stage) -> Run:
        # A refresh reads one resource after another, so that no two threads take turns in an order of their own.
        options = Options(dry_run=kind == "preview", parallel=1 if kind == "refresh" else _PARALLEL)
        run = Run(options, Ledger(self.resources, _keep_nothing), self._vault, Display(io.StringIO(), colour=False))
        run.provider = HostedProvider(stage, {"baseten:apiKey": KEY, "baseten:baseUrl": _URL, **self.config})
        return run

    @contextlib.contextmanager
    def _process(self) -> Iterator[Stage]:
        """Have a provider process that knows nothing yet."""
        stage = Stage(self.loop)
        with contextlib.ExitStack() as fresh:
            for where, name, what in (
                (sessions, "shared_loop", lambda: stage),
                (sessions, "_sessions", {}),
                (claims, "_owners", Owners()),
                (dropping, "_checked", set()),
            ):
                fresh.enter_context(mock.patch.object(where, name, what))
            yield stage
            for session in sessions._sessions.values():
                self.loop.run_until_complete(session.client.close())

    @contextlib.contextmanager
    def _interrupted(self, interruption: Interruption, run: Run, stage: Stage) -> Iterator[None]:
        timer = None
        if interruption.cancels_after_seconds is not None:
            timer = self.loop.call_later(interruption.cancels_after_seconds, run.cancel)
        left = interruption.dies_at_request or 0

        def on_request(exchange: Exchange) -> None:
            nonlocal left
            if (exchange.carried_out_seconds is not None) == interruption.is_carried_out:
                left -= 1
                if left == 0:
                    stage.die()

        self.wire.on_request = on_request
        try:
            yield
        finally:
            self.wire.on_request = lambda _: None
            if timer is not None:
                timer.cancel()

    def _up(self, run: Run, stage: Stage) -> None:
        registrar = Registrar(run, _NAMES, lambda name: {})
        goals = [settings_goal(name, declared) for name, declared in self.program.resources.items()]
        made = _registered(registrar, goals, stage)
        if self.program.joint_timeout_seconds is not None and made and len(made) == len(goals):
            _registered(registrar, [joint_goal(self.program, made)], stage)
        if not run.stopping.is_set():
            deleting.delete_unseen(run)


def environment_in(path: str) -> str:
    """Return the environment a request's path names; an empty text where it names none."""
    parts = path.split("/")
    return f"{parts[3]}/{parts[5]}" if len(parts) == len(_ENVIRONMENT_PARTS) else ""


def by_name(resources: list[Resource]) -> dict[str, Resource]:
    """Return the resources a program could name."""
    return {resource.name: resource for resource in resources if not resource.delete}


def _registered(registrar: Registrar, goals: list[Goal], stage: Stage) -> dict[str, Resource]:
    """Register resources side by side, and return those that were made."""
    made: dict[str, Resource] = {}

    def register(goal: Goal) -> None:
        with contextlib.suppress(NotDoneError, StoppedError):
            made[goal.name] = registrar.register(goal)

    stage.together([functools.partial(register, goal) for goal in goals])
    return made


def _environment(name: str, config: dict[str, Any]) -> FictionalEnvironment:
    return FictionalEnvironment(name, {"max_replica": 9}, {"rolling_deploy_config": config, "rolling_deploy": True})


def _rewritten(resources: list[Resource], vault: Vault) -> list[Resource]:
    """Return what a checkpoint of these holds."""
    return [from_json(json.loads(json.dumps(to_json(resource, vault)))) for resource in resources]


def _keep_nothing(_resources: object) -> None:
    """Leave the state to the end of the operation."""


_tls = functools.cache(httpx.create_ssl_context)


class _Shown:
    """The engine that shows what providers log, as gRPC's stub of it; each line arrives at once."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.Log = self
        self.future = self

    def __call__(self, request: Any, timeout: float) -> "_Shown":
        self._lines.append(request.message)
        return self

    def add_done_callback(self, done: Callable[[Any], None]) -> None:
        done(self)

    def result(self, timeout: float) -> None:
        return None
