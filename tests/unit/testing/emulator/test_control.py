from typing import Any

import pytest

from baseten_pulumi.testing import Fault
from tests.unit.testing.emulator.conftest import ENVIRONMENT, Served

CONTROL = f"/emulator{ENVIRONMENT.removeprefix('/v1')}"


def _do(served: Served, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    response = served.send(method, path, json=body, headers={"Authorization": ""})
    assert response.status_code == status, response.text
    return response.json()


def test_promotion_is_started_and_finished_when_it_is_asked_for_over_http(served: Served) -> None:
    _do(served, "POST", f"{CONTROL}/promotion", {"percent": 40, "status": "PAUSED"})
    assert served.read()["in_progress_promotion"]["status"] == "PAUSED"
    assert served.replicas(6) == "QUEUED"
    _do(served, "POST", f"{CONTROL}/promotion/finish", {"status": "FAILED", "error_message": "no capacity"})
    assert served.read()["in_progress_promotion"]["error_message"] == "no capacity"
    _do(served, "POST", f"{CONTROL}/promotion/finish", {}, status=422)
    assert [request["path"] for request in _do(served, "GET", "/emulator/requests")] == [ENVIRONMENT] * 3
    _do(served, "DELETE", "/emulator/requests")
    assert served.emulator.requests == ()


def test_models_and_settings_change_when_it_is_asked_for_over_http(served: Served) -> None:
    _do(served, "POST", "/emulator/models", {"id": "m2", "name": "two", "environments": ["qa", "production"]})
    assert [each["name"] for each in served.read("/v1/models/m2/environments")["environments"]] == ["qa", "production"]
    _do(served, "DELETE", "/emulator/models/m2/environments/production")
    _do(served, "DELETE", "/emulator/models/m2")
    _do(served, "DELETE", "/emulator/models/m2", status=404)
    _do(served, "PATCH", CONTROL, {"autoscaling_settings": {"max_replica": 40, "scale_down_delay": None}})
    assert served.max_replica == 40
    assert "no such setting" in _do(served, "PATCH", CONTROL, {"autoscaling_settings": {"max": 4}}, 422)["message"]
    _do(served, "PATCH", f"{CONTROL}/deployment", {"status": "UNHEALTHY"})
    assert served.read()["current_deployment"]["status"] == "UNHEALTHY"


def test_faults_are_scripted_when_it_is_asked_for_over_http(served: Served) -> None:
    fault = {"kind": "status", "status": 503, "headers": {"Retry-After": "-1"}, "times": 1, "method": "GET"}
    _do(served, "POST", "/emulator/faults", fault)
    assert served.send("GET").headers["retry-after"] == "-1"
    (listed,) = _do(served, "GET", "/emulator/faults")
    assert listed["hits"] == 1
    _do(served, "DELETE", "/emulator/faults")
    assert _do(served, "GET", "/emulator/faults") == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ({"kind": "explode"}, "kind must be one of status, body, empty, "),
        ({"kind": "status"}, "status: "),
        ({"kind": "delay", "seconds": 1, "tims": 2}, "delay: unknown: tims"),
        ({"kind": "delay", "seconds": 1, "path": "("}, "delay: missing )"),
        ({"kind": "delay", "seconds": 1, "times": 0}, "skip must be at least 0"),
    ],
)
def test_script_of_a_fault_is_rejected_when_it_is_invalid(script: Any, message: str, served: Served) -> None:
    assert _do(served, "POST", "/emulator/faults", script, 422)["message"].startswith(message)


def test_fields_of_a_fault_are_a_list_when_it_is_json() -> None:
    script = {"kind": "applies_only", "fields": ["max_replica"], "times": 2}
    assert Fault.from_json(script) == Fault.applies_only("max_replica", times=2)


def test_control_has_a_page_of_its_own_when_baseten_has_no_such_routes(served: Served) -> None:
    paths = _do(served, "GET", "/emulator/openapi.json")["paths"]
    assert all(path.startswith("/emulator/") for path in paths)
    assert served.send("GET", "/emulator/docs").status_code == 200
    assert served.send("GET", "/docs").status_code == 200
