"""The twenty models of `fleet.yaml` with all their environments, and one wait for all of them.

`emulator.py` serves an account that has them. To add a model, add an entry to the file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import pulumi
import yaml
from typing_extensions import NotRequired

from baseten_pulumi import BasetenModelEnvironments, BasetenSettingsInForce, EnvironmentArgsDict


class Model(TypedDict):
    """One model of the file."""

    id: str
    defaults: NotRequired[EnvironmentArgsDict]
    environments: Mapping[str, EnvironmentArgsDict | None]


def declare(name: str, model: Model) -> BasetenModelEnvironments:
    """Declare the environments of a model; the joint wait below waits for those of all models."""
    return BasetenModelEnvironments(
        name, model_id=model["id"], environments=model["environments"], defaults=model.get("defaults"), wait=False
    )


fleet: Mapping[str, Model] = yaml.safe_load(Path(__file__).with_name("fleet.yaml").read_text())
models = [declare(name, model) for name, model in fleet.items()]
everything = BasetenSettingsInForce(
    "everything", settings=[settings for model in models for settings in model.settings.values()]
)

pulumi.export("inForce", everything.in_force)
