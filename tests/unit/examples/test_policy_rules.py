from collections.abc import Mapping
from typing import Any

import pytest

from examples.policy.rules import Rule, never_to_zero, within_replica_cap, within_surge_limit

SURGE = "promotion_settings.rolling_deploy_config.max_surge_percent"
MOST = "autoscaling_settings.max_replica"
NEVER_ZERO = "production never scales to zero: autoscaling_settings.min_replica is"


def _settings(env_name: str = "production", **settings: Any) -> dict[str, Any]:
    """Return inputs as an engine shows them to a policy: numbers are floats, nulls are left out."""
    return {"model_id": "abc123", "env_name": env_name, "wait": True, **settings}


def _autoscaling(env_name: str = "production", **settings: float) -> dict[str, Any]:
    return _settings(env_name, autoscaling_settings=settings)


def _surging(percent: float) -> dict[str, Any]:
    return _settings(promotion_settings={"rolling_deploy_config": {"max_surge_percent": percent}})


@pytest.mark.parametrize(
    ("rule", "settings", "stack", "violation"),
    [
        (never_to_zero, _autoscaling(min_replica=1.0), "production", None),
        (never_to_zero, _autoscaling("dev", min_replica=0.0), "production", None),
        (never_to_zero, _autoscaling(min_replica=0.0), "dev", f"{NEVER_ZERO} 0; declare at least 1."),
        (never_to_zero, _settings(), "production", f"{NEVER_ZERO} not declared; declare at least 1."),
        (within_replica_cap, _autoscaling(max_replica=2.0), "dev", None),
        (within_replica_cap, _autoscaling(max_replica=3.0), "dev", f'stack "dev" may have 2 replicas: {MOST} is 3.'),
        (within_replica_cap, _autoscaling(max_replica=4.0), "staging", None),
        (within_replica_cap, _autoscaling(max_replica=10.0), "qa", None),
        (within_replica_cap, _autoscaling(max_replica=11.0), "qa", f'stack "qa" may have 10 replicas: {MOST} is 11.'),
        (within_replica_cap, _settings(), "dev", None),
        (within_surge_limit, _surging(30.0), "dev", None),
        (within_surge_limit, _surging(31.0), "dev", f"a rolling deploy may add 30 % of replicas: {SURGE} is 31."),
        (within_surge_limit, _settings(promotion_settings={"rolling_deploy": True}), "dev", None),
        (within_surge_limit, _settings(), "dev", None),
    ],
)
def test_rule_names_setting_limit_and_value_when_it_is_broken(
    rule: Rule, settings: Mapping[str, Any], stack: str, violation: str | None
) -> None:
    """A setting that is not declared breaks a rule only if the rule requires it."""
    assert list(rule(settings, stack)) == ([] if violation is None else [violation])
