from typing import Any

import pytest

from tests.unit.testing.emulator.conftest import ENVIRONMENT, Served

ADDRESS = ("m1", "production")


def _deployments(served: Served) -> list[tuple[Any, Any]]:
    deployments = served.read("/v1/models/m1/deployments")["deployments"]
    return [(each["environment"], each["status"]) for each in deployments]


def test_old_request_comes_back_when_the_promotion_before_it_ends(served: Served) -> None:
    """Updates are compared with what is current, and queued ones are applied in the end, whatever came after."""
    served.emulator.start_promotion(*ADDRESS)
    assert [served.replicas(5), served.replicas(3)] == ["QUEUED", "UNCHANGED"]
    served.emulator.change(*ADDRESS, {"max_replica": 4})
    served.seconds += 600
    assert served.max_replica == 4
    served.emulator.finish_promotion(*ADDRESS)
    served.seconds += 9
    assert served.max_replica == 4
    served.seconds += 1
    assert served.max_replica == 5


def test_changes_are_applied_in_their_order_when_several_were_queued(served: Served) -> None:
    """Those accepted before the promotion at their own time, and the queued ones after it."""
    served.replicas(4)
    served.emulator.start_promotion(*ADDRESS, seconds=30)
    assert [served.replicas(5), served.replicas(6)] == ["QUEUED", "QUEUED"]
    served.seconds += 10
    assert served.max_replica == 4
    served.seconds += 29
    assert served.max_replica == 4
    served.seconds += 1
    assert served.max_replica == 6
    assert [change.at_seconds for change in served.emulator.applied] == [1010.0, 1040.0, 1040.0]


def test_promotion_is_reported_when_it_runs_and_when_it_has_ended(served: Served) -> None:
    served.emulator.start_promotion(*ADDRESS, percent=20, seconds=100)
    served.seconds += 50
    running = served.read()
    assert running["in_progress_promotion"] == {
        "status": "RAMPING_UP",
        "percent_traffic_to_new_version": 60,
        "error_message": None,
        "rolling_deploy": False,
    }
    assert _deployments(served)[1:] == [("production", "SCALED_TO_ZERO")] * 2
    served.seconds += 50
    ended = served.read()
    assert ended["current_deployment"]["id"] == running["candidate_deployment"]["id"]
    assert (ended["candidate_deployment"], ended["in_progress_promotion"]["status"]) == (None, "SUCCEEDED")
    assert ended["in_progress_promotion"]["percent_traffic_to_new_version"] == 100


@pytest.mark.parametrize(
    ("strategy", "status"),
    [("KEEP", "SCALED_TO_ZERO"), ("SCALE_TO_ZERO", "SCALED_TO_ZERO"), ("DEACTIVATE", "INACTIVE")],
)
def test_previous_deployment_is_cleaned_up_when_a_promotion_succeeds(
    strategy: str, status: str, served: Served
) -> None:
    served.emulator.change(*ADDRESS, promotion_settings={"promotion_cleanup_strategy": strategy})
    served.emulator.start_promotion(*ADDRESS)
    served.emulator.finish_promotion(*ADDRESS)
    assert _deployments(served)[1] == (None, status)


def test_current_deployment_stays_when_a_promotion_fails(served: Served) -> None:
    before = served.read()["current_deployment"]
    served.emulator.start_promotion(*ADDRESS, percent=40)
    served.emulator.finish_promotion(*ADDRESS, "FAILED", "no capacity")
    after = served.read()
    assert (after["current_deployment"], after["candidate_deployment"]) == (before, None)
    assert after["in_progress_promotion"]["error_message"] == "no capacity"
    assert after["in_progress_promotion"]["percent_traffic_to_new_version"] == 40
    assert _deployments(served)[2] == (None, "FAILED")
    with pytest.raises(ValueError, match='no promotion is running in environment "production"'):
        served.emulator.finish_promotion(*ADDRESS)


def test_promotion_by_request_rewrites_settings_when_it_ends() -> None:
    served = Served(promotion_seconds=60)
    staging = served.read("/v1/models/m1/deployments")["deployments"][0]["id"]
    body = {"deployment_id": staging, "environment_settings_update": {"autoscaling_settings": {"max_replica": 8}}}
    promoted = served.send("POST", f"{ENVIRONMENT}/promote", json=body).json()
    assert (promoted["environment"], promoted["id"] == staging) == ("production", False)
    assert served.send("POST", f"{ENVIRONMENT}/promote", json=body).status_code == 409
    served.seconds += 30
    assert served.send("POST", f"{ENVIRONMENT}/pause_promotion").json() == {"success": True}
    served.seconds += 1000
    paused = served.read()["in_progress_promotion"]
    assert (paused["status"], paused["percent_traffic_to_new_version"]) == ("PAUSED", 50)
    served.send("POST", f"{ENVIRONMENT}/resume_promotion")
    served.seconds += 40
    assert (served.read()["current_deployment"]["id"], served.max_replica) == (promoted["id"], 8)


def test_deployment_is_promoted_itself_when_it_serves_nothing(served: Served) -> None:
    """Unless the environment deploys anew on promotions."""
    production = served.read()["current_deployment"]["id"]
    served.emulator.start_promotion(*ADDRESS)
    served.emulator.finish_promotion(*ADDRESS)
    for redeploys in (False, True):
        served.emulator.change(*ADDRESS, promotion_settings={"redeploy_on_promotion": redeploys})
        promoted = served.send("POST", f"/v1/models/m1/deployments/{production}/promote", json={}).json()
        assert (promoted["id"] == production, promoted["is_production"]) == (not redeploys, True)
        served.send("POST", f"{ENVIRONMENT}/cancel_promotion")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{ENVIRONMENT}/cancel_promotion", 400),
        (f"{ENVIRONMENT}/pause_promotion", 400),
        (f"{ENVIRONMENT}/promote", 400),
        ("/v1/models/m1/deployments/d9/promote", 404),
        ("/v1/models/m1/environments/qa/pause_promotion", 404),
    ],
)
def test_promotion_is_rejected_when_there_is_nothing_to_promote(path: str, status: int, served: Served) -> None:
    assert served.send("POST", path, json={"deployment_id": "d9"}).status_code == status
