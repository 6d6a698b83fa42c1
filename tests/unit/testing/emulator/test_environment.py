from typing import Any

import pytest

from baseten_pulumi.testing.emulator.environment import Application, Environment
from baseten_pulumi.testing.emulator.promotions import Promotion
from baseten_pulumi.testing.emulator.settings import DEFAULTS

APPLY_SECONDS = 10.0


@pytest.fixture
def environment() -> Environment:
    return Environment("production", DEFAULTS, "2026-03-02T09:30:00Z", 0.0)


def _replicas(**fields: int) -> dict[str, Any]:
    return {"autoscaling_settings": fields}


def _seen(environment: Environment, at_seconds: float, field: str = "max_replica") -> Any:
    environment.settle(at_seconds, APPLY_SECONDS)
    return environment.in_force["autoscaling_settings"][field]


def test_changes_come_into_force_when_the_latency_has_passed() -> None:
    """Accepted now, visible later, not a moment earlier."""
    environment = Environment("production", DEFAULTS, "", 0.0)
    assert environment.accept(_replicas(max_replica=5), 100, APPLY_SECONDS) == "ACCEPTED"
    assert [_seen(environment, at) for at in (100, 109.9, 110)] == [1, 1, 5]
    assert environment.applied_seconds == [110]


def test_changes_are_in_force_at_once_when_there_is_no_latency(environment: Environment) -> None:
    """No latency means none at all."""
    environment.accept(_replicas(max_replica=5), 100, 0)
    assert environment.in_force["autoscaling_settings"]["max_replica"] == 5


def test_changes_are_unchanged_when_they_are_in_force_already(environment: Environment) -> None:
    """What is so already is not accepted again."""
    assert environment.accept(_replicas(max_replica=1), 100, APPLY_SECONDS) == "UNCHANGED"
    assert environment.accept({}, 100, APPLY_SECONDS) == "UNCHANGED"


def test_changes_are_unchanged_when_they_are_accepted_already(environment: Environment) -> None:
    """What is on its way counts, so that going back is a change."""
    environment.accept(_replicas(max_replica=5), 100, APPLY_SECONDS)
    assert environment.accept(_replicas(max_replica=5), 101, APPLY_SECONDS) == "UNCHANGED"
    assert environment.accept(_replicas(max_replica=1), 102, APPLY_SECONDS) == "ACCEPTED"
    assert [_seen(environment, at) for at in (110, 112)] == [5, 1]


def test_changes_merge_when_others_are_pending(environment: Environment) -> None:
    """A later update leaves pending fields it does not mention."""
    environment.accept(_replicas(max_replica=5), 100, APPLY_SECONDS)
    environment.accept(_replicas(min_replica=2), 105, APPLY_SECONDS)
    assert environment.target()["autoscaling_settings"]["max_replica"] == 5
    assert (_seen(environment, 115), _seen(environment, 115, "min_replica")) == (5, 2)


def test_changes_queue_when_a_promotion_runs(environment: Environment) -> None:
    """They apply the usual time after the promotion has ended."""
    environment.start_promotion(Promotion(90))
    assert environment.accept(_replicas(max_replica=5), 100, APPLY_SECONDS) == "QUEUED"
    assert _seen(environment, 10_000) == 1
    environment.finish_promotion(10_000, APPLY_SECONDS, "FAILED", "no capacity")
    assert [_seen(environment, at) for at in (10_009, 10_010)] == [1, 5]
    assert environment.promotion == Promotion(90, 0, None, "FAILED", "no capacity", ended=True)


def test_changes_do_not_wait_when_they_were_accepted_before_the_promotion(environment: Environment) -> None:
    """A promotion delays what comes after its start alone."""
    environment.accept(_replicas(max_replica=5), 100, APPLY_SECONDS)
    environment.start_promotion(Promotion(105))
    environment.accept(_replicas(max_replica=6), 106, APPLY_SECONDS)
    assert _seen(environment, 200) == 5
    environment.finish_promotion(200, APPLY_SECONDS, "SUCCEEDED")
    assert _seen(environment, 210) == 6


def test_a_promotion_succeeds_by_itself_when_its_time_is_over(environment: Environment) -> None:
    """It ends at its own time, however late somebody looks, and a new deployment is current."""
    environment.start_promotion(Promotion(100, percent=20, seconds=50))
    environment.accept(_replicas(max_replica=5), 101, APPLY_SECONDS)
    assert _seen(environment, 159) == 1
    assert environment.promotion is not None
    assert (environment.promotion.status, environment.promotion.percent) == ("SUCCEEDED", 100)
    assert _seen(environment, 160) == 5
    assert environment.applied_seconds == [160]
    assert environment.deployment_number == 2


def test_a_promotion_keeps_the_deployment_when_it_is_canceled(environment: Environment) -> None:
    """Only success makes the candidate current."""
    environment.start_promotion(Promotion(100, percent=20))
    environment.finish_promotion(110, APPLY_SECONDS, "CANCELED")
    assert environment.deployment_number == 1
    assert environment.promotion is not None
    assert environment.promotion.percent == 20


def test_a_promotion_cannot_be_finished_when_none_runs(environment: Environment) -> None:
    """An ended promotion does not run."""
    message = 'no promotion is running in environment "production"'
    with pytest.raises(ValueError, match=message):
        environment.finish_promotion(100, APPLY_SECONDS, "SUCCEEDED")
    environment.start_promotion(Promotion(100))
    environment.finish_promotion(110, APPLY_SECONDS, "SUCCEEDED")
    with pytest.raises(ValueError, match=message):
        environment.finish_promotion(111, APPLY_SECONDS, "SUCCEEDED")


def test_changes_are_forgotten_when_none_of_them_applies(environment: Environment) -> None:
    """Accepted, never in force, and new when sent again."""
    nothing = Application(fields=())
    assert environment.accept(_replicas(max_replica=5), 100, APPLY_SECONDS, nothing) == "ACCEPTED"
    assert _seen(environment, 1000) == 1
    assert environment.applied_seconds == []
    assert environment.accept(_replicas(max_replica=5), 1000, APPLY_SECONDS) == "ACCEPTED"


def test_changes_apply_in_part_when_only_some_fields_are_named(environment: Environment) -> None:
    """The others are forgotten."""
    part = Application(fields=("max_replica",))
    environment.accept(_replicas(min_replica=2, max_replica=5), 100, APPLY_SECONDS, part)
    assert (_seen(environment, 110), _seen(environment, 110, "min_replica")) == (5, 0)


def test_changes_go_back_when_they_revert(environment: Environment) -> None:
    """They are in force first; the way back is no applied change, and sending them while in force changes nothing."""
    environment.accept(_replicas(max_replica=5), 100, APPLY_SECONDS, Application(reverts_after_seconds=3))
    assert [_seen(environment, at) for at in (110, 112)] == [5, 5]
    assert environment.accept(_replicas(max_replica=5), 112, APPLY_SECONDS) == "UNCHANGED"
    assert _seen(environment, 113) == 1
    assert environment.applied_seconds == [110]


def test_a_rolling_deploy_becomes_null_again_when_it_reverts(environment: Environment) -> None:
    """What the server filled in goes back with what was sent."""
    changes = {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 20}}}
    environment.accept(changes, 100, 0, Application(reverts_after_seconds=3))
    assert environment.in_force["promotion_settings"]["rolling_deploy_config"]["rolling_deploy_strategy"] == "REPLICA"
    environment.settle(103, 0)
    assert environment.in_force == DEFAULTS


def test_a_change_by_hand_is_in_force_at_once_when_others_are_pending(environment: Environment) -> None:
    """Pending fields still come, over it."""
    environment.accept(_replicas(max_replica=5), 100, APPLY_SECONDS)
    environment.change(_replicas(max_replica=9, min_replica=1), 101)
    assert _seen(environment, 101) == 9
    assert (_seen(environment, 110), _seen(environment, 110, "min_replica")) == (5, 1)


def test_an_earlier_state_is_known_when_it_is_asked_for(environment: Environment) -> None:
    """The state of a time, and the oldest known before the first."""
    environment.accept(_replicas(max_replica=5), 100, 0)
    environment.accept(_replicas(max_replica=6), 200, 0)
    seen = [environment.as_of(at)["autoscaling_settings"]["max_replica"] for at in (-1, 99, 100, 199, 200)]
    assert seen == [1, 1, 5, 5, 6]


def test_the_state_before_the_last_change_is_known_when_there_was_one(environment: Environment) -> None:
    """Without any change it is the state in force."""
    assert environment.before_last_change() == DEFAULTS
    environment.accept(_replicas(max_replica=5), 100, 0)
    environment.accept(_replicas(max_replica=6), 100, 0)
    assert environment.before_last_change()["autoscaling_settings"]["max_replica"] == 5


def test_a_promotions_share_grows_when_it_takes_a_stated_time() -> None:
    """Evenly from where it began, and never past the whole."""
    promotion = Promotion(100, percent=20, seconds=10)
    assert [promotion.percent_at(at) for at in (100, 105, 110, 200)] == [20, 60, 100, 100]
    assert Promotion(100, percent=20).percent_at(500) == 20
