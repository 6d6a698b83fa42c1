"""How many cases a property is tried with: a slice of them in every run, `make fuzz` for many, always the same ones."""

import os

from hypothesis import settings

VARIABLE = "CASES"


def many(usual: int) -> int:
    """Return how many cases to try of a property whose case takes no time."""
    return max(usual, int(os.environ.get(VARIABLE, "0")))


def cases(usual: int, share: int = 1) -> settings:
    """Return settings for a property.

    Args:
        usual: How many cases in every run.
        share: Where the variable CASES asks for more, one in so many of those: for properties whose case takes longer.
    """
    asked = int(os.environ.get(VARIABLE, "0")) // share
    return settings(max_examples=max(usual, asked), derandomize=True, database=None)
