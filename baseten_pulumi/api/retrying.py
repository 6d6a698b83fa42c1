"""Try a request again while its trouble may go away by itself.

For requests that are safe to repeat, which every request of this package is: a PATCH sends the same settings again.
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
# A 500 is a fault of the request's own handling and is not sent again; these come from in front of it.
RETRIED_STATUSES = frozenset({502, 503, 504})

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

    Pauses double from half a second to 15, with jitter, and are never shorter than Baseten asks for.

    Args:
        attempt: Sends the request once.
        within_seconds: How long to try; never longer than five minutes.
        clock: Tells the time and waits.
        on_trouble: Told each error before the pause it causes.
        spread: Returns a number between its two arguments; random unless a test says otherwise.

    Raises:
        RequestError: the last error, once it is not worth a retry or the next pause would end too late. Where an
            earlier attempt may have taken effect, its `may_have_taken_effect` is true.
    """
    deadline = clock.now() + min(within_seconds, LONGEST_RETRYING_SECONDS)
    pause = FIRST_PAUSE_SECONDS
    ambiguous = False
    while True:
        try:
            return await attempt(deadline - clock.now())
        except RequestError as caught:
            error = in_doubt(caught) if ambiguous else caught
            ambiguous = error.may_have_taken_effect
            wait = max(pause * spread(0.9, 1.1), error.retry_after_seconds or 0.0)
            if not _is_retried(error) or clock.now() + wait >= deadline:
                raise error from None
        on_trouble(error)
        await clock.sleep(wait)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _is_retried(error: RequestError) -> bool:
    if isinstance(error, ServerError):
        return error.status_code in RETRIED_STATUSES
    return isinstance(error, (RateLimitedError, RequestTimeoutError, ConnectionBrokenError))
