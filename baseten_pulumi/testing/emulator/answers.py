"""Answers as the API's description states them: what is in them, of which type, and what may be missing or null.

Only the published description is made from these: answers themselves are written by `rendering`, and tests hold the
two to each other. A field with a default may be absent.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from baseten_pulumi.testing.emulator.account import InstanceType
from baseten_pulumi.testing.emulator.schedules import OneTime, Overrides, Repeating


class _Answer(BaseModel):
    model_config = ConfigDict(protected_namespaces=())  # older releases would keep model_id to themselves


class Autoscaling(_Answer):
    """Autoscaling in force."""

    min_replica: int
    max_replica: int
    autoscaling_window: int | None
    scale_down_delay: int | None
    concurrency_target: int
    target_utilization_percentage: int | None
    target_in_flight_tokens: int | None = None
    max_scale_down_rate: int | None = None


class RollingDeployConfig(_Answer):
    """How a rolling deploy proceeds."""

    rolling_deploy_strategy: Literal["REPLICA"] = "REPLICA"
    max_surge_percent: int = 10
    max_unavailable_percent: int = 0
    stabilization_time_seconds: int = 0
    replica_overhead_percent: int = 0


class Promotion(_Answer):
    """How a deployment is promoted to the environment."""

    redeploy_on_promotion: bool | None = False
    rolling_deploy: bool | None = False
    promotion_cleanup_strategy: Literal["KEEP", "SCALE_TO_ZERO", "DEACTIVATE"] | None = "SCALE_TO_ZERO"
    rolling_deploy_config: RollingDeployConfig | None = None
    ramp_up_while_promoting: bool | None = False
    ramp_up_duration_seconds: int | None = 600


class Backpressure(_Answer):
    """What becomes of requests that find every replica busy."""

    policy: Literal["QUEUE_ON_FULL", "REJECT_ON_FULL"] | None = None


class Schedule(_Answer, Repeating):
    """A schedule that repeats."""

    id: str
    autoscaling_settings: Overrides


class OneTimeSchedule(_Answer, OneTime):
    """A schedule that runs once."""

    id: str
    autoscaling_settings: Overrides


class ScheduleState(_Answer):
    """What the schedules make of the autoscaling now."""

    schedule_id: str | None
    autoscaling_settings: Autoscaling


class Schedules(_Answer):
    """The schedules of an environment; without any there is no timezone."""

    timezone: str | None = None
    schedules: list[Schedule | OneTimeSchedule]
    applied_state: ScheduleState | None


class PromotionInProgress(_Answer):
    """The latest promotion; one that has ended is reported until the next."""

    status: Literal["RELEASING", "RAMPING_UP", "RAMPING_DOWN", "PAUSED", "SUCCEEDED", "FAILED", "CANCELED"]
    percent_traffic_to_new_version: int
    error_message: str | None = None
    rolling_deploy: bool | None = None


class Deployment(_Answer):
    """One deployment of a model."""

    id: str
    created_at: datetime
    name: str
    model_id: str
    is_production: bool
    is_development: bool
    status: Literal["ACTIVE", "SCALED_TO_ZERO"]
    active_replica_count: int
    autoscaling_settings: Autoscaling | None
    instance_type_name: str | None
    environment: str | None
    labels: dict[str, Any] | None = None
    region: str | None = None
    request_backpressure_settings: Backpressure


class Environment(_Answer):
    """An environment of a model and the settings in force there."""

    name: str
    created_at: datetime
    model_id: str
    current_deployment: Deployment | None
    candidate_deployment: Deployment | None = None
    in_progress_promotion: PromotionInProgress | None = None
    autoscaling_settings: Autoscaling
    promotion_settings: Promotion
    instance_type: InstanceType
    request_backpressure_settings: Backpressure
    autoscaling_schedules: Schedules | None = None


class Environments(_Answer):
    """Every environment of a model."""

    environments: list[Environment]


class Updated(_Answer):
    """What becomes of an update, and the environment after it."""

    status: Literal["ACCEPTED", "QUEUED", "UNCHANGED"]
    message: str
    environment: Environment


class Tombstone(_Answer):
    """What is left of a deleted environment."""

    name: str
    model_id: str
    deleted: bool


class Model(_Answer):
    """A model of the account."""

    id: str
    created_at: datetime
    name: str
    deployments_count: int
    production_deployment_id: str | None
    development_deployment_id: str | None
    instance_type_name: str
    team_name: str


class Models(_Answer):
    """Every model of the account."""

    models: list[Model]


class Refused(_Answer):
    """Why a request had no effect: `message`, or `error` with the seconds after which to ask again."""

    message: str | None = None
    error: str | None = None
    retry_after: int | None = None
