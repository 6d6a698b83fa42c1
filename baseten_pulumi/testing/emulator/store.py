"""The account that an emulator serves: its models, environments and deployments, and their responses.

Every method may be called from any thread. What is missing is an `ApiError`, whether a request or a test asks for it.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from datetime import timezone as zone
from hashlib import blake2s
from itertools import count
from typing import Any, TypeAlias

from baseten_pulumi.testing.emulator import schedules
from baseten_pulumi.testing.emulator.account import (
    CPU,
    FICTIONAL_ACCOUNT,
    FictionalEnvironment,
    FictionalModel,
    InstanceType,
    described,
)
from baseten_pulumi.testing.emulator.environment import (
    AS_SENT,
    Application,
    Deployment,
    EndStatus,
    Environment,
    Outcome,
    Promotion,
    StaleRead,
)
from baseten_pulumi.testing.emulator.errors import ApiError
from baseten_pulumi.testing.emulator.settings import (
    DEFAULTS,
    NEW_ENVIRONMENT,
    Settings,
    check_environment_name,
    check_together,
    check_values,
    leaves,
    merged,
)

Json: TypeAlias = dict[str, Any]

CREATED_AT = "2026-03-02T09:30:00Z"
"""When everything was created that no request created."""

_STARTING = ("BUILDING", "DEPLOYING", "LOADING_MODEL")


@dataclass(frozen=True, slots=True)
class AppliedChange:
    """When changes were applied, on the emulator's clock."""

    model_id: str
    env_name: str
    at_seconds: float


@dataclass(slots=True)
class _Model:
    id: str
    name: str
    instance_type: InstanceType
    environments: dict[str, Environment] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)

    def new_deployment(self, created_at: str) -> Deployment:
        number = len(self.deployments) + 1
        id_ = blake2s(f"{self.id}/{number}".encode(), digest_size=4).hexdigest()[:7]
        deployment = self.deployments[id_] = Deployment(id_, f"deployment-{number}", created_at, None)
        return deployment


@dataclass(kw_only=True, eq=False)
class Store:
    """Hold the state of an account; `Emulator` describes how it behaves."""

    apply_seconds: float = 0.0
    deployment_seconds: float = 0.0
    promotion_seconds: float = 10.0
    replica_cap: int | None = None
    allow_ramp_up: bool = False
    later_settings: Collection[str] = ()
    account: Iterable[FictionalModel] = field(default=FICTIONAL_ACCOUNT, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False)
    _models: dict[str, _Model] = field(default_factory=dict, init=False, repr=False)
    _applied_before: list[AppliedChange] = field(default_factory=list, init=False, repr=False)
    _schedule_numbers: Iterator[int] = field(default_factory=lambda: count(1), init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("apply_seconds", "deployment_seconds", "promotion_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name):g}")
        for model in self.account:
            self._add_model(model)

    # --- models and environments ------------------------------------------------------------------------------------

    def add_model(
        self, model_id: str, name: str, environments: Iterable[str | FictionalEnvironment] = ("production",)
    ) -> None:
        """Add a model, in place of one with the same id; a name alone is an environment with the defaults."""
        self._add_model(FictionalModel(model_id, name, described(environments), CPU))

    def _add_model(self, description: FictionalModel) -> None:
        model = _Model(description.id, description.name, description.instance_type)
        for each in description.environments:
            environment = self._new_environment(each.name, each.settings(), CREATED_AT)
            environment.deployment = model.new_deployment(CREATED_AT)
            environment.deployment.environment = each.name
            model.environments[each.name] = environment
        with self._lock:
            self._models[description.id] = model

    def remove_model(self, model_id: str) -> None:
        """Remove a model with its environments."""
        with self._lock:
            self._model(model_id)
            del self._models[model_id]

    def remove_environment(self, model_id: str, env_name: str) -> None:
        """Remove an environment, even `production`."""
        with self._lock:
            model, environment = self._found(model_id, env_name)
            environment.close()
            self._applied_before += _applied(model_id, environment)
            del model.environments[env_name]

    def models(self, name: str | None = None) -> list[Json]:
        """Return every model as ModelV1, or those with an exact name."""
        with self._lock:
            return [self.model(each.id) for each in self._models.values() if name in (None, each.name)]

    def model(self, model_id: str) -> Json:
        """Return a model as ModelV1."""
        with self._lock:
            model = self._model(model_id)
            production = model.environments.get("production")
            deployment = production and production.deployment
            return {
                "id": model_id,
                "created_at": CREATED_AT,
                "name": model.name,
                "deployments_count": len(model.deployments),
                "production_deployment_id": deployment.id if deployment else None,
                "development_deployment_id": None,
                "instance_type_name": model.instance_type.name,
                "team_name": "Fictional",
            }

    def environments(self, model_id: str, read: StaleRead | None = None) -> list[Json]:
        """Return every environment of a model as EnvironmentV1; a stale read may concern one of them alone."""
        with self._lock:
            names = list(self._model(model_id).environments)
            return [
                self.reported(model_id, name, read if read and read.env_name in (None, name) else None)
                for name in names
            ]

    def reported(self, model_id: str, env_name: str, read: StaleRead | None = None) -> Json:
        """Return an environment as GET reports it, as EnvironmentV1."""
        with self._lock:
            model, environment = self._found(model_id, env_name)
            now_seconds = self.clock()
            settings = environment.observed(now_seconds, read)
            current, candidate = (
                each and self._deployment(model, each, read) for each in (environment.deployment, environment.candidate)
            )
            serving = None if current is None else self._autoscaling(self._deployed(environment, read))
            return {
                **{name: value for name, value in settings.items() if name not in DEFAULTS},
                "name": environment.name,
                "created_at": environment.created_at,
                "model_id": model_id,
                "current_deployment": current,
                "candidate_deployment": candidate,
                "in_progress_promotion": _promotion(environment, settings, now_seconds),
                "autoscaling_settings": self._autoscaling(settings),
                "promotion_settings": settings["promotion_settings"],
                "instance_type": asdict(model.instance_type),
                "request_backpressure_settings": settings["request_backpressure_settings"],
                "autoscaling_schedules": schedules.reported(
                    settings[schedules.STORED], serving, environment.active_schedule
                ),
            }

    def update(
        self, model_id: str, env_name: str, changes: Settings, application: Application | None = None
    ) -> Outcome:
        """Accept the changes of a PATCH and return its status."""
        with self._lock:
            _, environment = self._found(model_id, env_name)
            changes = self._checked(environment, changes)
            return environment.accept(changes, self.clock(), application or AS_SENT)

    def create(self, model_id: str, env_name: str, settings: Settings) -> Json:
        """Create an environment, which has no deployment yet, and return it as EnvironmentV1."""
        check_environment_name(env_name)
        check_values(settings, allow_ramp_up=self.allow_ramp_up)
        whole = merged(NEW_ENVIRONMENT, settings)
        check_together(whole)
        with self._lock:
            environments = self._model(model_id).environments
            if env_name in environments:
                raise ApiError(409, f"Environment {env_name} already exists for model {model_id}")
            environments[env_name] = self._new_environment(env_name, whole, _now())
            return self.reported(model_id, env_name)

    # --- what somebody does by hand ---------------------------------------------------------------------------------

    def change(
        self,
        model_id: str,
        env_name: str,
        autoscaling_settings: Mapping[str, Any] | None = None,
        promotion_settings: Mapping[str, Any] | None = None,
        request_backpressure_settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Change settings by hand: at once and without checking ranges; null is reported as null.

        Raises:
            ValueError: No setting has that name.
        """
        changes = {
            "autoscaling_settings": dict(autoscaling_settings or {}),
            "promotion_settings": dict(promotion_settings or {}),
            "request_backpressure_settings": dict(request_backpressure_settings or {}),
        }
        later = tuple(f"{path}." for path in self.later_settings)
        unknown = {path for path, _ in leaves(changes) if not f"{path}.".startswith(later)} - _EVERY_PATH
        if unknown:
            raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
        self._change(model_id, env_name, changes)

    def put_schedule(
        self, model_id: str, env_name: str, schedule: Mapping[str, Any], timezone: str | None = None
    ) -> str:
        """Put an autoscaling schedule by hand: at once and without checking it; return its id.

        Args:
            model_id: The model.
            env_name: Its environment.
            schedule: As the API reports it; with an `id` in place of the one with that id.
            timezone: The timezone of all schedules of the environment; None keeps the one there is.
        """
        with self._lock:
            _, environment = self._found(model_id, env_name)
            parts = dict(schedule)
            id_ = str(parts.pop("id", None) or self._new_schedule_id())
            timezone = timezone or environment.settings[schedules.STORED]["timezone"]
            stored = {"timezone": timezone, "schedules": {id_: schedules.complete(parts)}}
            self._change(model_id, env_name, {schedules.STORED: stored})
            return id_

    def remove_schedule(self, model_id: str, env_name: str, schedule_id: str) -> None:
        """Remove an autoscaling schedule by hand."""
        self._change(model_id, env_name, {schedules.STORED: {"schedules": {schedule_id: None}}})

    def activate_schedule(self, model_id: str, env_name: str, schedule_id: str | None) -> None:
        """Make a schedule the active one, whose settings the current deployment then has; None for none."""
        with self._lock:
            self._found(model_id, env_name)[1].active_schedule = schedule_id

    def set_deployment_status(self, model_id: str, env_name: str, status: str | None) -> None:
        """Give the current deployment a status, such as INACTIVE; None for ACTIVE or SCALED_TO_ZERO by its replicas."""
        with self._lock:
            deployment = self._found(model_id, env_name)[1].deployment
            if deployment is None:
                raise ApiError(404, f"Environment {env_name} has no deployment")
            deployment.status = status

    def _change(self, model_id: str, env_name: str, changes: Settings) -> None:
        with self._lock:
            self._found(model_id, env_name)[1].change(changes, self.clock())

    # --- deployments and promotions ---------------------------------------------------------------------------------

    def deployments(self, model_id: str, name: str | None = None) -> list[Json]:
        """Return every deployment of a model as DeploymentV1, or the one with an exact name."""
        with self._lock:
            model = self._model(model_id)
            found = [each for each in model.deployments.values() if name in (None, each.name)]
            return [self._deployment(model, each) for each in found]

    def deployment(self, model_id: str, deployment_id: str) -> Json:
        """Return a deployment as DeploymentV1, by its id or by the name of the environment `production`."""
        with self._lock:
            model = self._model(model_id)
            if deployment_id == "production":
                deployment = self._found(model_id, "production")[1].deployment
            else:
                deployment = model.deployments.get(deployment_id)
            if deployment is None:
                raise ApiError(404, f"Deployment {deployment_id} not found for model {model_id}")
            return self._deployment(model, deployment)

    def promote(self, model_id: str, env_name: str, deployment_id: str, changes: Settings) -> Json:
        """Begin the promotion of a deployment and return the deployment that is promoted.

        One that serves an environment is copied, as it is everywhere when `redeploy_on_promotion` is on.
        `changes` of the environment's settings are applied when the promotion has ended.
        """
        with self._lock:
            model, environment = self._found(model_id, env_name)
            candidate = model.deployments.get(deployment_id)
            if candidate is None:
                raise ApiError(400, f"Deployment {deployment_id} not found for model {model_id}")
            if environment.promoting:
                raise ApiError(409, f"A promotion to environment {env_name} is already in progress")
            changes = self._checked(environment, changes)
            redeploys = environment.settings["promotion_settings"]["redeploy_on_promotion"]
            if candidate.environment is not None or redeploys:
                candidate = model.new_deployment(_now())
            promotion = Promotion(self.clock(), 0, self.promotion_seconds)
            environment.start_promotion(promotion, candidate)
            environment.queue(changes)
            return self._deployment(model, candidate)

    def start_promotion(
        self, model_id: str, env_name: str, percent: int = 0, seconds: float | None = None, status: str = "RAMPING_UP"
    ) -> None:
        """Begin a promotion of a new deployment, in place of one that runs; changes are queued until it ends.

        Args:
            model_id: The model.
            env_name: Its environment.
            percent: Share of the traffic on the new deployment.
            seconds: When it succeeds by itself; None if `finish_promotion` ends it.
            status: RELEASING, RAMPING_UP, RAMPING_DOWN or PAUSED.
        """
        with self._lock:
            model, environment = self._found(model_id, env_name)
            promotion = Promotion(self.clock(), percent, seconds, status)
            environment.start_promotion(promotion, model.new_deployment(_now()))

    def finish_promotion(
        self, model_id: str, env_name: str, status: EndStatus = "SUCCEEDED", error_message: str | None = None
    ) -> None:
        """End the promotion that runs; what was queued is applied `apply_seconds` later.

        Raises:
            ValueError: None runs.
        """
        with self._lock:
            self._found(model_id, env_name)[1].finish_promotion(self.clock(), status, error_message)

    def signal_promotion(self, model_id: str, env_name: str, signal: str) -> None:
        """Cancel, pause, resume or roll forward the promotion that runs."""
        with self._lock:
            _, environment = self._found(model_id, env_name)
            promotion, now_seconds = environment.promotion, self.clock()
            if promotion is None or not environment.promoting:
                raise ApiError(400, f"No promotion to environment {env_name} is in progress")
            if signal == "pause":
                environment.promotion = promotion.paused(now_seconds)
            elif signal == "resume":
                environment.promotion = promotion.resumed(now_seconds)
            else:
                environment.finish_promotion(now_seconds, "CANCELED" if signal == "cancel" else "SUCCEEDED")

    @property
    def applied(self) -> list[AppliedChange]:
        """When accepted changes were applied, oldest first."""
        with self._lock:
            changes = list(self._applied_before)
            for model_id, model in self._models.items():
                for env_name in model.environments:
                    changes += _applied(model_id, self._found(model_id, env_name)[1])
        return sorted(changes, key=lambda change: change.at_seconds)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _new_environment(self, name: str, settings: Settings, created_at: str) -> Environment:
        return Environment(name, settings, created_at, self.clock(), self.apply_seconds)

    def _new_schedule_id(self) -> str:
        return f"sched{next(self._schedule_numbers)}"

    def _checked(self, environment: Environment, changes: Settings) -> Settings:
        """Check changes together with what is accepted, and return them as they are stored."""
        accepted = environment.accepted()
        changes = schedules.resolved(changes, accepted, self._new_schedule_id, datetime.now(zone.utc))
        check_values(changes, allow_ramp_up=self.allow_ramp_up)
        check_together(merged(accepted, changes))
        return changes

    def _model(self, model_id: str) -> _Model:
        if model_id not in self._models:
            raise ApiError(404, f"Model {model_id} not found")
        return self._models[model_id]

    def _found(self, model_id: str, env_name: str) -> tuple[_Model, Environment]:
        """Return an environment as it is now, and its model."""
        model = self._model(model_id)
        environment = model.environments.get(env_name)
        if environment is None:
            raise ApiError(404, f"Environment {env_name} not found for model {model_id}")
        environment.settle(self.clock())
        return model, environment

    def _autoscaling(self, settings: Settings) -> Json:
        autoscaling: Json = dict(settings["autoscaling_settings"])
        cap = self.replica_cap
        if cap is not None:
            autoscaling["max_replica"] = min(autoscaling["max_replica"], cap)
            autoscaling["min_replica"] = min(autoscaling["min_replica"], cap)
        return autoscaling

    def _deployed(self, environment: Environment, read: StaleRead | None) -> Settings:
        """Return the settings of the deployments of an environment, which are behind its own."""
        return environment.observed(self.clock(), read, self.deployment_seconds)

    def _deployment(self, model: _Model, deployment: Deployment, read: StaleRead | None = None) -> Json:
        """Return a DeploymentV1."""
        settings = deployment.settings or DEFAULTS
        if deployment.environment is not None:
            settings = self._deployed(self._found(model.id, deployment.environment)[1], read)
        autoscaling = self._autoscaling(settings)
        replicas = autoscaling["min_replica"]
        status = deployment.status or ("ACTIVE" if replicas else "SCALED_TO_ZERO")
        return {
            "id": deployment.id,
            "created_at": deployment.created_at,
            "name": deployment.name,
            "model_id": model.id,
            "is_production": deployment.environment == "production",
            "is_development": False,
            "status": status,
            "active_replica_count": replicas if status == "ACTIVE" else 0,
            "autoscaling_settings": None if status in _STARTING else autoscaling,
            "instance_type_name": model.instance_type.name,
            "environment": deployment.environment,
            "labels": None,
            "region": None,
            "request_backpressure_settings": settings["request_backpressure_settings"],
        }


_CONFIGURED = merged(DEFAULTS, {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 0}}})
_EVERY_PATH = {path for settings in (DEFAULTS, _CONFIGURED) for path, _ in leaves(settings)}


def _promotion(environment: Environment, settings: Settings, now_seconds: float) -> Json | None:
    promotion = environment.promotion
    if promotion is None:
        return None
    return {
        "status": promotion.status,
        "percent_traffic_to_new_version": promotion.percent_at(now_seconds),
        "error_message": promotion.error_message,
        "rolling_deploy": settings["promotion_settings"]["rolling_deploy"],
    }


def _applied(model_id: str, environment: Environment) -> list[AppliedChange]:
    return [AppliedChange(model_id, environment.name, at_seconds) for at_seconds in environment.applied_seconds]


def _now() -> str:
    return datetime.now(zone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
