"""What somebody does to the emulator over HTTP while it serves, under `/emulator/`; the page is `/emulator/docs`.

Baseten has no such routes, and they are not in the description of its API. They need no key and are not recorded.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from baseten_pulumi.testing.emulator.account import FictionalEnvironment
from baseten_pulumi.testing.emulator.errors import ApiError
from baseten_pulumi.testing.emulator.faults import Fault

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator.emulator import Emulator

_ENVIRONMENT = "/emulator/models/{model_id}/environments/{env_name}"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Model(_Body):
    """A model to add."""

    id: str
    name: str
    environments: list[str] = ["production"]


class Settings(_Body):
    """Settings to change at once, without checking ranges; null is reported as null."""

    autoscaling_settings: dict[str, Any] = {}
    promotion_settings: dict[str, Any] = {}
    request_backpressure_settings: dict[str, Any] = {}


class Promotion(_Body):
    """A promotion to begin; without `seconds` it runs until it is finished."""

    percent: int = 0
    seconds: float | None = None
    status: Literal["RELEASING", "RAMPING_UP", "RAMPING_DOWN", "PAUSED"] = "RAMPING_UP"


class End(_Body):
    """How the promotion ends."""

    status: Literal["SUCCEEDED", "FAILED", "CANCELED"] = "SUCCEEDED"
    error_message: str | None = None


class Deployment(_Body):
    """Status of the current deployment, such as INACTIVE; null for ACTIVE or SCALED_TO_ZERO by its replicas."""

    status: str | None


app = FastAPI(
    title="Control of the emulator",
    openapi_url="/emulator/openapi.json",
    docs_url="/emulator/docs",
    redoc_url=None,
)


@app.get("/emulator/requests")
async def list_requests(request: Request) -> list[dict[str, Any]]:
    """List the requests so far, oldest first."""
    return [asdict(each) for each in _emulator(request).requests]


@app.delete("/emulator/requests")
async def clear_requests(request: Request) -> None:
    """Forget the requests so far."""
    _emulator(request).clear_requests()


@app.post("/emulator/models")
async def add_model(request: Request, body: Model) -> None:
    """Add a model, in place of one with the same id."""
    _emulator(request).add_model(body.id, body.name, [FictionalEnvironment(name) for name in body.environments])


@app.delete("/emulator/models/{model_id}")
async def remove_model(request: Request, model_id: str) -> None:
    """Remove a model."""
    _emulator(request).remove_model(model_id)


@app.delete(_ENVIRONMENT)
async def remove_environment(request: Request, model_id: str, env_name: str) -> None:
    """Remove an environment, even `production`."""
    _emulator(request).remove_environment(model_id, env_name)


@app.patch(_ENVIRONMENT)
async def change(request: Request, model_id: str, env_name: str, body: Settings) -> None:
    """Change settings by hand."""
    _emulator(request).change(model_id, env_name, **body.model_dump())


@app.patch(f"{_ENVIRONMENT}/deployment")
async def set_deployment_status(request: Request, model_id: str, env_name: str, body: Deployment) -> None:
    """Give the current deployment a status."""
    _emulator(request).set_deployment_status(model_id, env_name, body.status)


@app.post(f"{_ENVIRONMENT}/promotion")
async def start_promotion(request: Request, model_id: str, env_name: str, body: Promotion) -> None:
    """Begin a promotion of a new deployment; changes are queued until it ends."""
    _emulator(request).start_promotion(model_id, env_name, body.percent, body.seconds, body.status)


@app.post(f"{_ENVIRONMENT}/promotion/finish")
async def finish_promotion(request: Request, model_id: str, env_name: str, body: End) -> None:
    """End the promotion."""
    _emulator(request).finish_promotion(model_id, env_name, body.status, body.error_message)


@app.get("/emulator/faults")
async def list_faults(request: Request) -> list[dict[str, Any]]:
    """List the faults, and how many requests each has hit."""
    faults = _emulator(request).faults
    return [{"fault": str(fault), "hits": faults.hits(fault)} for fault in faults.all()]


@app.post("/emulator/faults")
async def add_fault(request: Request, body: dict[str, Any]) -> None:
    """Add a fault, such as `{"kind": "status", "status": 503, "times": 2, "method": "PATCH"}`."""
    _emulator(request).faults.add(Fault.from_json(body))


@app.delete("/emulator/faults")
async def clear_faults(request: Request) -> None:
    """Remove every fault."""
    _emulator(request).faults.clear()


@app.exception_handler(ApiError)
async def _api_error(_request: Request, error: ApiError) -> JSONResponse:
    return JSONResponse({"message": error.message}, error.status)


@app.exception_handler(ValueError)
async def _value_error(_request: Request, error: ValueError) -> JSONResponse:
    return JSONResponse({"message": str(error)}, 422)


def _emulator(request: Request) -> "Emulator":
    emulator: Emulator = request.scope["emulator"]
    return emulator
