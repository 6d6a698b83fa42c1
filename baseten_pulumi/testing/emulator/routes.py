"""Baseten's API as a FastAPI application: its routes, their validation and its description.

One application serves every emulator of a process: `app.Gateway` puts a `Call` into the scope of each request. Handlers
return finished responses, so that FastAPI does not validate what `store` has written.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from baseten_pulumi.testing.emulator import schemas
from baseten_pulumi.testing.emulator.environment import Application, StaleRead
from baseten_pulumi.testing.emulator.errors import ApiError
from baseten_pulumi.testing.emulator.faults import Arrival
from baseten_pulumi.testing.emulator.schedules import REQUESTED
from baseten_pulumi.testing.emulator.settings import Settings, overlaid

if TYPE_CHECKING:
    from baseten_pulumi.testing.emulator.emulator import Emulator

DESCRIPTION = "/openapi.json"
DOCS = "/docs"
MODELS = "/v1/models"
MODEL = "/v1/models/{model_id}"
DEPLOYMENTS = "/v1/models/{model_id}/deployments"
PRODUCTION = "/v1/models/{model_id}/deployments/production"
DEPLOYMENT = "/v1/models/{model_id}/deployments/{deployment_id}"
ENVIRONMENTS = "/v1/models/{model_id}/environments"
ENVIRONMENT = "/v1/models/{model_id}/environments/{env_name}"

_SCHEMES: dict[str, Any] = {
    "ApiKeyAuth": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The word Api-Key, a space and the key.",
    },
    "BearerAuth": {"type": "http", "scheme": "bearer"},
}
_MESSAGES = {
    "ACCEPTED": "The update to the environment's settings has been accepted.",
    "QUEUED": "The update is queued and will be applied once the promotion in progress has ended.",
    "UNCHANGED": "The environment's settings are unchanged.",
}


@dataclass(slots=True)
class Call:
    """What a request is served with.

    Attributes:
        emulator: The account and its faults.
        arrival: The request.
        outcome: Status of an update, once it has one.
        later: Later settings of an update.
    """

    emulator: "Emulator"
    arrival: Arrival
    outcome: str | None = None
    later: Settings = field(default_factory=dict)


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            document["security"] = [{scheme: []} for scheme in _SCHEMES]
            document["components"]["securitySchemes"] = _SCHEMES
        return super().openapi()


api = _Api(
    title="Baseten's management API, as emulated",
    description="What the emulator of baseten-pulumi serves.",
    version="1.0.0",
    servers=[{"url": "/"}],
    openapi_url=DESCRIPTION,
    docs_url=DOCS,
    redoc_url=None,
    redirect_slashes=False,
    separate_input_output_schemas=False,
)


def _responses(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"model": model, "description": ""},
        "default": {"model": schemas.ErrorV1, "description": "The request had no effect."},
    }


def requested(request: BaseModel) -> Settings:
    """Return the settings of a request; null and absent fields, which change nothing, are left out.

    Backpressure is an exception: an object without a policy, or with null, clears it. So are schedules, which are
    complete, nulls included.
    """
    settings = request.model_dump(exclude_none=True)
    if "request_backpressure_settings" in settings:
        settings["request_backpressure_settings"].setdefault("policy", None)
    schedules = getattr(request, REQUESTED, None)
    if schedules is not None:
        settings[REQUESTED] = {
            name: value for name, value in schedules.model_dump().items() if name in schedules.model_fields_set
        }
    return settings


@api.get(MODELS, responses=_responses(schemas.ModelsV1))
async def list_models(request: Request, name: str | None = None) -> JSONResponse:
    """List the models of the account, or those with an exact name."""
    return JSONResponse({"models": _call(request).emulator.models(name)})


@api.get(MODEL, responses=_responses(schemas.ModelV1))
async def get_model(request: Request, model_id: str) -> JSONResponse:
    """Read a model."""
    return JSONResponse(_call(request).emulator.model(model_id))


@api.get(DEPLOYMENTS, responses=_responses(schemas.DeploymentsV1))
async def list_deployments(request: Request, model_id: str, name: str | None = None) -> JSONResponse:
    """List the deployments of a model, or the one with an exact name."""
    return JSONResponse({"deployments": _call(request).emulator.deployments(model_id, name)})


@api.get(PRODUCTION, responses=_responses(schemas.DeploymentV1))
async def get_production_deployment(request: Request, model_id: str) -> JSONResponse:
    """Read the deployment that serves `production`."""
    return JSONResponse(_call(request).emulator.deployment(model_id, "production"))


@api.get(DEPLOYMENT, responses=_responses(schemas.DeploymentV1))
async def get_deployment(request: Request, model_id: str, deployment_id: str) -> JSONResponse:
    """Read a deployment."""
    return JSONResponse(_call(request).emulator.deployment(model_id, deployment_id))


@api.get(ENVIRONMENTS, responses=_responses(schemas.EnvironmentsV1))
async def list_environments(request: Request, model_id: str) -> JSONResponse:
    """List the environments of a model."""
    call = _call(request)
    read = call.emulator.faults.take(StaleRead, call.arrival)
    return JSONResponse({"environments": call.emulator.environments(model_id, read)})


@api.post(ENVIRONMENTS, responses=_responses(schemas.EnvironmentV1))
async def create_environment(request: Request, model_id: str, body: schemas.CreateEnvironmentRequestV1) -> JSONResponse:
    """Create an environment; it has no deployment yet."""
    settings = requested(body)
    return JSONResponse(_call(request).emulator.create(model_id, str(settings.pop("name")), settings))


@api.get(ENVIRONMENT, responses=_responses(schemas.EnvironmentV1))
async def get_environment(request: Request, model_id: str, env_name: str) -> JSONResponse:
    """Read an environment with its settings."""
    call = _call(request)
    read = call.emulator.faults.take(StaleRead, call.arrival)
    return JSONResponse(call.emulator.reported(model_id, env_name, read))


@api.patch(ENVIRONMENT, responses=_responses(schemas.UpdateEnvironmentResponseV1))
async def update_environment(
    request: Request, model_id: str, env_name: str, body: schemas.UpdateEnvironmentRequestV1
) -> JSONResponse:
    """Change settings; they are applied later."""
    call = _call(request)
    call.emulator.reported(model_id, env_name)
    application = call.emulator.faults.take(Application, call.arrival)
    outcome = call.emulator.update(model_id, env_name, overlaid(requested(body), call.later), application)
    call.outcome = outcome
    environment = call.emulator.reported(model_id, env_name)
    return JSONResponse({"environment": environment, "status": outcome, "message": _MESSAGES[outcome]})


@api.delete(ENVIRONMENT, responses=_responses(schemas.EnvironmentTombstoneV1))
async def delete_environment(request: Request, model_id: str, env_name: str) -> JSONResponse:
    """Delete an environment; a promotion to it is canceled, and its deployment is scaled to zero."""
    if env_name == "production":
        raise ApiError(400, "The production environment cannot be deleted")
    _call(request).emulator.remove_environment(model_id, env_name)
    return JSONResponse({"name": env_name, "model_id": model_id, "deleted": True})


@api.post(f"{DEPLOYMENT}/promote", responses=_responses(schemas.DeploymentV1))
async def promote_to_production(
    request: Request, model_id: str, deployment_id: str, body: schemas.PromoteRequestV1
) -> JSONResponse:
    """Promote a deployment to `production`."""
    emulator = _call(request).emulator
    id_ = emulator.deployment(model_id, deployment_id)["id"]
    return JSONResponse(emulator.promote(model_id, "production", id_, _changes(body)))


@api.post(f"{ENVIRONMENT}/promote", responses=_responses(schemas.DeploymentV1))
async def promote(
    request: Request, model_id: str, env_name: str, body: schemas.PromoteToEnvironmentRequestV1
) -> JSONResponse:
    """Promote a deployment to an environment, in `--promotion-seconds`."""
    return JSONResponse(_call(request).emulator.promote(model_id, env_name, body.deployment_id, _changes(body)))


@api.post(f"{ENVIRONMENT}/cancel_promotion", responses=_responses(schemas.CancelPromotionResponseV1))
async def cancel_promotion(request: Request, model_id: str, env_name: str) -> JSONResponse:
    """Cancel the promotion in progress."""
    _call(request).emulator.signal_promotion(model_id, env_name, "cancel")
    return JSONResponse({"status": "CANCELED", "message": "The promotion has been canceled."})


def _add_signal(route: str, signal: str, summary: str) -> None:
    async def send(request: Request, model_id: str, env_name: str) -> JSONResponse:
        _call(request).emulator.signal_promotion(model_id, env_name, signal)
        return JSONResponse({"success": True})

    responses = _responses(schemas.SignalPromotionResponseV1)
    api.post(f"{ENVIRONMENT}/{route}", responses=responses, name=route, summary=summary)(send)


_add_signal("pause_promotion", "pause", "Pause the promotion in progress")
_add_signal("resume_promotion", "resume", "Resume the paused promotion")
_add_signal("force_cancel_promotion", "cancel", "Cancel the promotion in progress at once")
_add_signal("force_roll_forward_promotion", "roll forward", "Complete the promotion in progress at once")


@api.exception_handler(ApiError)
async def _api_error(_request: Request, error: ApiError) -> JSONResponse:
    return JSONResponse({"message": error.message}, error.status)


@api.exception_handler(RequestValidationError)
async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
    """Respond with 400 to what is not JSON, and with 422 to JSON that is not as described."""
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return JSONResponse({"message": f"Cannot parse request body: {found[0]['ctx']['error']}"}, 400)
    return JSONResponse({"message": "; ".join(_sentence(each) for each in found)}, 422)


@api.exception_handler(HTTPException)
async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    if error.status_code == 404:  # noqa: PLR2004
        return JSONResponse({"message": f"no such route: {request.url.path}"}, 404)
    if error.status_code == 405:  # noqa: PLR2004
        allowed = [
            method
            for route in api.router.routes
            if route.matches(request.scope)[0] is not Match.NONE
            for method in sorted(getattr(route, "methods", None) or ())
        ]
        message = f"{request.method} is not allowed here, only {', '.join(allowed)}"
        return JSONResponse({"message": message}, 405, {"allow": ", ".join(allowed)})
    return JSONResponse({"message": f"Cannot parse request body: {error.detail}"}, error.status_code)


def _sentence(error: dict[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"][1:]) or "request body"
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown field"
    return f"{path}: {error['msg']}"


def _changes(body: schemas.PromoteRequestV1 | schemas.PromoteToEnvironmentRequestV1) -> Settings:
    return {} if body.environment_settings_update is None else requested(body.environment_settings_update)


def _call(request: Request) -> Call:
    call: Call = request.scope["emulator"]
    return call
