"""When to look again."""

import random
from collections.abc import Callable

SHORTEST_SECONDS = 0.5
LONGEST_SECONDS = 15.0
# A share of the time already waited keeps the lag of detection proportional to the wait itself; growing from poll to
# poll instead (say 1.5 times) sees a change after 10 s as much as 5 s late.
SHARE_OF_WAIT = 0.15
# Resources that started together must not poll together for ever.
JITTER = 0.10


def seconds_until_next_poll(waited_seconds: float, spread: Callable[[float, float], float] = random.uniform) -> float:
    """Return how long to wait before the next poll, given how long the wait has lasted.

    Args:
        waited_seconds: Time since the wait began.
        spread: Returns a number between its two arguments; random unless a test says otherwise.
    """
    pause = min(max(SHORTEST_SECONDS, SHARE_OF_WAIT * waited_seconds), LONGEST_SECONDS)
    return pause * spread(1 - JITTER, 1 + JITTER)
