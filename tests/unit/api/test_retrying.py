import asyncio
from typing import TYPE_CHECKING

import pytest

from baseten_pulumi import errors
from baseten_pulumi.api.retrying import retrying
from baseten_pulumi.errors import RequestError, Statements

if TYPE_CHECKING:
    from tests.unit.conftest import FakeClock

WORDS = Statements("Goal.", "Seen.", "Nothing was changed.", "Advice.")
DOUBT = "Baseten may have taken the settings all the same."

NOT_SENT = errors.RateLimitedError(WORDS)
RETRIED = [
    errors.ServerError(WORDS, status_code=502),
    errors.ServerError(WORDS, status_code=503),
    errors.ServerError(WORDS, status_code=504),
    errors.RequestTimeoutError(WORDS),
    errors.ConnectionBrokenError(WORDS),
]
FINAL = [
    errors.RejectedError(WORDS, status_code=422),
    errors.AuthenticationError(WORDS, status_code=401),
    errors.PermissionDeniedError(WORDS, status_code=403),
    errors.NotFoundError(WORDS, status_code=404),
    errors.ConflictError(WORDS, status_code=409),
    errors.ServerError(WORDS, status_code=500),
    errors.ServerError(WORDS, status_code=501),
    errors.UnexpectedAnswerError(WORDS, status_code=200),
    NOT_SENT,
]


class Script:
    """Answer with each of the given, the last for ever; remember the seconds left at every attempt."""

    def __init__(self, *answers: RequestError | str) -> None:
        self._answers = list(answers)
        self.left: list[float] = []

    async def attempt(self, left: float) -> str:
        self.left.append(left)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, RequestError):
            raise answer
        return answer


def _run(script: Script, clock: "FakeClock", within: float = 300.0, jitter: float = 1.0) -> str:
    return asyncio.run(retrying(script.attempt, within_seconds=within, clock=clock, spread=lambda low, high: jitter))


def _failing(script: Script, clock: "FakeClock", within: float = 300.0) -> RequestError:
    with pytest.raises(RequestError) as caught:
        _run(script, clock, within)
    return caught.value


def test_answer_comes_at_once_when_nothing_is_wrong(clock: "FakeClock") -> None:
    """No pause before or after an answer; the attempt is told all the time there is."""
    script = Script("answer")
    assert _run(script, clock) == "answer"
    assert (script.left, clock.slept) == ([300.0], [])


@pytest.mark.parametrize("error", RETRIED, ids=repr)
def test_request_is_sent_again_when_the_trouble_may_go_away(error: RequestError, clock: "FakeClock") -> None:
    """502, 503, 504, timeouts and broken connections are tried again, after a pause."""
    script = Script(error, "answer")
    assert _run(script, clock) == "answer"
    assert (script.left, clock.slept) == ([300.0, 299.5], [0.5])


@pytest.mark.parametrize("asked", [None, 37.0])
def test_request_takes_its_turn_again_when_there_were_too_many(asked: float | None, clock: "FakeClock") -> None:
    """After a 429 the next turn comes when Baseten lets it: a pause here would be a second one."""
    script = Script(errors.RateLimitedError(WORDS, status_code=429, retry_after_seconds=asked), "answer")
    assert _run(script, clock) == "answer"
    assert (script.left, clock.slept) == ([300.0, 300.0], [])


@pytest.mark.parametrize("error", FINAL, ids=repr)
def test_request_is_sent_once_when_the_trouble_stays(error: RequestError, clock: "FakeClock") -> None:
    """Everything else is raised at once, as it came."""
    script = Script(error)
    assert _failing(script, clock) is error
    assert (len(script.left), clock.slept) == (1, [])


def test_pauses_double_up_to_a_limit_when_the_trouble_stays(clock: "FakeClock") -> None:
    """From half a second to fifteen, until the next pause would end too late."""
    _failing(Script(errors.ServerError(WORDS, status_code=503)), clock, within=60.0)
    assert clock.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]


@pytest.mark.parametrize(("jitter", "first"), [(0.9, 0.45), (1.1, 0.55)])
def test_pause_is_spread_when_many_retry_together(jitter: float, first: float, clock: "FakeClock") -> None:
    """A pause is ten percent shorter to ten percent longer."""
    _run(Script(errors.ConnectionBrokenError(WORDS), "answer"), clock, jitter=jitter)
    assert clock.slept == [pytest.approx(first)]


def test_pause_is_within_its_bounds_when_nobody_fixes_it(clock: "FakeClock") -> None:
    """The spread used outside tests is ten percent to either side."""
    for _ in range(50):
        script = Script(errors.ConnectionBrokenError(WORDS), "answer")
        asyncio.run(retrying(script.attempt, within_seconds=9.0, clock=clock))
    assert all(0.45 <= pause <= 0.55 for pause in clock.slept)
    assert len(set(clock.slept)) > 1


@pytest.mark.parametrize(("asked", "slept"), [(37.0, 37.0), (0.1, 0.5), (0.0, 0.5)])
def test_pause_is_at_least_as_long_when_baseten_asks_for_it(asked: float, slept: float, clock: "FakeClock") -> None:
    """`retry_after` is honoured; a shorter one does not make a pause shorter."""
    error = errors.ServerError(WORDS, status_code=503, retry_after_seconds=asked)
    _run(Script(error, "answer"), clock)
    assert clock.slept == [slept]


def test_error_is_raised_at_once_when_the_pause_would_end_too_late(clock: "FakeClock") -> None:
    """Nobody waits for an attempt that cannot be made."""
    error = errors.RateLimitedError(WORDS, status_code=429, retry_after_seconds=1e9)
    assert _failing(Script(error), clock) is error
    assert clock.slept == []


def test_time_used_by_attempts_counts_when_the_deadline_is_judged(clock: "FakeClock") -> None:
    """The deadline covers attempts and pauses alike."""

    async def slow(left: float) -> str:
        clock.pass_by(9.8)
        raise errors.RequestTimeoutError(WORDS)

    with pytest.raises(errors.RequestTimeoutError):
        asyncio.run(retrying(slow, within_seconds=10.0, clock=clock))
    assert clock.slept == []


@pytest.mark.parametrize("last", [errors.ServerError(WORDS, status_code=503), *FINAL], ids=repr)
def test_doubt_stays_when_an_earlier_attempt_may_have_taken_effect(last: RequestError, clock: "FakeClock") -> None:
    """A later refusal does not undo an earlier request: flag and words say so."""
    doubtful = errors.RequestTimeoutError(WORDS, may_have_taken_effect=True)
    error = _failing(Script(doubtful, last), clock, within=1.0)
    assert type(error) is type(last)
    assert error.status_code == last.status_code
    assert error.may_have_taken_effect is True
    assert error.statements.now == DOUBT


def test_no_doubt_is_cast_when_no_attempt_left_any(clock: "FakeClock") -> None:
    """Troubles that cannot have had an effect leave the last error as it came."""
    last = errors.RejectedError(WORDS, status_code=422)
    assert _failing(Script(errors.ConnectionBrokenError(WORDS), last), clock) is last
    assert last.may_have_taken_effect is False


def test_request_is_given_up_after_five_minutes_when_there_is_more_time(clock: "FakeClock") -> None:
    """A wrong address is better seen than waited for."""
    script = Script(errors.ConnectionBrokenError(WORDS))
    _failing(script, clock, within=1800.0)
    assert script.left[:2] == [1800.0, 1799.5]
    assert 285.0 <= sum(clock.slept) < 300.0


def test_five_minutes_begin_with_the_first_trouble_when_the_first_turn_came_late(clock: "FakeClock") -> None:
    """Where many are in line, the first attempt may be sent after more than five minutes."""
    script = Script(errors.ConnectionBrokenError(WORDS))

    async def attempt(left: float) -> str:
        if not script.left:
            clock.pass_by(400.0)
        return await script.attempt(left)

    with pytest.raises(errors.ConnectionBrokenError):
        asyncio.run(retrying(attempt, within_seconds=1800.0, clock=clock, spread=lambda low, high: 1.0))
    assert script.left[:2] == [1800.0, 1399.5]
    assert 285.0 <= sum(clock.slept) < 300.0


def test_five_minutes_are_counted_once_when_they_end_at_zero(clock: "FakeClock") -> None:
    """Where a clock begins means nothing."""
    clock.pass_by(-300.0 - clock.now())
    first, second = (
        errors.ServerError(WORDS, status_code=503, retry_after_seconds=seconds) for seconds in (100.0, 250.0)
    )
    assert _failing(Script(first, second), clock, within=1800.0) is second
    assert clock.slept == [100.0]


def test_answer_counts_when_its_turn_came_later_than_five_minutes(clock: "FakeClock") -> None:
    """Waiting in line for a second attempt is no trouble and has all the time there is."""
    script = Script(errors.ServerError(WORDS, status_code=503), "answer")

    async def attempt(left: float) -> str:
        if script.left:
            clock.pass_by(400.0)
        return await script.attempt(left)

    assert asyncio.run(retrying(attempt, within_seconds=1800.0, clock=clock)) == "answer"


def test_trouble_is_told_when_another_attempt_follows(clock: "FakeClock") -> None:
    """Before its pause, so that the pause is explained; the last error is raised and not told."""
    first, second = errors.ServerError(WORDS, status_code=502), errors.ConnectionBrokenError(WORDS)
    last = errors.RejectedError(WORDS, status_code=422)
    told: list[tuple[RequestError, int]] = []
    script = Script(first, second, last)
    with pytest.raises(errors.RejectedError):
        asyncio.run(
            retrying(
                script.attempt,
                within_seconds=60.0,
                clock=clock,
                on_trouble=lambda trouble: told.append((trouble, len(clock.slept))),
            )
        )
    assert told == [(first, 0), (second, 1)]


def test_bug_is_not_hidden_when_an_attempt_raises_something_else(clock: "FakeClock") -> None:
    """Only this package's own request errors are tried again."""

    async def broken(left: float) -> str:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        asyncio.run(retrying(broken, within_seconds=9.0, clock=clock))
