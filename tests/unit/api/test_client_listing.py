from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.models import Environment
from tests.unit.api.talking import LIST, MODELS

if TYPE_CHECKING:
    from tests.unit.api.conftest import Answers
    from tests.unit.api.talking import Talk


async def list_environments(client: BasetenClient) -> dict[str, Environment]:
    return await client.read_environments("abc123", within_seconds=5.0)


def test_every_environment_is_told_when_a_model_is_listed(talk: "Talk", answers: "Answers") -> None:
    """One request tells all environments of a model, each in full."""
    dev = {"name": "dev", "autoscaling_settings": {"min_replica": 2}}
    production = {"name": "production", "in_progress_promotion": {"status": "PAUSED"}}
    found = talk.ask(list_environments, answers.json(200, {"environments": [dev, production]}))
    assert {name: it.settings for name, it in found.items()} == {
        "dev": {"autoscaling_settings.min_replica": 2},
        "production": {},
    }
    promotion = found["production"].promotion
    assert promotion is not None
    assert (promotion.status, found["dev"].promotion) == ("PAUSED", None)
    assert talk.asked == [("GET", LIST)]


def test_model_is_missing_when_the_account_does_not_list_it(talk: "Talk", answers: "Answers") -> None:
    """A 404 is explained by the account's models, and tells what was not read."""
    error = talk.fail(list_environments, answers.json(404, {"error": "no"}), answers.json(200, {"models": []}))
    assert type(error) is errors.ModelNotFoundError
    assert str(error) == (
        'Environments of model "abc123" could not be read.\n'
        'Model "abc123" does not exist, or this API key cannot see it. '
        f"Baseten answered 404 to GET {LIST}: no.\n"
        "Check model_id, and that the API key belongs to the workspace of the model."
    )
    assert talk.asked == [("GET", LIST), ("GET", MODELS)]


@pytest.mark.parametrize("second", [(404, {}), (200, {"models": [{"id": "abc123"}]})])
def test_404_stays_unexplained_when_the_account_does_not_explain_it(
    second: tuple[int, Any], talk: "Talk", answers: "Answers"
) -> None:
    """A wrong base URL answers 404 to everything: nothing is called missing for that."""
    error = talk.fail(list_environments, answers.json(404, {"error": "no"}), answers.json(*second))
    assert type(error) is errors.NotFoundError


def test_listing_is_tried_once_when_a_wait_polls(talk: "Talk", answers: "Answers") -> None:
    """The wait has its own pace."""
    assert talk.fail(list_environments, answers.json(503, {})).status_code == 503
    assert talk.asked == [("GET", LIST)]


def test_models_are_told_when_the_account_is_listed(talk: "Talk", answers: "Answers") -> None:
    """One request tells all of them; a trouble that may go away by itself is borne."""
    listed = {"models": [{"id": "abc123", "name": "chat"}, {"id": "xyz789"}]}
    troubles: list[errors.RequestError] = []
    found = talk.ask(
        lambda client: client.read_models_now(within_seconds=60.0, on_trouble=troubles.append),
        answers.json(503, {}),
        answers.json(200, listed),
    )
    assert [(model.id, model.name) for model in found] == [("abc123", "chat"), ("xyz789", None)]
    assert [trouble.status_code for trouble in troubles] == [503]
    assert talk.asked == [("GET", MODELS)] * 2


def test_listing_is_tried_again_when_a_program_reads(talk: "Talk", answers: "Answers") -> None:
    """A lookup is not polled: it bears what may go away by itself."""
    found = talk.ask(
        lambda client: client.read_environments_now("abc123", within_seconds=60.0),
        answers.json(502, {}),
        answers.json(200, {"environments": [{"name": "dev"}]}),
    )
    assert list(found) == ["dev"]
    assert talk.asked == [("GET", LIST)] * 2
