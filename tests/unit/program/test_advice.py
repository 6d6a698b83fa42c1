import pytest

from baseten_pulumi.api.models import Environment, Promotion
from baseten_pulumi.fields import MAX_REPLICA, MAX_SURGE_PERCENT, MIN_REPLICA, ROLLING_DEPLOY, Settings
from baseten_pulumi.program import advice
from baseten_pulumi.schedules import ABSENT
from tests.schedules import path, schedule

IN_VAIN = "rolling_deploy_config has no effect while rolling_deploy is off; Baseten only stores it."
IN_VAIN_THERE = "rolling_deploy_config has no effect while rolling_deploy is off at Baseten; Baseten only stores it."
NIGHTLY = (
    'schedules["night"] has min_replica 0 on production: without traffic it scales to zero, and the next request waits '
    "for a start."
)
TO_ZERO = "min_replica is 0 on production: without traffic it scales to zero, and the next request waits for a start."


@pytest.mark.parametrize(
    ("settings", "reported", "expected"),
    [
        ({ROLLING_DEPLOY: False, MAX_SURGE_PERCENT: 9}, None, [IN_VAIN]),
        ({ROLLING_DEPLOY: True, MAX_SURGE_PERCENT: 9}, {ROLLING_DEPLOY: False}, []),
        ({ROLLING_DEPLOY: False}, None, []),
        ({MAX_SURGE_PERCENT: 9}, None, []),
        ({MAX_SURGE_PERCENT: 9}, {}, []),
        ({MAX_SURGE_PERCENT: 9}, {ROLLING_DEPLOY: True}, []),
        ({MAX_SURGE_PERCENT: 9}, {ROLLING_DEPLOY: False}, [IN_VAIN_THERE]),
    ],
)
def test_tuning_is_warned_of_when_rolling_deploys_are_off(
    settings: Settings, reported: Settings | None, expected: list[str]
) -> None:
    """It is off where it is declared so, or where nobody declares it and Baseten says so; else nobody knows."""
    assert advice.warnings("staging", settings, reported) == expected


@pytest.mark.parametrize(
    ("env_name", "settings", "expected"),
    [
        ("production", {MIN_REPLICA: 0}, [TO_ZERO]),
        ("production", {MIN_REPLICA: 1}, []),
        ("production", {MAX_REPLICA: 1}, []),
        ("staging", {MIN_REPLICA: 0}, []),
        ("production", {MIN_REPLICA: 1, path("night"): schedule("night", overrides={"min_replica": 0})}, [NIGHTLY]),
        ("production", {path("day"): schedule("day"), path("gone"): ABSENT}, []),
        ("staging", {path("night"): schedule("night", overrides={"min_replica": 0})}, []),
        (None, {MIN_REPLICA: 0}, []),
    ],
)
def test_scaling_to_zero_is_warned_of_when_it_is_declared_for_production(
    env_name: str | None, settings: Settings, expected: list[str]
) -> None:
    """Elsewhere it is what most people want."""
    assert advice.warnings(env_name, settings) == expected


def test_differences_and_promotion_are_forecast_when_the_environment_was_read() -> None:
    """What is as declared is left out, and so is a promotion that ended; a secret's value is not told."""
    running = Promotion(status="RAMPING_UP", percent_traffic_to_new_version=40)
    seen = Environment({MIN_REPLICA: 1, MAX_REPLICA: 3, ROLLING_DEPLOY: False}, running)
    wanted: Settings = {MIN_REPLICA: 1, MAX_REPLICA: 6, ROLLING_DEPLOY: True}
    assert advice.forecast(wanted, frozenset({MAX_REPLICA}), seen) == (
        "max_replica: will be [secret]; rolling_deploy: now false, will be true; promotion RAMPING_UP, 40 %"
    )
    ended = Environment({MIN_REPLICA: 1}, Promotion(status="SUCCEEDED"))
    assert advice.forecast({MIN_REPLICA: 1}, frozenset(), ended) == ""
