"""When to look, and when to look again."""

import random
from collections.abc import Callable
from typing import TypeAlias

Spread: TypeAlias = Callable[[float, float], float]
"""Return a number between its two arguments; random unless a test says otherwise."""

# Long enough for 50 models (200 environments) to stay below 100 list requests a second, and for settings in force after
# 3 s to cost 1.5 requests an environment, four of them in a model; short enough to see them 0.4 s late.
SHORTEST_SECONDS = 0.7
# The last models of many hold up everything behind them. So many and fewer may be looked at more often, for no more
# looks a second than were taken of all.
LAST_MODELS = 50
SHORTEST_AT_THE_END_SECONDS = 0.3
LONGEST_SECONDS = 15.0
# A share of the time already waited keeps the lag of detection proportional to the wait itself; growing from poll to
# poll instead (say 1.5 times) sees a change after 10 s as much as 5 s late.
SHARE_OF_WAIT = 0.15
# Models that started together must not be looked at together for ever.
JITTER = 0.10
# Settings that were only just accepted are seldom in force at once, and those that are should be seen so soon.
FIRST_SECONDS = 0.5
_NOTHING_TO_WAIT_FOR = frozenset({None, "UNCHANGED"})


def seconds_until_first_look(status: str | None, *, is_joint: bool = False) -> float:
    """Return how long to wait before the first look at most: not at all where nothing was changed, or long ago.

    Args:
        status: Baseten's answer to the request that sent the settings; None where nothing had to be sent.
        is_joint: Whether the settings of many environments were sent before the wait for all began.
    """
    return 0.0 if is_joint or status in _NOTHING_TO_WAIT_FOR else FIRST_SECONDS


def shortest_pause(models: int, most: int) -> float:
    """Return how long to leave at least between two looks at a model, for no more looks a second than at the most.

    Args:
        models: How many models are looked at now.
        most: How many there were at most since there were none.
    """
    share = min(models / min(most, LAST_MODELS), 1.0)
    return max(SHORTEST_SECONDS * share, SHORTEST_AT_THE_END_SECONDS)


def seconds_until_next_look(waited_seconds: float, jitter: float, shortest: float) -> float:
    """Return how long to wait before the next look, given how long the wait has lasted.

    Args:
        waited_seconds: Time since the wait began.
        jitter: What `jitter` returned; the same for all that look together, so that they stay together.
        shortest: What `shortest_pause` returned.
    """
    return min(max(shortest, SHARE_OF_WAIT * waited_seconds), LONGEST_SECONDS) * jitter


def jitter(spread: Spread = random.uniform) -> float:
    """Return a factor for the pauses after one look."""
    return spread(1 - JITTER, 1 + JITTER)


def phase(spread: Spread = random.uniform) -> float:
    """Return a factor for the pauses before the first and the second look at a model.

    It puts models at different points of the rhythm: with the same one for all, settings that always take the same time
    would always be seen equally late, which may be the whole of a pause.
    """
    return spread(0.0, 1.0)
