"""What the emulator recorded of a run, as numbers."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeAlias

from baseten_pulumi.testing import AppliedChange, RecordedRequest

Waiting: TypeAlias = Literal["each", "model", "fleet"]
"""What is waited for together: each environment alone, those of a model, or all."""

_OK, _TOO_MANY_REQUESTS = 200, 429
_PARTS_OF_PATH: dict[Waiting, int] = {"each": 6, "model": 4, "fleet": 2}
"""How much of "/v1/models/m1/environments/dev" those waited for together share, in parts between slashes."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The requests of a run, and how late it was observed that settings were applied.

    Attributes:
        patches: PATCH requests, refused ones included.
        gets: GET requests, refused ones included.
        refused: Requests answered 429.
        lag_median_seconds: From being applied, or from when the wait began if that is later, to the first response that
            shows it; None if none did.
        lag_worst_seconds: The longest of these.
    """

    patches: int
    gets: int
    refused: int
    lag_median_seconds: float | None
    lag_worst_seconds: float | None


def observe(
    requests: Iterable[RecordedRequest], applied: Iterable[AppliedChange], waiting: Waiting = "each"
) -> Observation:
    """Sum up what an emulator recorded."""
    recorded = list(requests)
    late = lags(recorded, applied, waiting)
    return Observation(
        patches=sum(request.method == "PATCH" for request in recorded),
        gets=sum(request.method == "GET" for request in recorded),
        refused=sum(request.status == _TOO_MANY_REQUESTS for request in recorded),
        lag_median_seconds=median(late) if late else None,
        lag_worst_seconds=max(late, default=None),
    )


def lags(
    requests: Sequence[RecordedRequest], applied: Iterable[AppliedChange], waiting: Waiting = "each"
) -> list[float]:
    """Return for each change how long after it the first answer came that shows it; those never shown are left out.

    A joint wait begins once everything waited for was sent: until then, nothing counts as late.
    """
    answered, last_sent = _answered_by_path(requests), _last_sent(requests, waiting)
    found = []
    for change in applied:
        environments = f"/v1/models/{change.model_id}/environments"
        paths = (environments, f"{environments}/{change.env_name}")
        since = max(change.at_seconds, last_sent.get(_together(paths[1], waiting), change.at_seconds))
        shown = [at for path in paths if (at := _first_from(change.at_seconds, answered[path])) is not None]
        if shown:
            found.append(max(0.0, min(shown) - since))
    return found


def _last_sent(requests: Iterable[RecordedRequest], waiting: Waiting) -> dict[str, float]:
    """Return when the last settings were taken, by what is waited for together."""
    return {
        _together(request.path, waiting): request.answered_at_seconds
        for request in requests
        if request.method == "PATCH" and request.status == _OK
    }


def _together(path: str, waiting: Waiting) -> str:
    return "/".join(path.split("/")[: _PARTS_OF_PATH[waiting]])


def _answered_by_path(requests: Iterable[RecordedRequest]) -> defaultdict[str, list[float]]:
    answered: defaultdict[str, list[float]] = defaultdict(list)
    for request in requests:
        if request.method == "GET" and request.status == _OK:
            answered[request.path].append(request.answered_at_seconds)
    return answered


def _first_from(seconds: float, times: list[float]) -> float | None:
    """Return the first of growing times that is not before `seconds`."""
    index = bisect_left(times, seconds)
    return times[index] if index < len(times) else None
