from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi.testing.emulator.account import FICTIONAL_ACCOUNT, FictionalModel, described
from baseten_pulumi.testing.emulator.faults import StaleRead
from baseten_pulumi.testing.emulator.promotions import Promotion
from baseten_pulumi.testing.emulator.recording import AppliedChange
from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.store import Behaviour, Store

if TYPE_CHECKING:
    from tests.unit.testing.emulator.conftest import HandClock


def _replicas(**fields: int) -> dict[str, Any]:
    return {"autoscaling_settings": fields}


def _max_replica(store: Store, env_name: str = "production", stale: StaleRead | None = None) -> Any:
    return store.environment("m1", env_name, stale)["autoscaling_settings"]["max_replica"]


def test_the_fictional_account_is_what_examples_rely_on_when_nothing_else_is_asked_for() -> None:
    """Its ids, names and the replicas of llama-chat's production are frozen."""
    store = Store(FICTIONAL_ACCOUNT, Behaviour())
    models = {model["id"]: model["name"] for model in store.models()}
    assert models == {"lm4chat8": "llama-chat", "wh5pr3v1": "whisper-transcribe", "emb3d9x2": "embeddings"}
    for model_id in models:
        assert [each["name"] for each in store.environments(model_id)] == ["dev", "staging", "production"]
    autoscaling = store.environment("lm4chat8", "production")["autoscaling_settings"]
    assert (autoscaling["min_replica"], autoscaling["max_replica"]) == (1, 3)
    assert store.environment("emb3d9x2", "dev")["autoscaling_settings"]["scale_down_delay"] is None


def test_an_environment_is_answered_whole_when_it_is_read(store: Store) -> None:
    """The shape of EnvironmentV1, field for field."""
    autoscaling = {
        "min_replica": 0,
        "max_replica": 3,
        "autoscaling_window": 60,
        "scale_down_delay": 900,
        "concurrency_target": 1,
        "target_utilization_percentage": 70,
        "target_in_flight_tokens": None,
        "max_scale_down_rate": 50,
    }
    assert store.environment("m1", "production") == {
        "name": "production",
        "created_at": "2026-03-02T09:30:00Z",
        "model_id": "m1",
        "current_deployment": {
            "id": "450c53d",
            "created_at": "2026-03-02T09:30:00Z",
            "name": "deployment-1",
            "model_id": "m1",
            "is_production": True,
            "is_development": False,
            "status": "SCALED_TO_ZERO",
            "active_replica_count": 0,
            "autoscaling_settings": autoscaling,
            "instance_type_name": "1x2",
            "environment": "production",
            "labels": None,
            "region": None,
            "request_backpressure_settings": {"policy": None},
        },
        "candidate_deployment": None,
        "in_progress_promotion": None,
        "autoscaling_settings": autoscaling,
        "promotion_settings": {
            "redeploy_on_promotion": False,
            "rolling_deploy": False,
            "promotion_cleanup_strategy": "SCALE_TO_ZERO",
            "rolling_deploy_config": None,
            "ramp_up_while_promoting": False,
            "ramp_up_duration_seconds": 600,
        },
        "instance_type": {
            "id": "1x2",
            "name": "1x2",
            "memory_limit_mib": 2048,
            "millicpu_limit": 1000,
            "gpu_count": 0,
            "gpu_type": None,
            "gpu_memory_limit_mib": None,
        },
        "request_backpressure_settings": {"policy": None},
        "autoscaling_schedules": None,
    }


def test_a_model_is_answered_whole_when_it_is_read(store: Store) -> None:
    """The shape of ModelV1, field for field."""
    production = store.environment("m1", "production")["current_deployment"]["id"]
    assert store.model("m1") == {
        "id": "m1",
        "created_at": "2026-03-02T09:30:00Z",
        "name": "chat",
        "deployments_count": 2,
        "production_deployment_id": production,
        "development_deployment_id": None,
        "instance_type_name": "1x2",
        "team_name": "Fictional",
    }


def test_policy_is_reported_of_environment_and_deployment_when_it_has_applied(store: Store, clock: "HandClock") -> None:
    """Backpressure takes as long as every other setting, to be set and to be cleared."""
    for policy in ("QUEUE_ON_FULL", None):
        before = store.environment("m1", "production")["request_backpressure_settings"]
        outcome = store.update("m1", "production", {"request_backpressure_settings": {"policy": policy}})
        assert outcome == "ACCEPTED"
        assert store.environment("m1", "production")["request_backpressure_settings"] == before
        clock.seconds += 10
        answer = store.environment("m1", "production")
        assert answer["request_backpressure_settings"] == {"policy": policy}
        assert answer["current_deployment"]["request_backpressure_settings"] == {"policy": policy}


def test_what_is_missing_is_named_when_it_is_not_there(store: Store) -> None:
    """A missing model is told from a missing environment."""
    with pytest.raises(RefusalError, match=r"^Model m9 not found$") as no_model:
        store.require("m9", "production")
    with pytest.raises(RefusalError, match=r"^Environment qa not found for model m1$") as no_environment:
        store.require("m1", "qa")
    assert (no_model.value.status, no_environment.value.status) == (404, 404)


def test_updates_come_into_force_when_the_clock_moves_on(store: Store, clock: "HandClock") -> None:
    """Time passes on the injected clock alone, and each application is written down at its exact time."""
    assert store.update("m1", "production", _replicas(max_replica=6)) == "ACCEPTED"
    clock.seconds += 4
    store.update("m1", "staging", _replicas(max_replica=2))
    assert (_max_replica(store), store.applied()) == (3, [])
    clock.seconds += 60
    expected = [AppliedChange("m1", "production", 1010.0), AppliedChange("m1", "staging", 1014.0)]
    assert store.applied() == expected
    assert _max_replica(store) == 6


def test_applied_changes_are_remembered_when_their_environment_is_removed(store: Store, clock: "HandClock") -> None:
    """The record outlives what it is about."""
    store.update("m1", "production", _replicas(max_replica=6))
    clock.seconds += 10
    store.remove_environment("m1", "production")
    assert store.applied() == [AppliedChange("m1", "production", 1010.0)]


@pytest.mark.parametrize("changes", [_replicas(max_replica=0), _replicas(min_replica=4)])
def test_an_update_has_no_effect_when_it_breaks_a_rule(store: Store, changes: dict[str, Any]) -> None:
    """A refused request changes nothing, and rules hold for the merged settings."""
    before = store.environment("m1", "production")
    with pytest.raises(RefusalError):
        store.update("m1", "production", changes)
    assert store.environment("m1", "production") == before


def test_a_rule_holds_for_what_is_pending_when_an_update_follows(store: Store) -> None:
    """Fields are held to each other as they will be."""
    store.update("m1", "production", _replicas(max_replica=6))
    assert store.update("m1", "production", _replicas(min_replica=5)) == "ACCEPTED"


def test_replicas_are_capped_silently_when_the_account_has_a_cap(clock: "HandClock") -> None:
    """More is accepted, reported as the cap, and the same again changes nothing."""
    store = Store([FictionalModel("m1", "chat")], Behaviour(replica_cap=10, clock=clock))
    assert store.update("m1", "production", _replicas(min_replica=11, max_replica=20)) == "ACCEPTED"
    autoscaling = store.environment("m1", "production")["autoscaling_settings"]
    assert (autoscaling["min_replica"], autoscaling["max_replica"]) == (10, 10)
    assert store.update("m1", "production", _replicas(max_replica=20)) == "UNCHANGED"


def test_an_environment_has_defaults_when_it_is_created(store: Store) -> None:
    """What is sent lies over the defaults, in force at once."""
    rolling = {"rolling_deploy_config": {"max_unavailable_percent": 5}}
    answer = store.create("m1", "qa", {"autoscaling_settings": {"max_replica": 2}, "promotion_settings": rolling})
    assert answer == store.environment("m1", "qa")
    assert (answer["autoscaling_settings"]["max_replica"], answer["autoscaling_settings"]["scale_down_delay"]) == (
        2,
        900,
    )
    assert answer["promotion_settings"]["rolling_deploy_config"]["max_surge_percent"] == 0


@pytest.mark.parametrize(
    ("name", "settings", "status"),
    [
        ("production", {}, 409),
        ("-qa", {}, 400),
        ("qa", _replicas(max_replica=0), 400),
        ("qa", _replicas(min_replica=2), 400),
    ],
)
def test_an_environment_is_not_created_when_a_rule_is_broken(
    store: Store, name: str, settings: dict[str, Any], status: int
) -> None:
    """Names are well-formed and unique, and settings are held to the rules."""
    with pytest.raises(RefusalError) as caught:
        store.create("m1", name, settings)
    assert caught.value.status == status
    assert len(store.environments("m1")) == 2


def test_models_come_and_go_when_tests_say_so(store: Store) -> None:
    """Hundreds of environments are a line of a test; a removed model is missing."""
    store.add_model(FictionalModel("m2", "many", described(f"env-{number}" for number in range(300))))
    assert len(store.environments("m2")) == 300
    assert store.model("m2")["production_deployment_id"] is None
    store.remove_model("m2")
    with pytest.raises(RefusalError, match="Model m2 not found"):
        store.remove_model("m2")


def test_a_change_by_hand_is_reported_when_it_is_null(store: Store) -> None:
    """Hands may do what no request may: report null, leave ranges."""
    store.change("m1", "production", {"autoscaling_settings": {"scale_down_delay": None, "max_replica": 99}})
    autoscaling = store.environment("m1", "production")["autoscaling_settings"]
    assert (autoscaling["scale_down_delay"], autoscaling["max_replica"]) == (None, 99)
    store.change("m1", "production", {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 5}}})
    store.change("m1", "production", {"promotion_settings": {"rolling_deploy_config": None}})
    assert store.environment("m1", "production")["promotion_settings"]["rolling_deploy_config"] is None


def test_a_change_by_hand_is_refused_when_no_setting_has_that_name(store: Store) -> None:
    """A test that misspells a setting must not pass by accident."""
    with pytest.raises(ValueError, match=r"no such setting: autoscaling_settings\.max_replicas$"):
        store.change("m1", "production", {"autoscaling_settings": {"max_replicas": 2}})


def test_a_promotion_is_reported_when_it_runs_and_when_it_has_ended(store: Store, clock: "HandClock") -> None:
    """A candidate stands beside the current deployment and takes its place; the ended promotion stays visible."""
    store.start_promotion("m1", "production", Promotion(clock(), 25, None, "RAMPING_UP"))
    running = store.environment("m1", "production")
    assert running["in_progress_promotion"] == {
        "status": "RAMPING_UP",
        "percent_traffic_to_new_version": 25,
        "error_message": None,
        "rolling_deploy": False,
    }
    candidate = running["candidate_deployment"]["id"]
    assert candidate != running["current_deployment"]["id"]
    store.finish_promotion("m1", "production", "SUCCEEDED")
    ended = store.environment("m1", "production")
    assert (ended["current_deployment"]["id"], ended["candidate_deployment"]) == (candidate, None)
    assert ended["in_progress_promotion"]["status"] == "SUCCEEDED"


def test_a_read_is_stale_when_it_is_asked_for_an_earlier_state(store: Store, clock: "HandClock") -> None:
    """By age, or as before the last accepted changes."""
    store.update("m1", "production", _replicas(max_replica=6))
    clock.seconds += 12
    assert _max_replica(store) == 6
    assert _max_replica(store, stale=StaleRead(3, None)) == 3
    assert _max_replica(store, stale=StaleRead(2, None)) == 6
    assert _max_replica(store, stale=StaleRead(None, None)) == 3


def test_a_list_is_stale_in_one_environment_when_only_that_is_named(store: Store, clock: "HandClock") -> None:
    """A list reads each environment; a stale read may be about one."""
    for env_name in ("staging", "production"):
        store.change("m1", env_name, _replicas(max_replica=8))
        store.update("m1", env_name, _replicas(max_replica=9))
    clock.seconds += 10

    def seen(stale: StaleRead) -> list[int]:
        return [each["autoscaling_settings"]["max_replica"] for each in store.environments("m1", stale)]

    assert seen(StaleRead(None, "production")) == [9, 8]
    assert seen(StaleRead(None, None)) == [8, 8]
