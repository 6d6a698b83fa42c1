from typing import Any

import pytest

from baseten_pulumi.testing import AppliedChange, Emulator
from tests.schedules import one_time, reported, schedule
from tests.unit.testing.emulator.conftest import ENVIRONMENT, Served


def test_fictional_account_is_what_examples_rely_on_when_no_other_is_given() -> None:
    emulator = Emulator()
    models = {model["id"]: model["name"] for model in emulator.models()}
    assert models == {"lm4chat8": "llama-chat", "wh5pr3v1": "whisper-transcribe", "emb3d9x2": "embeddings"}
    for model_id in models:
        assert [each["name"] for each in emulator.environments(model_id)] == ["dev", "staging", "production"]
    autoscaling = emulator.reported("lm4chat8", "production")["autoscaling_settings"]
    assert (autoscaling["min_replica"], autoscaling["max_replica"]) == (1, 3)
    assert emulator.reported("emb3d9x2", "dev")["autoscaling_settings"]["scale_down_delay"] is None


def test_deployment_follows_its_environment_when_settings_are_applied(served: Served) -> None:
    served.emulator.put_schedule("m1", "production", reported(schedule()), "UTC")

    def seen() -> list[Any]:
        environment = served.read()
        places = (environment, environment["current_deployment"], environment["autoscaling_schedules"]["applied_state"])
        return [place["autoscaling_settings"]["max_replica"] for place in places]

    assert served.replicas(6) == "ACCEPTED"
    for seconds, expected in ((9.9, [3, 3, 3]), (0.1, [6, 3, 3]), (4.9, [6, 3, 3]), (0.1, [6, 6, 6])):
        served.seconds += seconds
        assert seen() == pytest.approx(expected)
    assert served.emulator.applied == [AppliedChange("m1", "production", 1010.0)]


def test_deployment_is_another_when_its_status_is_set(served: Served) -> None:
    served.emulator.change("m1", "production", {"min_replica": 2})
    served.seconds += 5
    for status, expected in ((None, ("ACTIVE", 2, False)), ("INACTIVE", ("INACTIVE", 0, False)), ("DEPLOYING", None)):
        served.emulator.set_deployment_status("m1", "production", status)
        deployment = served.read()["current_deployment"]
        found = (deployment["status"], deployment["active_replica_count"], deployment["autoscaling_settings"] is None)
        assert found == (expected or ("DEPLOYING", 0, True))


def test_schedule_counts_for_the_deployment_when_it_is_active(served: Served) -> None:
    id_ = served.emulator.put_schedule("m1", "production", one_time(), "UTC")
    for active, expected in ((id_, (id_, 9, 900)), (None, (None, 3, 900)), ("sched99", (None, 3, 900))):
        served.emulator.activate_schedule("m1", "production", active)
        state = served.read()["autoscaling_schedules"]["applied_state"]
        autoscaling = state["autoscaling_settings"]
        assert (state["schedule_id"], autoscaling["max_replica"], autoscaling["scale_down_delay"]) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"autoscaling": {}}, "autoscaling: unknown field"),
        ({"autoscaling_settings": {"min_replicas": 1}}, "autoscaling_settings.min_replicas: unknown field"),
        ({"request_backpressure_settings": {"depth": 1}}, "request_backpressure_settings.depth: unknown field"),
        ({"request_backpressure_settings": {"policy": "NONE"}}, "request_backpressure_settings.policy: Input should"),
        ({"autoscaling_settings": {"min_replica": True}}, "autoscaling_settings.min_replica: Input should be a valid"),
        ({"autoscaling_settings": {"min_replica": 3.0}}, "autoscaling_settings.min_replica: Input should be a valid"),
        ({"autoscaling_settings": {"max_scale_down_rate": 51}}, "autoscaling_settings.max_scale_down_rate: Input"),
        ({"promotion_settings": {"rolling_deploy": 1}}, "promotion_settings.rolling_deploy: Input should be a valid"),
        ({"promotion_settings": {"promotion_cleanup_strategy": "keep"}}, "promotion_settings.promotion_cleanup_str"),
        (
            {"autoscaling_settings": {"autoscaling_window": 9}},
            "autoscaling_settings.autoscaling_window must be between",
        ),
        ({"autoscaling_settings": {"max_replica": 0}}, "autoscaling_settings.max_replica must be at least 1, got 0"),
        ({"autoscaling_settings": {"min_replica": 4}}, "min_replica (4) must not exceed max_replica (3)"),
        ({"promotion_settings": {"ramp_up_while_promoting": True}}, "promotion_settings.ramp_up_while_promoting: mod"),
        (
            {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 5, "max_unavailable_percent": 5}}},
            "max_surge_percent (5) and max_unavailable_percent (5) must not both be above 0",
        ),
        (
            {"promotion_settings": {"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 0}}},
            "one of max_surge_percent and max_unavailable_percent must be above 0",
        ),
    ],
)
def test_update_is_rejected_when_it_breaks_the_description_or_a_rule(
    served: Served, settings: dict[str, Any], message: str
) -> None:
    before = served.read()
    assert served.update(**settings).startswith(message)
    served.seconds += 60
    assert served.read() == before


def test_setting_is_stored_without_validation_when_it_is_a_later_one() -> None:
    """A new one, a new value of an old one, or a new object; everything else is validated as ever."""
    paths = ("autoscaling_settings.burst", "promotion_settings.promotion_cleanup_strategy", "later")
    served = Served(later_settings=paths)
    promotion = {"promotion_cleanup_strategy": "ARCHIVE", "rolling_deploy": True}
    later: dict[str, Any] = {"a": None, "b": [{}]}
    sent = {"autoscaling_settings": {"burst": 7}, "promotion_settings": promotion, "later": later}
    assert served.update(**sent) == "ACCEPTED"
    served.seconds += 15
    found = served.read()
    assert (found["autoscaling_settings"]["burst"], found["later"]) == (7, later)
    assert promotion.items() <= found["promotion_settings"].items()
    assert found["current_deployment"]["autoscaling_settings"]["burst"] == 7
    served.emulator.change("m1", "production", {"burst": 8})
    assert served.read()["autoscaling_settings"]["burst"] == 8
    assert served.update(**sent, autoscaling={}) == "autoscaling: unknown field"


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000])
def test_update_is_a_bad_request_when_it_is_not_json(body: bytes, served: Served) -> None:
    """What cannot be parsed is 400; JSON that is not as described is 422."""
    response = served.send("PATCH", content=body)
    assert (response.status_code, response.json()["message"][:26]) == (400, "Cannot parse request body:")
    assert served.send("PATCH", content=b"[]").status_code == 422


def test_update_is_read_as_json_when_its_content_type_is_another(served: Served) -> None:
    """The reference's own curl example sends none."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    response = served.send("PATCH", content=b'{"autoscaling_settings": {"max_replica": 6}}', headers=form)
    assert response.json()["status"] == "ACCEPTED"
    assert served.emulator.requests[0].headers["content-type"] == form["content-type"]


def test_backpressure_is_cleared_when_its_policy_is_null_or_absent(served: Served) -> None:
    """Here alone null is a value; the deployment has it too."""
    for sent in ({"policy": None}, {}):
        for backpressure, policy in (({"policy": "QUEUE_ON_FULL"}, "QUEUE_ON_FULL"), (sent, None)):
            assert served.update(request_backpressure_settings=backpressure) == "ACCEPTED"
            served.seconds += 15
            assert served.read()["request_backpressure_settings"] == {"policy": policy}
            assert served.read()["current_deployment"]["request_backpressure_settings"] == {"policy": policy}
    assert served.update(request_backpressure_settings=None) == "UNCHANGED"


@pytest.mark.parametrize(
    ("config", "percents"),
    [({"stabilization_time_seconds": 30}, (25, 0)), ({"max_unavailable_percent": 20}, (0, 20))],
)
def test_rolling_deploy_is_filled_in_when_it_is_configured_first(
    config: dict[str, int], percents: tuple[int, int], served: Served
) -> None:
    for sent in (config, {"replica_overhead_percent": 5}):
        served.update(promotion_settings={"rolling_deploy_config": sent})
        served.seconds += 10
        found = served.read()["promotion_settings"]["rolling_deploy_config"]
        assert (found["max_surge_percent"], found["max_unavailable_percent"]) == percents
    assert found["replica_overhead_percent"] == 5


def test_updates_are_compared_with_what_was_accepted_when_they_follow_each_other(served: Served) -> None:
    assert [served.replicas(6), served.replicas(6, 5), served.replicas(6, 5)] == ["ACCEPTED", "ACCEPTED", "UNCHANGED"]


def test_replicas_are_capped_when_the_account_has_a_cap() -> None:
    served = Served(replica_cap=10, apply_seconds=0)
    assert [served.replicas(20, 11), served.replicas(20, 11)] == ["ACCEPTED", "UNCHANGED"]
    autoscaling = served.read()["autoscaling_settings"]
    assert (autoscaling["min_replica"], autoscaling["max_replica"]) == (10, 10)


def test_new_environment_has_no_deployment_and_rolling_deploys_when_it_is_created(served: Served) -> None:
    created = served.send(
        "POST", "/v1/models/m1/environments", json={"name": "qa", "autoscaling_settings": {"max_replica": 2}}
    ).json()
    assert created == served.read("/v1/models/m1/environments/qa")
    assert (created["current_deployment"], created["promotion_settings"]["rolling_deploy"]) == (None, True)
    autoscaling = created["autoscaling_settings"]
    assert (autoscaling["max_replica"], autoscaling["scale_down_delay"]) == (2, 900)
    served.emulator.put_schedule("m1", "qa", one_time(), "UTC")
    assert served.read("/v1/models/m1/environments/qa")["autoscaling_schedules"]["applied_state"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"name": "production"}, 409),
        ({"name": "-qa"}, 400),
        ({"name": "qa", "autoscaling_settings": {"max_replica": 0}}, 400),
        ({"name": "qa", "autoscaling_settings": {"min_replica": 2}}, 400),
        ({"name": "qa", "promotion_settings": {"ramp_up_while_promoting": True}}, 400),
    ],
)
def test_environment_is_not_created_when_a_rule_is_broken(body: Any, status: int, served: Served) -> None:
    assert served.send("POST", "/v1/models/m1/environments", json=body).status_code == status
    assert len(served.emulator.environments("m1")) == 2


def test_change_by_hand_is_reported_when_no_request_could_make_it(served: Served) -> None:
    served.emulator.change("m1", "production", {"scale_down_delay": None, "max_replica": 9999})
    autoscaling = served.read()["autoscaling_settings"]
    assert (autoscaling["scale_down_delay"], autoscaling["max_replica"]) == (None, 9999)
    with pytest.raises(ValueError, match=r"^no such setting: autoscaling_settings\.max_replicas$"):
        served.emulator.change("m1", "production", {"max_replicas": 2})


def test_applied_changes_are_kept_when_their_environment_is_removed(served: Served) -> None:
    served.replicas(6)
    served.seconds += 10
    served.emulator.remove_environment("m1", "production")
    assert served.emulator.applied == [AppliedChange("m1", "production", 1010.0)]
    deployments = served.read("/v1/models/m1/deployments")["deployments"]
    assert [(each["environment"], each["status"]) for each in deployments][1] == (None, "SCALED_TO_ZERO")
    assert served.read("/v1/models/m1")["production_deployment_id"] is None


def test_rate_limit_counts_accepted_keys_when_it_is_reached() -> None:
    """Each key and each endpoint on its own, whatever the model; requests without a key are not counted."""
    served = Served(rate_limit=3)
    assert [served.send("GET", headers={"Authorization": ""}).status_code for _ in range(5)] == [401] * 5
    paths = [ENVIRONMENT, ENVIRONMENT.replace("production", "staging"), ENVIRONMENT, ENVIRONMENT]
    responses = [served.send("GET", path) for path in paths]
    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert responses[3].json() == {"error": "Rate limit exceeded", "retry_after": 1}
    assert responses[3].headers["retry-after"] == "1"
    assert served.send("GET", headers={"Authorization": "Bearer k2"}).status_code == 200
    assert served.send("GET", "/v1/models").status_code == 200
    served.seconds += 0.4
    assert [served.send("GET").status_code for _ in range(2)] == [200, 429]
    served.seconds += 60  # a pause saves up a second's worth
    assert [served.send("GET").status_code for _ in range(4)] == [200, 200, 200, 429]
    bursting = Served(rate_limit=1, rate_burst=3)
    assert [bursting.send("GET").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_request_is_recorded_without_its_key_when_it_arrives(served: Served) -> None:
    """In every header that may hold it; each response has a number of its own."""
    served.seconds = 1234.5
    key = {"Authorization": "Bearer s3cret", "Proxy-Authorization": "s3cret"}
    change = {"autoscaling_settings": {"max_replica": 6}}
    responses = [
        served.send("PATCH", params={"dry": "1"}, json=change, headers=key),
        served.send("PATCH", content=b"{", headers=key),
    ]
    assert len({response.headers["x-request-id"] for response in responses}) == 2
    first, second = served.emulator.requests
    assert (first.method, first.path, first.query, first.body) == ("PATCH", ENVIRONMENT, {"dry": "1"}, change)
    assert (first.status, first.outcome, first.at_seconds) == (200, "ACCEPTED", 1234.5)
    assert (second.body, second.status, second.outcome) == (None, 400, None)
    assert (first.headers["authorization"], first.headers["content-type"]) == ("Bearer ***", "application/json")
    assert "s3cret" not in repr(served.emulator.requests)
    served.emulator.clear_requests()
    assert served.emulator.requests == ()


@pytest.mark.parametrize(
    ("header", "status"),
    [("Api-Key k1", 200), ("Bearer k1", 200), ("Api-Key k2", 403), ("Api-Key", 401), ("Basic k1", 401), ("", 401)],
)
def test_request_is_accepted_when_it_has_the_key(header: str, status: int) -> None:
    served = Served(api_key="k1")
    response = served.send("GET", headers={"Authorization": header})
    assert (response.status_code, "message" in response.json()) == (status, status != 200)
    assert "k1" not in repr(served.emulator) + repr(served.emulator.requests)


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v1/models/m9/environments/dev", 404, "Model m9 not found"),
        ("PATCH", "/v1/models/m1/environments/qa", 404, "Environment qa not found for model m1"),
        ("DELETE", "/v1/models/m1/environments/qa", 404, "Environment qa not found for model m1"),
        ("DELETE", ENVIRONMENT, 400, "The production environment cannot be deleted"),
        ("GET", "/v1/secrets", 404, "no such route: /v1/secrets"),
        ("GET", f"{ENVIRONMENT}/", 404, f"no such route: {ENVIRONMENT}/"),
        ("PUT", ENVIRONMENT, 405, "PUT is not allowed here, only GET, PATCH, DELETE"),
    ],
)
def test_message_says_what_is_wrong_when_a_request_has_no_object(
    method: str, path: str, status: int, message: str, served: Served
) -> None:
    response = served.send(method, path, json={})
    assert (response.status_code, response.json()) == (status, {"message": message})
    assert len(served.emulator.environments("m1")) == 2
