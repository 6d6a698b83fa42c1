"""The founding page: the emulator accepts every request it describes and answers in its shape."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from baseten_pulumi.testing import Emulator
from baseten_pulumi.testing.emulator.contract import read_update
from baseten_pulumi.testing.emulator.settings import leaves
from tests.contract import founding
from tests.contract.shapes import settings

MODEL, ENVIRONMENT = "wh5pr3v1", "dev"
ADDRESS = founding.PATH.format(model_id=MODEL, env_name=ENVIRONMENT)
SETTINGS = dict(settings(founding.REQUEST))
EXAMPLE = dict(leaves(founding.EXAMPLE))
ANSWER = Draft202012Validator(founding.ANSWER)
NOT_ON_THE_PAGE = "not_on_the_page"


def _values(path: str) -> list[Any]:
    """Return the values of a setting that the page allows; of a number, one in its documented range."""
    schema = SETTINGS[path]
    if schema["type"] == "boolean":
        return [True, False]
    return list(schema.get("enum", [EXAMPLE[path]]))


def _nested(path: str, value: Any) -> Any:
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def _requests(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Draw what a schema of the page allows."""
    if "anyOf" in schema:
        return st.one_of([_requests(each) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "object":
        properties = {name: _requests(each) for name, each in schema["properties"].items()}
        is_open = schema.get("additionalProperties", True)
        return st.fixed_dictionaries({}, optional={**properties, **({NOT_ON_THE_PAGE: st.text()} if is_open else {})})
    return {"integer": st.integers(), "boolean": st.booleans(), "null": st.none()}[schema["type"]]


def _update(emulator: Emulator, client: httpx.Client, body: Any) -> dict[str, Any]:
    """Send a request, check status and shape of the answer, and return the settings that are then reported."""
    answer = client.patch(ADDRESS, json=body)
    assert answer.status_code == 200, answer.text
    ANSWER.validate(answer.json())
    return dict(leaves(emulator.reported(MODEL, ENVIRONMENT)))


def test_example_has_every_setting_when_compared_with_the_page() -> None:
    """The example is complete and valid."""
    Draft202012Validator(founding.REQUEST).validate(founding.EXAMPLE)
    assert EXAMPLE.keys() == SETTINGS.keys()


@given(_requests(founding.REQUEST))
def test_request_is_read_in_full_when_the_page_describes_it(body: dict[str, Any]) -> None:
    """No name, type or null of the page is refused, and every value arrives; ranges are not on the page."""
    sent = {path: value for path, value in leaves(body) if value is not None and not path.endswith(NOT_ON_THE_PAGE)}
    assert dict(leaves(read_update(json.dumps(body).encode()))) == sent


def test_update_is_accepted_when_it_has_every_setting(emulator: Emulator, client: httpx.Client) -> None:
    """The whole page in one request."""
    reported = _update(emulator, client, founding.EXAMPLE)
    assert EXAMPLE.items() <= reported.items()


@pytest.mark.parametrize("path", SETTINGS)
def test_update_is_accepted_when_it_has_one_setting(path: str, emulator: Emulator, client: httpx.Client) -> None:
    """Each value is reported afterwards, and a null leaves the setting as it is."""
    for value in _values(path):
        assert _update(emulator, client, _nested(path, value))[path] == value
        assert _update(emulator, client, _nested(path, None))[path] == value


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"autoscaling_settings": None, "promotion_settings": None},
        {"autoscaling_settings": {}, "promotion_settings": {}},
        {"promotion_settings": {"rolling_deploy_config": None}},
        {"promotion_settings": {"rolling_deploy_config": {}}},
        {"promotion_settings": {NOT_ON_THE_PAGE: 1, "rolling_deploy_config": {NOT_ON_THE_PAGE: 1}}},
    ],
)
def test_update_is_accepted_when_it_has_no_setting(body: Any, emulator: Emulator, client: httpx.Client) -> None:
    """Empty and null objects, and names that the page does not forbid, change nothing."""
    before = dict(leaves(emulator.reported(MODEL, ENVIRONMENT)))
    assert _update(emulator, client, body) == before


@pytest.mark.parametrize("status", founding.ANSWER["properties"]["status"]["enum"])
def test_answer_has_the_pages_shape_when_its_status_is(status: str, emulator: Emulator, client: httpx.Client) -> None:
    """The emulator gives each status of the page, with a message."""
    if status == "QUEUED":
        emulator.start_promotion(MODEL, ENVIRONMENT)
    answer = client.patch(ADDRESS, json={} if status == "UNCHANGED" else founding.EXAMPLE).json()
    ANSWER.validate(answer)
    assert answer["status"] == status
    assert answer["message"]
