import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, cast

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api import client as client_module
from baseten_pulumi.api.client import BasetenClient, Endpoint
from baseten_pulumi.api.failures import Request
from baseten_pulumi.api.models import Environment
from tests.unit.api.talking import KEY, LIST, MODELS, PATH, SETTINGS, Ask, read, read_now, update

if TYPE_CHECKING:
    from baseten_pulumi.api.connection import Connection
    from tests.unit.api.conftest import Answers
    from tests.unit.api.talking import Talk
    from tests.unit.conftest import FakeClock


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


@pytest.mark.parametrize("ask", [read, read_now, update])
def test_id_is_told_when_a_model_has_it_for_a_name(ask: Ask[Any], talk: "Talk", answers: "Answers") -> None:
    """The account's models are asked for anyway; their words hold no key."""
    nothing, named = answers.json(404, {}), {"models": [{"id": f"lm4{KEY}", "name": "abc123"}]}
    error = talk.fail(ask, nothing, nothing, answers.json(200, named))
    assert type(error) is errors.ModelNotFoundError
    assert error.statements.seen.startswith('"abc123" is the name of a model; its id is lm4[key]. Baseten answered 404')
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
    """The first error says more than the second."""
    monkeypatch.setattr(client_module, "LONGEST_LOOKING_UP_SECONDS", 0.1)

    async def ask(client: BasetenClient) -> Environment:
        return await client.read_environment("abc123", "production", within_seconds=1800.0)

    error = talk.fail(ask, answers.json(404, {}), *(answers.json(*it) for it in found), answers.trickle)
    assert type(error) is errors.NotFoundError


class NothingThere:
    """A connection on which everything is missing, after a while; it remembers how long each request might take."""

    def __init__(self, clock: "FakeClock", takes_seconds: float) -> None:
        self.within: list[float] = []
        self._clock = clock
        self._takes_seconds = takes_seconds

    async def send(self, request: Request, read: object, within_seconds: float, *_: object) -> NoReturn:
        self.within.append(within_seconds)
        self._clock.pass_by(self._takes_seconds)
        raise errors.NotFoundError(errors.Statements(request.goal, "Nothing.", "", ""))


@pytest.mark.parametrize(
    ("within", "takes", "given"),
    [
        (1800.0, 4.0, [10.0, 10.0]),
        (12.0, 4.0, [8.0, 4.0]),
        (7.0, 4.0, [3.0, 1.0]),
        (5.0, 5.0, [1.0, 1.0]),
    ],
)
@pytest.mark.parametrize("how", ["read", "read now", "update", "list"])
def test_lookups_have_the_time_that_is_left_when_there_is_little(
    how: str, within: float, takes: float, given: list[float], clock: "FakeClock"
) -> None:
    """Ten seconds each at most, and a second at least, so that there is something to say."""
    client = BasetenClient(Endpoint("http://127.0.0.1:9", KEY, is_loopback=True), clock)
    connection = NothingThere(clock, takes)
    client._connection = cast("Connection", connection)
    asks: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "read": lambda: client.read_environment("abc123", "production", within_seconds=within),
        "read now": lambda: client.read_environment_now("abc123", "production", within_seconds=within),
        "update": lambda: client.update_environment("abc123", "production", dict(SETTINGS), within_seconds=within),
        "list": lambda: client.read_environments("abc123", within_seconds=within),
    }
    with pytest.raises(errors.NotFoundError):
        asyncio.run(asks[how]())
    assert connection.within == [within, *given[: 1 if how == "list" else 2]]


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
