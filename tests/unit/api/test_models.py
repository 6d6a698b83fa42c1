import contextlib
import json
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi.api.models import (
    Environment,
    Model,
    Promotion,
    read_environment,
    read_environments,
    read_models,
    read_update_status,
    update_body,
)
from baseten_pulumi.fields import FIELDS, flatten, nest

AUTOSCALING, PROMOTION = "autoscaling_settings", "promotion_settings"
BACKPRESSURE = "request_backpressure_settings"
CONFIG = f"{PROMOTION}.rolling_deploy_config"

EVERYTHING: dict[str, Any] = {
    AUTOSCALING: {
        "min_replica": 1,
        "max_replica": 2,
        "autoscaling_window": 800,
        "scale_down_delay": 60,
        "concurrency_target": 3,
        "target_utilization_percentage": 70,
        "target_in_flight_tokens": 40000,
        "max_scale_down_rate": 20,
    },
    PROMOTION: {
        "redeploy_on_promotion": True,
        "rolling_deploy": True,
        "promotion_cleanup_strategy": "KEEP",
        "rolling_deploy_config": {
            "rolling_deploy_strategy": "REPLICA",
            "max_surge_percent": 25,
            "max_unavailable_percent": 0,
            "stabilization_time_seconds": 300,
            "replica_overhead_percent": 10,
        },
        "ramp_up_while_promoting": False,
        "ramp_up_duration_seconds": 600,
    },
    BACKPRESSURE: {"policy": "QUEUE_ON_FULL"},
}


def _read(**answer: Any) -> Environment:
    return read_environment(json.dumps(answer).encode())


def test_every_setting_is_sent_and_read_back_when_declared() -> None:
    """Body and answer hold the settings under the API's own names."""
    settings = flatten(EVERYTHING)
    assert set(settings) == set(FIELDS)
    assert update_body(settings) == EVERYTHING
    assert _read(**EVERYTHING).settings == settings


@pytest.mark.parametrize("path", [it for it in FIELDS if not it.startswith(CONFIG)])
def test_nothing_undeclared_is_sent_when_one_setting_is_declared(path: str) -> None:
    """The body holds that one setting and no null."""
    value = flatten(EVERYTHING)[path]
    assert update_body({path: value}) == nest({path: value})


@pytest.mark.parametrize("value", [0, False])
def test_zero_and_false_are_sent_when_declared(value: int | bool) -> None:
    """0 and false are values like others."""
    path = f"{PROMOTION}.rolling_deploy" if value is False else f"{AUTOSCALING}.min_replica"
    assert update_body({path: value}) == nest({path: value})


@pytest.mark.parametrize(
    "name",
    ["rolling_deploy_strategy", "max_unavailable_percent", "stabilization_time_seconds", "replica_overhead_percent"],
)
def test_surge_is_sent_as_null_when_only_others_of_its_object_are_declared(name: str) -> None:
    """The API page gives an absent max_surge_percent a default of 10 there; null leaves it as it is."""
    value = EVERYTHING[PROMOTION]["rolling_deploy_config"][name]
    body = update_body({f"{CONFIG}.{name}": value})
    assert body == {PROMOTION: {"rolling_deploy_config": {name: value, "max_surge_percent": None}}}


def test_surge_is_sent_with_its_value_when_declared() -> None:
    """A declared max_surge_percent, 0 too, is not replaced."""
    body = update_body({f"{CONFIG}.max_surge_percent": 0, f"{CONFIG}.max_unavailable_percent": 20})
    assert body == {PROMOTION: {"rolling_deploy_config": {"max_surge_percent": 0, "max_unavailable_percent": 20}}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{AUTOSCALING}.min_replica", "3"),
        (f"{AUTOSCALING}.min_replica", True),
        (f"{AUTOSCALING}.min_replica", 2.5),
        (f"{PROMOTION}.rolling_deploy", 1),
        (f"{PROMOTION}.rolling_deploy", "true"),
        (f"{PROMOTION}.promotion_cleanup_strategy", "keep"),
        (f"{CONFIG}.rolling_deploy_strategy", "NODE"),
        (f"{AUTOSCALING}.replicas", 3),
        (f"{PROMOTION}.typo", 3),
        (f"{CONFIG}.typo", 3),
        ("typo", 3),
    ],
)
def test_body_is_refused_when_it_is_not_the_contracts(path: str, value: object) -> None:
    """Requests are strict in names and types: a typo is never sent."""
    with pytest.raises(pydantic.ValidationError):
        update_body({path: value})


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {AUTOSCALING: None, PROMOTION: None},
        {AUTOSCALING: {}, PROMOTION: {"rolling_deploy_config": None}},
        {AUTOSCALING: dict.fromkeys(EVERYTHING[AUTOSCALING]), "in_progress_promotion": None},
    ],
)
def test_nothing_is_reported_when_fields_are_missing_or_null(answer: dict[str, Any]) -> None:
    """Missing and null fields are no error."""
    assert _read(**answer) == Environment({}, None)


def test_unknown_fields_and_values_are_no_error_when_the_api_has_grown() -> None:
    """Fields and enum values of a later API are read past."""
    found = _read(
        name="production",
        autoscaling_settings={"min_replica": 1, "new_setting": {"deep": []}},
        promotion_settings={"promotion_cleanup_strategy": "RECYCLE", "rolling_deploy_config": {"new": 1}},
        request_backpressure_settings={"policy": "SHED", "depth": 3},
        in_progress_promotion={"status": "HOVERING", "percent_traffic_to_new_version": 40, "more": 1},
    )
    assert found.settings == {
        f"{AUTOSCALING}.min_replica": 1,
        f"{PROMOTION}.promotion_cleanup_strategy": "RECYCLE",
        f"{BACKPRESSURE}.policy": "SHED",
    }
    assert found.promotion is not None
    assert (found.promotion.status, found.promotion.percent, found.promotion.is_running) == ("HOVERING", 40, True)


def test_null_is_sent_when_no_policy_is_wanted() -> None:
    """The word NONE stands for the null that clears the policy; a program's None declares nothing."""
    assert update_body({f"{BACKPRESSURE}.policy": "NONE"}) == {BACKPRESSURE: {"policy": None}}


@pytest.mark.parametrize(
    ("reported", "policy"),
    [
        ({BACKPRESSURE: {"policy": None}}, "NONE"),
        ({BACKPRESSURE: {}}, "NONE"),
        ({BACKPRESSURE: {"policy": 5}}, None),
        ({BACKPRESSURE: None}, None),
        ({}, None),
    ],
)
def test_null_is_no_policy_when_the_object_is_reported(reported: dict[str, Any], policy: str | None) -> None:
    """Where the object is missing (an older API) or the value odd, nothing is said of the policy."""
    assert _read(**reported).settings.get(f"{BACKPRESSURE}.policy") == policy


@pytest.mark.parametrize(
    ("status", "is_running"),
    [
        ("RELEASING", True),
        ("RAMPING_UP", True),
        ("RAMPING_DOWN", True),
        ("PAUSED", True),
        ("SUCCEEDED", False),
        ("FAILED", False),
        ("CANCELED", False),
    ],
)
def test_promotion_is_over_when_its_status_says_so(status: str, is_running: bool) -> None:
    """A promotion that is reported need not go on."""
    promotion = _read(in_progress_promotion={"status": status, "percent_traffic_to_new_version": 7}).promotion
    assert promotion is not None
    assert (promotion.status, promotion.percent, promotion.is_running) == (status, 7, is_running)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"status": None, "percent_traffic_to_new_version": None},
        {"status": 3, "percent_traffic_to_new_version": "half"},
        {"percent_traffic_to_new_version": 12.5},
    ],
)
def test_promotion_is_unknown_and_no_error_when_it_is_told_oddly(told: dict[str, Any]) -> None:
    """A promotion is only shown: it never keeps settings from being read."""
    found = _read(autoscaling_settings={"min_replica": 1}, in_progress_promotion=told)
    assert found.settings == {f"{AUTOSCALING}.min_replica": 1}
    assert found.promotion is not None
    assert (found.promotion.status, found.promotion.percent, found.promotion.is_running) == ("UNKNOWN", None, True)


@pytest.mark.parametrize("told", ["soon", 3, ["RELEASING"], False])
def test_promotion_is_not_reported_when_it_is_no_object(told: object) -> None:
    """Then there is nothing to show of it, and the settings are read."""
    assert _read(autoscaling_settings={"min_replica": 1}, in_progress_promotion=told) == Environment(
        {f"{AUTOSCALING}.min_replica": 1}, None
    )


@pytest.mark.parametrize(
    "odd",
    [
        {AUTOSCALING: {"min_replica": 2.5}},
        {AUTOSCALING: {"min_replica": "many"}},
        {AUTOSCALING: {"min_replica": [1]}},
        {AUTOSCALING: 3},
        {AUTOSCALING: [{"min_replica": 1}]},
    ],
)
def test_only_what_fits_is_reported_when_something_is_told_oddly(odd: dict[str, Any]) -> None:
    """One odd value, or one odd group, does not hide the others."""
    config = {"max_surge_percent": 25, "rolling_deploy_strategy": 7}
    promotion = {"rolling_deploy": "perhaps", "promotion_cleanup_strategy": 3, "rolling_deploy_config": config}
    found = _read(**odd, promotion_settings={**promotion, "ramp_up_duration_seconds": 5})
    assert found.settings == {f"{CONFIG}.max_surge_percent": 25, f"{PROMOTION}.ramp_up_duration_seconds": 5}


def test_rest_of_the_group_is_reported_when_the_inner_group_is_told_oddly() -> None:
    """The rolling_deploy_config is a group like the others."""
    found = _read(promotion_settings={"rolling_deploy": True, "rolling_deploy_config": "none"})
    assert found.settings == {f"{PROMOTION}.rolling_deploy": True}


def test_words_are_printable_and_short_when_baseten_says_more() -> None:
    """They are shown in a row of the terminal: nothing in them moves its cursor."""
    told, shown = "RE\x1b[2JCYCLE\u202e" + "x" * 200, ("RE[2JCYCLE" + "x" * 200)[:80]
    found = _read(promotion_settings={"promotion_cleanup_strategy": told}, in_progress_promotion={"status": told})
    assert found.settings == {f"{PROMOTION}.promotion_cleanup_strategy": shown}
    assert found.promotion is not None
    assert found.promotion.status == shown
    assert read_update_status(json.dumps({"status": told}).encode()) == shown


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"null", b"3", b"{", b"[" * 100_000])
def test_answer_is_refused_when_it_is_no_object(answer: bytes) -> None:
    """Then something else than Baseten's API answered."""
    with pytest.raises(pydantic.ValidationError):
        read_environment(answer)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"status": "ACCEPTED", "message": "ok"}, "ACCEPTED"),
        ({"environment": {"name": "production"}, "status": "QUEUED", "message": ""}, "QUEUED"),
        ({"status": "UNCHANGED"}, "UNCHANGED"),
        ({"status": "LATER"}, "LATER"),
        ({"environment": {}, "status": None}, "ACCEPTED"),
        ({"environment": {}}, "ACCEPTED"),
        ({"status": 3}, "ACCEPTED"),
        ({"status": ["ACCEPTED"]}, "ACCEPTED"),
    ],
)
def test_basetens_word_is_read_when_it_answers_a_patch(answer: dict[str, Any], status: str) -> None:
    """The founding page's answer, the later one with the environment in it, and one without the deprecated status."""
    assert read_update_status(json.dumps(answer).encode()) == status


@pytest.mark.parametrize("answer", [b"", b"ok", b"[]", b"3"])
def test_answer_to_a_patch_is_refused_when_it_is_no_object(answer: bytes) -> None:
    """Not JSON, or not an object."""
    with pytest.raises(pydantic.ValidationError):
        read_update_status(answer)


def test_each_environment_is_read_in_full_when_a_model_lists_them() -> None:
    """An environment of the list is told as it is alone: settings and promotion."""
    dev = {"name": "dev", "autoscaling_settings": {"min_replica": 2, "scale_down_delay": None}, "model_id": "abc123"}
    production = {**dev, "name": "production", "in_progress_promotion": {"status": "RAMPING_UP"}}
    found = read_environments(json.dumps({"environments": [production, dev], "more": 1}).encode())
    assert list(found) == ["production", "dev"]
    assert found["dev"] == read_environment(json.dumps(dev).encode())
    assert found["production"] == read_environment(json.dumps(production).encode())
    assert found["dev"].settings == {"autoscaling_settings.min_replica": 2}
    assert found["production"].promotion == Promotion(status="RAMPING_UP")


def test_the_others_are_read_when_one_environment_of_a_list_is_odd() -> None:
    """What does not fit is not reported; it hides no other environment."""
    answer = {"environments": [{"name": "dev", "autoscaling_settings": "many"}, {"name": "production"}]}
    found = read_environments(json.dumps(answer).encode())
    assert {name: environment.settings for name, environment in found.items()} == {"dev": {}, "production": {}}


@pytest.mark.parametrize("answer", [b"{}", b'{"environments": null}', b'{"environments": [{}]}'])
def test_list_is_refused_when_it_lacks_the_names(answer: bytes) -> None:
    """Without names nothing can be told of what is missing."""
    with pytest.raises(pydantic.ValidationError):
        read_environments(answer)


def test_models_are_read_when_an_account_lists_them() -> None:
    """Ids alone have to be there; the rest of a model is read past."""
    told = {"id": "abc123", "name": "chat", "team_name": "serving", "instances": 3}
    answer = {"models": [told, {"id": "xyz789", "name": 7, "team_name": None}], "more": 1}
    assert read_models(json.dumps(answer).encode()) == (Model("abc123", "chat", "serving"), Model("xyz789"))


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"models": null}', b'{"models": [{}]}'])
def test_list_is_refused_when_it_lacks_the_ids(answer: bytes) -> None:
    """Without ids no model can be called missing."""
    with pytest.raises(pydantic.ValidationError):
        read_models(answer)


@given(
    st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda it: json.dumps(it).encode())
)
def test_answer_is_read_or_refused_when_it_is_anything(answer: bytes) -> None:
    """Whatever comes is read or refused in the one way that becomes an error with words."""
    for read in (read_environment, read_update_status, read_environments, read_models):
        with contextlib.suppress(pydantic.ValidationError):
            read(answer)
