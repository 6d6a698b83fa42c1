"""Results made up for tests."""

from bench.cases import NO_ENGINE, Case
from bench.observing import Observation
from bench.results import Comparison, Measurement, Results

UNSEEN = Observation(0, 0, 0, None, None)
MIB = 1024 * 1024


def measurement(
    subject: str, wall_seconds: float, *, size: int = 200, mib: int | None = None, seen: Observation = UNSEEN
) -> Measurement:
    engine = NO_ENGINE if subject == "limit" else "real"
    case = Case(subject, engine, size, skips_checkpoints=engine == "real" and size == 1000)
    return Measurement(case, wall_seconds, None if mib is None else mib * MIB, seen)


def results(
    *measurements: Measurement, preview: Comparison | None = None, imports: Comparison | None = None
) -> Results:
    machine = {"processor": "a processor, 2 cores", "Pulumi CLI": "v3.260.0"}
    return Results(machine, measurements, {"real": preview} if preview else {}, imports)
