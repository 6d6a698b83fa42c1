"""The API's operations: from a request that was let in to an answer, or a refusal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from baseten_pulumi.testing.emulator.contract import read_creation, read_update
from baseten_pulumi.testing.emulator.environment import Application
from baseten_pulumi.testing.emulator.faults import Arrival, Faults, StaleRead
from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.store import Answer, Store

Operation: TypeAlias = Callable[[Arrival, bytes], Answer]

ENVIRONMENT = "/v1/models/{model_id}/environments/{env_name}"
ENVIRONMENTS = "/v1/models/{model_id}/environments"
MODEL = "/v1/models/{model_id}"
MODELS = "/v1/models"

_MESSAGES = {
    "ACCEPTED": "The update to the environment's settings has been accepted.",
    "QUEUED": "The update is queued and will be applied once the promotion in progress has ended.",
    "UNCHANGED": "The environment's settings are unchanged.",
}


@dataclass(frozen=True, slots=True)
class Operations:
    """Hold what an operation needs."""

    store: Store
    faults: Faults

    def routes(self) -> Mapping[str, Mapping[str, Operation]]:
        """Return every operation by path template and method."""
        return {
            MODELS: {"GET": self.list_models},
            MODEL: {"GET": self.get_model},
            ENVIRONMENTS: {"GET": self.list_environments, "POST": self.create_environment},
            ENVIRONMENT: {
                "GET": self.get_environment,
                "PATCH": self.update_environment,
                "DELETE": self.delete_environment,
            },
        }

    def list_models(self, _arrival: Arrival, _body: bytes) -> Answer:
        """Answer ModelsV1."""
        return {"models": self.store.models()}

    def get_model(self, arrival: Arrival, _body: bytes) -> Answer:
        """Answer ModelV1."""
        return self.store.model(_model_id(arrival))

    def list_environments(self, arrival: Arrival, _body: bytes) -> Answer:
        """Answer EnvironmentsV1."""
        stale = self.faults.take(StaleRead, arrival)
        return {"environments": self.store.environments(_model_id(arrival), stale)}

    def create_environment(self, arrival: Arrival, body: bytes) -> Answer:
        """Create an environment and answer EnvironmentV1."""
        name, settings = read_creation(body)
        return self.store.create(_model_id(arrival), name, settings)

    def get_environment(self, arrival: Arrival, _body: bytes) -> Answer:
        """Answer EnvironmentV1."""
        stale = self.faults.take(StaleRead, arrival)
        return self.store.environment(*_names(arrival), stale)

    def update_environment(self, arrival: Arrival, body: bytes) -> Answer:
        """Accept changes and return the environment with the outcome."""
        model_id, env_name = _names(arrival)
        self.store.require(model_id, env_name)
        changes = read_update(body)
        outcome = self.store.update(model_id, env_name, changes, self.faults.take(Application, arrival))
        environment = self.store.environment(model_id, env_name)
        return {"environment": environment, "status": outcome, "message": _MESSAGES[outcome]}

    def delete_environment(self, arrival: Arrival, _body: bytes) -> Answer:
        """Delete an environment and answer EnvironmentTombstoneV1."""
        model_id, env_name = _names(arrival)
        if env_name == "production":
            raise RefusalError(400, "The production environment cannot be deleted")
        self.store.remove_environment(model_id, env_name)
        return {"name": env_name, "model_id": model_id, "deleted": True}


def _model_id(arrival: Arrival) -> str:
    return arrival.model_id or ""


def _names(arrival: Arrival) -> tuple[str, str]:
    return arrival.model_id or "", arrival.env_name or ""
