from typing import Any

import pytest

from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.rules import check_environment_name, check_ranges, check_together
from baseten_pulumi.testing.emulator.settings import DEFAULTS, merged

_RANGES = [
    ("autoscaling_settings", "min_replica", 0, None),
    ("autoscaling_settings", "max_replica", 1, None),
    ("autoscaling_settings", "autoscaling_window", 10, 3600),
    ("autoscaling_settings", "scale_down_delay", 0, 3600),
    ("autoscaling_settings", "concurrency_target", 1, None),
    ("autoscaling_settings", "target_utilization_percentage", 1, 100),
    ("promotion_settings", "ramp_up_duration_seconds", 0, None),
    ("rolling_deploy_config", "max_surge_percent", 0, 50),
    ("rolling_deploy_config", "max_unavailable_percent", 0, 50),
    ("rolling_deploy_config", "stabilization_time_seconds", 0, 3600),
    ("rolling_deploy_config", "replica_overhead_percent", 0, 500),
]


def _message(check: Any, argument: Any) -> str:
    with pytest.raises(RefusalError) as caught:
        check(argument)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(("group", "field", "lowest", "highest"), _RANGES)
def test_a_number_is_refused_when_it_leaves_its_range(group: str, field: str, lowest: int, highest: int | None) -> None:
    """Both ends of a documented range are allowed, one beyond is not."""
    check_ranges({group: {field: lowest}})
    bounds = f"at least {lowest}" if highest is None else f"between {lowest} and {highest}"
    assert _message(check_ranges, {group: {field: lowest - 1}}) == f"{group}.{field} must be {bounds}, got {lowest - 1}"
    if highest is not None:
        check_ranges({group: {field: highest}})
        assert f"got {highest + 1}" in _message(check_ranges, {group: {field: highest + 1}})


def test_tokens_are_free_when_no_range_is_documented() -> None:
    """What the documentation does not bound is let through."""
    check_ranges({"autoscaling_settings": {"target_in_flight_tokens": -5}})


def test_replicas_are_refused_when_the_minimum_exceeds_the_maximum() -> None:
    """The two are held together, whichever was sent."""
    settings = merged(DEFAULTS, {"autoscaling_settings": {"min_replica": 2}})
    assert _message(check_together, settings) == "min_replica (2) must not exceed max_replica (1)"


def _rolling(on: bool, surge: int, unavailable: int) -> dict[str, Any]:
    config = {"max_surge_percent": surge, "max_unavailable_percent": unavailable}
    return merged(DEFAULTS, {"promotion_settings": {"rolling_deploy": on, "rolling_deploy_config": config}})


def test_a_rolling_deploy_is_refused_when_surge_and_unavailability_are_both_above_zero() -> None:
    """They exclude each other, whether rolling deploys are on or not."""
    message = "max_surge_percent (10) and max_unavailable_percent (5) must not both be above 0"
    assert _message(check_together, _rolling(on=False, surge=10, unavailable=5)) == message


def test_a_rolling_deploy_is_refused_when_it_could_never_step() -> None:
    """With rolling deploys on, one of the two is above 0."""
    check_together(_rolling(on=False, surge=0, unavailable=0))
    message = "one of max_surge_percent and max_unavailable_percent must be above 0"
    assert _message(check_together, _rolling(on=True, surge=0, unavailable=0)) == message


@pytest.mark.parametrize("name", ["qa", "a", "pre-prod-2", "0"])
def test_a_name_is_allowed_when_it_is_made_of_lower_case_digits_and_inner_dashes(name: str) -> None:
    """The documented pattern."""
    check_environment_name(name)


@pytest.mark.parametrize("name", ["", "-qa", "qa-", "QA", "q_a", "qa\n"])
def test_a_name_is_refused_when_it_is_made_of_anything_else(name: str) -> None:
    """The message shows the pattern."""
    assert "[a-z0-9]" in _message(check_environment_name, name)
