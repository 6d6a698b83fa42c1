import json
from typing import Any

import pytest

from baseten_pulumi.testing.emulator.contract import read_creation, read_update
from baseten_pulumi.testing.emulator.refusals import RefusalError
from tests.schedules import one_time, reported, schedule


def _update(body: Any) -> dict[str, Any]:
    return read_update(json.dumps(body).encode())


def _refused(body: Any) -> str:
    with pytest.raises(RefusalError) as caught:
        _update(body)
    assert caught.value.status == 422
    return caught.value.message


def test_update_leaves_out_nulls_when_fields_are_null_or_absent() -> None:
    """Null and absent both mean unchanged."""
    body = {"autoscaling_settings": {"min_replica": 0, "max_replica": None}, "promotion_settings": None}
    assert _update(body) == {"autoscaling_settings": {"min_replica": 0}}


def test_update_keeps_every_field_when_all_are_given() -> None:
    """Nothing of the contract is lost."""
    body = {
        "autoscaling_settings": {
            "min_replica": 1,
            "max_replica": 2,
            "autoscaling_window": 800,
            "scale_down_delay": 60,
            "concurrency_target": 3,
            "target_utilization_percentage": 70,
            "target_in_flight_tokens": 40000,
            "max_scale_down_rate": 20,
        },
        "promotion_settings": {
            "redeploy_on_promotion": True,
            "rolling_deploy": True,
            "promotion_cleanup_strategy": "KEEP",
            "rolling_deploy_config": {
                "rolling_deploy_strategy": "REPLICA",
                "max_surge_percent": 10,
                "max_unavailable_percent": 0,
                "stabilization_time_seconds": 300,
                "replica_overhead_percent": 0,
            },
            "ramp_up_while_promoting": True,
            "ramp_up_duration_seconds": 600,
        },
    }
    assert _update(body) == body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"autoscaling": {}}, "autoscaling: unknown field"),
        ({"request_backpressure_settings": {"depth": 1}}, "request_backpressure_settings.depth: unknown field"),
        ({"autoscaling_schedule_settings": {"name": ""}}, "autoscaling_schedule_settings.name: unknown field"),
        ({"autoscaling_settings": {"min_replicas": 1}}, "autoscaling_settings.min_replicas: unknown field"),
    ],
)
def test_update_is_refused_when_a_closed_object_has_an_unknown_field(body: Any, message: str) -> None:
    """The request and its autoscaling settings forbid what the contract does not list."""
    assert _refused(body) == message


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (schedule(color="red"), ".DAILY.color: unknown field"),
        (schedule(overrides={"min_replicas": 1}), ".DAILY.autoscaling_settings.min_replicas: unknown field"),
        (
            schedule(overrides={"max_scale_down_rate": 51}),
            ".DAILY.autoscaling_settings.max_scale_down_rate: Input should be",
        ),
        (schedule(cadence="WEEKLY"), ": Input tag 'WEEKLY' found using 'cadence' does not match"),
        (schedule(cadence="ONE_TIME"), ".ONE_TIME.start_at: Field required"),
        (one_time(weekdays=["MONDAY"]), ".ONE_TIME.weekdays: unknown field"),
        (one_time(start_at="2099-01-01T08:00:00"), ".ONE_TIME.start_at: Input should have timezone info"),
        (one_time(end_at="2099-01-01"), ".ONE_TIME.end_at: Input should be a date and time in ISO 8601"),
        (one_time(end_at="4070908800"), ".ONE_TIME.end_at: Input should be a date and time in ISO 8601"),
        (one_time(end_at=4070908800), ".ONE_TIME.end_at: Input should be a date and time in ISO 8601"),
        (one_time(end_at="Two o'clock"), ".ONE_TIME.end_at: Input should be a valid datetime"),
    ],
)
def test_update_is_refused_when_a_schedule_is_not_as_described(sent: dict[str, Any], message: str) -> None:
    """Schedules are closed, and their parts have the types and ranges of the contract."""
    where = "autoscaling_schedule_settings.schedules.0"
    assert _refused({"autoscaling_schedule_settings": {"schedules": [reported(sent)]}}).startswith(f"{where}{message}")


def test_update_says_nothing_about_schedules_when_their_lists_are_null() -> None:
    """The API takes a null for an empty list, of schedules and of ids."""
    changes: dict[str, Any] = {"schedules": None, "delete_schedules": None}
    assert _update({"autoscaling_schedule_settings": changes}) == {"autoscaling_schedule_settings": changes}


@pytest.mark.parametrize(
    ("backpressure", "stated"),
    [
        ({"policy": "REJECT_ON_FULL"}, {"policy": "REJECT_ON_FULL"}),
        ({"policy": None}, {"policy": None}),
        ({}, {"policy": None}),
    ],
)
def test_policy_is_cleared_when_it_is_null_or_absent(backpressure: Any, stated: Any) -> None:
    """Here alone a null is a value; without the object nothing is said."""
    assert _update({"request_backpressure_settings": backpressure}) == {"request_backpressure_settings": stated}
    assert _update({"request_backpressure_settings": None}) == {}


def test_update_is_refused_when_a_policy_is_unknown() -> None:
    """NONE is no word of the API."""
    message = _refused({"request_backpressure_settings": {"policy": "NONE"}})
    assert message.startswith("request_backpressure_settings.policy: Input should be 'QUEUE_ON_FULL'")


def test_unknown_fields_are_swallowed_when_the_object_is_open() -> None:
    """Promotion settings and the rolling deploy take a misspelt field in silence."""
    body = {"promotion_settings": {"roling_deploy": True, "rolling_deploy_config": {"max_surge": 5}}}
    assert _update(body) == {"promotion_settings": {"rolling_deploy_config": {}}}


@pytest.mark.parametrize("value", [True, "3", 2.5, 3.0, [], {}])
def test_update_is_refused_when_an_integer_is_none(value: Any) -> None:
    """An integer is neither a boolean nor a string nor a fraction, and the message names the field."""
    message = _refused({"autoscaling_settings": {"min_replica": value}})
    assert message == "autoscaling_settings.min_replica: Input should be a valid integer"


@pytest.mark.parametrize("value", [1, 0, "true", []])
def test_update_is_refused_when_a_boolean_is_none(value: Any) -> None:
    """A boolean is neither a number nor a string."""
    message = _refused({"promotion_settings": {"rolling_deploy": value}})
    assert message == "promotion_settings.rolling_deploy: Input should be a valid boolean"


def test_update_is_refused_when_an_enum_has_another_value() -> None:
    """An enum is one of its values, to the letter."""
    message = _refused({"promotion_settings": {"promotion_cleanup_strategy": "keep"}})
    assert message.startswith("promotion_settings.promotion_cleanup_strategy: Input should be 'KEEP'")


@pytest.mark.parametrize("rate", [0, 51])
def test_update_is_refused_when_the_scale_down_rate_leaves_the_contracts_range(rate: int) -> None:
    """The one range the API's description states is part of the contract."""
    assert "autoscaling_settings.max_scale_down_rate" in _refused(
        {"autoscaling_settings": {"max_scale_down_rate": rate}}
    )


def test_update_is_refused_when_it_is_no_object() -> None:
    """A request is an object."""
    assert _refused([]).startswith("request body: ")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_update_is_a_bad_request_when_it_is_not_json(body: bytes) -> None:
    """What cannot be parsed is told from what is not allowed."""
    with pytest.raises(RefusalError, match="Cannot parse request body") as caught:
        read_update(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("surge", [{}, {"max_surge_percent": None}])
def test_surge_is_left_out_when_it_is_absent_or_null(surge: dict[str, None]) -> None:
    """An absent surge means unchanged, as a null does: the emulator applies no default."""
    config = {"stabilization_time_seconds": 5}
    assert _update({"promotion_settings": {"rolling_deploy_config": {**config, **surge}}}) == {
        "promotion_settings": {"rolling_deploy_config": config}
    }


def test_creation_gives_name_and_settings_when_both_are_sent() -> None:
    """A new environment has a name and may have settings."""
    body = b'{"name": "qa", "autoscaling_settings": {"max_replica": 2}}'
    assert read_creation(body) == ("qa", {"autoscaling_settings": {"max_replica": 2}})


def test_creation_is_refused_when_the_name_is_missing() -> None:
    """A new environment needs a name."""
    with pytest.raises(RefusalError, match="name: Field required"):
        read_creation(b"{}")
