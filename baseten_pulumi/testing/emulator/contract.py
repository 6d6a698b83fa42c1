"""Requests as the API's description states them: which fields, of which types, and which unknown ones are refused."""

import json
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.schedules import REQUESTED, Closed, ScheduleUpdate
from baseten_pulumi.testing.emulator.settings import Settings

Request = TypeVar("Request", bound=BaseModel)


class _Open(BaseModel):
    """An object whose description does not forbid unknown fields: they are swallowed in silence."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Autoscaling(Closed):
    min_replica: int | None = None
    max_replica: int | None = None
    autoscaling_window: int | None = None
    scale_down_delay: int | None = None
    concurrency_target: int | None = None
    target_utilization_percentage: int | None = None
    target_in_flight_tokens: int | None = None
    max_scale_down_rate: int | None = Field(default=None, ge=1, le=50)


class _RollingDeployConfig(_Open):
    rolling_deploy_strategy: Literal["REPLICA"] | None = None
    max_surge_percent: int | None = None
    max_unavailable_percent: int | None = None
    stabilization_time_seconds: int | None = None
    replica_overhead_percent: int | None = None


class _Promotion(_Open):
    redeploy_on_promotion: bool | None = None
    rolling_deploy: bool | None = None
    promotion_cleanup_strategy: Literal["KEEP", "SCALE_TO_ZERO", "DEACTIVATE"] | None = None
    rolling_deploy_config: _RollingDeployConfig | None = None
    ramp_up_while_promoting: bool | None = None
    ramp_up_duration_seconds: int | None = None


class _Backpressure(Closed):
    policy: Literal["QUEUE_ON_FULL", "REJECT_ON_FULL"] | None = None


class _Update(Closed):
    autoscaling_settings: _Autoscaling | None = None
    promotion_settings: _Promotion | None = None
    request_backpressure_settings: _Backpressure | None = None
    autoscaling_schedule_settings: ScheduleUpdate | None = None


class _Creation(_Open):
    name: str
    autoscaling_settings: _Autoscaling | None = None
    promotion_settings: _Promotion | None = None
    request_backpressure_settings: _Backpressure | None = None


UPDATE: type[BaseModel] = _Update
"""What a PATCH may ask for."""

CREATION: type[BaseModel] = _Creation
"""What an environment may be created with."""


def read_json(body: bytes) -> Any:
    """Return what a body says.

    Raises:
        RefusalError: 400, it is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, f"Cannot parse request body: {error}") from None


def read_update(body: bytes) -> Settings:
    """Return the changes a PATCH asks for; null and absent fields leave what is as it is and are left out.

    A backpressure object is an exception: without a policy, or with a null, it asks for none. So are schedules, which
    are complete, nulls included.

    Raises:
        RefusalError: 400 for a body that is not JSON, 422 for one the contract does not allow.
    """
    update = _read(_Update, body)
    schedules = update.autoscaling_schedule_settings
    return {**_stated(update), **({REQUESTED: schedules.stated()} if schedules is not None else {})}


def read_creation(body: bytes) -> tuple[str, Settings]:
    """Return the name and the settings of an environment to be created.

    Raises:
        RefusalError: as for `read_update`.
    """
    request = _stated(_read(CREATION, body))
    name = str(request.pop("name"))
    return name, request


def _read(model: type[Request], body: bytes) -> Request:
    try:
        return model.model_validate(read_json(body))
    except ValidationError as error:
        raise RefusalError(422, "; ".join(_sentence(dict(each)) for each in error.errors(include_url=False))) from None


def _sentence(error: dict[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"]) or "request body"
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown field"
    return f"{path}: {error['msg']}"


def _stated(request: BaseModel) -> Settings:
    stated = request.model_dump(exclude_none=True)
    if "request_backpressure_settings" in stated:
        stated["request_backpressure_settings"].setdefault("policy", None)
    return stated
