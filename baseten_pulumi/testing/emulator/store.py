"""The account an emulator serves: its models, their environments and what happens to them over time.

Every method may be called from any thread. Methods that a request leads to raise `RefusalError` for what is not
there; those that only tests call do too, since its message says what is missing.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from datetime import timezone as zone
from itertools import count
from typing import Any, TypeAlias

from baseten_pulumi.testing.emulator import schedules
from baseten_pulumi.testing.emulator.account import FictionalModel
from baseten_pulumi.testing.emulator.environment import FAITHFUL, Application, Environment, Outcome
from baseten_pulumi.testing.emulator.faults import StaleRead
from baseten_pulumi.testing.emulator.promotions import EndStatus, Promotion
from baseten_pulumi.testing.emulator.recording import AppliedChange
from baseten_pulumi.testing.emulator.refusals import RefusalError, no_such_environment, no_such_model
from baseten_pulumi.testing.emulator.rendering import Renderer
from baseten_pulumi.testing.emulator.rules import check_environment_name, check_ranges, check_together
from baseten_pulumi.testing.emulator.settings import DEFAULTS, Settings, leaves, merged

Answer: TypeAlias = dict[str, Any]

CREATED_AT = "2026-03-02T09:30:00Z"
"""When everything in the account was created that no request created."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Hold how the account behaves.

    Attributes:
        apply_seconds: From accepting changes to reporting them.
        replica_cap: Above it, replicas are accepted and silently capped in what is reported; None for no cap.
        clock: Seconds that only grow.
    """

    apply_seconds: float = 0.0
    replica_cap: int | None = None
    clock: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class _Model:
    name: str
    renderer: Renderer
    environments: dict[str, Environment] = field(default_factory=dict)


class Store:
    """Hold an account's state."""

    def __init__(self, account: Iterable[FictionalModel], behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._clock = behaviour.clock
        self._lock = threading.RLock()
        self._models: dict[str, _Model] = {}
        self._applied_before: list[AppliedChange] = []
        self._schedule_numbers = count(1)
        for model in account:
            self.add_model(model)

    def add_model(self, description: FictionalModel) -> None:
        """Add a model, in place of one with the same id."""
        behaviour = self._behaviour
        renderer = Renderer(description.id, description.instance_type, behaviour.replica_cap)
        model = _Model(description.name, renderer)
        for each in description.environments:
            model.environments[each.name] = Environment(each.name, each.settings(), CREATED_AT, self._clock())
        with self._lock:
            self._models[description.id] = model

    def remove_model(self, model_id: str) -> None:
        """Remove a model with its environments."""
        with self._lock:
            self._model(model_id)
            del self._models[model_id]

    def remove_environment(self, model_id: str, env_name: str) -> None:
        """Remove an environment, be it `production`."""
        with self._lock:
            environment = self._environment(model_id, env_name)
            self._applied_before += _applied(model_id, environment)
            del self._models[model_id].environments[env_name]

    def models(self) -> list[Answer]:
        """Return every model as ModelV1."""
        with self._lock:
            return [self.model(model_id) for model_id in self._models]

    def model(self, model_id: str) -> Answer:
        """Return one model as ModelV1."""
        with self._lock:
            model = self._model(model_id)
            return model.renderer.model(model.name, CREATED_AT, list(model.environments.values()))

    def environments(self, model_id: str, stale: StaleRead | None = None) -> list[Answer]:
        """Return every environment of a model as EnvironmentV1; a stale read may concern one of them alone."""
        with self._lock:
            names = list(self._model(model_id).environments)
            return [
                self.environment(model_id, name, stale if stale and stale.env_name in (None, name) else None)
                for name in names
            ]

    def require(self, model_id: str, env_name: str) -> None:
        """Refuse with 404 an environment that is not there, telling a missing model from a missing environment."""
        with self._lock:
            self._environment(model_id, env_name)

    def environment(self, model_id: str, env_name: str, stale: StaleRead | None = None) -> Answer:
        """Return an environment as EnvironmentV1."""
        with self._lock:
            environment, now_seconds = self._environment(model_id, env_name), self._clock()
            settings = _seen(environment, stale, now_seconds)
            return self._models[model_id].renderer.environment(environment, settings, now_seconds)

    def update(
        self, model_id: str, env_name: str, changes: Settings, application: Application | None = None
    ) -> Outcome:
        """Take the changes of a PATCH and return what is said of them."""
        with self._lock:
            environment = self._environment(model_id, env_name)
            now = datetime.now(zone.utc)
            changes = schedules.resolved(changes, environment.target(), self._new_schedule_id, now)
            check_ranges(changes)
            check_together(merged(environment.target(), changes))
            return environment.accept(changes, self._clock(), self._behaviour.apply_seconds, application or FAITHFUL)

    def create(self, model_id: str, env_name: str, settings: Settings) -> Answer:
        """Create an environment with settings over the defaults and return it as EnvironmentV1."""
        check_environment_name(env_name)
        check_ranges(settings)
        whole = merged(DEFAULTS, settings)
        check_together(whole)
        with self._lock:
            environments = self._model(model_id).environments
            if env_name in environments:
                raise RefusalError(409, f"Environment {env_name} already exists for model {model_id}")
            created_at = datetime.now(zone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
            environments[env_name] = Environment(env_name, whole, created_at, self._clock())
            return self.environment(model_id, env_name)

    def change(self, model_id: str, env_name: str, changes: Settings) -> None:
        """Change settings as somebody does by hand: in force at once, null included, held to no range.

        Raises:
            ValueError: A field has no such name.
        """
        unknown = {path for path, _ in leaves(changes)} - _EVERY_PATH
        if unknown:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        with self._lock:
            self._environment(model_id, env_name).change(changes, self._clock())

    def put_schedule(self, model_id: str, env_name: str, schedule: Settings, timezone: str | None) -> str:
        """Put a schedule in force at once, as somebody does by hand, held to no rule; return its id."""
        with self._lock:
            environment = self._environment(model_id, env_name)
            parts = dict(schedule)
            id_ = str(parts.pop("id", None) or self._new_schedule_id())
            known_timezone = environment.in_force[schedules.HELD]["timezone"]
            held = {"timezone": timezone or known_timezone, "schedules": {id_: schedules.complete(parts)}}
            environment.change({schedules.HELD: held}, self._clock())
            return id_

    def remove_schedule(self, model_id: str, env_name: str, schedule_id: str) -> None:
        """Remove a schedule at once, as somebody does by hand."""
        with self._lock:
            changes = {schedules.HELD: {"schedules": {schedule_id: None}}}
            self._environment(model_id, env_name).change(changes, self._clock())

    def start_promotion(self, model_id: str, env_name: str, promotion: Promotion) -> None:
        """Begin a promotion to an environment."""
        with self._lock:
            self._environment(model_id, env_name).start_promotion(promotion)

    def finish_promotion(
        self, model_id: str, env_name: str, status: EndStatus, error_message: str | None = None
    ) -> None:
        """End the promotion that runs; ValueError where none does."""
        with self._lock:
            environment = self._environment(model_id, env_name)
            environment.finish_promotion(self._clock(), self._behaviour.apply_seconds, status, error_message)

    def applied(self) -> list[AppliedChange]:
        """Return when accepted changes came into force, oldest first."""
        with self._lock:
            changes = list(self._applied_before)
            for model_id, model in self._models.items():
                for env_name in model.environments:
                    changes += _applied(model_id, self._environment(model_id, env_name))
        return sorted(changes, key=lambda change: change.at_seconds)

    def _new_schedule_id(self) -> str:
        return f"sched{next(self._schedule_numbers)}"

    def _model(self, model_id: str) -> _Model:
        if model_id not in self._models:
            raise no_such_model(model_id)
        return self._models[model_id]

    def _environment(self, model_id: str, env_name: str) -> Environment:
        environment = self._model(model_id).environments.get(env_name)
        if environment is None:
            raise no_such_environment(model_id, env_name)
        environment.settle(self._clock(), self._behaviour.apply_seconds)
        return environment


_CONFIGURED = merged(DEFAULTS, {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 0}}})
_EVERY_PATH = {path for settings in (DEFAULTS, _CONFIGURED) for path, _ in leaves(settings)}


def _seen(environment: Environment, stale: StaleRead | None, now_seconds: float) -> Settings:
    if stale is None:
        return environment.in_force
    if stale.seconds is None:
        return environment.before_last_change()
    return environment.as_of(now_seconds - stale.seconds)


def _applied(model_id: str, environment: Environment) -> list[AppliedChange]:
    return [AppliedChange(model_id, environment.name, at_seconds) for at_seconds in environment.applied_seconds]
