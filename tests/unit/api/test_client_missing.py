import time
from typing import TYPE_CHECKING, Any

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api import client as client_module
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.models import Environment
from tests.unit.api.talking import LIST, MODELS, PATH, Ask, read, read_now, update

if TYPE_CHECKING:
    from tests.unit.api.conftest import Answers
    from tests.unit.api.talking import Talk


@pytest.mark.parametrize("ask", [read, read_now, update])
def test_environment_is_missing_when_the_model_has_others(ask: Ask[Any], talk: "Talk", answers: "Answers") -> None:
    """A 404 is explained by a second request: the model's own list."""
    listed = answers.json(200, {"environments": [{"name": "staging"}, {"name": "dev"}]})
    error = talk.fail(ask, answers.json(404, {"error": "no"}), listed)
    assert type(error) is errors.EnvironmentNotFoundError
    assert 'Model "abc123" has no environment "production"; it has dev, staging.' in error.statements.seen
    assert [path for _, path in talk.asked] == [PATH, LIST]


@pytest.mark.parametrize("ask", [read, read_now, update])
def test_model_is_missing_when_its_list_is_not_found_either(ask: Ask[Any], talk: "Talk", answers: "Answers") -> None:
    """A 404 for the list as well, and an account whose models are others, mean that there is no such model."""
    nothing = answers.json(404, {})
    error = talk.fail(ask, nothing, nothing, answers.json(200, {"models": [{"id": "xyz789"}]}))
    assert type(error) is errors.ModelNotFoundError
    assert error.may_have_taken_effect is False
    assert [path for _, path in talk.asked] == [PATH, LIST, MODELS]


@pytest.mark.parametrize(
    "third",
    [
        (404, {}),
        (403, {}),
        (500, {}),
        (200, {"models": "many"}),
        (200, {}),
        (200, {"models": [{"id": "abc123"}]}),
    ],
)
def test_model_is_not_called_missing_when_the_account_does_not_show_it(
    third: tuple[int, Any], talk: "Talk", answers: "Answers"
) -> None:
    """A wrong base URL answers 404 to everything: a refresh must not drop the stack's resources for that."""
    nothing = answers.json(404, {"error": "no"})
    error = talk.fail(read, nothing, nothing, answers.json(*third))
    assert type(error) is errors.NotFoundError
    assert f"Baseten answered 404 to GET {PATH}: no." in str(error)
    assert [path for _, path in talk.asked] == [PATH, LIST, MODELS]


@pytest.mark.parametrize("found", [[], [(404, {})]])
def test_404_stays_unexplained_when_looking_it_up_takes_too_long(
    found: list[tuple[int, Any]], talk: "Talk", answers: "Answers", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lookup has ten seconds, however much time the operation has."""
    assert client_module.LOOKING_UP_SECONDS == 10.0
    monkeypatch.setattr(client_module, "LOOKING_UP_SECONDS", 0.1)

    async def ask(client: BasetenClient) -> Environment:
        return await client.read_environment("abc123", "production", within_seconds=1800.0)

    began = time.monotonic()
    error = talk.fail(ask, answers.json(404, {}), *(answers.json(*it) for it in found), answers.trickle)
    assert type(error) is errors.NotFoundError
    assert time.monotonic() - began < 30.0


@pytest.mark.parametrize(
    "second",
    [
        (500, {}),
        (401, {}),
        (200, {"environments": "many"}),
        (200, {"environments": [{"name": "production"}]}),
    ],
)
def test_404_stays_unexplained_when_the_list_does_not_explain_it(
    second: tuple[int, Any], talk: "Talk", answers: "Answers"
) -> None:
    """Where the list cannot be read, or holds the environment, neither is called missing: a refresh keeps it."""
    error = talk.fail(read, answers.json(404, {"error": "no"}), answers.json(*second))
    assert type(error) is errors.NotFoundError
    assert error.status_code == 404
