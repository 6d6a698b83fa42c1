"""A state of the first release gives an empty preview under every later one, and an older API a plain answer."""

import re
from pathlib import Path

import pytest

from baseten_pulumi.testing import Emulator
from tests.engines import Stack
from tests.programs import MODEL, patches, program
from tests.schedules import SCHEDULES, schedule

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
LATER = pytest.mark.parametrize(
    ("group", "declared"),
    [
        ("request_backpressure_settings", {"policy": "QUEUE_ON_FULL"}),
        (SCHEDULES, {"timezone": "Europe/Berlin", "schedules": [schedule("peak")]}),
    ],
)
"""Settings that came after the first release."""


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


@LATER
def test_only_a_later_setting_is_added_when_the_state_is_of_the_first_release(
    stack: Stack, emulator: Emulator, group: str, declared: dict[str, object]
) -> None:
    """Nothing in that state has changed its meaning, and nothing is sent until somebody declares what came later."""
    stack.adopt(STATES / f"first_release_{stack.kind}.json")
    stack.program(program(AUTOSCALING, PROMOTION, more=f"{group}={declared!r},"))
    text = stack.preview().text
    assert f"+ {group}" in text
    assert "concurrency_target" not in text
    assert "max_surge_percent" not in text
    stack.up()
    assert [group in body for body in patches(emulator) if isinstance(body, dict)] == [True]


@pytest.mark.emulator(api="founding")
@LATER
def test_a_later_setting_is_refused_by_name_when_the_api_does_not_know_it(
    stack: Stack, emulator: Emulator, group: str, declared: dict[str, object]
) -> None:
    """An older API answers 4xx to the request, and nobody waits for what it will never report."""
    stack.program(program({"min_replica": 1}, more=f"{group}={declared!r},"))
    assert f"{group}: unknown field" in stack.fails("up")
    stack.program(program({"min_replica": 1}))
    stack.up()
