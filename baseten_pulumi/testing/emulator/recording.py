"""What an emulator writes down for tests: each request and each change that came into force."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KEPT_REQUESTS = 100_000
"""How many requests are remembered; a long session forgets its oldest."""

_MASK = "***"


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """Hold a request as it arrived and what came of it.

    Attributes:
        method: In capitals.
        path: Without the query.
        query: The last value of each parameter.
        headers: By lower-case name; the key is masked.
        body: The parsed JSON; None without a body or where it is not JSON.
        status: Of the answer; None where the connection was dropped instead.
        outcome: ACCEPTED, QUEUED or UNCHANGED of an update; None for everything else.
        at_seconds: When it arrived, on the emulator's clock.
        answered_at_seconds: When its answer was made, on the same clock; what was in force then is what a read shows.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    status: int | None
    outcome: str | None
    at_seconds: float
    answered_at_seconds: float


@dataclass(frozen=True, slots=True)
class AppliedChange:
    """Hold when changes came into force, on the emulator's clock."""

    model_id: str
    env_name: str
    at_seconds: float


class RequestLog:
    """Remember requests; one thread writes, any thread reads."""

    def __init__(self) -> None:
        self._requests: deque[RecordedRequest] = deque(maxlen=KEPT_REQUESTS)

    def add(self, request: RecordedRequest) -> None:
        """Remember one more."""
        self._requests.append(request)

    def all(self) -> tuple[RecordedRequest, ...]:
        """Return what is remembered, oldest first."""
        return tuple(self._requests.copy())

    def clear(self) -> None:
        """Forget everything."""
        self._requests.clear()


def masked(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name, with whatever follows the scheme of an authorization masked."""
    readable = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    for name in ("authorization", "proxy-authorization"):
        if name in readable:
            scheme, space, _ = readable[name].partition(" ")
            readable[name] = f"{scheme} {_MASK}" if space else _MASK
    return readable
