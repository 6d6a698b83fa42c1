"""Settings between other resources: they use the outputs of one, and another uses theirs.

The reserved GPUs determine how many replicas production may have. The gateway in front of the model accepts as many
requests as those replicas serve. It is updated only once Baseten has applied the settings, because a resource that uses
their outputs waits for them. Nothing here needs an account: files next to this one take the place of cloud resources.

    baseten-pulumi emulate --port 8095   # in another terminal
    pulumi stack init dev && BASETEN_API_KEY=any pulumi up --stack dev
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi import dynamic

from baseten_pulumi import BasetenEnvironmentSettings


class FileProvider(dynamic.ResourceProvider):
    """Write numbers to a file, in place of any other provider."""

    serialize_as_secret_always = False  # the code below is not a secret

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Write the file."""
        numbers = {name: int(number) for name, number in props["numbers"].items()}
        Path(props["path"]).write_text(json.dumps(numbers))
        return dynamic.CreateResult(props["path"], props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Write it again."""
        return dynamic.UpdateResult(self.create(_news).outs)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove it."""
        Path(_id).unlink()


class File(dynamic.Resource):
    """A file of numbers."""

    numbers: pulumi.Output[dict[str, int]]
    """The content of the file."""

    def __init__(self, name: str, numbers: pulumi.Input[Mapping[str, pulumi.Input[int]]]) -> None:
        super().__init__(FileProvider(), name, {"path": f"{name}.json", "numbers": numbers})


reservation = File("reservation", {"gpus": pulumi.Config().require_int("gpus"), "gpus_per_replica": 2})
replicas = reservation.numbers.apply(lambda it: it["gpus"] // it["gpus_per_replica"])

settings = BasetenEnvironmentSettings(
    "chat",
    model_id="lm4chat8",
    env_name="production",
    autoscaling_settings={"min_replica": 1, "max_replica": replicas, "concurrency_target": 8},
)

scaling = settings.autoscaling_settings
requests = scaling.apply(lambda it: (it.max_replica or 0) * (it.concurrency_target or 0) if it else 0)
gateway = File("gateway", {"requests_at_once": requests})

pulumi.export("gateway", gateway.numbers)
