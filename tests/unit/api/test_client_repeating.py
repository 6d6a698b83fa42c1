import asyncio
from typing import TYPE_CHECKING

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.client import BasetenClient, Endpoint
from tests.unit.api.talking import DOUBT, KEY, PATH, SETTINGS, read, read_now, update

if TYPE_CHECKING:
    from tests.unit.api.conftest import Answers
    from tests.unit.api.talking import Talk
    from tests.unit.conftest import FakeClock


def test_update_is_sent_again_when_the_connection_breaks(talk: "Talk", answers: "Answers") -> None:
    """A PATCH may be repeated: the same settings again do no harm."""
    status = talk.ask(
        update, answers.silence, answers.json(503, {}), answers.json(200, {"status": "QUEUED", "message": ""})
    )
    assert status == "QUEUED"
    assert talk.asked == [("PATCH", PATH)] * 3
    assert talk.bodies == [{"autoscaling_settings": {"min_replica": 3}}] * 3


def test_doubt_stays_when_a_broken_update_is_refused_later(talk: "Talk", answers: "Answers") -> None:
    """The first PATCH may have arrived, whatever comes of the second."""
    error = talk.fail(update, answers.silence, answers.json(422, {"detail": "max_replica is too high"}))
    assert type(error) is errors.RejectedError
    assert error.may_have_taken_effect is True
    assert str(error) == (
        'Settings of environment "production" of model "abc123" were not put in force.\n'
        f"Baseten answered 422 to PATCH {PATH}: max_replica is too high. {DOUBT}\n"
        "Correct the setting Baseten names, then run `pulumi up` again."
    )


def test_doubt_stays_when_a_broken_update_is_not_found_later(talk: "Talk", answers: "Answers") -> None:
    """The explanation of a 404 keeps it too."""
    nothing = answers.json(404, {})
    error = talk.fail(update, answers.silence, nothing, nothing, answers.json(200, {"models": []}))
    assert type(error) is errors.ModelNotFoundError
    assert (error.may_have_taken_effect, error.statements.now) == (True, DOUBT)


def test_nothing_was_sent_when_nobody_listens(clock: "FakeClock") -> None:
    """A refused connection is retried and leaves no doubt."""

    async def ask() -> None:
        client = BasetenClient(Endpoint("http://127.0.0.1:9", KEY, is_loopback=True), clock)
        try:
            await update(client)
        finally:
            await client.close()

    with pytest.raises(errors.ConnectionBrokenError) as caught:
        asyncio.run(ask())
    assert caught.value.may_have_taken_effect is False
    assert len(clock.slept) == 3


def test_reading_is_tried_once_when_a_wait_polls(talk: "Talk", answers: "Answers") -> None:
    """The wait has its own pace."""
    assert talk.fail(read, answers.json(503, {})).status_code == 503
    assert len(talk.asked) == 1


def test_reading_is_tried_again_when_nobody_polls(talk: "Talk", answers: "Answers") -> None:
    """Outside a wait, a trouble that may go away is retried."""
    found = talk.ask(
        read_now,
        answers.json(429, {"retry_after": 1}),
        answers.silence,
        answers.json(200, {"autoscaling_settings": {"min_replica": 2}}),
    )
    assert found.settings == {"autoscaling_settings.min_replica": 2}
    assert len(talk.asked) == 3


def test_troubles_are_told_when_requests_are_tried_again(talk: "Talk", answers: "Answers") -> None:
    """Whoever asks can show why it takes longer."""
    troubles: list[errors.RequestError] = []

    async def ask(client: BasetenClient) -> None:
        await client.update_environment(
            "abc123", "production", dict(SETTINGS), within_seconds=5.0, on_trouble=troubles.append
        )
        await client.read_environment_now("abc123", "production", within_seconds=5.0, on_trouble=troubles.append)

    talk.ask(ask, answers.json(429, {}), answers.json(200, {}), answers.json(503, {}), answers.json(200, {}))
    assert [trouble.status_code for trouble in troubles] == [429, 503]
