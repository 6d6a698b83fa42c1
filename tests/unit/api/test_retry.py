import asyncio
import itertools
import socket
from collections.abc import Callable

import httpx
import pytest

from baseten_pulumi import errors
from baseten_pulumi.api import failures
from baseten_pulumi.api.failures import Request, Response
from baseten_pulumi.api.retry import retry
from baseten_pulumi.errors import RequestError
from tests.virtual_time import run

PATH = "/v1/models/abc123/environments/dev"
GET = Request("GET", PATH, "Settings could not be read.", "https://api.baseten.co")
PATCH = Request("PATCH", PATH, "Settings were not updated.", "https://api.baseten.co")
HALF_HOUR = 1800.0
# The last attempt comes no more than the longest delay, with jitter, before the end.
LAST_DELAY = 16.5


def _status(status: int, retry_after: float | None = None, request: Request = GET) -> RequestError:
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return failures.from_response(request, Response(status, headers, b""))


def _missing(seconds: float) -> RequestError:
    """Return the 404 of an environment that was there a moment ago."""
    error = _status(404)
    error.retried_for = seconds
    return error


def _unknown_host() -> RequestError:
    exception = httpx.ConnectError("Name or service not known")
    exception.__cause__ = socket.gaierror(-2, "Name or service not known")
    return failures.from_exception(GET, exception)


class Attempts:
    """What becomes of a request that raises `script(now)`, or succeeds if that is None."""

    def __init__(self, script: Callable[[float], RequestError | None], timeout: float = HALF_HOUR) -> None:
        self.times: list[float] = []
        self.left: list[float] = []
        self.retried: list[RequestError] = []
        self.error: RequestError | None = None

        async def attempt(left: float) -> str:
            now = asyncio.get_running_loop().time()
            self.times.append(now)
            self.left.append(left)
            if error := script(now):
                raise error
            return "done"

        async def work() -> None:
            try:
                assert await retry(attempt, timeout=timeout, on_error=self.retried.append) == "done"
            except RequestError as error:
                self.error = error
            self.ended_at = asyncio.get_running_loop().time()

        run(work())


def test_result_is_returned_when_an_attempt_succeeds() -> None:
    attempts = Attempts(lambda now: _status(503) if now < 3.0 else None, timeout=60.0)
    assert attempts.error is None
    assert len(attempts.times) == len(attempts.retried) + 1 == 4
    assert attempts.left == [pytest.approx(60.0 - at) for at in attempts.times]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        *((_status(status), HALF_HOUR) for status in (408, 425, 502, 503, 504, 520, 521, 522, 523, 524)),
        (failures.from_exception(GET, httpx.ConnectError("refused")), HALF_HOUR),
        (failures.from_exception(GET, httpx.ReadTimeout("slow")), HALF_HOUR),
        (failures.not_sent(GET, 5.0), HALF_HOUR),
        *((_status(status), 300.0) for status in (409, 423, 500, 501, 525)),
        (_unknown_host(), 15.0),
        *((_status(status), 0.0) for status in (301, 400, 401, 403, 404, 405, 418, 422)),
        (failures.too_large(GET, 200, 1), 60.0),
        (_missing(60.0), 60.0),
        (_missing(60.0).with_message(failed="Not updated."), 60.0),
    ],
    ids=lambda it: f"{it.status_code} {type(it).__name__}" if isinstance(it, RequestError) else None,
)
def test_error_is_retried_as_long_as_it_is_worth_it_when_it_stays(error: RequestError, seconds: float) -> None:
    attempts = Attempts(lambda now: error)
    assert attempts.error is error
    assert attempts.retried == [error] * (len(attempts.times) - 1)
    assert seconds - LAST_DELAY <= attempts.ended_at <= seconds


@pytest.mark.parametrize(("error", "seconds"), [(_status(409), 300.0), (_status(500), 300.0), (_unknown_host(), 15.0)])
def test_doubtful_error_gets_its_whole_time_when_it_follows_others(error: RequestError, seconds: float) -> None:
    """The minutes count from the first one in a row: ten minutes of 503 do not make a 409 final."""
    attempts = Attempts(lambda now: _status(503) if now < 600.0 else error)
    assert 600.0 + seconds - LAST_DELAY <= attempts.ended_at <= 600.0 + LAST_DELAY + seconds


def test_delays_double_up_to_fifteen_seconds_when_the_error_stays() -> None:
    times = Attempts(lambda now: _status(503), timeout=120.0).times
    delays = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert delays[:7] == [pytest.approx(delay, rel=0.1001) for delay in (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0)]
    assert delays[:5] != [0.5, 1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 0.5), (7.0, 7.0), (60.0, 60.0), (3600.0, 60.0)])
def test_retry_waits_as_long_as_baseten_asks_when_that_is_longer(asked: float, waited: float) -> None:
    attempts = Attempts(lambda now: None if now else _status(503, asked))
    assert attempts.times[1] == pytest.approx(waited, rel=0.1001)


def test_retry_adds_no_delay_when_a_429_already_pauses_everything() -> None:
    """The throttle waits for what a 429 asks for; one that asks for more than is left is the end."""
    numbers = iter(range(3))
    attempts = Attempts(lambda now: _status(429, 30.0) if next(numbers) < 2 else None)
    assert attempts.times == [0.0, 0.0, 0.0]
    assert Attempts(lambda now: _status(429, 30.0), timeout=20.0).error is not None


def test_error_is_raised_at_once_when_no_attempt_could_follow() -> None:
    attempts = Attempts(lambda now: _status(503, 50.0), timeout=40.0)
    assert (attempts.times, attempts.ended_at, attempts.retried) == ([0.0], 0.0, [])


def test_doubt_stays_when_an_earlier_attempt_may_have_applied() -> None:
    """A 422 for the second PATCH does not say what became of the first."""
    attempts = Attempts(lambda now: _status(422 if now else 502, request=PATCH))
    assert isinstance(attempts.error, errors.RejectedError)
    assert (attempts.error.may_have_applied, attempts.error.status_code) == (True, 422)
    assert attempts.error.message.state == "Baseten may have applied the request anyway."
    assert not _status(422, request=PATCH).may_have_applied
