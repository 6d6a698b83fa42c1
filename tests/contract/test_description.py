"""The description the emulator publishes, the founding page, and what client and emulator make of the two."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from baseten_pulumi.api.models import update_body
from baseten_pulumi.schema.settings import FIELDS, Field, Settings, nest
from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.emulator.contract import read_update
from baseten_pulumi.testing.emulator.faults import Faults
from baseten_pulumi.testing.emulator.openapi import DESCRIPTION, description
from baseten_pulumi.testing.emulator.operations import ENVIRONMENT, ENVIRONMENTS, MODEL, MODELS, Operations
from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.settings import DEFAULTS, ROLLING_DEPLOY_DEFAULTS, leaves, overlaid
from baseten_pulumi.testing.emulator.store import Behaviour, Store
from tests.contract import founding
from tests.contract.shapes import answer, closed, operation, request, settings
from tests.schedules import SCHEDULES, one_time, reported, schedule

# What the API's PATCH has and the founding page does not.
ADDED_TO_THE_REQUEST = (
    "autoscaling_settings.max_scale_down_rate",
    "request_backpressure_settings",
    "autoscaling_schedule_settings",
)
ADDED_TO_THE_ANSWER = {"environment"}
ADDED = {path for path in FIELDS if any(path == it or path.startswith(f"{it}.") for it in ADDED_TO_THE_REQUEST)}


def _request() -> dict[str, Any]:
    return request(description(), founding.PATH, "patch")


def _properties(schema: dict[str, Any], group: str) -> dict[str, Any]:
    """Return what an object inside a request may hold, by the object's dotted path."""
    for name in filter(None, group.split(".")):
        schema = schema["properties"][name]["anyOf"][0]
    properties: dict[str, Any] = schema["properties"]
    return properties


# --- the document and the founding page ----------------------------------------------------------------------------


def test_description_is_served_without_a_key_when_asked_for() -> None:
    """Anybody may read it, and tests that count requests do not see it."""
    with Emulator(api_key="k-only") as emulator, urlopen(f"{emulator.url}{DESCRIPTION}") as response:  # noqa: S310 - this machine
        assert json.load(response) == description()
        assert response.headers["content-type"] == "application/json"
        assert not emulator.requests


def test_patch_is_the_founding_pages_when_the_named_additions_are_taken_away() -> None:
    """The lists above are complete, and everything on the founding page is still there."""
    sent, answered = _request(), answer(description(), founding.PATH, "patch")
    for place in ADDED_TO_THE_REQUEST:
        group, _, name = place.rpartition(".")
        del _properties(sent, group)[name]
    surge = _properties(sent, "promotion_settings.rolling_deploy_config")["max_surge_percent"]
    assert surge["default"] is None
    surge["default"] = 10
    for name in ADDED_TO_THE_ANSWER:
        del answered["properties"][name]
        answered["required"].remove(name)
    assert (sent, answered) == (founding.REQUEST, founding.ANSWER)


def test_rest_of_the_patch_is_the_founding_pages_when_bodies_are_left_aside() -> None:
    """Path, parameters, which body is required and which statuses are answered."""
    today, old = (operation(it, founding.PATH, "patch") for it in (description(), founding.DOCUMENT))
    for described in (today, old):
        described["responses"].pop("default", None)
        described["requestBody"]["content"]["application/json"].clear()
        described["responses"]["200"]["content"]["application/json"].clear()
    assert today == old


def test_answer_to_a_patch_has_the_environment_when_described() -> None:
    """The one addition to the founding page's answer is the environment as GET returns it."""
    today = answer(description(), founding.PATH, "patch")
    assert today["required"] == ["status", "message", "environment"]
    assert today["properties"]["environment"] == answer(description(), founding.PATH, "get")


def test_every_schema_is_one_when_published() -> None:
    """Each part of the document is a JSON schema, whole: no reference leads nowhere."""
    document = description()
    for path, described in document["paths"].items():
        for method in {"get", "patch", "post", "delete"} & described.keys():
            Draft202012Validator(answer(document, path, method))


def test_every_operation_is_described_when_it_is_served() -> None:
    """No path and no method is served in secret, and none is promised that is not there."""
    store, methods = Store((), Behaviour()), {"get", "patch", "post", "delete"}
    served = {path: {it.lower() for it in routes} for path, routes in Operations(store, Faults()).routes().items()}
    assert {path: methods & set(it) for path, it in description()["paths"].items()} == served


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", MODELS, None),
        ("GET", MODEL, None),
        ("GET", ENVIRONMENTS, None),
        ("GET", ENVIRONMENT, None),
        ("PATCH", ENVIRONMENT, {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 5}}}),
        ("POST", ENVIRONMENTS, {"name": "qa"}),
        ("DELETE", ENVIRONMENT, None),
    ],
)
def test_answer_holds_what_is_described_and_nothing_else_when_given(method: str, path: str, body: Any) -> None:
    """An answer that grows beside its description would be a second, unwritten contract."""
    with Emulator() as emulator:
        emulator.start_promotion("lm4chat8", "staging", percent=40)
        address = f"{emulator.url}{path.format(model_id='lm4chat8', env_name='staging')}"
        response = httpx.request(method, address, json=body, headers={"Authorization": "Api-Key k"}, trust_env=False)
    assert response.status_code == 200
    Draft202012Validator(closed(answer(description(), path, method.lower()))).validate(response.json())


def test_schedules_are_described_when_they_are_sent_and_reported() -> None:
    """Daily, hourly and one-time ones, in the request and in the answer to it."""
    hourly = reported(schedule("hourly", cadence="HOURLY", start_hour=None, end_hour=None))
    sent = {"timezone": "UTC", "schedules": [reported(schedule()), hourly, one_time()], "delete_schedules": None}
    body = {SCHEDULES: sent}
    Draft202012Validator(closed(_request()), validate_formats=True).validate(body)
    with Emulator() as emulator:
        address = f"{emulator.url}{ENVIRONMENT.format(model_id='lm4chat8', env_name='dev')}"
        response = httpx.patch(address, json=body, headers={"Authorization": "Api-Key k"}, trust_env=False)
    described = closed(answer(description(), ENVIRONMENT, "patch"))
    Draft202012Validator(described, validate_formats=True).validate(response.json())
    assert len(response.json()["environment"]["autoscaling_schedules"]["schedules"]) == 3


def test_start_of_a_one_time_schedule_is_a_date_and_time_when_described() -> None:
    """As the API's description has it, sent and reported."""
    schemas = description()["components"]["schemas"]
    for name in ("OneTimeUpsertRequest", "OneTimeSchedule"):
        for part in ("start_at", "end_at"):
            described = schemas[name]["properties"][part]
            assert {key: described[key] for key in ("type", "format")} == {"type": "string", "format": "date-time"}


# --- the client and the document -----------------------------------------------------------------------------------


def _value(field: Field) -> st.SearchStrategy[Any]:
    if field.kind == "integer":
        return st.integers(field.minimum or 0, field.maximum or 10**9)
    return st.sampled_from(field.choices) if field.choices else st.booleans()


def _in_the_clients_words(settings: dict[str, Any]) -> Settings:
    """Return settings as the emulator holds them by path, a null where the client has a word for it."""
    told = {path: value for path, value in leaves(settings) if path in FIELDS}
    worded = {path: FIELDS[path].null_choice if value is None else value for path, value in told.items()}
    return {path: value for path, value in worded.items() if value is not None}


def _chosen(paths: set[str]) -> st.SearchStrategy[Settings]:
    return st.fixed_dictionaries({}, optional={path: _value(FIELDS[path]) for path in FIELDS if path in paths})


@given(_chosen(set(FIELDS)))
def test_request_is_the_descriptions_when_any_settings_are_sent(chosen: Settings) -> None:
    """Whatever the client sends is in the description, also where Baseten would swallow a stranger in silence."""
    body = update_body(chosen)
    Draft202012Validator(closed(_request())).validate(body)
    assert _in_the_clients_words(read_update(json.dumps(body).encode())) == chosen


@given(_chosen(set(FIELDS) - ADDED))
def test_request_is_the_founding_pages_when_it_uses_no_addition(chosen: Settings) -> None:
    """A program that declares no later setting sends only what the founding page describes."""
    Draft202012Validator(closed(founding.REQUEST)).validate(update_body(chosen))


# --- the client's reading and the emulator's -----------------------------------------------------------------------


def _kind(schema: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    return ("enum", tuple(schema["enum"])) if "enum" in schema else (schema["type"], ())


def _written(field: Field) -> tuple[str, ...]:
    """Return the choices of a setting as the API writes them."""
    return tuple(word for word in field.choices if word != field.null_choice)


def _sent() -> dict[str, tuple[str, tuple[str, ...]]]:
    sent = {path: schema for path, schema in settings(_request()) if not path.startswith(SCHEDULES)}
    return {path: _kind(schema) for path, schema in sent.items()}


def _reported() -> dict[str, tuple[str, tuple[str, ...]]]:
    environment = answer(description(), founding.PATH, "get")
    named = {name.partition(".")[0] for name in _sent()}
    held = {name: schema for name, schema in environment["properties"].items() if name in named}
    return {path: _kind(schema) for path, schema in settings({"properties": held})}


@pytest.mark.parametrize("read", [_sent, _reported])
def test_settings_are_the_same_when_client_and_emulator_read_the_api(
    read: Callable[[], dict[str, tuple[str, tuple[str, ...]]]],
) -> None:
    """Every setting of the client's table is in the emulator's contract, sent and reported, and the other way round."""
    assert read() == {path: (field.kind, _written(field)) for path, field in FIELDS.items()}


def test_defaults_are_the_same_when_client_and_emulator_read_the_documentation() -> None:
    """What an environment starts with is what the table calls Baseten's default."""
    started = overlaid(DEFAULTS, {"promotion_settings": {"rolling_deploy_config": ROLLING_DEPLOY_DEFAULTS}})
    assert _in_the_clients_words(started) == {
        path: field.default for path, field in FIELDS.items() if field.default is not None
    }


def _edges() -> Iterator[tuple[str, int, bool]]:
    for path, field in FIELDS.items():
        if field.minimum is not None:
            yield from ((path, field.minimum, True), (path, field.minimum - 1, False))
        if field.maximum is not None:
            yield from ((path, field.maximum, True), (path, field.maximum + 1, False))
        elif field.kind == "integer":
            yield path, 10**12, True


@pytest.mark.parametrize(("path", "value", "is_taken"), [*_edges()])
def test_ranges_are_the_same_when_client_and_emulator_read_the_documentation(
    path: str, value: int, is_taken: bool
) -> None:
    """The last number the client lets through the emulator takes, and the first one it refuses is refused there too."""
    emulator = Emulator()
    emulator.change("lm4chat8", "production", {"min_replica": 0, "max_replica": 10**12})
    emulator.change("lm4chat8", "production", promotion_settings={"rolling_deploy_config": {"max_surge_percent": 0}})
    assert _is_taken(emulator, nest({path: value})) is is_taken


def _is_taken(emulator: Emulator, body: dict[str, Any]) -> bool:
    try:
        emulator._store.update("lm4chat8", "production", read_update(json.dumps(body).encode()))
    except RefusalError:
        return False
    return True
