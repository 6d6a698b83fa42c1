from dataclasses import replace

import pytest

from bench.bars import Bar, bars
from bench.cases import LOW_RATE_LIMIT
from bench.observing import Observation
from bench.results import Comparison, Results
from tests.unit.bench.results import UNSEEN, measurement, results


def bar(of: Results, name: str) -> Bar:
    return next(each for each in bars(of, "real") if name in each.name)


def names(of: Results) -> list[str]:
    return [each.name for each in bars(of, "real")]


@pytest.mark.parametrize(("subject", "floor", "allowed"), [("wide", "floor-wide", 1.15), ("joint", "floor", 1.25)])
def test_ours_is_held_to_the_engine_at_the_same_parallelism_when_both_were_measured(
    subject: str, floor: str, allowed: float
) -> None:
    """The floor is the engine's own time plus the 3 s that settings take."""
    found = bar(results(measurement(floor, 5.0), measurement(subject, 10.0)), "of floor + latency")
    assert (found.value, found.allowed, found.is_met) == (10.0 / 8.0, allowed, subject == "joint")


def test_ours_has_to_be_so_many_times_faster_when_the_plain_provider_was_measured() -> None:
    """That bar is a least, not a most."""
    found = bar(results(measurement("plain", 150.0), measurement("wide", 10.0)), "faster than plain")
    assert (found.value, found.is_met) == (15.0, True)
    assert not replace(found, value=14.9).is_met


@pytest.mark.parametrize(("floor_seconds", "least"), [(5.0, 10.0), (9.0, 12.0)])
def test_a_big_fleet_is_held_to_engine_or_rate_limit_when_one_is_slower(floor_seconds: float, least: float) -> None:
    """1,000 requests at 100/s take 10 s, however fast the engine is."""
    measured = measurement("floor-wide", floor_seconds, size=1000), measurement("wide", 13.0, size=1000)
    assert bar(results(*measured), "PATCHes").value == 13.0 / least


def test_requests_and_lag_are_judged_when_environments_share_a_model() -> None:
    """One environment alone has no list to share, and its one lag is no median."""
    seen = Observation(200, 300, 0, 0.5, 1.3)
    of = results(measurement("joint", 9.0, seen=seen), measurement("joint", 4.0, size=1, seen=seen))
    assert names(of) == [
        "200 joint: GETs an environment",
        "200 joint: detection lag, median s",
        "200 joint: detection lag, worst s",
    ]
    assert [each.is_met for each in bars(of, "real")] == [True, True, False]


def test_refusals_are_a_share_of_all_requests_when_the_limit_is_low() -> None:
    """Fewer than 5 % may be answered 429."""
    ours = measurement("wide", 20.0, seen=replace(UNSEEN, patches=220, gets=180, refused=10))
    found = bar(results(replace(ours, case=replace(ours.case, rate_limit=LOW_RATE_LIMIT))), "429")
    assert (found.value, found.is_met) == (0.025, True)


def test_memory_is_compared_when_the_smallest_and_the_biggest_fleet_were_measured() -> None:
    """A thousand environments may take half as much again as one; an unknown size is not judged."""
    one, many = measurement("wide", 4.0, size=1, mib=80), measurement("wide", 12.0, size=1000, mib=100)
    assert bar(results(one, many), "memory").value == 1.25
    assert names(results(replace(one, provider_bytes=None), many)) == []


def test_previews_and_imports_are_judged_when_they_were_measured() -> None:
    """Each is a ratio of medians."""
    found = bars(results(preview=Comparison(6.0, 5.0), imports=Comparison(0.6, 0.5)), "real")
    assert [(each.value, each.is_met) for each in found] == [(1.2, True), (1.2, False)]


def test_nothing_is_judged_when_it_was_measured_on_another_engine() -> None:
    """Each engine has bars of its own."""
    assert bars(results(measurement("floor", 5.0), measurement("joint", 9.0)), "local") == []
