"""The description the emulator publishes, the founding page, and what client and emulator make of the two."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator, ValidationError

from baseten_pulumi.api.models import update_body
from baseten_pulumi.fields import FIELDS, Field, Settings, nest
from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.emulator.contract import Api, read_update
from baseten_pulumi.testing.emulator.faults import Faults
from baseten_pulumi.testing.emulator.openapi import DESCRIPTION, description
from baseten_pulumi.testing.emulator.operations import ENVIRONMENT, ENVIRONMENTS, MODEL, MODELS, Operations
from baseten_pulumi.testing.emulator.refusals import RefusalError
from baseten_pulumi.testing.emulator.settings import DEFAULTS, ROLLING_DEPLOY_DEFAULTS, leaves, overlaid
from baseten_pulumi.testing.emulator.store import Behaviour, Store
from tests.contract import founding
from tests.contract.shapes import answer, closed, operation, request, settings
from tests.schedules import SCHEDULES

# What the API's PATCH has today and the founding page has not: by place in the request, with a body that uses it.
ADDED_TO_THE_REQUEST: dict[str, Any] = {
    "autoscaling_settings.max_scale_down_rate": {"autoscaling_settings": {"max_scale_down_rate": 20}},
    "request_backpressure_settings": {"request_backpressure_settings": {"policy": "REJECT_ON_FULL"}},
    "autoscaling_schedule_settings": {"autoscaling_schedule_settings": {"delete_schedules": ["sched1"]}},
}
ADDED_TO_THE_ANSWER = {"environment"}
ADDED = {path for path in FIELDS if any(path == it or path.startswith(f"{it}.") for it in ADDED_TO_THE_REQUEST)}
APIS: tuple[Api, ...] = ("founding", "current")


def _described(api: Api) -> dict[str, Any]:
    return operation(description(api), founding.PATH, "patch")


def _request(api: Api) -> dict[str, Any]:
    return request(description(api), founding.PATH, "patch")


def _properties(schema: dict[str, Any], group: str) -> dict[str, Any]:
    """Return what an object inside a request may hold, by the object's dotted path."""
    for name in filter(None, group.split(".")):
        schema = schema["properties"][name]["anyOf"][0]
    properties: dict[str, Any] = schema["properties"]
    return properties


# --- the document and the founding page ----------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
def test_description_is_served_without_a_key_when_asked_for(api: Api) -> None:
    """Anybody may read it, and tests that count requests do not see it."""
    with Emulator(api=api, api_key="k-only") as emulator, urlopen(f"{emulator.url}{DESCRIPTION}") as response:  # noqa: S310 - this machine
        assert json.load(response) == description(api)
        assert response.headers["content-type"] == "application/json"
        assert not emulator.requests


def test_patch_is_the_founding_pages_when_the_api_is_founding() -> None:
    """Path, parameters, fields, types, enums, defaults, what is required and what is forbidden: all of it, no more."""
    described = _described("founding")
    del described["responses"]["default"]  # how it refuses, which the page does not describe
    assert described == operation(founding.DOCUMENT, founding.PATH, "patch")


def test_patch_is_the_founding_pages_when_the_named_additions_are_taken_away() -> None:
    """What today's API has more is on the lists above, all of it, and nothing of the founding page is gone."""
    sent, answered = _request("current"), answer(description("current"), founding.PATH, "patch")
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


def test_rest_of_the_patch_is_the_founding_pages_when_the_api_is_current() -> None:
    """Path, parameters, which body is required and which statuses are answered."""
    today, old = _described("current"), operation(founding.DOCUMENT, founding.PATH, "patch")
    for described in (today, old):
        described["responses"].pop("default", None)
        described["requestBody"]["content"]["application/json"].clear()
        described["responses"]["200"]["content"]["application/json"].clear()
    assert today == old


@pytest.mark.parametrize("place", ADDED_TO_THE_REQUEST)
def test_addition_is_refused_by_name_when_the_api_is_founding(place: str) -> None:
    """A founding emulator knows nothing that came later; today's takes it."""
    body = json.dumps(ADDED_TO_THE_REQUEST[place]).encode()
    assert read_update(body, "current") == ADDED_TO_THE_REQUEST[place]
    with pytest.raises(RefusalError, match=f"^{place}: unknown field$") as caught:
        read_update(body, "founding")
    assert caught.value.status == 422


def test_answer_tells_the_environment_when_the_api_is_current() -> None:
    """The addition to the answer; the founding one has status and message alone."""
    assert set(answer(description("founding"), founding.PATH, "patch")["properties"]) == {"status", "message"}
    today = answer(description("current"), founding.PATH, "patch")
    assert today["required"] == ["status", "message", "environment"]
    assert today["properties"]["environment"] == answer(description("current"), founding.PATH, "get")


@pytest.mark.parametrize("api", APIS)
def test_every_schema_is_one_when_published(api: Api) -> None:
    """Each part of the document is a JSON schema, whole: no reference leads nowhere."""
    document = description(api)
    for path, described in document["paths"].items():
        for method in {"get", "patch", "post", "delete"} & described.keys():
            Draft202012Validator(answer(document, path, method))


@pytest.mark.parametrize("api", APIS)
def test_every_operation_is_described_when_it_is_served(api: Api) -> None:
    """No path and no method is served in secret, and none is promised that is not there."""
    store, methods = Store((), Behaviour(api=api)), {"get", "patch", "post", "delete"}
    served = {path: {it.lower() for it in routes} for path, routes in Operations(store, Faults(), api).routes().items()}
    assert {path: methods & set(it) for path, it in description(api)["paths"].items()} == served


@pytest.mark.parametrize("api", APIS)
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
def test_answer_holds_what_is_described_and_nothing_else_when_given(
    api: Api, method: str, path: str, body: Any
) -> None:
    """An answer that grows beside its description would be a second, unwritten contract."""
    with Emulator(api=api) as emulator:
        emulator.start_promotion("lm4chat8", "staging", percent=40)
        address = f"{emulator.url}{path.format(model_id='lm4chat8', env_name='staging')}"
        response = httpx.request(method, address, json=body, headers={"Authorization": "Api-Key k"}, trust_env=False)
    assert response.status_code == 200
    Draft202012Validator(closed(answer(description(api), path, method.lower()))).validate(response.json())


# --- the client and the document -----------------------------------------------------------------------------------


def _value(field: Field) -> st.SearchStrategy[Any]:
    if field.kind == "integer":
        return st.integers(field.minimum or 0, field.maximum or 10**9)
    return st.sampled_from(field.choices) if field.choices else st.booleans()


def _in_the_clients_words(settings: dict[str, Any]) -> Settings:
    """Return settings as the emulator holds them by path, a null where the client has a word for it."""
    told = {path: value for path, value in leaves(settings) if path in FIELDS}
    worded = {path: FIELDS[path].word_for_null if value is None else value for path, value in told.items()}
    return {path: value for path, value in worded.items() if value is not None}


def _chosen(paths: set[str]) -> st.SearchStrategy[Settings]:
    return st.fixed_dictionaries({}, optional={path: _value(FIELDS[path]) for path in FIELDS if path in paths})


@given(_chosen(set(FIELDS)))
def test_request_is_the_descriptions_when_any_settings_are_sent(chosen: Settings) -> None:
    """Whatever the client sends is in the description, also where Baseten would swallow a stranger in silence."""
    body = update_body(chosen)
    Draft202012Validator(closed(_request("current"))).validate(body)
    assert _in_the_clients_words(read_update(json.dumps(body).encode(), "current")) == chosen


@given(_chosen(set(FIELDS) - ADDED))
def test_request_is_the_founding_pages_when_it_uses_no_addition(chosen: Settings) -> None:
    """A program that declares only what was there from the beginning works with the API of that day."""
    body = update_body(chosen)
    Draft202012Validator(closed(founding.REQUEST)).validate(body)
    assert _in_the_clients_words(read_update(json.dumps(body).encode(), "founding")) == chosen


@pytest.mark.parametrize("path", sorted(ADDED))
def test_request_is_not_the_founding_pages_when_it_uses_an_addition(path: str) -> None:
    """The founding page forbids what it does not name."""
    value = 20 if FIELDS[path].kind == "integer" else (FIELDS[path].choices or (True,))[0]
    with pytest.raises(ValidationError):
        Draft202012Validator(founding.REQUEST).validate(update_body({path: value}))


# --- the client's reading and the emulator's -----------------------------------------------------------------------


def _kind(schema: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    return ("enum", tuple(schema["enum"])) if "enum" in schema else (schema["type"], ())


def _written(field: Field) -> tuple[str, ...]:
    """Return the choices of a setting as the API writes them."""
    return tuple(word for word in field.choices if word != field.word_for_null)


def _sent() -> dict[str, tuple[str, tuple[str, ...]]]:
    sent = {path: schema for path, schema in settings(_request("current")) if not path.startswith(SCHEDULES)}
    return {path: _kind(schema) for path, schema in sent.items()}


def _reported() -> dict[str, tuple[str, tuple[str, ...]]]:
    environment = answer(description("current"), founding.PATH, "get")
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
        emulator._store.update("lm4chat8", "production", read_update(json.dumps(body).encode(), "current"))
    except RefusalError:
        return False
    return True
