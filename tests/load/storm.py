"""Random faults: a share of all requests fails, in one of several ways."""

import random
from collections import Counter
from typing import Any

from baseten_pulumi.testing import Fault
from baseten_pulumi.testing.emulator.faults import Arrival, Ending, Faults, Kind

WAYS = {
    **{
        f"{status} {when}": Fault.status(status, takes_effect=when == "after")
        for status in (500, 502, 503, 504)
        for when in ("before", "after")
    },
    "reset before": Fault.dropped(takes_effect=False),
    "reset after": Fault.dropped(takes_effect=True),
}
"""Ways to fail, before a request took effect or after. All are retried."""


class Storm(Faults):
    """Let a share of all requests fail, from 0 to 1; `injected` counts them by method and way."""

    def __init__(self, share: float, seed: int) -> None:
        super().__init__()
        self.share = share
        self.injected: Counter[str] = Counter()
        self._random = random.Random(seed)  # noqa: S311 - the same every time, if requests come in the same order

    def take(self, kind: type[Kind], arrival: Arrival) -> Kind | None:
        action = self._drawn(arrival) if kind is Ending else None
        return action if isinstance(action, kind) else super().take(kind, arrival)

    def _drawn(self, arrival: Arrival) -> Any:
        if self._random.random() >= self.share:
            return None
        way = self._random.choice(sorted(WAYS))
        self.injected[f"{arrival.method} {way}"] += 1
        return WAYS[way].action
