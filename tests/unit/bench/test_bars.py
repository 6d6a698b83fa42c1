from dataclasses import replace

import pytest

from bench.bars import Bar, bars
from bench.cases import LOW_RATE_LIMIT
from bench.observing import Observation
from bench.results import Comparison, Results
from tests.unit.bench.results import UNSEEN, measurement, results

_SEEN = Observation(200, 300, 0, 0.5, 1.3)
_AT_LOW_RATE = measurement("wide", 20.0, seen=replace(UNSEEN, patches=220, gets=180, refused=10))
_ONE, _MANY = measurement("wide", 4.0, size=1, mib=80), measurement("wide", 12.0, size=1000, mib=100)
_WIDE_1000 = measurement("wide", 13.0, size=1000)
_ENGINE_AT_10, _ENGINE_AT_12 = (measurement("floor-wide", seconds, size=1000) for seconds in (5.0, 9.0))

# What was measured, bars by a part of their name, and the value and limit of each: the engine's own time counts with
# the 3 s that settings take; 1,000 requests at 100/s take 10 s, however fast the engine is; one environment alone has
# no list to share, and its one lag is no median; refusals are a share of all requests; an unknown size is not judged.
_JUDGED = [
    (results(measurement("floor-wide", 5.0), measurement("wide", 10.0)), "of floor", [(10.0 / 8.0, 1.15)]),
    (results(measurement("floor", 5.0), measurement("joint", 10.0)), "of floor", [(10.0 / 8.0, 1.25)]),
    (results(measurement("plain", 150.0), measurement("wide", 10.0)), "faster than plain", [(15.0, 15.0)]),
    (results(_ENGINE_AT_10, _WIDE_1000), "PATCHes", [(1.3, 1.3)]),
    (results(_ENGINE_AT_12, _WIDE_1000), "PATCHes", [(13.0 / 12.0, 1.3)]),
    (
        results(measurement("joint", 9.0, seen=_SEEN), measurement("joint", 4.0, size=1, seen=_SEEN)),
        "",
        [(1.5, 2.5), (0.5, 0.6), (1.3, 1.2)],
    ),
    (results(replace(_AT_LOW_RATE, case=replace(_AT_LOW_RATE.case, rate_limit=LOW_RATE_LIMIT))), "", [(0.025, 0.05)]),
    (results(_ONE, _MANY), "memory", [(1.25, 1.5)]),
    (results(replace(_ONE, provider_bytes=None), _MANY), "memory", []),
    (results(preview=Comparison(6.0, 5.0), imports=Comparison(0.6, 0.5)), "", [(1.2, 1.2), (1.2, 1.15)]),
]


@pytest.mark.parametrize(("measured", "part", "expected"), _JUDGED)
def test_value_is_judged_when_it_was_measured(
    measured: Results, part: str, expected: list[tuple[float, float]]
) -> None:
    found = [bar for bar in bars(measured, "real") if part in bar.name]
    assert [(bar.value, bar.allowed) for bar in found] == [pytest.approx(it) for it in expected]
    assert all(bar.is_floor == ("faster" in bar.name) for bar in found)
    assert [bar for bar in bars(measured, "local") if "import" not in bar.name] == []  # each engine has its own


@pytest.mark.parametrize(
    ("value", "at_most", "at_least"), [(1.19, True, False), (1.2, True, True), (1.21, False, True)]
)
def test_bar_is_met_when_the_value_is_allowed(value: float, at_most: bool, at_least: bool) -> None:
    assert (Bar("", value, 1.2).is_met, Bar("", value, 1.2, is_floor=True).is_met) == (at_most, at_least)
