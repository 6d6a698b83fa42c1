"""The example of a fleet, as it stands in the repository, on the account an emulator starts with."""

import shutil
from pathlib import Path

import yaml

from baseten_pulumi.testing import Emulator
from tests.engines import Stack

FLEET = Path(__file__).parents[2] / "examples" / "fleet"


def _copy(stack: Stack, emulator: Emulator) -> None:
    """Put the example in the stack's place; only its name, its interpreter and Baseten's address are the test's own."""
    for name in ("__main__.py", "fleet.yaml"):
        shutil.copy(FLEET / name, stack.folder / name)
    project = yaml.safe_load((FLEET / "Pulumi.yaml").read_text())
    project["config"]["baseten:baseUrl"]["value"] = emulator.url
    project |= {"name": "serving", "runtime": "python"}
    (stack.folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))


def test_whole_fleet_comes_into_force_when_the_example_runs(stack: Stack, emulator: Emulator) -> None:
    """Every environment sends before the one wait looks, and every setting of the file is read back."""
    _copy(stack, emulator)
    stack.up()
    sent = [request.path for request in emulator.requests if request.method == "PATCH"]
    asked = [request.method for request in emulator.requests]
    assert len(sent) == len(set(sent)) == 7
    assert asked[:7] == ["PATCH"] * 7
    assert stack.outputs() == {"inForce": True}
    production = emulator.reported("lm4chat8", "production")
    assert production["autoscaling_settings"]["max_replica"] == 6
    assert production["autoscaling_settings"]["concurrency_target"] == 8
    assert production["promotion_settings"]["rolling_deploy_config"]["max_surge_percent"] == 25
    assert emulator.reported("lm4chat8", "dev")["promotion_settings"]["rolling_deploy"] is False
    assert emulator.reported("emb3d9x2", "production")["autoscaling_settings"]["concurrency_target"] == 32
