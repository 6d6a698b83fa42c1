from typing import TYPE_CHECKING

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient
from tests.unit.api.talking import PATH, SETTINGS, read, read_now, update

if TYPE_CHECKING:
    from tests.unit.api.conftest import Answers
    from tests.unit.api.talking import Talk
    from tests.unit.conftest import FakeClock


@pytest.mark.parametrize(
    ("body", "header", "waited"),
    [({"retry_after": 3}, "4", 3.0), ({}, "4", 4.0), ({"retry_after": 0.5}, "0", 0.5), ({}, "soon", 1.0)],
)
def test_next_request_waits_as_long_as_baseten_asks_when_it_was_refused(
    body: dict[str, float], header: str, waited: float, talk: "Talk", answers: "Answers", clock: "FakeClock"
) -> None:
    """Once, not twice: the body's word, then the header's, a second without either."""
    limited = answers.json(429, body, [("Retry-After", header)])
    talk.ask(read_now, limited, answers.json(200, {}))
    assert clock.slept == [waited]
    assert clock.now() == 1000.0 + waited


def test_every_request_of_a_client_waits_when_one_was_refused(
    talk: "Talk", answers: "Answers", clock: "FakeClock"
) -> None:
    """Of another call, and whoever paces it."""

    async def ask(client: BasetenClient) -> None:
        with pytest.raises(errors.RateLimitedError):
            await client.read_environment("abc123", "production", within_seconds=60.0)
        await client.update_environment("abc123", "production", dict(SETTINGS), within_seconds=60.0)
        assert clock.now() == 1000.0
        await client.read_environment("xyz789", "staging", within_seconds=60.0)

    talk.ask(ask, answers.json(429, {"retry_after": 9}), answers.json(200, {}))
    assert clock.now() == 1009.0


@pytest.mark.parametrize("asked", [0, 0.1])
def test_update_is_sent_ever_more_seldom_when_baseten_keeps_refusing_and_asks_for_no_pause(
    asked: float, talk: "Talk", answers: "Answers", clock: "FakeClock"
) -> None:
    """Five minutes of refusals are some twenty requests, not thousands."""

    async def ask(client: BasetenClient) -> None:
        await client.update_environment("abc123", "production", dict(SETTINGS), within_seconds=1800.0)

    error = talk.fail(ask, answers.json(429, {"retry_after": asked}))
    assert error.status_code == 429
    assert 285.0 <= clock.now() - 1000.0 <= 315.0
    assert 15 <= len(talk.asked) <= 30


def test_pauses_begin_anew_when_baseten_let_an_update_in(talk: "Talk", answers: "Answers", clock: "FakeClock") -> None:
    """Refusals that do not follow one another are no reason to ask more seldom."""

    async def ask(client: BasetenClient) -> None:
        for _ in range(3):
            await client.update_environment("abc123", "production", dict(SETTINGS), within_seconds=1800.0)

    talk.ask(ask, *[answers.json(429, {"retry_after": 0}), answers.json(200, {})] * 3)
    assert clock.now() <= 1003.0


def test_lookups_take_turns_too_when_a_404_is_explained(talk: "Talk", answers: "Answers", clock: "FakeClock") -> None:
    """A hundred missing environments ask for a hundred lists."""

    async def ask(client: BasetenClient) -> None:
        for at in range(22):
            with pytest.raises(errors.EnvironmentNotFoundError):
                await (read if at % 2 else update)(client)

    listed = answers.json(200, {"environments": []})
    talk.ask(ask, *[answers.json(404, {}), listed] * 22)
    assert clock.slept == [pytest.approx(0.01)] * 2


def test_text_is_whole_when_a_request_had_no_turn_in_time(talk: "Talk", answers: "Answers", clock: "FakeClock") -> None:
    """Nothing was sent, and nothing is in doubt; it is said how long nobody may ask."""

    async def ask(client: BasetenClient) -> None:
        with pytest.raises(errors.RateLimitedError):
            await update(client)
        await update(client)

    error = talk.fail(ask, answers.json(429, {"retry_after": 37}))
    assert type(error) is errors.RateLimitedError
    assert (error.status_code, error.retry_after_seconds, error.may_have_taken_effect) == (None, 37.0, False)
    assert str(error) == (
        'Settings of environment "production" of model "abc123" were not put in force.\n'
        f"PATCH {PATH} was not sent: so as not to be refused, such requests go out slowly "
        "(not at all for 37 s, then 2 a second), and it had no turn within 5 s. Nothing was changed.\n"
        "Run `pulumi up` again in a minute, or with a lower `--parallel`."
    )
    assert len(talk.asked) == 1
    assert clock.slept == []


def test_doubt_stays_when_there_is_no_turn_after_a_broken_update(
    talk: "Talk", answers: "Answers", clock: "FakeClock"
) -> None:
    """The first PATCH may have arrived, though the second was not sent."""

    async def ask(client: BasetenClient) -> None:
        await client.update_environment("abc123", "production", dict(SETTINGS), within_seconds=30.0)

    limited = answers.json(429, {"retry_after": 29.7})
    error = talk.fail(ask, answers.silence, limited, answers.json(200, {}))
    assert error.may_have_taken_effect is True
    assert error.statements.now == "Baseten may have taken the settings all the same."
