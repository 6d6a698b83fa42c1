import platform
from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.fields import FIELDS, nest
from baseten_pulumi.version import __version__

if TYPE_CHECKING:
    from baseten_pulumi.testing import RecordedRequest
    from tests.contract.conftest import Account

PATH = "/v1/models/abc123/environments/production"
AGENT = f"baseten-pulumi/{__version__} python/{platform.python_version()}"
CONFIG = "promotion_settings.rolling_deploy_config"
FOUNDING = {
    "autoscaling_settings": {
        "min_replica": 1,
        "max_replica": 2,
        "autoscaling_window": 800,
        "scale_down_delay": 60,
        "concurrency_target": 3,
        "target_utilization_percentage": 70,
        "target_in_flight_tokens": 40000,
    },
    "promotion_settings": {
        "redeploy_on_promotion": True,
        "rolling_deploy": True,
        "promotion_cleanup_strategy": "KEEP",
        "rolling_deploy_config": {
            "rolling_deploy_strategy": "REPLICA",
            "max_surge_percent": 0,
            "max_unavailable_percent": 20,
            "stabilization_time_seconds": 300,
            "replica_overhead_percent": 5,
        },
        "ramp_up_while_promoting": True,
        "ramp_up_duration_seconds": 300,
    },
}
# One value for each setting that is not what the environment starts with.
VALUES: dict[str, Any] = {
    "autoscaling_settings.min_replica": 1,
    "autoscaling_settings.max_replica": 4,
    "autoscaling_settings.autoscaling_window": 800,
    "autoscaling_settings.scale_down_delay": 60,
    "autoscaling_settings.concurrency_target": 3,
    "autoscaling_settings.target_utilization_percentage": 50,
    "autoscaling_settings.target_in_flight_tokens": 40000,
    "promotion_settings.redeploy_on_promotion": True,
    "promotion_settings.rolling_deploy": True,
    "promotion_settings.promotion_cleanup_strategy": "KEEP",
    f"{CONFIG}.rolling_deploy_strategy": "REPLICA",
    f"{CONFIG}.max_surge_percent": 30,
    f"{CONFIG}.max_unavailable_percent": 20,
    f"{CONFIG}.stabilization_time_seconds": 300,
    f"{CONFIG}.replica_overhead_percent": 5,
    "promotion_settings.ramp_up_while_promoting": True,
    "promotion_settings.ramp_up_duration_seconds": 300,
}
# The same for what the founding page does not know.
ADDED: dict[str, Any] = {
    "autoscaling_settings.max_scale_down_rate": 20,
    "request_backpressure_settings.policy": "REJECT_ON_FULL",
}


def _flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in nested.items():
        inner = _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
        found |= inner
    return found


def _only(account: "Account") -> "RecordedRequest":
    (request,) = account.emulator.requests
    return request


def _common(request: "RecordedRequest") -> dict[str, str]:
    names = ("authorization", "user-agent", "accept")
    return {name: request.headers[name] for name in names}


def test_read_is_one_get_when_the_environment_exists(account: "Account") -> None:
    """GET, the environment's own address, key and agent in the headers, no body, no query."""
    account.read()
    request = _only(account)
    assert (request.method, request.path, request.query, request.body) == ("GET", PATH, {}, None)
    assert _common(request) == {"authorization": "Api-Key ***", "user-agent": AGENT, "accept": "*/*"}
    assert "content-type" not in request.headers


def test_list_is_one_get_when_the_model_exists(account: "Account") -> None:
    """GET, the model's own list, key and agent in the headers, no body, no query."""
    account.list_all()
    request = _only(account)
    asked = (request.method, request.path, request.query, request.body)
    assert asked == ("GET", "/v1/models/abc123/environments", {}, None)
    assert _common(request) == {"authorization": "Api-Key ***", "user-agent": AGENT, "accept": "*/*"}


def test_update_is_one_patch_when_settings_are_sent(account: "Account") -> None:
    """PATCH, the environment's own address, JSON with what is declared and nothing else."""
    assert account.update(_flat(FOUNDING)) == "ACCEPTED"
    request = _only(account)
    assert (request.method, request.path, request.query, request.body) == ("PATCH", PATH, {}, FOUNDING)
    assert _common(request) == {"authorization": "Api-Key ***", "user-agent": AGENT, "accept": "*/*"}
    assert request.headers["content-type"] == "application/json"
    assert request.status == 200


def test_explanation_is_one_more_get_when_the_environment_is_missing(account: "Account") -> None:
    """The model's list tells a missing environment from a missing model; the PATCH is not sent again."""
    with pytest.raises(errors.EnvironmentNotFoundError):
        account.update({"autoscaling_settings.min_replica": 1}, env_name="nowhere")
    assert [(it.method, it.path, it.body) for it in account.emulator.requests] == [
        ("PATCH", "/v1/models/abc123/environments/nowhere", {"autoscaling_settings": {"min_replica": 1}}),
        ("GET", "/v1/models/abc123/environments", None),
    ]


@pytest.mark.parametrize("path", VALUES)
def test_each_setting_is_accepted_and_read_back_when_sent_alone(path: str, account: "Account") -> None:
    """Both readings of the API agree on name, nesting and type of every setting."""
    value = VALUES[path]
    other = {f"{CONFIG}.max_surge_percent": 0} if path == f"{CONFIG}.max_unavailable_percent" else {}
    account.update({path: value, **other})
    assert account.read().settings[path] == value


def test_every_setting_of_the_founding_page_is_covered_when_listed() -> None:
    """What the two tests above send is the whole table, the later additions aside."""
    assert set(VALUES) == set(_flat(FOUNDING)) == set(FIELDS) - set(ADDED)


@pytest.mark.parametrize(("path", "value"), ADDED.items())
def test_later_addition_is_sent_only_when_declared(path: str, value: Any, account: "Account") -> None:
    """The founding API refuses what it does not know, today's takes it: it is the program's choice."""
    if account.emulator.api == "founding":
        with pytest.raises(errors.RejectedError):
            account.update({path: value})
        assert path not in account.read().settings
        return
    assert account.update({path: value}) == "ACCEPTED"
    assert account.read().settings[path] == value


@pytest.mark.parametrize("baseten", ["current"], indirect=True)
def test_policy_is_cleared_when_none_is_wanted(account: "Account") -> None:
    """NONE is sent as null, and the null reported is NONE again."""
    path = "request_backpressure_settings.policy"
    account.update({path: "REJECT_ON_FULL"})
    assert account.update({path: "NONE"}) == "ACCEPTED"
    assert account.emulator.requests[-1].body == {"request_backpressure_settings": {"policy": None}}
    assert account.read().settings[path] == "NONE"
    assert account.update({path: "NONE"}) == "UNCHANGED"


def test_surge_is_left_alone_when_another_setting_of_its_object_is_sent(account: "Account") -> None:
    """The founding page would fill an absent max_surge_percent with 10; the explicit null keeps what is there."""
    account.update({f"{CONFIG}.max_surge_percent": 30})
    account.update({f"{CONFIG}.stabilization_time_seconds": 120})
    assert account.emulator.requests[-1].body == {
        "promotion_settings": {"rolling_deploy_config": {"stabilization_time_seconds": 120, "max_surge_percent": None}}
    }
    assert account.read().settings[f"{CONFIG}.max_surge_percent"] == 30


@pytest.mark.parametrize("path", ["autoscaling_settings.min_replica", "promotion_settings.rolling_deploy"])
def test_zero_and_false_arrive_when_declared(path: str, account: "Account") -> None:
    """They are values, not absences."""
    value: int | bool = False if path.endswith("rolling_deploy") else 0
    account.update({path: value})
    body = _only(account).body
    assert body == nest({path: value})
    assert list(_flat(body).values()) == [value]
    assert type(next(iter(_flat(body).values()))) is type(value)


def test_odd_name_stays_in_its_segment_when_asked_for(account: "Account") -> None:
    """Quoted, it cannot reach another address; Baseten simply has no such model."""
    with pytest.raises(errors.ModelNotFoundError):
        account.read(model_id="../abc123")
    assert {it.path for it in account.emulator.requests}.isdisjoint({PATH, "/v1/models/abc123/environments"})
