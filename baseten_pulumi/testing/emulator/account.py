"""The fictional account that an emulator starts with, and how another one is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from baseten_pulumi.testing.emulator.settings import DEFAULTS, ROLLING_DEPLOY_DEFAULTS, Settings, overlaid


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A machine as the API describes it; memory in mebibytes, None where it has no GPU."""

    id: str
    name: str
    memory_limit_mib: int
    millicpu_limit: int
    gpu_count: int
    gpu_type: str | None
    gpu_memory_limit_mib: int | None


CPU = InstanceType("1x2", "1x2", 2048, 1000, 0, None, None)
L4 = InstanceType("L4:4x16", "L4:4x16", 16384, 4000, 1, "L4", 24576)
H100 = InstanceType("H100:26x234", "H100:26x234", 239616, 26000, 1, "H100", 81920)


@dataclass(frozen=True, slots=True)
class FictionalEnvironment:
    """Describe an environment of the account.

    Attributes:
        name: Its name; `production` cannot be deleted.
        autoscaling_settings: What differs from Baseten's defaults; None as a value is reported as null.
        promotion_settings: The same for promotions.
        request_backpressure_settings: The same for backpressure.
    """

    name: str
    autoscaling_settings: Mapping[str, Any] = field(default_factory=dict)
    promotion_settings: Mapping[str, Any] = field(default_factory=dict)
    request_backpressure_settings: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> Settings:
        """Return the settings it has when the emulator starts."""
        return overlaid(
            DEFAULTS,
            {
                "autoscaling_settings": dict(self.autoscaling_settings),
                "promotion_settings": dict(self.promotion_settings),
                "request_backpressure_settings": dict(self.request_backpressure_settings),
            },
        )


@dataclass(frozen=True, slots=True)
class FictionalModel:
    """Describe a model of the account.

    Attributes:
        id: Its id.
        name: Its name.
        environments: Its environments.
        instance_type: The machine its deployments run on.
    """

    id: str
    name: str
    environments: tuple[FictionalEnvironment, ...] = (FictionalEnvironment("production"),)
    instance_type: InstanceType = CPU


def described(environments: Iterable[str | FictionalEnvironment]) -> tuple[FictionalEnvironment, ...]:
    """Return descriptions of environments; a name alone is an environment with Baseten's defaults."""
    return tuple(FictionalEnvironment(each) if isinstance(each, str) else each for each in environments)


_ROLLING = {"rolling_deploy_config": ROLLING_DEPLOY_DEFAULTS}

_NOT_REPORTED = {
    "autoscaling_window": None,
    "scale_down_delay": None,
    "target_utilization_percentage": None,
    "max_scale_down_rate": None,
}

FICTIONAL_ACCOUNT: tuple[FictionalModel, ...] = (
    FictionalModel(
        "lm4chat8",
        "llama-chat",
        (
            FictionalEnvironment("dev"),
            FictionalEnvironment("staging", promotion_settings=_ROLLING),
            FictionalEnvironment("production", {"min_replica": 1, "max_replica": 3}, _ROLLING),
        ),
        H100,
    ),
    FictionalModel("wh5pr3v1", "whisper-transcribe", described(("dev", "staging", "production")), L4),
    FictionalModel(
        "emb3d9x2",
        "embeddings",
        (FictionalEnvironment("dev", _NOT_REPORTED), *described(("staging", "production"))),
        CPU,
    ),
)
"""Three models with `dev`, `staging` and `production`; `dev` of `embeddings` reports what it can as null."""
