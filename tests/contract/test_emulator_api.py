"""The emulator's API over real HTTP: routes, keys, answers and refusals."""

import httpx
import pytest

from baseten_pulumi.testing import Emulator

ENVIRONMENT = "/v1/models/lm4chat8/environments/production"
ENVIRONMENTS = "/v1/models/lm4chat8/environments"


def _client(emulator: Emulator, key: str = "Api-Key k1") -> httpx.Client:
    return httpx.Client(base_url=emulator.url, headers={"Authorization": key}, trust_env=False)


def _replicas(client: httpx.Client, path: str = ENVIRONMENT) -> tuple[int, int]:
    autoscaling = client.get(path).json()["autoscaling_settings"]
    return autoscaling["min_replica"], autoscaling["max_replica"]


def test_reads_answer_the_account_when_they_are_asked(emulator: Emulator, client: httpx.Client) -> None:
    """Four reads: models, a model, its environments, an environment."""
    models = client.get("/v1/models").json()["models"]
    assert models == emulator.models()
    assert client.get("/v1/models/lm4chat8").json() == models[0]
    assert client.get(ENVIRONMENTS).json() == {"environments": emulator.environments("lm4chat8")}
    answer = client.get(ENVIRONMENT)
    assert answer.json() == emulator.reported("lm4chat8", "production")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("emulated-")


def test_an_update_answers_with_the_environment_when_it_is_accepted(client: httpx.Client) -> None:
    """Environment, status and message; the environment as GET answers it."""
    answer = client.patch(ENVIRONMENT, json={"autoscaling_settings": {"max_replica": 6, "max_scale_down_rate": 20}})
    assert answer.status_code == 200
    assert set(answer.json()) == {"environment", "status", "message"}
    assert answer.json()["status"] == "ACCEPTED"
    assert answer.json()["environment"] == client.get(ENVIRONMENT).json()
    assert answer.json()["environment"]["autoscaling_settings"]["max_scale_down_rate"] == 20


def test_surge_is_kept_when_an_update_leaves_it_out(client: httpx.Client) -> None:
    """An absent surge means unchanged, as any absent field does."""
    for config in ({"max_surge_percent": 30}, {"stabilization_time_seconds": 5}):
        client.patch(ENVIRONMENT, json={"promotion_settings": {"rolling_deploy_config": config}})
    reported = client.get(ENVIRONMENT).json()["promotion_settings"]["rolling_deploy_config"]
    assert (reported["max_surge_percent"], reported["stabilization_time_seconds"]) == (30, 5)


def test_nothing_changes_when_a_field_is_null_or_absent(client: httpx.Client) -> None:
    """There is no way back to a default."""
    before = client.get(ENVIRONMENT).json()
    body = {"autoscaling_settings": {"max_replica": None}, "promotion_settings": {"rolling_deploy_config": None}}
    assert client.patch(ENVIRONMENT, json=body).json()["status"] == "UNCHANGED"
    assert client.patch(ENVIRONMENT, json={"promotion_settings": {"rolling_deploy_config": {}}}).is_success
    assert client.get(ENVIRONMENT).json() == before


def test_a_null_rolling_deploy_stays_null_when_an_empty_one_is_sent(client: httpx.Client) -> None:
    """An empty object says nothing."""
    path = "/v1/models/wh5pr3v1/environments/dev"
    answer = client.patch(path, json={"promotion_settings": {"rolling_deploy_config": {}}})
    assert answer.json()["status"] == "UNCHANGED"
    assert client.get(path).json()["promotion_settings"]["rolling_deploy_config"] is None


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "Cannot parse request body: Expecting property name enclosed in double quotes"),
        (b"[]", 422, "request body: Input should be"),
        (b'{"autoscaling_settings": {"min_replica": true}}', 422, "autoscaling_settings.min_replica: Input should be"),
        (b'{"autoscaling_settings": {"max_replicas": 1}}', 422, "autoscaling_settings.max_replicas: unknown field"),
        (
            b'{"autoscaling_settings": {"autoscaling_window": 9}}',
            400,
            "autoscaling_settings.autoscaling_window must be between 10 and 3600, got 9",
        ),
        (b'{"autoscaling_settings": {"min_replica": 4}}', 400, "min_replica (4) must not exceed max_replica (3)"),
    ],
)
def test_an_update_is_refused_when_it_breaks_the_contract_or_a_rule(
    client: httpx.Client, body: bytes, status: int, message: str
) -> None:
    """Unreadable, not allowed by the contract, not allowed by the documentation; never with an effect."""
    before = client.get(ENVIRONMENT).json()
    answer = client.patch(ENVIRONMENT, content=body)
    assert answer.status_code == status
    assert answer.json()["message"].startswith(message)
    assert client.get(ENVIRONMENT).json() == before


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/models/m9/environments/dev", "Model m9 not found"),
        ("/v1/models/lm4chat8/environments/qa", "Environment qa not found for model lm4chat8"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_is_missing_is_named_when_it_is_asked_for(
    client: httpx.Client, method: str, path: str, message: str
) -> None:
    """404 tells a missing model from a missing environment, before the body is looked at."""
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()) == (404, {"message": message})


def test_an_unlisted_route_is_not_found_when_it_is_asked_for(emulator: Emulator, client: httpx.Client) -> None:
    """A client that asks for what the API does not have finds out, and so does its test."""
    answer = client.get("/v1/secrets")
    assert (answer.status_code, answer.json()) == (404, {"message": "no such route: /v1/secrets"})
    assert client.get(ENVIRONMENT + "/").status_code == 404
    refused = client.put(ENVIRONMENT)
    assert refused.status_code == 405
    assert refused.json() == {"message": "PUT is not allowed here, only GET, PATCH, DELETE"}
    assert [request.status for request in emulator.requests] == [404, 404, 405]


def test_an_environment_comes_and_goes_when_it_is_created_and_deleted(client: httpx.Client) -> None:
    """POST answers the environment, DELETE a tombstone."""
    created = client.post(ENVIRONMENTS, json={"name": "qa", "autoscaling_settings": {"max_replica": 2}})
    assert created.json() == client.get(ENVIRONMENTS + "/qa").json()
    assert client.post(ENVIRONMENTS, json={"name": "qa"}).status_code == 409
    deleted = client.delete(ENVIRONMENTS + "/qa")
    assert deleted.json() == {"name": "qa", "model_id": "lm4chat8", "deleted": True}
    assert client.get(ENVIRONMENTS + "/qa").status_code == 404


def test_production_stays_when_its_deletion_is_asked_for(client: httpx.Client) -> None:
    """`production` always exists."""
    answer = client.delete(ENVIRONMENT)
    assert (answer.status_code, answer.json()) == (400, {"message": "The production environment cannot be deleted"})
    assert client.get(ENVIRONMENT).is_success


@pytest.mark.parametrize(
    ("header", "status"),
    [("Api-Key k1", 200), ("Bearer k1", 200), ("Api-Key k2", 403), ("Api-Key", 401), ("Basic k1", 401), ("", 401)],
)
def test_a_request_is_let_in_when_it_carries_the_key(header: str, status: int) -> None:
    """401 without a key, 403 with another one, and the key is nowhere in what is remembered or shown."""
    with Emulator(api_key="k1") as emulator, _client(emulator, header) as client:
        answer = client.get("/v1/models")
        assert answer.status_code == status
        assert "message" in answer.json() or status == 200
        assert "k1" not in repr(emulator)
        assert "k1" not in repr(emulator.requests)


def test_requests_are_slowed_down_when_the_rate_limit_is_reached() -> None:
    """429 says in body and header when to come back; other endpoints go on."""
    with Emulator(rate_limit=2, clock=lambda: 0.0) as emulator, _client(emulator) as client:
        answers = [client.get(ENVIRONMENT) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json() == {"error": "Rate limit exceeded", "retry_after": 1}
        assert answers[2].headers["retry-after"] == "1"
        assert client.get("/v1/models").is_success


def test_a_burst_is_let_in_when_it_is_larger_than_the_rate() -> None:
    """Burst and rate are two options."""
    with Emulator(rate_limit=1, rate_burst=3, clock=lambda: 0.0) as emulator, _client(emulator) as client:
        assert [client.get(ENVIRONMENT).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_settings_apply_when_the_latency_has_passed_on_the_emulators_clock() -> None:
    """Over HTTP too: accepted, then reported, and the moment is written down."""
    seconds = [100.0]
    with Emulator(apply_seconds=3, clock=lambda: seconds[0]) as emulator, _client(emulator) as client:
        client.patch(ENVIRONMENT, json={"autoscaling_settings": {"max_replica": 6}})
        assert _replicas(client) == (1, 3)
        seconds[0] = 200.0
        assert _replicas(client) == (1, 6)
        assert [change.at_seconds for change in emulator.applied] == [103.0]


def test_changes_queue_when_a_promotion_runs() -> None:
    """QUEUED while it runs, with a candidate and a share in GET; in force once it has ended."""
    with Emulator() as emulator, _client(emulator) as client:
        emulator.start_promotion("lm4chat8", "production", percent=40)
        queued = client.patch(ENVIRONMENT, json={"autoscaling_settings": {"max_replica": 6}}).json()
        assert queued["status"] == "QUEUED"
        assert queued["environment"]["in_progress_promotion"]["percent_traffic_to_new_version"] == 40
        assert _replicas(client) == (1, 3)
        emulator.finish_promotion("lm4chat8", "production", "FAILED", "no capacity")
        assert _replicas(client) == (1, 6)
        ended = client.get(ENVIRONMENT).json()
        assert (ended["in_progress_promotion"]["error_message"], ended["candidate_deployment"]) == ("no capacity", None)


def test_a_change_by_hand_is_reported_when_somebody_makes_it(emulator: Emulator, client: httpx.Client) -> None:
    """At once, without a request."""
    emulator.change("lm4chat8", "production", {"max_replica": 9}, {"rolling_deploy": True})
    reported = client.get(ENVIRONMENT).json()
    assert (reported["autoscaling_settings"]["max_replica"], reported["promotion_settings"]["rolling_deploy"]) == (
        9,
        True,
    )
    assert emulator.reported("lm4chat8", "production") == reported


def test_models_come_and_go_when_a_test_adds_and_removes_them(emulator: Emulator, client: httpx.Client) -> None:
    """While it serves, from another thread."""
    emulator.add_model("many0001", "many", (f"env-{number}" for number in range(200)))
    assert len(client.get("/v1/models/many0001/environments").json()["environments"]) == 200
    emulator.remove_environment("many0001", "env-0")
    assert client.get("/v1/models/many0001/environments/env-0").status_code == 404
    emulator.remove_model("many0001")
    assert client.get("/v1/models/many0001").status_code == 404


def test_requests_are_remembered_when_they_are_answered(emulator: Emulator, client: httpx.Client) -> None:
    """Everything a test pins: method, path, query, headers without the key, body, status, outcome."""
    client.patch(ENVIRONMENT, params={"dry": "1"}, json={"autoscaling_settings": {"max_replica": 6}})
    client.patch(ENVIRONMENT, content=b"{")
    first, second = emulator.requests
    assert (first.method, first.path, first.query) == ("PATCH", ENVIRONMENT, {"dry": "1"})
    assert first.body == {"autoscaling_settings": {"max_replica": 6}}
    assert (first.status, first.outcome) == (200, "ACCEPTED")
    assert first.headers["authorization"] == "Api-Key ***"
    assert first.headers["content-type"] == "application/json"
    assert (second.body, second.status, second.outcome) == (None, 400, None)
    assert first.at_seconds <= second.at_seconds
    emulator.clear_requests()
    assert emulator.requests == ()
