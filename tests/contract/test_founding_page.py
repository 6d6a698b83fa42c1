"""The founding page: the emulator accepts every request it describes and answers in its shape."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema_rs import Draft202012Validator

from baseten_pulumi.schema.settings import flatten, nest
from baseten_pulumi.testing import Emulator
from tests.contract import founding
from tests.contract.shapes import settings

MODEL, ENVIRONMENT = "wh5pr3v1", "dev"
SETTINGS = dict(settings(founding.REQUEST))
EXAMPLE = flatten(founding.EXAMPLE)
NOT_ON_THE_PAGE = "not_on_the_page"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Baseten as of the page, when `ramp_up_while_promoting: true` was accepted."""
    with Emulator(allow_ramp_up=True) as running:
        yield running


def _update(client: httpx.Client, body: Any, status: str | None = None) -> None:
    response = client.patch(founding.PATH.format(model_id=MODEL, env_name=ENVIRONMENT), json=body)
    assert response.status_code == 200, response.text
    Draft202012Validator(founding.ANSWER).validate(response.json())
    assert response.json()["message"]
    assert status in (None, response.json()["status"])


def test_example_has_every_setting_when_compared_with_the_page() -> None:
    Draft202012Validator(founding.REQUEST).validate(founding.EXAMPLE)
    assert EXAMPLE.keys() == SETTINGS.keys()


def test_update_is_accepted_when_it_has_every_setting(emulator: Emulator, client: httpx.Client) -> None:
    """The whole page in one request, and each of its statuses in the response."""
    _update(client, founding.EXAMPLE, "ACCEPTED")
    assert EXAMPLE.items() <= flatten(emulator.reported(MODEL, ENVIRONMENT)).items()
    _update(client, founding.EXAMPLE, "UNCHANGED")
    emulator.start_promotion(MODEL, ENVIRONMENT)
    _update(client, {"autoscaling_settings": {"max_replica": 9}}, "QUEUED")


@pytest.mark.parametrize("path", SETTINGS)
def test_update_is_accepted_when_it_has_one_setting(path: str, emulator: Emulator, client: httpx.Client) -> None:
    """Each value that the page allows is reported afterwards, and a null leaves the setting as it is."""
    values = [True, False] if SETTINGS[path]["type"] == "boolean" else SETTINGS[path].get("enum", [EXAMPLE[path]])
    for value in values:
        for sent in (value, None):
            _update(client, nest({path: sent}))
            assert flatten(emulator.reported(MODEL, ENVIRONMENT))[path] == value


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
def test_update_changes_nothing_when_it_has_no_setting(body: Any, emulator: Emulator, client: httpx.Client) -> None:
    """Empty and null objects, and names that the page does not forbid."""
    before = emulator.reported(MODEL, ENVIRONMENT)
    _update(client, body, "UNCHANGED")
    assert emulator.reported(MODEL, ENVIRONMENT) == before
