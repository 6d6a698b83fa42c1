"""Answers in the shape of the API's description: models, environments and their deployments."""

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2s
from typing import Any

from baseten_pulumi.testing.emulator import schedules
from baseten_pulumi.testing.emulator.account import InstanceType
from baseten_pulumi.testing.emulator.environment import Environment
from baseten_pulumi.testing.emulator.settings import Settings


class Renderer:
    """Write answers for one model.

    Args:
        model_id: The model.
        instance_type: The machine of its deployments.
        replica_cap: The account's cap on replicas; None without one. More is accepted and reported as the cap.
    """

    def __init__(self, model_id: str, instance_type: InstanceType, replica_cap: int | None) -> None:
        self._model_id = model_id
        self._instance_type = instance_type
        self._replica_cap = replica_cap

    def environment(self, environment: Environment, settings: Settings, now_seconds: float) -> dict[str, Any]:
        """Return an EnvironmentV1 that reports `settings`."""
        autoscaling = self._autoscaling(settings)
        backpressure = settings["request_backpressure_settings"]
        told = {"autoscaling_settings": autoscaling, "request_backpressure_settings": backpressure}
        candidate = environment.deployment_number + 1 if environment.promoting else None
        return {
            "name": environment.name,
            "created_at": environment.created_at,
            "model_id": self._model_id,
            "current_deployment": self._deployment(environment, environment.deployment_number, told),
            "candidate_deployment": candidate and self._deployment(environment, candidate, told),
            "in_progress_promotion": _promotion(environment, settings, now_seconds),
            "autoscaling_settings": autoscaling,
            "promotion_settings": settings["promotion_settings"],
            "instance_type": asdict(self._instance_type),
            "request_backpressure_settings": backpressure,
            "autoscaling_schedules": schedules.reported(settings[schedules.HELD], autoscaling),
        }

    def model(self, name: str, created_at: str, environments: Sequence[Environment]) -> dict[str, Any]:
        """Return a ModelV1."""
        numbers = {each.name: each.deployment_number for each in environments}
        production = numbers.get("production")
        return {
            "id": self._model_id,
            "created_at": created_at,
            "name": name,
            "deployments_count": sum(numbers.values()),
            "production_deployment_id": production and self._deployment_id("production", production),
            "development_deployment_id": None,
            "instance_type_name": self._instance_type.name,
            "team_name": "Fictional",
        }

    def _autoscaling(self, settings: Settings) -> dict[str, Any]:
        autoscaling: dict[str, Any] = dict(settings["autoscaling_settings"])
        if self._replica_cap is not None:
            autoscaling["max_replica"] = min(autoscaling["max_replica"], self._replica_cap)
            autoscaling["min_replica"] = min(autoscaling["min_replica"], self._replica_cap)
        return autoscaling

    def _deployment(self, environment: Environment, number: int, told: dict[str, Any]) -> dict[str, Any]:
        replicas = told["autoscaling_settings"]["min_replica"]
        return {
            "id": self._deployment_id(environment.name, number),
            "created_at": environment.created_at,
            "name": f"deployment-{number}",
            "model_id": self._model_id,
            "is_production": environment.name == "production",
            "is_development": False,
            "status": "ACTIVE" if replicas else "SCALED_TO_ZERO",
            "active_replica_count": replicas,
            "instance_type_name": self._instance_type.name,
            "environment": environment.name,
            "labels": None,
            "region": None,
            **told,
        }

    def _deployment_id(self, env_name: str, number: int) -> str:
        return blake2s(f"{self._model_id}/{env_name}/{number}".encode(), digest_size=4).hexdigest()[:7]


def _promotion(environment: Environment, settings: Settings, now_seconds: float) -> dict[str, Any] | None:
    promotion = environment.promotion
    if promotion is None:
        return None
    return {
        "status": promotion.status,
        "percent_traffic_to_new_version": promotion.percent_at(now_seconds),
        "error_message": promotion.error_message,
        "rolling_deploy": settings["promotion_settings"]["rolling_deploy"],
    }
