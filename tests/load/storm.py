"""Trouble by chance: so many of all requests fail, each in a way of its own."""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from baseten_pulumi.testing import Fault
from baseten_pulumi.testing.emulator.faults import Arrival, Ending, Faults, Kind

_EFFECTS = {"before": False, "after": True}
RETRIED: Mapping[str, Fault] = {
    **{
        f"{status} {when}": Fault.status(status, takes_effect=effect)
        for status in (502, 503, 504)
        for when, effect in _EFFECTS.items()
    },
    **{f"reset {when}": Fault.dropped(takes_effect=effect) for when, effect in _EFFECTS.items()},
}
"""Ways to fail after which a request is sent again, before it took effect or after."""
EVERY: Mapping[str, Fault] = {
    **RETRIED,
    **{f"500 {when}": Fault.status(500, takes_effect=effect) for when, effect in _EFFECTS.items()},
}
"""The same, and the 500, which is a fault of the request's own handling and is not sent again."""


class Storm(Faults):
    """Let a share of all requests fail.

    Args:
        share: Of all requests, from 0 to 1.
        seed: What chance begins with; in which order requests come is chance too.
        ways: Ways to fail, by name.

    Attributes:
        share: As given; may be changed.
        injected: How many requests failed, by method and way.
    """

    def __init__(self, share: float, seed: int, ways: Mapping[str, Fault] = EVERY) -> None:
        super().__init__()
        self.share = share
        self.injected: Counter[str] = Counter()
        self._chance = random.Random(seed)  # noqa: S311 - the same every time, on purpose
        self._ways = ways

    def take(self, kind: type[Kind], arrival: Arrival) -> Kind | None:
        action = self._drawn(arrival) if kind is Ending else None
        return action if isinstance(action, kind) else super().take(kind, arrival)

    def _drawn(self, arrival: Arrival) -> Any:
        if self._chance.random() >= self.share:
            return None
        way = self._chance.choice(sorted(self._ways))
        self.injected[f"{arrival.method} {way}"] += 1
        return self._ways[way].action
