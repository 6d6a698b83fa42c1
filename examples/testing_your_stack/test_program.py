"""Units: what the program declares, against Pulumi's mocks. Nothing runs, so nothing is validated."""

import json
import runpy
from pathlib import Path
from typing import Any

import pulumi
import yaml

HERE = Path(__file__).parent


class Mocks(pulumi.runtime.Mocks):
    """Return each resource's inputs as its outputs."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Register a resource."""
        return args.name, args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        """Call a function; the program calls none."""
        raise NotImplementedError(args.token)


def declare(stack: str) -> dict[str, Any]:
    """Run the program with a stack's configuration, and return its variables."""
    config = yaml.safe_load((HERE / f"Pulumi.{stack}.yaml").read_text())["config"]
    texts = {key: it if isinstance(it, str) else json.dumps(it) for key, it in config.items()}
    pulumi.runtime.set_mocks(Mocks(), project="tested-serving", stack=stack)
    pulumi.runtime.set_all_config({"tested-serving:modelId": "abc123", **texts})
    return runpy.run_path(str(HERE / "__main__.py"))


@pulumi.runtime.test
def test_production_declares_a_replica() -> "pulumi.Output[None]":
    """The stack's file says so."""
    chat = declare("production")["chat"]

    def check(settings: Any) -> None:
        assert settings["min_replica"] >= 1

    output: pulumi.Output[None] = chat.settings["production"].autoscaling_settings.apply(check)
    return output
