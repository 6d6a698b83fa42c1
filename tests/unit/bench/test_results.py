import re
from pathlib import Path

from bench.cases import BIG_FLEET, FLEET, RUNS, SUBJECTS, Case, cases, repeated
from bench.observing import Observation
from bench.picture import MARGIN, WIDTH, draw
from bench.results import Comparison, Results, medians
from tests.unit.bench.results import measurement, results

ALL = tuple(SUBJECTS)
WALLS = (4.0, 8.0, 9.0, 150.0)
BARS = re.compile('<rect class="(?:bar|ours)" x="([^"]+)" y="[^"]+" width="([^"]+)"')


def test_results_are_the_same_when_they_are_read_back(tmp_path: Path) -> None:
    """What the picture and the README say comes from the file."""
    seen = Observation(200, 300, 2, 0.25, 0.5)
    found = results(measurement("wide", 8.0, mib=80, seen=seen), preview=Comparison(6.0, 5.0), imports=None)
    found.save(tmp_path / "bench.json")
    assert Results.load(tmp_path / "bench.json") == found


def test_each_case_is_there_once_when_all_are_asked_for() -> None:
    """No combination is measured twice, and the plain provider, slow and the same everywhere, on one engine alone."""
    every = cases(("local", "real"), (1, FLEET, BIG_FLEET), ALL)
    assert len(every) == len(set(every))
    assert {case.engine for case in every if case.subject == "plain"} == {"real"}
    assert BIG_FLEET not in {case.size for case in every if case.subject == "plain"}


def test_what_bars_judge_is_repeated_when_fleets_are_measured() -> None:
    """Ours and the engine's own time at the sizes that have bars; pass by pass, on the last engine, nothing slow."""
    chosen = cases(("local", "real"), (1, FLEET, BIG_FLEET), ALL)
    again = repeated(chosen, "real")
    assert [again.count(case) for case in dict.fromkeys(again)] == [RUNS - 1] * 8
    assert again[:8] == again[8:]
    assert {case.subject for case in again} == {"floor", "floor-wide", "wide", "joint"}
    assert {(case.engine, case.skips_checkpoints) for case in again if case.size == BIG_FLEET} == {("real", True)}


def test_the_median_stands_for_all_when_a_case_was_run_often() -> None:
    """With what was seen in that very run; cases stay in their order."""
    runs = [measurement("wide", 9.0), measurement("joint", 5.0), measurement("wide", 7.0), measurement("wide", 8.0)]
    assert medians(runs) == (runs[3], runs[1])


def test_the_real_engine_writes_its_state_once_when_a_fleet_is_big() -> None:
    """Ours is measured once with the state written at every step too, to be documented."""
    big = [case for case in cases(("real",), (BIG_FLEET,), ALL) if case.engine == "real"]
    assert [case for case in big if not case.skips_checkpoints] == [Case("wide", "real", BIG_FLEET)]


def test_only_what_is_asked_for_is_measured_when_something_is() -> None:
    """A part is run alone."""
    assert cases(("local",), (50,), ("wide",)) == [Case("wide", "local", 50)]


def test_the_picture_shows_every_big_fleet_when_it_was_measured(tmp_path: Path) -> None:
    """Each bar is there with its label and its seconds, and the longest stays inside."""
    names = ("limit", "wide", "joint", "plain")
    draw(
        results(*(measurement(name, seconds) for name, seconds in zip(names, WALLS, strict=True))), tmp_path / "it.svg"
    )
    picture = (tmp_path / "it.svg").read_text()
    assert [SUBJECTS[name].label in picture for name in names] == [True] * 4
    assert [f">{seconds:.1f} s<" in picture for seconds in WALLS] == [True] * 4
    assert max(float(left) + float(width) for left, width in BARS.findall(picture)) < WIDTH - MARGIN


def test_the_picture_is_drawn_when_nothing_big_was_measured(tmp_path: Path) -> None:
    """There is nothing to show, and nothing fails."""
    draw(results(), tmp_path / "it.svg")
    assert BARS.findall((tmp_path / "it.svg").read_text()) == []
