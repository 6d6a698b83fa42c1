import gzip
from typing import TYPE_CHECKING

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api import connection as connection_module
from baseten_pulumi.api.client import BasetenClient
from baseten_pulumi.api.models import Environment
from tests.unit.api.talking import DOUBT, PATH, read, update

if TYPE_CHECKING:
    from tests.unit.api.conftest import Answers
    from tests.unit.api.talking import Talk


@pytest.mark.parametrize("location", ["https://example.invalid/", "/v1/elsewhere"])
def test_redirect_is_not_followed_when_it_is_answered(location: str, talk: "Talk", answers: "Answers") -> None:
    """The key is not carried elsewhere."""
    error = talk.fail(update, answers.text(302, "", [("Location", location)]))
    assert type(error) is errors.RedirectedError
    assert talk.asked == [("PATCH", PATH)]


@pytest.mark.parametrize("body", ["<html>login</html>", "", "3", "[]"])
def test_doubt_is_told_when_a_success_cannot_be_read(body: str, talk: "Talk", answers: "Answers") -> None:
    """A PATCH that was answered 200 with something else is not sent again and may have taken effect."""
    error = talk.fail(update, answers.text(200, body))
    assert type(error) is errors.UnexpectedAnswerError
    assert error.may_have_taken_effect is True
    assert len(talk.asked) == 1


def test_answer_is_given_up_when_it_trickles_past_the_deadline(talk: "Talk", answers: "Answers") -> None:
    """Each byte comes in time and the answer never ends: the deadline counts."""

    async def ask(client: BasetenClient) -> Environment:
        return await client.read_environment("abc123", "production", within_seconds=0.1)

    assert type(talk.fail(ask, answers.trickle)) is errors.RequestTimeoutError


def test_answer_is_given_up_when_it_trickles_on_in_a_long_wait(
    talk: "Talk", answers: "Answers", monkeypatch: pytest.MonkeyPatch
) -> None:
    """One answer has a minute, however much time the wait has: the next poll may fare better."""
    assert connection_module.LONGEST_ANSWER_SECONDS == 60.0
    monkeypatch.setattr(connection_module, "LONGEST_ANSWER_SECONDS", 0.1)

    async def ask(client: BasetenClient) -> Environment:
        return await client.read_environment("abc123", "production", within_seconds=1800.0)

    assert type(talk.fail(ask, answers.trickle)) is errors.RequestTimeoutError


def test_answer_is_read_when_it_is_just_as_large_as_allowed(talk: "Talk", answers: "Answers") -> None:
    """Four mebibytes."""
    assert talk.ask(read, answers.text(200, "{}".ljust(4 * 1024 * 1024))).settings == {}


@pytest.mark.parametrize("is_packed", [False, True])
def test_answer_is_cut_when_it_is_larger_than_allowed(is_packed: bool, talk: "Talk", answers: "Answers") -> None:
    """What a few packed bytes unfold to counts; a PATCH may have taken effect all the same."""
    content = b"{}".ljust(4 * 1024 * 1024 + 1)
    packed = answers.content(200, gzip.compress(content), [("Content-Encoding", "gzip")])
    error = talk.fail(update, packed if is_packed else answers.content(200, content))
    assert type(error) is errors.UnexpectedAnswerError
    assert error.may_have_taken_effect is True
    assert str(error) == (
        'Settings of environment "production" of model "abc123" were not put in force.\n'
        f"Baseten answered 200 to PATCH {PATH} with more than 4194304 bytes. {DOUBT}\n"
        "Check that baseten:baseUrl is Baseten's API and that no proxy answers in its place."
    )
    assert len(talk.asked) == 1


def test_answer_is_unpacked_once_when_it_comes_packed(talk: "Talk", answers: "Answers") -> None:
    """The headers of the transfer are not believed a second time."""
    packed = gzip.compress(b'{"autoscaling_settings": {"min_replica": 2}}')
    found = talk.ask(read, answers.content(200, packed, [("Content-Encoding", "gzip")]))
    assert found.settings == {"autoscaling_settings.min_replica": 2}


@pytest.mark.parametrize(("status", "said"), [(200, "QUEUED"), (409, "a promotion runs")])
def test_answer_is_read_when_its_headers_are_not_ascii(
    status: int, said: str, talk: "Talk", answers: "Answers"
) -> None:
    """A proxy's own words in a header do not make an answer a broken connection."""
    answer = answers.json(status, {"status": said, "message": said}, [("X-Proxy", "Käse")])
    if status == 200:
        assert talk.ask(update, answer) == said
    else:
        assert said in str(talk.fail(update, answer))
