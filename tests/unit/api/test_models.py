import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baseten_pulumi.api.models import (
    Model,
    find_model,
    name_hint,
    read_environment,
    read_environments,
    read_models,
    read_update,
    update_body,
)
from baseten_pulumi.errors import AmbiguousModelError, ModelNotFoundError
from baseten_pulumi.schema.environment import Environment
from baseten_pulumi.schema.schedules import Schedule
from baseten_pulumi.schema.settings import (
    ADDITIONAL,
    AUTOSCALING,
    BACKPRESSURE,
    NULL,
    PROMOTION,
    ROLLING_DEPLOY_CONFIG,
    is_additional,
)
from tests.schedules import NULLS, one_time, reported, schedule

CONFIG = ROLLING_DEPLOY_CONFIG
POLICY = f"{BACKPRESSURE}.policy"
# What is read of a body that reports a null policy.
NO_POLICY = {POLICY: "NONE"}
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


def _read(**body: Any) -> Environment:
    return read_environment(json.dumps(body).encode())


def _known(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {path: value for path, value in settings.items() if not is_additional(path)}


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        ({f"{AUTOSCALING}.min_replica": 0}, {AUTOSCALING: {"min_replica": 0}}),
        (
            {f"{CONFIG}.stabilization_time_seconds": 9},
            {PROMOTION: {"rolling_deploy_config": {"stabilization_time_seconds": 9, "max_surge_percent": None}}},
        ),
        ({f"{CONFIG}.max_surge_percent": 0}, {PROMOTION: {"rolling_deploy_config": {"max_surge_percent": 0}}}),
        ({f"{PROMOTION}.rolling_deploy": False}, {PROMOTION: {"rolling_deploy": False}}),
        ({POLICY: "NONE"}, {BACKPRESSURE: {"policy": None}}),
        (
            {f"{PROMOTION}.rolling_deploy": True, f"{ADDITIONAL}.{PROMOTION}.later": {}, f"{ADDITIONAL}.x": [1, NULL]},
            {PROMOTION: {"rolling_deploy": True, "later": {}}, "x": [1, None]},
        ),
        (
            {f"{ADDITIONAL}.{CONFIG}.later": NULL},
            {PROMOTION: {"rolling_deploy_config": {"later": None, "max_surge_percent": None}}},
        ),
        ({f"{ADDITIONAL}.{CONFIG}": NULL}, {PROMOTION: {"rolling_deploy_config": None}}),
        ({f"{ADDITIONAL}.{POLICY}": "NONE"}, {BACKPRESSURE: {"policy": "NONE"}}),
    ],
)
def test_nothing_else_is_sent_when_few_settings_are_declared(settings: dict[str, Any], body: dict[str, Any]) -> None:
    """Zero and false are values. An absent max_surge_percent would become 10, so it is sent as null; NONE is null."""
    assert json.dumps(update_body(settings)) == json.dumps(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {AUTOSCALING: None, PROMOTION: None, BACKPRESSURE: None, "in_progress_promotion": None},
        {AUTOSCALING: {"min_replica": None}, PROMOTION: {"rolling_deploy_config": None}},
        {AUTOSCALING: {"min_replica": "many", "max_replica": 2.5, "new": 1}, PROMOTION: "none", "new": {"deep": []}},
        {AUTOSCALING: [{"min_replica": 1}], PROMOTION: {"rolling_deploy": "perhaps", "rolling_deploy_config": 7}},
        {BACKPRESSURE: {"policy": None}, PROMOTION: {"promotion_cleanup_strategy": 3}},
    ],
)
def test_nothing_is_reported_when_fields_are_missing_null_unknown_or_of_another_type(body: dict[str, Any]) -> None:
    assert _read(**body) == Environment(NO_POLICY if BACKPRESSURE in body else {}, None)


def test_rest_is_reported_when_one_value_cannot_be_read() -> None:
    found = _read(
        autoscaling_settings={"min_replica": [], "max_replica": 2.0},
        promotion_settings={"promotion_cleanup_strategy": "RECYCLE", "rolling_deploy_config": "none"},
        request_backpressure_settings={"policy": "SHED"},
        in_progress_promotion="soon",
    )
    settings = {f"{AUTOSCALING}.max_replica": 2, f"{PROMOTION}.promotion_cleanup_strategy": "RECYCLE", POLICY: "SHED"}
    assert found == Environment(settings, None)


@pytest.mark.parametrize(
    ("reported", "status", "percent", "is_running"),
    [
        *(({"status": status}, status, None, True) for status in ("RELEASING", "RAMPING_UP", "RAMPING_DOWN", "PAUSED")),
        *(({"status": status}, status, None, False) for status in ("SUCCEEDED", "FAILED", "CANCELED")),
        ({"status": "HOVERING", "percent_traffic_to_new_version": 40, "more": 1}, "HOVERING", 40, True),
        ({}, "UNKNOWN", None, True),
        ({"status": 3, "percent_traffic_to_new_version": 12.5}, "UNKNOWN", None, True),
    ],
)
def test_promotion_runs_when_its_status_is_not_one_of_an_end(
    reported: dict[str, Any], status: str, percent: int | None, is_running: bool
) -> None:
    promotion = _read(in_progress_promotion=reported).promotion
    assert promotion is not None
    outputs = {"status": status, "is_running": is_running, "percent_traffic_to_new_version": percent}
    assert promotion.outputs() == {**outputs, "error_message": None, "rolling_deploy": None}


def test_deployment_and_instance_type_are_reported_when_some_of_their_properties_cannot_be_read() -> None:
    """Those are None. The deployment's own settings are compared, not shown."""
    deployment = {"id": "d1", "status": 3, "active_replica_count": "two", "labels": {"a": [1]}, "new": 1}
    found = _read(
        created_at=7,
        current_deployment={**deployment, AUTOSCALING: {"min_replica": 1}},
        candidate_deployment=[],
        instance_type={"name": "L4", "gpu_count": 1, "gpu_type": None},
    )
    absent = dict.fromkeys(("name", "created_at", "status", "active_replica_count", "instance_type_name"))
    assert (found.created_at, found.candidate_deployment) == (None, None)
    assert found.current_deployment == {**absent, "id": "d1", "labels": {"a": [1]}}
    sizes = dict.fromkeys(("id", "memory_limit_mib", "millicpu_limit", "gpu_memory_limit_mib"))
    assert found.instance_type == {**sizes, "name": "L4", "gpu_count": 1, "gpu_type": None}


def test_text_is_printable_and_short_when_baseten_sends_anything() -> None:
    """It is shown in a row of a terminal: nothing in it moves the cursor, and nothing in it is invisible."""
    sent = "RE\x1b[2JCYCLE\u200b" + "x" * 200
    shown = (f"RE{UNPRINTABLE}[2JCYCLE{UNPRINTABLE}" + "x" * 200)[:80]
    found = _read(promotion_settings={"promotion_cleanup_strategy": sent}, in_progress_promotion={"status": sent})
    assert found.settings == {f"{PROMOTION}.promotion_cleanup_strategy": shown}
    assert found.promotion is not None
    assert found.promotion.status == read_update(json.dumps({"status": sent}).encode()).status == shown


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Too few\n  nodes.", "Too few nodes."),
        ("\x1b[2J", f"{UNPRINTABLE}[2J"),
        ("x" * 301, f"{'x' * 300}…"),
        ("", ""),
        *((odd, None) for odd in (None, 3, ["Too few nodes."])),
    ],
)
def test_text_is_one_line_when_baseten_explains_something(sent: Any, shown: str | None) -> None:
    """What it says in a success: of a queued update, of an accepted one with an error, and of a failed promotion."""
    promotion = _read(in_progress_promotion={"status": "FAILED", "error_message": sent}).promotion
    assert promotion is not None
    assert promotion.error_message == shown
    update = read_update(json.dumps({"status": "QUEUED", "message": sent, "error": sent}).encode())
    assert (update.message, update.error) == (shown or "", shown or "")


@pytest.mark.parametrize("status", ["ACCEPTED", "UNCHANGED", None])
def test_message_is_ignored_when_an_update_is_not_queued(status: str | None) -> None:
    """It says no more than the status does; an error says more."""
    update = read_update(json.dumps({"status": status, "message": "Accepted.", "error": "Capped."}).encode())
    assert (update.message, update.error) == ("", "Capped.")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"status": "QUEUED", "environment": {"name": "production"}}', "QUEUED"),
        (b'{"status": "LATER"}', "LATER"),
        *((content, "ACCEPTED") for content in (b'{"status": null}', b'{"status": [1]}', b"{}", b"", b"<html>", b"[]")),
    ],
)
def test_patch_counts_as_accepted_when_its_response_has_no_readable_status(content: bytes, status: str) -> None:
    """The API calls the status deprecated, and what is applied is read back anyway."""
    assert read_update(content).status == status


def test_each_environment_is_read_as_alone_when_a_model_lists_them() -> None:
    """Settings, promotion and schedules; an odd environment hides no other one."""
    dev = {
        "name": "dev",
        "autoscaling_settings": {"min_replica": 2},
        "in_progress_promotion": {"status": "PAUSED"},
        "autoscaling_schedules": {"timezone": "UTC", "schedules": [reported(schedule(), "s1")]},
    }
    odd = {"name": "production", "autoscaling_settings": "many", "autoscaling_schedules": "many"}
    found = read_environments(json.dumps({"environments": [odd, dev], "more": 1}).encode())
    assert found == {name: _read(**it) for name, it in (("production", odd), ("dev", dev))}
    assert (found["production"].schedules, len(found["dev"].schedules or ())) == (None, 1)


def test_models_are_read_when_an_account_lists_them() -> None:
    chat = {"id": "abc123", "name": "chat", "team_name": "serving", "instances": 3}
    found = read_models(json.dumps({"models": [chat, {"id": "xyz789", "name": 7}]}).encode())
    assert found == [Model(id="abc123", name="chat", team_name="serving"), Model(id="xyz789")]


@pytest.mark.parametrize("body", ["{}", '{"environments": null}', '{"environments": [{"name": "a"}, {}]}', "[]", "{"])
def test_list_is_unreadable_when_a_name_or_id_is_missing(body: str) -> None:
    for read, content in ((read_environments, body), (read_models, body.replace("environments", "models"))):
        with pytest.raises(pydantic.ValidationError):
            read(content.encode())


MODELS = [
    Model(id="m1", name="chat", team_name="serving"),
    Model(id="m2", name="Chat-large"),
    Model(id="m3", name="twice", team_name="one"),
    Model(id="m4", name="twice", team_name="two"),
    Model(id="m5", name="x\u200by"),
    Model(id="m6"),
    Model(id="m7", name="same", team_name="two"),
    Model(id="m8", name="same", team_name="two"),
]
NONE_HAS_IT = "None of the 8 models that this API key can see has that name"


def test_model_is_found_when_one_has_the_name() -> None:
    assert [find_model(name, MODELS).id for name in ("chat", "x\u200by")] == ["m1", "m5"]
    assert [find_model("twice", MODELS, team).id for team in ("one", "two")] == ["m3", "m4"]
    assert name_hint("chat", MODELS) == '"chat" is the name of a model, not an id: "chat" (m1, serving).'
    assert name_hint("m1", MODELS) == ""


@pytest.mark.parametrize(
    ("name", "team", "kind", "observed", "action"),
    [
        (
            "CHAT",
            None,
            ModelNotFoundError,
            f'{NONE_HAS_IT}; similar names: "chat" (m1, serving), "Chat-large" (m2).',
            "Correct",
        ),
        ("vision", None, ModelNotFoundError, f"{NONE_HAS_IT}.", "Correct the name, or"),
        (
            "chat",
            "one",
            ModelNotFoundError,
            'Team "one" has no model of that name; this API key can see "chat" (m1, serving).',
            "Correct the team, or",
        ),
        (
            "chats",
            "one",
            ModelNotFoundError,
            f'{NONE_HAS_IT} in team "one"; similar names: "chat" (m1, serving).',
            "Correct the name or the team, or",
        ),
        (
            "same",
            None,
            AmbiguousModelError,
            '2 models have that name: "same" (m7, two), "same" (m8, two).',
            "Use the id instead, or",
        ),
        (
            "twice",
            None,
            AmbiguousModelError,
            '2 models have that name: "twice" (m3, one), "twice" (m4, two).',
            "Name its team, use the id instead",
        ),
    ],
)
def test_error_helps_to_find_the_model_when_not_exactly_one_has_the_name(
    name: str, team: str | None, kind: type[Exception], observed: str, action: str
) -> None:
    with pytest.raises(kind) as caught:
        find_model(name, MODELS, team)
    lines = str(caught.value).splitlines()
    of_team = f' of team "{team}"' if team else ""
    assert lines[:2] == [f'Model "{name}"{of_team} could not be looked up.', observed]
    assert lines[2].startswith(action)
    assert lines[2].endswith(", or check that the API key belongs to the model's workspace.")


@given(
    st.binary(max_size=20)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=4
    ).map(lambda it: json.dumps(it).encode())
)
def test_body_is_read_or_unreadable_when_it_is_anything(content: bytes) -> None:
    """Nothing but the one exception that becomes an error of this package."""
    read_update(content)
    for read in (read_environment, read_environments, read_models):
        with contextlib.suppress(pydantic.ValidationError):
            read(content)


# --- additional settings --------------------------------------------------------------------------------------------


def test_everything_can_be_compared_when_a_response_is_read() -> None:
    """As it is in the response: unknown fields, known ones that cannot be read, and objects; nulls are left out."""
    settings = {"max_replica": "auto", "later": {"a": 2.0, "b": [None]}, "none": None}
    found = read_environments(json.dumps({"environments": [{"name": "dev", AUTOSCALING: settings}]}).encode())["dev"]
    of = f"{ADDITIONAL}.{AUTOSCALING}"
    later = {f"{of}.later": {"a": 2, "b": [NULL]}, f"{of}.later.a": 2, f"{of}.later.b": [NULL]}
    whole = {of: {"max_replica": "auto", "later": {"a": 2, "b": [NULL]}, "none": NULL}}
    assert found.observed([of]) == {f"{ADDITIONAL}.name": "dev", **whole, f"{of}.max_replica": "auto", **later}
    assert found.settings == {}


def test_settings_are_unknown_when_the_table_does_not_have_them() -> None:
    """What is no setting, and what is null, is left out."""
    found = _read(**{"name": "dev", AUTOSCALING: {"min_replica": 1, "later": {"a": 2, "b": None}}, PROMOTION: "odd"})
    assert found.unknown_settings == {f"{ADDITIONAL}.{AUTOSCALING}.later.a": 2}


@pytest.mark.parametrize("state", [{}, {"applied_state": {"schedule_id": None, AUTOSCALING: {"later": 2}}}])
def test_deployment_has_unknown_settings_when_it_reports_them(state: dict[str, Any]) -> None:
    schedules = {"timezone": "UTC", "schedules": [], **state}
    deployment = {"status": "ACTIVE", AUTOSCALING: {"later": 1, "none": None}}
    found = _read(current_deployment=deployment, autoscaling_schedules=schedules).serving
    assert found == {f"{ADDITIONAL}.{AUTOSCALING}.later": 2 if state else 1}


# --- the deployment that serves -------------------------------------------------------------------------------------

DEPLOYED: dict[str, Any] = {"min_replica": 2, "max_replica": 5, "scale_down_delay": None, "later": 1}
STATE: dict[str, Any] = {"min_replica": 3, "max_replica": None}
OF_DEPLOYMENT = {f"{AUTOSCALING}.min_replica": 2, f"{AUTOSCALING}.max_replica": 5}
OF_STATE = {f"{AUTOSCALING}.min_replica": 3}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, OF_DEPLOYMENT) for status in ("ACTIVE", "SCALED_TO_ZERO", "UPDATING", "LATER", None, 3)),
        *((status, {}) for status in ("INACTIVE", "DEACTIVATING", "BUILD_STOPPED")),
        *((status, {}) for status in ("FAILED", "BUILD_FAILED", "DEPLOY_FAILED")),
    ],
)
@pytest.mark.parametrize("state", [{}, {"applied_state": {"schedule_id": None, "autoscaling_settings": DEPLOYED}}])
def test_deployment_has_settings_when_it_serves(status: Any, expected: dict[str, Any], state: dict[str, Any]) -> None:
    """Those that are reported as null are left out."""
    schedules = {"timezone": "UTC", "schedules": [], **state}
    deployment = {"status": status, AUTOSCALING: DEPLOYED}
    assert _known(_read(current_deployment=deployment, autoscaling_schedules=schedules).serving) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, OF_DEPLOYMENT),
        ("odd", OF_DEPLOYMENT),
        ({"schedule_id": None, AUTOSCALING: STATE}, OF_STATE),
        ({AUTOSCALING: STATE}, OF_STATE),
        ({"schedule_id": None, AUTOSCALING: None}, {}),
        ({"schedule_id": None}, {}),
        ({"schedule_id": "s1", AUTOSCALING: STATE}, {}),
    ],
)
def test_state_of_the_schedules_counts_when_it_is_reported(state: Any, expected: dict[str, Any]) -> None:
    """An active schedule sets other values than the environment's."""
    schedules = {"timezone": "UTC", "schedules": [], "applied_state": state}
    deployment = {"status": "ACTIVE", AUTOSCALING: DEPLOYED}
    assert _known(_read(current_deployment=deployment, autoscaling_schedules=schedules).serving) == expected


@pytest.mark.parametrize(
    "deployment", [None, "odd", {"status": "ACTIVE"}, {"status": "ACTIVE", AUTOSCALING: None}, {AUTOSCALING: "odd"}]
)
def test_nothing_serves_when_no_deployment_reports_settings(deployment: Any) -> None:
    assert _read(**{AUTOSCALING: DEPLOYED}, current_deployment=deployment).serving == {}


def test_nothing_serves_when_there_is_only_a_state_of_schedules() -> None:
    state = {"schedule_id": None, AUTOSCALING: STATE}
    schedules = {"timezone": "UTC", "schedules": [], "applied_state": state}
    assert _read(current_deployment=None, autoscaling_schedules=schedules).serving == {}


# --- autoscaling schedules ------------------------------------------------------------------------------------------

NO_TIMES = dict.fromkeys(("weekdays", "start_hour", "start_minute", "end_hour", "end_minute", "start_at", "end_at"))


def _with_schedules(*schedules: object, timezone: object = "UTC") -> Environment:
    return _read(autoscaling_schedules={"timezone": timezone, "schedules": schedules, "applied_state": None})


def test_schedules_are_read_as_inputs_when_an_environment_has_some() -> None:
    recurring, once = reported(schedule(), "s1"), one_time(id="s2", later=True)
    found = _with_schedules(recurring, once)
    update = {"environment": {"autoscaling_schedules": {"timezone": "UTC", "schedules": [recurring, once]}}}
    assert read_update(json.dumps(update).encode()).environment == found
    assert found.timezone == "UTC"
    for parts in (recurring, once):
        del parts["id"]
    del once["later"]
    zone = {"timezone": "UTC", **NO_TIMES}
    assert found.schedules == (
        Schedule("s1", {**zone, "schedule_name": recurring.pop("name"), **recurring}),
        Schedule("s2", {**zone, "schedule_name": once.pop("name"), **once}),
    )


def test_environment_has_no_schedules_when_none_are_reported() -> None:
    for found in (_read(), _read(autoscaling_schedules=None)):
        assert (found.schedules, found.timezone) == ((), None)


@pytest.mark.parametrize(
    "found",
    [
        "many",
        [],
        {"timezone": "UTC"},
        {"schedules": None},
        {"schedules": {"s1": {}}},
        {"schedules": ["s1"]},
        {"schedules": [{"name": "without an id"}]},
        7,
    ],
)
def test_schedules_are_unreadable_when_their_list_is_not_one(found: object) -> None:
    """Not the same as an empty list: nothing counts as gone."""
    assert _read(autoscaling_schedules=found).schedules is None


def test_rest_of_a_schedule_is_read_when_one_value_cannot_be() -> None:
    odd = {**reported(schedule(), "s1"), "start_hour": "early", "weekdays": "MONDAY", "enabled": 3, "cadence": []}
    found = _with_schedules({**odd, "autoscaling_settings": {"min_replica": "few", "max_replica": 8}}, timezone=5)
    (read,) = found.schedules or ()
    unread = {name: read.properties[name] for name in ("start_hour", "weekdays", "enabled", "cadence", "timezone")}
    assert set(unread.values()) == {None}
    assert (read.id, read.name, read.properties["end_hour"]) == ("s1", "peak", 10)
    assert read.properties["autoscaling_settings"] == {"min_replica": None, "max_replica": 8, **dict.fromkeys(NULLS)}


@pytest.mark.parametrize("change", [{"name": None}, {"name": ["peak"]}, {"autoscaling_settings": None}])
def test_schedule_is_read_when_a_part_of_it_is_missing(change: dict[str, Any]) -> None:
    found = _with_schedules({**reported(schedule(), "s1"), **change})
    (read,) = found.schedules or ()
    assert read.id == ("" if "id" in change else "s1")
    assert read.name == ("" if "name" in change else "peak")
