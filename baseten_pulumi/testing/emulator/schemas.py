"""Requests and responses of the API as pydantic models; FastAPI validates and describes with them.

Names are those of Baseten's reference. Request models are strict: an integer is not a string, a boolean or a fraction.
An object that forbids unknown keys in the reference does so here; in the others they are ignored, as at Baseten.
Responses are written by `store`; their models are for the description, and tests compare the two.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

Weekday: TypeAlias = Literal["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]
CleanupStrategy: TypeAlias = Literal["KEEP", "SCALE_TO_ZERO", "DEACTIVATE"]
BackpressurePolicy: TypeAlias = Literal["QUEUE_ON_FULL", "REJECT_ON_FULL"]


def _iso_8601(value: Any) -> Any:
    """Reject what pydantic would take for seconds since 1970."""
    if not isinstance(value, str) or "T" not in value:
        raise PydanticCustomError("date_time", "Input should be a date and time in ISO 8601")
    return value


Instant: TypeAlias = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_iso_8601)]


class _Model(BaseModel):
    model_config = ConfigDict(protected_namespaces=())  # older pydantic warns about model_id


class _Request(_Model):
    model_config = ConfigDict(strict=True, extra="ignore")


class _ClosedRequest(_Model):
    model_config = ConfigDict(strict=True, extra="forbid")


# --- requests -------------------------------------------------------------------------------------------------------


class UpdateAutoscalingSettingsV1(_ClosedRequest):
    """Autoscaling settings to change."""

    min_replica: int | None = None
    max_replica: int | None = None
    autoscaling_window: int | None = None
    scale_down_delay: int | None = None
    concurrency_target: int | None = None
    target_utilization_percentage: int | None = None
    target_in_flight_tokens: int | None = None
    max_scale_down_rate: int | None = Field(default=None, ge=1, le=50)


class UpdateRollingDeployConfigV1(_Request):
    """Rolling deploy configuration to change."""

    rolling_deploy_strategy: Literal["REPLICA"] | None = None
    max_surge_percent: int | None = None
    max_unavailable_percent: int | None = None
    stabilization_time_seconds: int | None = None
    replica_overhead_percent: int | None = None


class UpdatePromotionSettingsV1(_Request):
    """Promotion settings to change."""

    redeploy_on_promotion: bool | None = None
    rolling_deploy: bool | None = None
    promotion_cleanup_strategy: CleanupStrategy | None = None
    rolling_deploy_config: UpdateRollingDeployConfigV1 | None = None
    ramp_up_while_promoting: bool | None = Field(default=None, deprecated=True)
    ramp_up_duration_seconds: int | None = Field(default=None, deprecated=True)


class UpdateRequestBackpressureSettingsV1(_ClosedRequest):
    """Backpressure to change; a null or absent policy clears it."""

    policy: BackpressurePolicy | None = None


class _ScheduleSettings(_Model):
    min_replica: int
    max_replica: int
    autoscaling_window: int | None
    scale_down_delay: int | None
    concurrency_target: int | None
    target_utilization_percentage: int | None
    target_in_flight_tokens: int | None


class _Recurring(_Model):
    name: str
    enabled: bool
    cadence: Literal["DAILY", "HOURLY"]
    weekdays: list[Weekday]
    start_hour: int | None = None
    start_minute: int
    end_hour: int | None = None
    end_minute: int


class _OneTime(_Model):
    name: str
    enabled: bool
    cadence: Literal["ONE_TIME"]
    start_at: Instant
    end_at: Instant


class AutoscalingScheduleSettingsRequestV1(_ScheduleSettings, _ClosedRequest):
    """Autoscaling while a schedule is active; null follows the environment."""

    max_scale_down_rate: int | None = Field(ge=1, le=50)


class AutoscalingScheduleUpsertV1(_Recurring, _ClosedRequest):
    """A schedule that recurs, to create or to replace."""

    id: str | None = None
    autoscaling_settings: AutoscalingScheduleSettingsRequestV1


class OneTimeAutoscalingScheduleUpsertV1(_OneTime, _ClosedRequest):
    """A schedule that runs once, to create or to replace."""

    id: str | None = None
    autoscaling_settings: AutoscalingScheduleSettingsRequestV1


class UpdateAutoscalingScheduleSettingsV1(_ClosedRequest):
    """Schedules to create, replace and delete; the others are unchanged."""

    timezone: str | None = None
    schedules: (
        list[
            Annotated[AutoscalingScheduleUpsertV1 | OneTimeAutoscalingScheduleUpsertV1, Field(discriminator="cadence")]
        ]
        | None
    ) = None
    delete_schedules: list[str] | None = None


class _Settings(_Model):
    autoscaling_settings: UpdateAutoscalingSettingsV1 | None = None
    promotion_settings: UpdatePromotionSettingsV1 | None = None
    request_backpressure_settings: UpdateRequestBackpressureSettingsV1 | None = None
    autoscaling_schedule_settings: UpdateAutoscalingScheduleSettingsV1 | None = None


class UpdateEnvironmentRequestV1(_Settings, _ClosedRequest):
    """Settings of an environment to change; null and absent fields are unchanged."""


class CreateEnvironmentRequestV1(_Request):
    """A new environment; fields that are not set get Baseten's defaults."""

    name: str
    autoscaling_settings: UpdateAutoscalingSettingsV1 | None = None
    promotion_settings: UpdatePromotionSettingsV1 | None = None
    request_backpressure_settings: UpdateRequestBackpressureSettingsV1 | None = None


class PromotionEnvironmentSettingsUpdateV1(_Settings, _Request):
    """Settings that the environment has once a promotion has ended."""


class _Promote(_Model):
    preserve_env_instance_type: bool = True
    environment_settings_update: PromotionEnvironmentSettingsUpdateV1 | None = None
    promotion_settings_override: UpdatePromotionSettingsV1 | None = None


class PromoteRequestV1(_Promote, _Request):
    """How a deployment is promoted to production."""

    scale_down_previous_production: bool = True


class PromoteToEnvironmentRequestV1(_Promote, _Request):
    """A deployment to promote."""

    deployment_id: str
    scale_down_previous_deployment: bool = True


# --- responses ------------------------------------------------------------------------------------------------------


class AutoscalingSettingsV1(_Model):
    """Autoscaling of an environment or a deployment."""

    min_replica: int
    max_replica: int
    autoscaling_window: int | None
    scale_down_delay: int | None
    concurrency_target: int
    target_utilization_percentage: int | None
    target_in_flight_tokens: int | None = None
    max_scale_down_rate: int | None = None


class RollingDeployConfigV1(_Model):
    """How a rolling deploy proceeds."""

    rolling_deploy_strategy: Literal["REPLICA"] = "REPLICA"
    max_surge_percent: int = 25
    max_unavailable_percent: int = 0
    stabilization_time_seconds: int = 0
    replica_overhead_percent: int = 0


class PromotionSettingsV1(_Model):
    """How a deployment is promoted to the environment."""

    redeploy_on_promotion: bool | None = False
    rolling_deploy: bool | None = False
    promotion_cleanup_strategy: CleanupStrategy | None = "SCALE_TO_ZERO"
    rolling_deploy_config: RollingDeployConfigV1 | None = None
    ramp_up_while_promoting: bool | None = Field(default=False, deprecated=True)
    ramp_up_duration_seconds: int | None = Field(default=600, deprecated=True)


class RequestBackpressureSettingsV1(_Model):
    """What happens to requests while every replica is busy."""

    policy: BackpressurePolicy | None = None


class AutoscalingScheduleSettingsV1(_ScheduleSettings):
    """Autoscaling while a schedule is active; null follows the environment."""

    max_scale_down_rate: int | None


class AutoscalingScheduleV1(_Recurring):
    """A schedule that recurs."""

    id: str
    autoscaling_settings: AutoscalingScheduleSettingsV1


class OneTimeAutoscalingScheduleV1(_OneTime):
    """A schedule that runs once."""

    id: str
    autoscaling_settings: AutoscalingScheduleSettingsV1


class AutoscalingScheduleStateV1(_Model):
    """Autoscaling of the serving deployment, and the schedule that is active there."""

    schedule_id: str | None
    autoscaling_settings: AutoscalingSettingsV1


class EnvironmentAutoscalingSchedulesV1(_Model):
    """Schedules of an environment; without any there is no timezone."""

    timezone: str | None = None
    schedules: list[AutoscalingScheduleV1 | OneTimeAutoscalingScheduleV1]
    applied_state: AutoscalingScheduleStateV1 | None


class InProgressPromotionV1(_Model):
    """The latest promotion; one that has ended is reported until the next."""

    status: Literal["RELEASING", "RAMPING_UP", "RAMPING_DOWN", "PAUSED", "SUCCEEDED", "FAILED", "CANCELED"]
    percent_traffic_to_new_version: int
    error_message: str | None = None
    rolling_deploy: bool | None = None


class InstanceTypeV1(_Model):
    """A machine; memory in mebibytes."""

    id: str
    name: str
    memory_limit_mib: int
    millicpu_limit: int
    gpu_count: int
    gpu_type: str | None
    gpu_memory_limit_mib: int | None


class DeploymentV1(_Model):
    """A deployment of a model; its autoscaling is null until it has finished deploying."""

    id: str
    created_at: datetime
    name: str
    model_id: str
    is_production: bool
    is_development: bool
    status: str
    active_replica_count: int
    autoscaling_settings: AutoscalingSettingsV1 | None
    instance_type_name: str | None
    environment: str | None
    labels: dict[str, Any] | None = None
    region: str | None = None
    request_backpressure_settings: RequestBackpressureSettingsV1


class DeploymentsV1(_Model):
    """The deployments of a model."""

    deployments: list[DeploymentV1]


class EnvironmentV1(_Model):
    """An environment of a model and its settings."""

    name: str
    created_at: datetime
    model_id: str
    current_deployment: DeploymentV1 | None
    candidate_deployment: DeploymentV1 | None = None
    in_progress_promotion: InProgressPromotionV1 | None = None
    autoscaling_settings: AutoscalingSettingsV1
    promotion_settings: PromotionSettingsV1
    instance_type: InstanceTypeV1
    request_backpressure_settings: RequestBackpressureSettingsV1
    autoscaling_schedules: EnvironmentAutoscalingSchedulesV1 | None = None


class EnvironmentsV1(_Model):
    """The environments of a model."""

    environments: list[EnvironmentV1]


class UpdateEnvironmentResponseV1(_Model):
    """The result of an update, and the environment after it."""

    status: Literal["ACCEPTED", "QUEUED", "UNCHANGED"]
    message: str
    environment: EnvironmentV1


class EnvironmentTombstoneV1(_Model):
    """An environment that was deleted."""

    name: str
    model_id: str
    deleted: bool


class CancelPromotionResponseV1(_Model):
    """The result of canceling a promotion."""

    status: Literal["CANCELED", "RAMPING_DOWN"]
    message: str


class SignalPromotionResponseV1(_Model):
    """Whether a promotion received a signal."""

    success: bool


class ModelV1(_Model):
    """A model."""

    id: str
    created_at: datetime
    name: str
    deployments_count: int
    production_deployment_id: str | None
    development_deployment_id: str | None
    instance_type_name: str
    team_name: str


class ModelsV1(_Model):
    """The models of the account."""

    models: list[ModelV1]


class ErrorV1(_Model):
    """Why a request had no effect: `message`, or `error` with the seconds until the next attempt."""

    message: str | None = None
    error: str | None = None
    retry_after: int | None = None
