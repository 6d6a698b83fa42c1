from pathlib import Path

import pytest

from bench.observing import Observation
from bench.readme import PAGES, comparison, table, updated
from bench.results import Results
from tests.unit.bench.results import measurement, results

KEPT = Path(__file__).parents[3] / "docs" / "bench.json"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_holds_the_kept_results_when_compared(path: Path) -> None:
    """The numbers are those of docs/bench.json; `python -m bench.readme docs/bench.json` rewrites them."""
    page = path.read_text(encoding="utf-8")
    assert updated(page, PAGES[path](Results.load(KEPT))) == page


def test_each_fleet_has_its_rows_when_rendered() -> None:
    """By size, with the machine below; other ways show what success means, and what was measured by hand says so."""
    seen = Observation(200, 300, 2, 0.25, 0.5)
    fleet = [measurement("limit", 4.0, seen=seen), measurement("wide", 8.0, seen=seen), measurement("plain", 155.9)]
    found = results(*fleet, measurement("floor-wide", 5.0))
    lines = table(found).splitlines()
    assert lines[2:7] == [
        "| 200 | bare asyncio + httpx (the limit) |  | 4.0 s | 1.0 | 2.5 |",
        "| 200 | the engine alone, --parallel 256 | Pulumi CLI | 5.0 s |  |  |",
        "| 200 | ours, --parallel 256 | Pulumi CLI | 8.0 s | 2.0 | 2.5 |",
        "| 200 | plain dynamic provider | Pulumi CLI | 155.9 s |  |  |",
        "",
    ]
    assert "processor a processor, 2 cores" in lines[7]
    lines = comparison(found).splitlines()
    assert lines[2] == "| this package, `--parallel 256` | the same | 8.0 s | 300 |"
    assert lines[3].endswith("| 155.9 s | 0 |")
    assert "OpenTofu" in lines[4]
    assert "by hand" in lines[-1]


def test_update_is_refused_when_the_markers_are_missing() -> None:
    """A README without the markers is not touched, one with them loses what is between."""
    with pytest.raises(ValueError, match="must hold"):
        updated("# no table\n", "new\n")
    page = "a\n<!-- bench -->\n{}\n<!-- /bench -->\nb\n"
    assert updated(page.format("old"), "new\n") == page.format("new")
