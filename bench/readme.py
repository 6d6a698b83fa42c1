"""Write the tables of speed in README and documentation from results: `python -m bench.readme docs/bench.json`.

A test compares them.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.cases import APPLY_SECONDS, BIG_FLEET, FLEET, NO_ENGINE, RATE_LIMIT, SUBJECTS
from bench.results import Measurement, Results
from docs.marked import replaced

ROOT = Path(__file__).parent.parent
_PROMISES = {
    "joint": ("this package, one joint wait", "every declared setting was read back"),
    "wide": ("this package, `--parallel 256`", "the same"),
    "plain": ("a dynamic provider written by hand", "the same, if you write the polling; four at a time"),
}
# The kept results are older than the read that precedes each first request; remove this when they are measured again.
_OLDER = "Measured before each first request was preceded by a read; GETs are now one more for each environment."
# What `make bench` cannot run: measured once, by hand, on two cores.
_OTHERS = """\
| OpenTofu, generic REST provider | the response is what you configured | 64 s; 8.6–9.8 s at `-parallelism=200` | 800 |
| Baseten's Terraform provider | the request was accepted; it reads once and records the planned values | | |"""
_ROWS = ("limit", "floor-wide", "wide", "joint", "plain")
_ENGINES = {NO_ENGINE: "", "real": "Pulumi CLI", "local": "local engine"}


def table(results: Results) -> str:
    """Return the table in Markdown, and a line that names the machine."""
    head = ["| environments | | engine | time | × the limit | requests each |", "|---|---|---|---|---|---|"]
    rows = [_row(results, each) for size in (FLEET, BIG_FLEET) for each in results.fleet(size, _ROWS)]
    note = (
        f"Settings that take {APPLY_SECONDS:g} s to apply, four environments a model, at most {RATE_LIMIT:g} requests "
        f"a second; {_machine(results)}. At {BIG_FLEET} the CLI writes its state once, at the end. {_OLDER}"
    )
    return "\n".join([*head, *rows, "", note]) + "\n"


def comparison(results: Results) -> str:
    """Return a fleet by this package, and by what else could be used, with how to repeat it."""
    head = [f"| | it has succeeded when | {FLEET} environments | GETs |", "|---|---|---|---|"]
    measured = {it.case.subject: it for it in results.fleet(FLEET, tuple(_PROMISES))}
    rows = [
        f"| {name} | {promise} | {measured[subject].wall_seconds:.1f} s | {measured[subject].observation.gets:,} |"
        for subject, (name, promise) in _PROMISES.items()
        if subject in measured
    ]
    note = (
        f"Settings take {APPLY_SECONDS:g} s to apply. `make bench` measures the first three rows again "
        f"(four environments a model, at most {RATE_LIMIT:g} requests a second; {_machine(results)}). "
        f"OpenTofu was measured once, by hand, on two cores. {_OLDER}"
    )
    return "\n".join([*head, *rows, _OTHERS, "", note]) + "\n"


PAGES: Mapping[Path, Callable[[Results], str]] = {
    ROOT / "README.md": comparison,
    ROOT / "docs" / "many-models.md": table,
}
"""The pages that hold results, with what writes them."""


def updated(page: str, written: str) -> str:
    """Return a page with a table between its markers.

    Raises:
        ValueError: the markers are not there exactly once.
    """
    return replaced(page, "bench", written)


def _machine(results: Results) -> str:
    return ", ".join(f"{name} {value}" for name, value in results.machine.items())


def _row(results: Results, measured: Measurement) -> str:
    case, seen = measured.case, measured.observation
    limit = results.limit_seconds(case)
    cells = (
        f"{case.size:,}",
        SUBJECTS[case.subject].label,
        _ENGINES[case.engine],
        f"{measured.wall_seconds:.1f} s",
        f"{measured.wall_seconds / limit:.1f}" if limit and seen.patches else "",
        f"{(seen.patches + seen.gets) / case.size:.1f}" if seen.patches else "",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    measured = Results.load(Path(sys.argv[1]))
    for path, write in PAGES.items():
        path.write_text(updated(path.read_text(encoding="utf-8"), write(measured)), encoding="utf-8")
