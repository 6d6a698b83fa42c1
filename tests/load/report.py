"""What a load run came to, as lines of text."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.load.endurance import Measured
from tests.load.fleets import Case, Outcome

MEMORY_ALLOWED = 1.05
"""How much more memory a process may hold at the end than after its warm-up: an allocator's own unrest."""
_MIB = 1024 * 1024
_SHOWN = 10


def fleet_lines(outcome: Outcome) -> Iterator[str]:
    """Tell what became of a fleet."""
    yield _title(outcome.case)
    for number, attempt in enumerate(outcome.attempts, 1):
        left = "done" if attempt.succeeded else f"failed, {attempt.unfinished} environments left"
        yield f"  up {number}      {attempt.seconds:.1f} s, {left}"
    seen = outcome.seen
    yield f"  requests  {seen.requests.total()}: {_counted(seen.requests)}"
    yield f"  refused   {seen.refused} (429)"
    yield f"  faults    {seen.faults.total()}: {_counted(seen.faults)}"
    if outcome.provider_bytes is not None:
        yield f"  memory    {outcome.provider_bytes / _MIB:.0f} MiB in the provider's process at most"
    yield f"  broken    {len(outcome.broken)}"
    yield from (f"            {it}" for it in outcome.broken[:_SHOWN])


def endurance_lines(measured: Sequence[Measured]) -> Iterator[str]:
    """Tell what a process held over its cycles, and whether that grew."""
    yield "  cycles   MiB  threads  sockets  other files"
    for each in measured:
        held = each.footprint
        memory = f"{held.memory_bytes / _MIB:.1f}"
        yield f"  {each.cycles:6} {memory:>5}  {held.threads:7}  {held.sockets:7}  {held.files:11}"
    yield f"  grown     {', '.join(growth(measured[0], measured[-1])) or 'nothing'}"


def growth(first: Measured, last: Measured) -> list[str]:
    """Return what grew from one measurement to another, by name."""
    names = ("threads", "sockets", "other files")
    pairs = zip(names, first.footprint.counts, last.footprint.counts, strict=True)
    grown = [name for name, before, after in pairs if after > before]
    if last.footprint.memory_bytes > MEMORY_ALLOWED * first.footprint.memory_bytes:
        grown.append("memory")
    return grown


def _title(case: Case) -> str:
    weather = case.weather
    waits = "one joint wait" if case.program == "joint" else "each waits"
    return (
        f"{weather.size} environments, {waits}, {case.engine} engine: {weather.rate_limit:g} requests/s for each "
        f"endpoint, {weather.share:.0%} of requests fail (seed {weather.seed})"
    )


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counter.most_common())
