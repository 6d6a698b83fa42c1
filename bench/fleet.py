"""The fleet that every subject applies; programs, the limit and the emulator all read it here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ENV_NAMES = ("dev", "staging", "canary", "production")
SETTINGS: dict[str, Any] = {
    "autoscaling_settings": {"min_replica": 1, "max_replica": 4, "concurrency_target": 8},
    "promotion_settings": {"redeploy_on_promotion": True, "ramp_up_duration_seconds": 300},
}
"""What is applied to each environment; none of it is Baseten's default."""


@dataclass(frozen=True, slots=True)
class Member:
    """One environment of the fleet."""

    model_id: str
    env_name: str

    @property
    def name(self) -> str:
        """What its resource is called."""
        return f"{self.model_id}-{self.env_name}"

    @property
    def inputs(self) -> dict[str, Any]:
        """What is declared for it."""
        return {"model_id": self.model_id, "env_name": self.env_name, **SETTINGS}


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many environments, four a model."""

    size: int

    def __iter__(self) -> Iterator[Member]:
        """Yield each environment, model by model."""
        for number in range(self.size):
            model, environment = divmod(number, len(ENV_NAMES))
            yield Member(f"m{model:04}", ENV_NAMES[environment])

    def by_model(self) -> Mapping[str, tuple[Member, ...]]:
        """Return the environments of each model."""
        models: dict[str, tuple[Member, ...]] = {}
        for member in self:
            models[member.model_id] = (*models.get(member.model_id, ()), member)
        return models
