import re
from typing import Any

import pytest

from baseten_pulumi.testing import Fault
from tests.unit.testing.emulator.conftest import ENVIRONMENT, Served

LIST = "/v1/models/m1/environments"
CHANGE = {"autoscaling_settings": {"max_replica": 6}}


@pytest.fixture
def served() -> Served:
    """Settings are applied at once, of the deployment too."""
    return Served(apply_seconds=0, deployment_seconds=0)


def _statuses(served: Served, requests: int, method: str = "GET", path: str = ENVIRONMENT) -> list[int]:
    return [served.send(method, path, json={}).status_code for _ in range(requests)]


def test_fault_hits_as_often_as_it_says_when_requests_fit(served: Served) -> None:
    first = served.emulator.faults.add(Fault.status(404, skip=1, times=1, method="GET"))
    served.emulator.faults.add(Fault.status(503, times=2))
    assert _statuses(served, 5) == [503, 404, 503, 200, 200]
    assert served.emulator.faults.hits(first) == 1
    served.emulator.faults.remove(first)
    assert served.emulator.faults.hits(first) == 0


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"method": "PATCH"}, [("PATCH", ENVIRONMENT)]),
        ({"path": "environments$"}, [("GET", LIST)]),
        ({"model_id": "m2"}, []),
        ({"env_name": "staging"}, [("GET", f"{LIST}/staging")]),
    ],
)
def test_fault_hits_only_requests_that_it_is_for(match: Any, hit: list[tuple[str, str]], served: Served) -> None:
    served.emulator.faults.add(Fault.status(500, **match))
    asked = [("PATCH", ENVIRONMENT), ("GET", ENVIRONMENT), ("GET", LIST), ("GET", f"{LIST}/staging")]
    assert [each for each in asked if served.send(*each, json={}).status_code == 500] == hit


@pytest.mark.parametrize("match", [{"times": 0}, {"skip": -1}, {"path": "("}, {"tims": 1}])
def test_fault_is_an_error_when_it_could_never_hit(match: Any) -> None:
    """A test that misspells it must not pass by accident."""
    with pytest.raises((ValueError, TypeError, re.error)):
        Fault.status(500, **match)


@pytest.mark.parametrize(
    ("status", "value"), [(409, "3"), (429, "1.5"), (500, "-1"), (520, "Wed, 21 Oct 2026 07:28:00 GMT")]
)
def test_response_is_as_scripted_when_a_status_is(status: int, value: str, served: Served) -> None:
    """Any status and any Retry-After, without an effect."""
    served.emulator.faults.add(Fault.status(status, {"error": "busy"}, {"Retry-After": value}, method="PATCH"))
    response = served.send("PATCH", json=CHANGE)
    found = (response.status_code, response.json(), response.headers["retry-after"])
    assert found == (status, {"error": "busy"}, value)
    assert served.max_replica == 3


@pytest.mark.parametrize(
    ("fault", "status", "content"),
    [
        (Fault.status(504, "late", takes_effect=True, method="PATCH"), 504, "late"),
        (Fault.body("<html>Sign in</html>", method="PATCH"), 200, "<html>Sign in</html>"),
        *((Fault.empty(status, method="PATCH"), status, "") for status in (200, 202, 204)),
    ],
    ids=["504", "a page", "200", "202", "204"],
)
def test_update_takes_effect_when_its_response_is_another(
    fault: Fault, status: int, content: str, served: Served
) -> None:
    """The record still has its outcome."""
    served.emulator.faults.add(fault)
    response = served.send("PATCH", json=CHANGE)
    assert (response.status_code, response.text, served.max_replica) == (status, content, 6)
    assert (served.emulator.requests[0].status, served.emulator.requests[0].outcome) == (status, "ACCEPTED")


def test_response_is_mangled_when_it_is_scripted(served: Served) -> None:
    served.emulator.faults.add(Fault.broken_json(method="PATCH"))
    response = served.send("PATCH", json=CHANGE)
    assert (response.status_code, served.max_replica) == (200, 6)
    with pytest.raises(ValueError, match=r"."):
        response.json()
    served.emulator.faults.add(Fault.wrong_types())
    listed = served.read(LIST)["environments"][1]
    assert listed["autoscaling_settings"]["max_replica"] == "many"
    assert listed["promotion_settings"]["rolling_deploy"] is False


def test_emulator_says_so_when_it_fails_itself(served: Served) -> None:
    """A mistake in the emulator or its account is shown to whoever runs it, and it goes on."""
    served.emulator.change("m1", "production", {"min_replica": None})
    response = served.send("PATCH", json=CHANGE)
    assert response.status_code == 500
    assert response.json()["message"].startswith("the emulator itself failed: TypeError(")


def test_read_flaps_when_it_is_scripted(served: Served) -> None:
    served.emulator.faults.add(Fault.flaps(after_seconds=2, old_seconds=3, env_name="production"))
    assert (served.max_replica, served.replicas(6)) == (3, "ACCEPTED")
    seen = []
    for _ in range(7):
        environments = served.read(LIST)["environments"]
        assert environments[0]["autoscaling_settings"]["max_replica"] == 1
        assert environments[1]["autoscaling_settings"]["max_replica"] == served.max_replica
        assert environments[1]["current_deployment"]["autoscaling_settings"]["max_replica"] == served.max_replica
        seen.append(served.max_replica)
        served.seconds += 1
    assert seen == [6, 6, 3, 3, 3, 6, 6]


def test_read_is_stale_when_it_is_scripted(served: Served) -> None:
    """By its age, or as when the last changes were accepted."""
    for replicas in (5, 6):
        served.replicas(replicas)
        served.seconds += 10
    for fault, expected in ((Fault.stale(11), 5), (Fault.stale(9), 6), (Fault.stale(99), 3), (Fault.stale(), 5)):
        served.emulator.faults.add(fault)
        assert served.max_replica == expected
        served.emulator.faults.clear()


@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        (Fault.never_applies(), (0, 3, 900)),
        (Fault.applies_only("max_replica", "scale_down_delay"), (0, 47, 107)),
        (Fault.caps("max_replica", 40), (2, 40, 107)),
        (Fault.caps("max_replica", 99), (2, 47, 107)),
        (Fault.rounds("scale_down_delay", 60), (2, 47, 120)),
        (Fault.reverts(5), (2, 47, 107)),
    ],
)
def test_settings_are_applied_otherwise_when_it_is_scripted(
    fault: Fault, applied: tuple[int, int, int], served: Served
) -> None:
    served.emulator.faults.add(fault)
    sent = {"min_replica": 2, "max_replica": 47, "scale_down_delay": 107}
    assert served.update(autoscaling_settings=sent) == "ACCEPTED"
    autoscaling = served.read()["autoscaling_settings"]
    assert (autoscaling["min_replica"], autoscaling["max_replica"], autoscaling["scale_down_delay"]) == applied
    served.seconds += 5
    assert served.max_replica == (3 if fault.action == Fault.reverts(5).action else applied[1])


def test_fault_of_accepted_changes_is_kept_when_a_request_is_invalid(served: Served) -> None:
    served.emulator.faults.add(Fault.never_applies(times=1))
    served.update(autoscaling_settings={"max_replica": "6"})
    assert [served.replicas(6), served.max_replica] == ["ACCEPTED", 3]
    assert [served.replicas(6), served.max_replica] == ["ACCEPTED", 6]
