"""The page this product was founded on, as data: one operation, what may be sent to it and what it answers.

Written apart from emulator and client, so that a change of either does not change it. Descriptions are left out.
"""

from typing import Any

PATH = "/v1/models/{model_id}/environments/{env_name}"


def _optional(schema: dict[str, Any], default: int | None = None) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "default": default}


def _object(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more}


_INTEGER, _BOOLEAN, _TEXT = {"type": "integer"}, {"type": "boolean"}, {"type": "string"}

AUTOSCALING = _object(
    {
        "min_replica": _optional(_INTEGER),
        "max_replica": _optional(_INTEGER),
        "autoscaling_window": _optional(_INTEGER),
        "scale_down_delay": _optional(_INTEGER),
        "concurrency_target": _optional(_INTEGER),
        "target_utilization_percentage": _optional(_INTEGER),
        "target_in_flight_tokens": _optional(_INTEGER),
    },
    additionalProperties=False,
)
ROLLING_DEPLOY_CONFIG = _object(
    {
        "rolling_deploy_strategy": _optional({"type": "string", "enum": ["REPLICA"]}),
        "max_surge_percent": _optional(_INTEGER, default=10),
        "max_unavailable_percent": _optional(_INTEGER),
        "stabilization_time_seconds": _optional(_INTEGER),
        "replica_overhead_percent": _optional(_INTEGER),
    }
)
PROMOTION = _object(
    {
        "redeploy_on_promotion": _optional(_BOOLEAN),
        "rolling_deploy": _optional(_BOOLEAN),
        "promotion_cleanup_strategy": _optional({"type": "string", "enum": ["KEEP", "SCALE_TO_ZERO", "DEACTIVATE"]}),
        "rolling_deploy_config": _optional(ROLLING_DEPLOY_CONFIG),
        "ramp_up_while_promoting": _optional(_BOOLEAN),
        "ramp_up_duration_seconds": _optional(_INTEGER),
    }
)
REQUEST = _object(
    {"autoscaling_settings": _optional(AUTOSCALING), "promotion_settings": _optional(PROMOTION)},
    additionalProperties=False,
)
ANSWER = _object(
    {"status": {"type": "string", "enum": ["ACCEPTED", "QUEUED", "UNCHANGED"]}, "message": _TEXT},
    required=["status", "message"],
)
EXAMPLE: dict[str, Any] = {
    "autoscaling_settings": {
        "min_replica": 1,
        "max_replica": 2,
        "autoscaling_window": 800,
        "scale_down_delay": 60,
        "concurrency_target": 3,
        "target_utilization_percentage": 70,
        "target_in_flight_tokens": 40000,
    },
    "promotion_settings": {
        "redeploy_on_promotion": True,
        "rolling_deploy": True,
        "promotion_cleanup_strategy": "KEEP",
        "rolling_deploy_config": {
            "rolling_deploy_strategy": "REPLICA",
            "max_surge_percent": 0,
            "max_unavailable_percent": 20,
            "stabilization_time_seconds": 300,
            "replica_overhead_percent": 5,
        },
        "ramp_up_while_promoting": True,
        "ramp_up_duration_seconds": 300,
    },
}
"""A request with every setting of the page."""
PARAMETERS: list[dict[str, Any]] = [
    {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in ("model_id", "env_name")
]
OPERATION: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": REQUEST}}},
    "responses": {"200": {"description": "", "content": {"application/json": {"schema": ANSWER}}}},
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "The founding page", "version": "1.0.0"},
    "security": [{"ApiKeyAuth": []}],
    "paths": {PATH: {"parameters": PARAMETERS, "patch": OPERATION}},
    "components": {
        "securitySchemes": {"ApiKeyAuth": {"type": "apiKey", "in": "header", "name": "Authorization"}},
    },
}
