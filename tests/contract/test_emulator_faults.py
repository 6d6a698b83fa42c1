"""The emulator's scripted faults over real HTTP: what a client sees and what is true behind it."""

import time
from typing import Any

import httpx
import pytest

from baseten_pulumi.testing import Emulator, Fault

ENVIRONMENT = "/v1/models/lm4chat8/environments/production"
CHANGE = {"autoscaling_settings": {"min_replica": 2, "max_replica": 6}}


def _replicas(emulator: Emulator) -> tuple[Any, Any]:
    autoscaling = emulator.reported("lm4chat8", "production")["autoscaling_settings"]
    return autoscaling["min_replica"], autoscaling["max_replica"]


def test_a_status_is_answered_when_it_is_scripted(emulator: Emulator, client: httpx.Client) -> None:
    """As often as told, for the requests told, without an effect; a stranger without a key gets it too."""
    emulator.faults.add(
        Fault.status(503, times=2, method="PATCH", body={"error": "busy"}, headers={"retry-after": "7"})
    )
    answer = client.patch(ENVIRONMENT, json=CHANGE)
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (503, {"error": "busy"}, "7")
    assert httpx.patch(emulator.url + ENVIRONMENT, trust_env=False).status_code == 503
    assert client.get(ENVIRONMENT).is_success
    assert _replicas(emulator) == (1, 3)
    assert client.patch(ENVIRONMENT, json=CHANGE).is_success


def test_a_status_can_hide_success_when_it_takes_effect(emulator: Emulator, client: httpx.Client) -> None:
    """A gateway may give up on a request that was carried out."""
    emulator.faults.add(Fault.status(504, takes_effect=True))
    assert client.patch(ENVIRONMENT, json=CHANGE).status_code == 504
    assert _replicas(emulator) == (2, 6)
    assert (emulator.requests[0].status, emulator.requests[0].outcome) == (504, "ACCEPTED")


@pytest.mark.parametrize(("takes_effect", "replicas"), [(False, (1, 3)), (True, (2, 6))])
def test_the_connection_breaks_when_it_is_scripted(
    emulator: Emulator, client: httpx.Client, takes_effect: bool, replicas: tuple[int, int]
) -> None:
    """Before the request has any effect, or after; other connections go on."""
    with httpx.Client(base_url=emulator.url, headers=client.headers, trust_env=False) as other:
        assert other.get(ENVIRONMENT).is_success
        emulator.faults.add(Fault.dropped(takes_effect=takes_effect, times=1))
        with pytest.raises(httpx.RemoteProtocolError):
            client.patch(ENVIRONMENT, json=CHANGE)
        assert _replicas(emulator) == replicas
        assert other.get(ENVIRONMENT).is_success
    assert [request.status for request in emulator.requests] == [200, None, 200]


def test_an_answer_is_late_when_it_is_delayed(emulator: Emulator, client: httpx.Client) -> None:
    """It comes all the same, and others are not held up."""
    held = emulator.faults.add(Fault.delay(60, method="PATCH"))
    with pytest.raises(httpx.ReadTimeout):
        client.patch(ENVIRONMENT, json=CHANGE, timeout=httpx.Timeout(30, read=0.05))
    assert client.get(ENVIRONMENT, timeout=30).is_success
    emulator.faults.remove(held)
    emulator.faults.add(Fault.delay(0.2, method="PATCH"))
    before = time.monotonic()
    assert client.patch(ENVIRONMENT, json=CHANGE, timeout=30).is_success
    assert time.monotonic() - before >= 0.2
    taken = {request.method: request.answered_at_seconds - request.at_seconds for request in emulator.requests}
    assert taken["PATCH"] >= 0.2
    assert taken["GET"] < 60


def test_json_breaks_off_when_it_is_broken(emulator: Emulator, client: httpx.Client) -> None:
    """The request took effect; its answer cannot be parsed."""
    emulator.faults.add(Fault.broken_json(times=1))
    answer = client.patch(ENVIRONMENT, json=CHANGE)
    assert answer.is_success
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert _replicas(emulator) == (2, 6)


def test_numbers_are_words_when_types_are_wrong(emulator: Emulator, client: httpx.Client) -> None:
    """The answer parses and is not what the API describes, in lists as well."""
    emulator.faults.add(Fault.wrong_types())
    assert client.get(ENVIRONMENT).json()["autoscaling_settings"]["max_replica"] == "many"
    listed = client.get("/v1/models/lm4chat8/environments").json()["environments"][0]
    assert listed["autoscaling_settings"]["max_replica"] == "many"
    assert listed["promotion_settings"]["rolling_deploy"] is False


def test_any_body_is_answered_when_it_is_scripted(emulator: Emulator, client: httpx.Client) -> None:
    """A proxy's page in place of the answer, after the request took effect."""
    emulator.faults.add(Fault.body("<html>Sign in</html>"))
    assert client.patch(ENVIRONMENT, json=CHANGE).text == "<html>Sign in</html>"
    assert _replicas(emulator) == (2, 6)


def test_settings_are_accepted_and_forgotten_when_they_never_apply(emulator: Emulator, client: httpx.Client) -> None:
    """ACCEPTED is no proof; sent again after the fault is gone, they apply."""
    fault = emulator.faults.add(Fault.never_applies(env_name="production"))
    assert client.patch(ENVIRONMENT, json=CHANGE).json()["status"] == "ACCEPTED"
    assert _replicas(emulator) == (1, 3)
    emulator.faults.remove(fault)
    assert client.patch(ENVIRONMENT, json=CHANGE).json()["status"] == "ACCEPTED"
    assert _replicas(emulator) == (2, 6)


def test_settings_apply_in_part_when_only_some_fields_do(emulator: Emulator, client: httpx.Client) -> None:
    """The named ones come into force."""
    emulator.faults.add(Fault.applies_only("max_replica"))
    client.patch(ENVIRONMENT, json=CHANGE)
    assert _replicas(emulator) == (1, 6)


def test_settings_go_back_when_they_revert() -> None:
    """In force for a while, then as before."""
    seconds = [0.0]
    with Emulator(clock=lambda: seconds[0]) as emulator, httpx.Client(trust_env=False) as client:
        emulator.faults.add(Fault.reverts(5))
        client.patch(emulator.url + ENVIRONMENT, json=CHANGE, headers={"Authorization": "Bearer k1"})
        assert _replicas(emulator) == (2, 6)
        seconds[0] = 5.0
        assert _replicas(emulator) == (1, 3)


@pytest.mark.parametrize("path", [ENVIRONMENT, "/v1/models/lm4chat8/environments"])
def test_reads_lag_behind_when_they_are_stale(emulator: Emulator, client: httpx.Client, path: str) -> None:
    """So many reads answer as before the last update, one environment or a list of them."""
    client.patch(ENVIRONMENT, json=CHANGE)
    emulator.faults.add(Fault.stale(times=2, env_name="production"))

    def seen() -> Any:
        answer = client.get(path).json()
        production = answer["environments"][2] if "environments" in answer else answer
        return production["autoscaling_settings"]["max_replica"]

    assert [seen() for _ in range(3)] == [3, 3, 6]


def test_the_emulator_says_so_when_it_fails_itself(emulator: Emulator, client: httpx.Client) -> None:
    """A mistake in the emulator or its account is shown to whoever runs it, and it goes on."""
    emulator.change("lm4chat8", "production", {"min_replica": None})
    answer = client.patch(ENVIRONMENT, json={"autoscaling_settings": {"max_replica": 6}})
    assert answer.status_code == 500
    assert answer.json()["message"].startswith("the emulator itself failed: TypeError(")


def test_a_body_trickles_in_when_it_is_scripted(emulator: Emulator, client: httpx.Client) -> None:
    """The answer is the true one, and whole; the head comes first, however long the rest takes."""
    emulator.faults.add(Fault.slow_body(600, times=1))
    with client.stream("GET", ENVIRONMENT, timeout=30) as answer:
        assert answer.is_success
    emulator.faults.add(Fault.slow_body(0.4, times=1))
    began = time.monotonic()
    content = client.get(ENVIRONMENT, timeout=30).content
    assert time.monotonic() - began >= 0.4
    assert content == client.get(ENVIRONMENT).content


def test_an_answer_is_cut_off_when_it_is_scripted(emulator: Emulator, client: httpx.Client) -> None:
    """The request was carried out, and its answer breaks off in the middle of the body."""
    emulator.faults.add(Fault.cut_off(times=1))
    with client.stream("PATCH", ENVIRONMENT, json=CHANGE) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    assert _replicas(emulator) == (2, 6)
    assert client.get(ENVIRONMENT).is_success
