"""Try a request again while its trouble may go away by itself.

For requests that are safe to repeat, which every request of this package is: a PATCH sends the same settings again, and
what would not be safe in it, `sending` looks up before.
"""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from baseten_pulumi.api.failures import in_doubt
from baseten_pulumi.clock import Clock
from baseten_pulumi.errors import (
    ConnectionBrokenError,
    RateLimitedError,
    RequestError,
    RequestTimeoutError,
    ServerError,
)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
# What has not gone away by then (a wrong address, a long outage) is better seen than waited for; waiting for settings
# to be in force is another matter and has the operation's own time.
LONGEST_RETRYING_SECONDS = 300.0
# A 500 is a fault of the request's own handling and is not sent again; these come from in front of it. A request that
# was not sent at all for want of a turn has no status: its next turn would come too late as well.
RETRIED_STATUSES = frozenset({429, 502, 503, 504})

_Answer = TypeVar("_Answer")


async def retrying(
    attempt: Callable[[float], Awaitable[_Answer]],
    *,
    within_seconds: float,
    clock: Clock,
    on_trouble: Callable[[RequestError], None] = lambda _: None,
    spread: Callable[[float, float], float] = random.uniform,
) -> _Answer:
    """Return the first answer of `attempt`, which is given the seconds left.

    Pauses double from half a second to 15, with jitter, and are never shorter than Baseten asks for. There is none
    after a 429: the next attempt waits for its turn, which comes no sooner than Baseten asks for, and later with each
    refusal that follows another.

    Args:
        attempt: Sends the request once.
        within_seconds: How long to try. Trouble is borne for five minutes at most, counted from the first: an attempt
            may have to wait for its turn for longer than that, which is no trouble.
        clock: Tells the time and waits.
        on_trouble: Told each error before the pause it causes.
        spread: Returns a number between its two arguments; random unless a test says otherwise.

    Raises:
        RequestError: the last error, once it is not worth a retry or the next pause would end too late. Where an
            earlier attempt may have taken effect, its `may_have_taken_effect` is true.
    """
    deadline = clock.now() + within_seconds
    pause, ambiguous, patience_ends = FIRST_PAUSE_SECONDS, False, None
    while True:
        try:
            return await attempt(deadline - clock.now())
        except RequestError as caught:
            error = in_doubt(caught) if ambiguous else caught
        ambiguous = error.may_have_taken_effect
        if patience_ends is None:
            patience_ends = min(deadline, clock.now() + LONGEST_RETRYING_SECONDS)
        wait = max(pause * spread(0.9, 1.1), error.retry_after_seconds or 0.0)
        if not _is_retried(error) or clock.now() + wait >= patience_ends:
            raise error
        on_trouble(error)
        if not isinstance(error, RateLimitedError):
            await clock.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _is_retried(error: RequestError) -> bool:
    if isinstance(error, (RateLimitedError, ServerError)):
        return error.status_code in RETRIED_STATUSES
    return isinstance(error, (RequestTimeoutError, ConnectionBrokenError))
