"""State of the first release gives an empty preview under every later one."""

import re
from pathlib import Path

from baseten_pulumi.testing import Emulator
from tests.engines import Stack
from tests.programs import MODEL, program

STATES = Path(__file__).parent / "states"
AUTOSCALING = {
    "min_replica": 1,
    "max_replica": 4,
    "autoscaling_window": 120,
    "scale_down_delay": 600,
    "concurrency_target": 8,
    "target_utilization_percentage": 80,
    "target_in_flight_tokens": 40000,
    "max_scale_down_rate": 25,
}
PROMOTION = {
    "redeploy_on_promotion": True,
    "rolling_deploy": True,
    "promotion_cleanup_strategy": "KEEP",
    "rolling_deploy_config": {
        "rolling_deploy_strategy": "REPLICA",
        "max_surge_percent": 20,
        "stabilization_time_seconds": 60,
        "replica_overhead_percent": 10,
    },
    "ramp_up_while_promoting": False,
    "ramp_up_duration_seconds": 300,
}


def test_the_preview_is_empty_when_the_state_is_of_the_first_release(stack: Stack, emulator: Emulator) -> None:
    """The type, the provider's import path, the id and every property are read as they were written."""
    stack.adopt(STATES / f"first_release_{stack.kind}.json")
    stack.program(program(AUTOSCALING, PROMOTION))
    stack.preview("--expect-no-changes")
    stack.up("--expect-no-changes")
    assert not emulator.requests
    emulator.change(MODEL, "production", AUTOSCALING, PROMOTION)
    emulator.change(MODEL, "production", {"max_replica": 9})
    stack.refresh()
    assert re.search(r"~ max_replica *: 9 => 4", stack.preview().text)
    stack.up()
