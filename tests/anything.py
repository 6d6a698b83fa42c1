"""Anything like JSON, by a seed: many cases in little time, where Hypothesis has few and shrinks what fails."""

from collections.abc import Sequence
from random import Random
from typing import Any

_LONGEST = 4
_DEEPEST = 4


class Anything:
    """Make values of one seed.

    Args:
        seed: Which values.
        keys: What objects are likely to hold.
        leaves: Values likely to be on an edge.
    """

    def __init__(self, seed: int, keys: Sequence[str], leaves: Sequence[Any]) -> None:
        self._random = Random(seed)  # noqa: S311 - cases, not secrets
        self._keys = keys
        self._leaves = leaves

    def object(self, depth: int = 0) -> dict[str, Any]:
        """Return an object, of up to four likely and unlikely keys."""
        return {self._key(): self.value(depth + 1) for _ in range(self._random.randrange(_LONGEST + 1))}

    def value(self, depth: int = 0) -> Any:
        """Return a value that may hold others, not deep."""
        kind = self._random.random()
        if depth < _DEEPEST and kind < 0.35:
            return self.object(depth)
        if depth < _DEEPEST and kind < 0.45:
            return [self.value(depth + 1) for _ in range(self._random.randrange(_LONGEST))]
        number = self._random.randint(-2, 4000)
        leaves = [self._random.choice(self._leaves), number % 63 - 2, float(number), number / 7, self._text()]
        return self._random.choice([*leaves, self._random.getrandbits(80) - 2**79])

    def _key(self) -> str:
        return self._random.choice(self._keys) if self._random.random() < 0.9 else self._text()

    def _text(self) -> str:
        return "".join(chr(self._random.randrange(self._random.choice((128, 0x3000)))) for _ in range(3))
