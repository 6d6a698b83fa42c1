"""Results as plain text."""

from collections.abc import Callable, Iterable, Sequence

from bench.bars import Bar
from bench.cases import APPLY_SECONDS, NO_ENGINE, RATE_LIMIT, SUBJECTS, Case
from bench.results import Measurement, Results

ABSENT = "-"
HEADINGS = (
    "N",
    "subject",
    "engine",
    "wall s",
    "× limit",
    "× floor+latency",
    "PATCH",
    "GET/env",
    "429",
    "MiB",
    "lag s median",
    "worst",
)
_MIB = 1024 * 1024
_WORDS = 3
"""How many columns, after N, hold words, and so are aligned to the left."""


def table(results: Results) -> str:
    """Return every measurement as a row, smallest fleets first."""
    ordered = sorted(results.measurements, key=lambda each: _place(each.case))
    return _aligned([HEADINGS, *(_row(results, each) for each in ordered)])


def bar_lines(bars: Iterable[Bar]) -> str:
    """Return each bar as a line."""
    return _aligned([_bar(bar) for bar in bars])


def introduction(results: Results) -> str:
    """Return what was measured, and on what."""
    machine = " · ".join(f"{name} {value}" for name, value in results.machine.items())
    latency = f"settings take {APPLY_SECONDS:g} s to apply"
    return f"{machine}\n{latency} · {RATE_LIMIT:g} requests/s for each endpoint · four environments a model"


def _bar(bar: Bar) -> tuple[str, ...]:
    allowed = f"{'≥' if bar.is_floor else '≤'} {bar.allowed:g}"
    return "met" if bar.is_met else "MISSED", bar.name, f"{bar.value:.2f}", allowed


def _place(case: Case) -> tuple[int, str, float, bool, int]:
    engine = "" if case.engine == NO_ENGINE else case.engine
    return case.size, engine, -case.rate_limit, not case.skips_checkpoints, list(SUBJECTS).index(case.subject)


def _row(results: Results, measured: Measurement) -> tuple[str, ...]:
    case, seen = measured.case, measured.observation
    sends = seen.patches > 0
    return (
        str(case.size),
        _label(case),
        ABSENT if case.engine == NO_ENGINE else case.engine,
        f"{measured.wall_seconds:.2f}",
        _ratio(measured.wall_seconds, results.limit_seconds(case)) if sends else ABSENT,
        _ratio(measured.wall_seconds, results.floor_seconds(case)),
        str(seen.patches) if sends else ABSENT,
        f"{seen.gets / case.size:.2f}" if sends else ABSENT,
        str(seen.refused) if sends else ABSENT,
        _or_absent(measured.provider_bytes, lambda size: f"{size / _MIB:.0f}"),
        _or_absent(seen.lag_median_seconds, "{:.2f}".format),
        _or_absent(seen.lag_worst_seconds, "{:.2f}".format),
    )


def _label(case: Case) -> str:
    rate = "" if case.rate_limit == RATE_LIMIT else f", at {case.rate_limit:g} requests/s"
    return f"{SUBJECTS[case.subject].label}{rate}{', state written once' if case.skips_checkpoints else ''}"


def _ratio(seconds: float, of_seconds: float | None) -> str:
    return _or_absent(of_seconds, lambda of: f"{seconds / of:.2f}")


def _or_absent(value: float | None, shown: Callable[[float], str]) -> str:
    return ABSENT if value is None else shown(value)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.ljust(width) if 0 < number < _WORDS else text.rjust(width)
        for number, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
