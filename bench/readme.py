"""Write the table of speed in README and documentation from results: `python -m bench.readme docs/bench.json`.

A test compares them.
"""

import sys
from pathlib import Path

from bench.cases import APPLY_SECONDS, BIG_FLEET, FLEET, NO_ENGINE, RATE_LIMIT, SUBJECTS
from bench.results import Measurement, Results
from docs.marked import replaced

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "fleets-and-speed.md")
_ROWS = ("limit", "floor-wide", "wide", "joint", "plain")
_ENGINES = {NO_ENGINE: "", "real": "Pulumi CLI", "local": "local engine"}


def table(results: Results) -> str:
    """Return the table in Markdown, and a line that names the machine."""
    head = ["| environments | | engine | time | × the limit | requests each |", "|---|---|---|---|---|---|"]
    rows = [_row(results, each) for size in (FLEET, BIG_FLEET) for each in results.fleet(size, _ROWS)]
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    note = (
        f"Settings that take {APPLY_SECONDS:g} s to apply, four environments a model, {RATE_LIMIT:g} requests a second "
        f"let in; {machine}. At {BIG_FLEET} the CLI writes its state once, at the end."
    )
    return "\n".join([*head, *rows, "", note]) + "\n"


def updated(page: str, results: Results) -> str:
    """Return a page with these results between its markers.

    Raises:
        ValueError: the markers are not there exactly once.
    """
    return replaced(page, "bench", table(results))


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
    for path in PAGES:
        path.write_text(updated(path.read_text(encoding="utf-8"), measured), encoding="utf-8")
