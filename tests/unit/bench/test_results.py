import re
from pathlib import Path

import pytest

from bench.cases import BIG_FLEET, FLEET, RUNS, SUBJECTS, Case, cases, repeated
from bench.fleet import Fleet
from bench.limit import Pace
from bench.observing import Observation
from bench.picture import MARGIN, WIDTH, draw
from bench.results import Comparison, Results, medians
from tests.unit.bench.results import measurement, results

BARS = re.compile('<rect class="(?:bar|ours)" x="([^"]+)" y="[^"]+" width="([^"]+)"')
CASES = cases(("local", "real"), (1, FLEET, BIG_FLEET), tuple(SUBJECTS))


def test_results_are_the_same_when_they_are_read_back(tmp_path: Path) -> None:
    seen = Observation(200, 300, 2, 0.25, 0.5)
    found = results(measurement("wide", 8.0, mib=80, seen=seen), preview=Comparison(6.0, 5.0), imports=None)
    found.save(tmp_path / "bench.json")
    assert Results.load(tmp_path / "bench.json") == found


def test_each_case_is_there_once_when_all_are_asked_for() -> None:
    """The plain provider, slow and the same everywhere, is measured on one engine alone.

    The real engine writes the state of a big fleet once; ours is also measured with every step written.
    """
    assert len(CASES) == len(set(CASES))
    assert [case for case in CASES if case.subject == "plain"] == [Case("plain", "real", size) for size in (1, FLEET)]
    big = [case for case in CASES if (case.engine, case.size) == ("real", BIG_FLEET)]
    assert [case for case in big if not case.skips_checkpoints] == [Case("wide", "real", BIG_FLEET)]
    assert cases(("local",), (50,), ("wide",)) == [Case("wide", "local", 50)]


def test_what_bars_judge_is_repeated_when_fleets_are_measured() -> None:
    """Ours and the engine's own time at the sizes that have bars; pass by pass, on the last engine, nothing slow."""
    judged = ("floor", "floor-wide", "wide", "joint")
    one_pass = [Case(it, "real", size, skips_checkpoints=size > FLEET) for size in (FLEET, BIG_FLEET) for it in judged]
    assert repeated(CASES, "real") == one_pass * (RUNS - 1)


def test_the_median_stands_for_all_when_a_case_was_run_often() -> None:
    """With what was seen in that very run; cases stay in their order."""
    runs = [measurement("wide", 9.0), measurement("joint", 5.0), measurement("wide", 7.0), measurement("wide", 8.0)]
    assert medians(runs) == (runs[3], runs[1])


def test_the_picture_shows_every_big_fleet_when_it_was_measured(tmp_path: Path) -> None:
    """Each bar has its label and its seconds, and the longest stays inside; without a big fleet there are none."""
    walls = {"limit": 4.0, "wide": 8.0, "joint": 9.0, "plain": 150.0}
    draw(results(*(measurement(name, seconds) for name, seconds in walls.items())), tmp_path / "it.svg")
    picture = (tmp_path / "it.svg").read_text()
    assert [name for name in walls if SUBJECTS[name].label in picture] == list(walls)
    assert [seconds for seconds in walls.values() if f">{seconds:.1f} s<" in picture] == list(walls.values())
    assert max(float(left) + float(width) for left, width in BARS.findall(picture)) < WIDTH - MARGIN
    draw(results(), tmp_path / "it.svg")
    assert BARS.findall((tmp_path / "it.svg").read_text()) == []


def test_models_have_four_environments_when_there_are_enough() -> None:
    """The last model has what is left."""
    assert [len(members) for members in Fleet(10).by_model().values()] == [4, 4, 2]
    assert len({member.name for member in Fleet(1000)}) == 1000


def test_turns_come_at_the_rate_when_those_of_a_burst_are_taken() -> None:
    """As many as a second allows come at once, the others one after another, and a pause gives them back."""
    pace = Pace(10)
    assert [pace.take(100.0) for _ in range(13)] == [*[0.0] * 9, *map(pytest.approx, (0.1, 0.2, 0.3, 0.4))]
    assert [pace.take(200.0) for _ in range(10)] == [*[0.0] * 9, pytest.approx(0.1)]
