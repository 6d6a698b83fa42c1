"""Retry a request while its error is worth it.

Every attempt of this package is safe to repeat: a PATCH sends the same settings again, and the creation of a
schedule or an environment looks for it first.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from baseten_pulumi.api.failures import ambiguous
from baseten_pulumi.errors import LONGEST_RETRY_AFTER_SECONDS, RateLimitedError, RequestError

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 15.0

_Result = TypeVar("_Result")


async def retry(
    attempt: Callable[[float], Awaitable[_Result]],
    *,
    timeout: float,
    on_error: Callable[[RequestError], None] = lambda _: None,
) -> _Result:
    """Return the first result of `attempt`, which is called with the seconds that are left.

    Delays double from 0.5 s to 15 s, with jitter, and are never shorter than Baseten asks for, up to 60 s. Each error
    says for how many seconds in a row it is retried (`RequestError.retried_for`).

    Args:
        attempt: Sends the request once.
        timeout: Seconds to keep trying.
        on_error: Called with each error that is retried.

    Raises:
        RequestError: the last error. If an earlier attempt may have applied, its `may_have_applied` is true.
    """
    now = asyncio.get_running_loop().time
    started_at = limited_since = now()
    delay, limit, is_ambiguous = FIRST_DELAY_SECONDS, 0.0, False
    while True:
        try:
            return await attempt(started_at + timeout - now())
        except RequestError as caught:
            error = ambiguous(caught) if is_ambiguous else caught
        before, limit = limit, error.retried_for
        if limit != before:
            limited_since = now()
        is_ambiguous = error.may_have_applied
        pause = delay * random.uniform(0.9, 1.1)  # noqa: S311 - not a secret
        pause = max(pause, min(error.retry_after or 0.0, LONGEST_RETRY_AFTER_SECONDS))
        if now() + pause >= min(started_at + timeout, limited_since + limit):
            raise error
        on_error(error)
        if not isinstance(error, RateLimitedError):  # after a 429 the throttle pauses
            await asyncio.sleep(pause)
            delay = min(2 * delay, LONGEST_DELAY_SECONDS)
