"""What is measured: the subjects, and every combination of subject, engine and size."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.observing import Waiting

APPLY_SECONDS = 3.0
"""How long the emulator takes to apply settings."""
RATE_LIMIT = 100.0
"""Requests a second for each key and endpoint, as Baseten documents."""
LOW_RATE_LIMIT = 20.0
BIG_FLEET = 1000
"""From here on the real engine is asked to write the state once: rewriting it at every step is most of its time."""
FLEET = 200
SIZES = (1, 50, FLEET, BIG_FLEET)
WIDE = 256
NO_ENGINE = "none"
RUNS = 3
"""How often what is held to the engine's own time is run: single runs of either differ by a tenth and more."""
_JUDGED = ("floor", "floor-wide", "wide", "joint")


@dataclass(frozen=True, slots=True)
class Subject:
    """A way to apply a fleet's settings.

    Attributes:
        label: What the table calls it.
        program: A module of `bench.programs`; None for the limit, which needs no engine.
        parallel: The engine's `--parallel`; None for its own default.
        floor: The subject whose time is the engine's own at the same parallelism; None if there is none.
        largest: The size beyond which it takes too long to be worth it; None for none.
        waiting: What it waits for together.
    """

    label: str
    program: str | None
    parallel: int | None = None
    floor: str | None = None
    largest: int | None = None
    waiting: Waiting = "each"


SUBJECTS: Mapping[str, Subject] = {
    "limit": Subject("bare asyncio + httpx (the limit)", None),
    "floor": Subject("the engine alone (does nothing)", "nothing"),
    "floor-wide": Subject(f"the engine alone, --parallel {WIDE}", "nothing", WIDE),
    "plain": Subject("plain dynamic provider", "plain", floor="floor", largest=FLEET),
    "wide": Subject(f"ours, --parallel {WIDE}", "wide", WIDE, floor="floor-wide"),
    "joint": Subject("ours, one joint wait", "joint", floor="floor", waiting="fleet"),
    "models": Subject("ours, a joint wait a model", "models", floor="floor", waiting="model"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One run.

    Attributes:
        subject: A key of SUBJECTS.
        engine: "local", "real", or NO_ENGINE for the limit.
        size: How many environments.
        rate_limit: Requests a second that the emulator accepts, for each endpoint.
        skips_checkpoints: Whether the engine writes the state only at the end.
    """

    subject: str
    engine: str
    size: int
    rate_limit: float = RATE_LIMIT
    skips_checkpoints: bool = False


def cases(engines: Sequence[str], sizes: Sequence[int], only: Collection[str]) -> list[Case]:
    """Return every case there is for these engines, sizes and subjects, in the order of the table."""
    every = [*_everywhere(engines, sizes), *_once(engines[-1], sizes)]
    return [case for case in every if case.subject in only]


def repeated(chosen: Sequence[Case], engine: str) -> list[Case]:
    """Return those cases that are run again, pass by pass: what is compared is then spread over the same time."""
    again = [case for case in chosen if case in set(_everywhere([engine], [FLEET, BIG_FLEET]))]
    return [case for case in again if case.engine == engine] * (RUNS - 1)


def _everywhere(engines: Sequence[str], sizes: Sequence[int]) -> Iterator[Case]:
    for size in sizes:
        yield Case("limit", NO_ENGINE, size)
    for engine in engines:
        for size in sizes:
            for name in _JUDGED:
                yield Case(name, engine, size, skips_checkpoints=engine == "real" and size >= BIG_FLEET)


def _once(engine: str, sizes: Sequence[int]) -> Iterator[Case]:
    """Yield what is slow and the same on every engine, or is there to be documented."""
    for size in sizes:
        if size <= (SUBJECTS["plain"].largest or size):
            yield Case("plain", engine, size)
    if FLEET in sizes:
        yield Case("models", engine, FLEET)
        yield Case("wide", engine, FLEET, LOW_RATE_LIMIT)
        yield Case("joint", engine, FLEET, LOW_RATE_LIMIT)
    if BIG_FLEET in sizes and engine == "real":
        yield Case("wide", engine, BIG_FLEET)
