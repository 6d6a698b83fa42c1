"""The description the emulator publishes, the founding page, and what client and emulator make of the two."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from baseten_pulumi.api.models import read_environment, update_body
from baseten_pulumi.schema.settings import FIELDS, Field, Settings, nest
from baseten_pulumi.testing import Emulator
from tests.contract import founding
from tests.contract.shapes import answer, closed, described, operation, request, settings
from tests.schedules import SCHEDULES, one_time, reported, schedule

# What the API's PATCH has and the founding page does not.
ADDED_TO_THE_REQUEST = (
    "autoscaling_settings.max_scale_down_rate",
    "request_backpressure_settings",
    "autoscaling_schedule_settings",
)
ADDED = {path for path in FIELDS if path.startswith(ADDED_TO_THE_REQUEST)}
HOURLY = reported(schedule("hourly", cadence="HOURLY", start_hour=None, end_hour=None))
MODEL, ENVIRONMENT = "/v1/models/{model_id}", founding.PATH


def _request() -> dict[str, Any]:
    return request(described(), ENVIRONMENT, "patch")


def _properties(schema: dict[str, Any], group: str) -> dict[str, Any]:
    """Return what an object inside a request may hold, by the object's dotted path."""
    for name in filter(None, group.split(".")):
        schema = schema["properties"][name]["anyOf"][0]
    properties: dict[str, Any] = schema["properties"]
    return properties


# --- the document and the founding page ----------------------------------------------------------------------------


def test_description_of_basetens_api_alone_is_served_when_there_is_no_key() -> None:
    with Emulator(api_key="k-only") as emulator, urlopen(f"{emulator.url}/openapi.json") as response:  # noqa: S310 - this machine
        assert response.headers["content-type"] == "application/json"
        assert all(path.startswith("/v1/models") for path in json.load(response)["paths"])
        assert not emulator.requests


def test_patch_is_the_founding_pages_when_the_named_additions_are_taken_away() -> None:
    """The list above is complete, and everything on the founding page is still there."""
    today, old = (operation(it, ENVIRONMENT, "patch") for it in (described(), founding.DOCUMENT))
    del today["operationId"]
    today["responses"].pop("default")
    sent = today["requestBody"]["content"]["application/json"]["schema"]
    answered = today["responses"]["200"]["content"]["application/json"]["schema"]
    for place in ADDED_TO_THE_REQUEST:
        group, _, name = place.rpartition(".")
        del _properties(sent, group)[name]
    surge = _properties(sent, "promotion_settings.rolling_deploy_config")["max_surge_percent"]
    assert "default" not in surge
    surge["default"] = 10
    assert answered["properties"].pop("environment") == answer(described(), ENVIRONMENT, "get")
    answered["required"].remove("environment")
    assert today == old


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/models", None),
        ("GET", MODEL, None),
        ("GET", f"{MODEL}/deployments", None),
        ("GET", f"{MODEL}/deployments/production", None),
        ("GET", f"{MODEL}/deployments/{{deployment_id}}", None),
        ("GET", f"{MODEL}/environments", None),
        ("GET", ENVIRONMENT, None),
        ("PATCH", ENVIRONMENT, {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 5}}}),
        (
            "PATCH",
            ENVIRONMENT,
            {SCHEDULES: {"timezone": "UTC", "schedules": [reported(schedule()), HOURLY, one_time()]}},
        ),
        ("POST", f"{MODEL}/environments", {"name": "qa"}),
        ("DELETE", ENVIRONMENT, None),
        ("POST", f"{ENVIRONMENT}/pause_promotion", None),
        ("POST", f"{ENVIRONMENT}/cancel_promotion", None),
    ],
)
def test_answer_holds_what_is_described_and_nothing_else_when_given(method: str, path: str, body: Any) -> None:
    """An answer that grows beside its description would be a second, unwritten contract."""
    with Emulator() as emulator:
        if SCHEDULES not in (body or {}):  # or they are queued, and not in the answer
            emulator.start_promotion("lm4chat8", "staging", percent=40)
        deployment = emulator.models()[0]["production_deployment_id"]
        names = {"model_id": "lm4chat8", "env_name": "staging", "deployment_id": deployment}
        address = f"{emulator.url}{path.format(**names)}"
        response = httpx.request(method, address, json=body, headers={"Authorization": "Api-Key k"}, trust_env=False)
    assert response.status_code == 200
    if body:
        Draft202012Validator(closed(request(described(), path, method.lower())), validate_formats=True).validate(body)
    allowed = closed(answer(described(), path, method.lower()))
    Draft202012Validator(allowed, validate_formats=True).validate(response.json())
    if SCHEDULES in (body or {}):
        assert len(response.json()["environment"]["autoscaling_schedules"]["schedules"]) == 3


@pytest.mark.parametrize("name", ["OneTimeAutoscalingScheduleUpsertV1", "OneTimeAutoscalingScheduleV1"])
def test_start_and_end_of_a_one_time_schedule_are_instants_when_described(name: str) -> None:
    parts = described()["components"]["schemas"][name]["properties"]
    for described_part in (parts["start_at"], parts["end_at"]):
        assert described_part.items() >= {"type": "string", "format": "date-time"}.items()


# --- the client and the document -----------------------------------------------------------------------------------


def _value(field: Field) -> st.SearchStrategy[Any]:
    if field.kind == "integer":
        return st.integers(field.minimum or 0, field.maximum or 10**9)
    return st.sampled_from(field.choices) if field.choices else st.booleans()


@given(st.fixed_dictionaries({}, optional={path: _value(field) for path, field in FIELDS.items()}))
def test_request_is_the_descriptions_when_any_settings_are_sent(chosen: Settings) -> None:
    """And the founding page's, where it has no later setting: also where Baseten would ignore an unknown name."""
    Draft202012Validator(closed(_request())).validate(update_body(chosen))
    old = {path: value for path, value in chosen.items() if path not in ADDED}
    Draft202012Validator(closed(founding.REQUEST)).validate(update_body(old))


# --- the client's reading and the emulator's -----------------------------------------------------------------------


def _kinds(schema: dict[str, Any]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the type and the choices of every setting of the client's objects, by path."""
    groups = {path.partition(".")[0] for path in FIELDS}
    held = {"properties": {name: part for name, part in schema["properties"].items() if name in groups}}
    return {path: ("enum", tuple(it["enum"])) if "enum" in it else (it["type"], ()) for path, it in settings(held)}


@pytest.mark.parametrize("method", ["patch", "get"])
def test_settings_are_the_same_when_client_and_emulator_read_the_api(method: str) -> None:
    """Every setting of the client's table is in the emulator's contract, sent and reported, and the other way round."""
    schema = _request() if method == "patch" else answer(described(), ENVIRONMENT, "get")
    assert _kinds(schema) == {
        path: (field.kind, tuple(choice for choice in field.choices if choice != field.null_choice))
        for path, field in FIELDS.items()
    }


def test_defaults_are_the_same_when_client_and_emulator_read_the_documentation() -> None:
    """An environment with a rolling deploy starts with what the table calls Baseten's defaults."""
    started = read_environment(json.dumps(Emulator().reported("lm4chat8", "staging")).encode()).settings
    assert started == {path: field.default for path, field in FIELDS.items() if field.default is not None}


def _edges() -> Iterator[tuple[str, int, bool]]:
    for path, field in FIELDS.items():
        if field.minimum is not None:
            yield from ((path, field.minimum, True), (path, field.minimum - 1, False))
        if field.maximum is not None:
            yield from ((path, field.maximum, True), (path, field.maximum + 1, False))
        elif field.kind == "integer":
            yield path, 10**12, True


def test_ranges_are_the_same_when_client_and_emulator_read_the_documentation(client: httpx.Client) -> None:
    """The last number the client accepts the emulator accepts, and the first one it rejects is rejected there too."""
    edges, found = [*_edges()], []
    for number, (path, value, _) in enumerate(edges):
        created = {
            "name": f"e{number}",
            "autoscaling_settings": {"min_replica": 0, "max_replica": 10**12},
            "promotion_settings": {"rolling_deploy": False, "rolling_deploy_config": {"max_surge_percent": 0}},
        }
        assert client.post("/v1/models/lm4chat8/environments", json=created).is_success
        sent = client.patch(f"/v1/models/lm4chat8/environments/e{number}", json=nest({path: value}))
        found.append((path, value, sent.is_success))
    assert found == edges
