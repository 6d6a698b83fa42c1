"""The bars that ours is held to, each as a measured value beside what is allowed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from bench.cases import APPLY_SECONDS, BIG_FLEET, FLEET, LOW_RATE_LIMIT, RATE_LIMIT, Case
from bench.results import Measurement, Results

OF_FLOOR = {"wide": 1.15, "joint": 1.25}
OF_BIG_FLEET = 1.3
TIMES_FASTER_THAN_PLAIN = 15.0
GETS_PER_ENVIRONMENT = 2.5
LAG_SECONDS = max(0.6, 0.2 * APPLY_SECONDS)
OF_PREVIEW = 1.2
OF_IMPORT = 1.15
OF_MEMORY = 1.5
SHARE_REFUSED = 0.05


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        name: What is held to it.
        value: What was measured.
        allowed: What it is held to.
        is_floor: Whether the value has to be at least that much, rather than at most.
    """

    name: str
    value: float
    allowed: float
    is_floor: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the value keeps to it."""
        return self.value >= self.allowed if self.is_floor else self.value <= self.allowed


def bars(results: Results, engine: str) -> list[Bar]:
    """Return each bar whose value was measured on an engine."""
    return list(
        chain(
            _waiting(results, engine),
            _big_fleet(results, engine),
            _requests_and_lag(results, engine),
            _low_limit(results, engine),
            _memory(results, engine),
            _without_waiting(results, engine),
        )
    )


def _waiting(results: Results, engine: str) -> Iterator[Bar]:
    plain = results.find("plain", engine, FLEET)
    for subject, ratio in OF_FLOOR.items():
        ours = results.find(subject, engine, FLEET)
        floor = results.floor_seconds(ours.case) if ours else None
        if ours and floor:
            yield Bar(f"{FLEET} {subject}: wall, of floor + latency", ours.wall_seconds / floor, ratio)
        if ours and plain:
            faster = plain.wall_seconds / ours.wall_seconds
            yield Bar(f"{FLEET} {subject}: times faster than plain", faster, TIMES_FASTER_THAN_PLAIN, is_floor=True)


def _big_fleet(results: Results, engine: str) -> Iterator[Bar]:
    for subject in OF_FLOOR:
        ours = results.find(subject, engine, BIG_FLEET, skips_checkpoints=engine == "real")
        floor = results.floor_seconds(ours.case) if ours else None
        if ours and floor:
            least = max(floor, BIG_FLEET / RATE_LIMIT)
            name = f"{BIG_FLEET} {subject}: wall, of max(floor + latency, PATCHes ÷ limit)"
            yield Bar(name, ours.wall_seconds / least, OF_BIG_FLEET)


def _requests_and_lag(results: Results, engine: str) -> Iterator[Bar]:
    for each in results.measurements:
        case, seen = each.case, each.observation
        if case.engine != engine or not _is_compared(case):
            continue
        name = f"{case.size} {case.subject}"
        yield Bar(f"{name}: GETs an environment", seen.gets / case.size, GETS_PER_ENVIRONMENT)
        if seen.lag_median_seconds is not None and seen.lag_worst_seconds is not None:
            yield Bar(f"{name}: detection lag, median s", seen.lag_median_seconds, LAG_SECONDS)
            yield Bar(f"{name}: detection lag, worst s", seen.lag_worst_seconds, 2 * LAG_SECONDS)


def _is_compared(case: Case) -> bool:
    """Return whether it is ours, four environments a model (one alone has no list to share) and not too many."""
    return case.subject in OF_FLOOR and case.rate_limit == RATE_LIMIT and 1 < case.size <= FLEET


def _low_limit(results: Results, engine: str) -> Iterator[Bar]:
    for subject in OF_FLOOR:
        ours = results.find(subject, engine, FLEET, rate_limit=LOW_RATE_LIMIT)
        if ours:
            share = ours.observation.refused / (ours.observation.patches + ours.observation.gets)
            yield Bar(f"{FLEET} {subject} at {LOW_RATE_LIMIT:g}/s: share answered 429", share, SHARE_REFUSED)


def _memory(results: Results, engine: str) -> Iterator[Bar]:
    for subject in OF_FLOOR:
        one = results.find(subject, engine, 1)
        many = results.find(subject, engine, BIG_FLEET, skips_checkpoints=engine == "real")
        if _known(one) and _known(many):
            ratio = _known(many) / _known(one)
            yield Bar(f"{subject}: provider's memory at {BIG_FLEET}, of that at 1", ratio, OF_MEMORY)


def _known(measurement: Measurement | None) -> int:
    return (measurement.provider_bytes if measurement else None) or 0


def _without_waiting(results: Results, engine: str) -> Iterator[Bar]:
    if engine in results.previews:
        yield Bar(f"no-op preview of {BIG_FLEET}, of do-nothing's", results.previews[engine].ratio, OF_PREVIEW)
    if results.imports:
        yield Bar("import baseten_pulumi, of import pulumi", results.imports.ratio, OF_IMPORT)
