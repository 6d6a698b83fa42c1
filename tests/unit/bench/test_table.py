import re

from bench.bars import Bar
from bench.observing import Observation
from bench.table import HEADINGS, bar_lines, introduction, table
from tests.unit.bench.results import measurement, results


def test_ratios_stand_beside_walls_when_there_is_something_to_compare_with() -> None:
    """Rows go by size, the limit first; what was not measured is a dash."""
    ours = measurement("wide", 8.0, mib=80, seen=Observation(200, 300, 2, 0.25, 0.5))
    shown = table(results(ours, measurement("floor-wide", 5.0), measurement("limit", 4.0, seen=ours.observation)))
    assert [re.split("  +", line.strip()) for line in shown.splitlines()] == [
        list(HEADINGS),
        ["200", "bare asyncio + httpx (the limit)", "-", "4.00", "1.00", "-", "200", "1.50", "2", "-", "0.25", "0.50"],
        ["200", "the engine alone, --parallel 256", "real", "5.00", "-", "-", "-", "-", "-", "-", "-", "-"],
        ["200", "ours, --parallel 256", "real", "8.00", "2.00", "1.00", "200", "1.50", "2", "80", "0.25", "0.50"],
    ]


def test_a_bar_says_whether_it_is_met_when_it_is_shown() -> None:
    """The measured value stands beside what is allowed."""
    lines = bar_lines([Bar("wall", 1.1, 1.15), Bar("faster", 14.0, 15.0, is_floor=True)])
    assert [line.split() for line in lines.splitlines()] == [
        ["met", "wall", "1.10", "≤", "1.15"],
        ["MISSED", "faster", "14.00", "≥", "15"],
    ]


def test_the_machine_is_named_when_numbers_are_shown() -> None:
    """A number without its machine says nothing."""
    assert introduction(results()).splitlines() == [
        "processor a processor, 2 cores · Pulumi CLI v3.260.0",
        "settings take 3 s to apply · 100 requests/s for each endpoint · four environments a model",
    ]
