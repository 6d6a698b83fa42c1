"""What goes wrong: each kind of trouble by its name, with everything about it that is left to chance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from baseten_pulumi.testing import Fault
from tests.faults.world import ENVIRONMENTS, KEY

Faults = st.SearchStrategy[list[Fault]]

_METHODS = st.sampled_from(["PATCH", "GET"])
_TIMES = st.integers(1, 5)
_MATCH = st.fixed_dictionaries(
    {"method": _METHODS, "times": _TIMES, "skip": st.integers(0, 3)},
    optional={"path": st.sampled_from(["production", "staging", "/m1/", "environments$"])},
)
_STRAY = st.sampled_from(["<html>busy</html>", "", "[]", "{}", "null", "7", {"environments": []}, {"status": "WEIRD"}])


def _one(made: Callable[..., Fault], *parameters: st.SearchStrategy[Any]) -> Faults:
    return st.builds(lambda match, *values: [made(*values, **match)], _MATCH, *parameters)


def _status(status: int) -> Faults:
    return _one(lambda effect, **match: Fault.status(status, takes_effect=effect, **match), st.booleans())


def _storm(seconds: int, times: int, in_header: bool) -> list[Fault]:
    body = {"error": "Rate limit exceeded"} if in_header else {"error": "Rate limit exceeded", "retry_after": seconds}
    headers = {"retry-after": str(seconds)} if in_header else {}
    return [Fault.status(429, body, headers, times=times)]


def _flapping(match: Mapping[str, Any]) -> list[Fault]:
    """Every other read is old."""
    return [Fault.stale(**{**match, "method": "GET", "skip": 2 * turn, "times": 1}) for turn in range(8)]


def _echo(status: int, match: Mapping[str, Any]) -> list[Fault]:
    return [Fault.status(status, {"message": f"Api-Key {KEY} may not"}, {"x-request-id": KEY}, **match)]


_PATCHES = st.fixed_dictionaries({"method": st.just("PATCH"), "times": _TIMES, "skip": st.integers(0, 1)})
_READS = st.fixed_dictionaries({"method": st.just("GET"), "skip": st.integers(0, 3), "times": st.integers(1, 12)})

KINDS: Mapping[str, Faults] = {
    "429 storm": st.builds(_storm, st.integers(0, 20), st.integers(1, 15), st.booleans()),
    "500": _status(500),
    "502": _status(502),
    "503": _status(503),
    "504": _status(504),
    "401, 403, 409, 422": st.builds(
        lambda status, match: [Fault.status(status, **match)], st.sampled_from([401, 403, 409, 422]), _MATCH
    ),
    "key echoed": st.builds(_echo, st.sampled_from([400, 401, 500, 503]), _MATCH),
    "reset before": _one(lambda **match: Fault.dropped(takes_effect=False, **match)),
    "reset after": _one(lambda **match: Fault.dropped(takes_effect=True, **match)),
    "cut off": _one(Fault.cut_off),
    "slow answer": _one(Fault.delay, st.sampled_from([1.0, 12.0, 40.0, 100.0])),
    "slow body": _one(Fault.slow_body, st.sampled_from([1.0, 12.0, 50.0, 150.0])),
    "truncated JSON": _one(Fault.broken_json),
    "wrong types": _one(Fault.wrong_types),
    "stray body": _one(Fault.body, _STRAY),
    "stale reads": st.builds(
        lambda seconds, match: [Fault.stale(seconds, **match)], st.sampled_from([None, 3.0, 30.0]), _READS
    ),
    "flapping reads": st.builds(_flapping, _READS),
    "never applies": st.builds(lambda match: [Fault.never_applies(**match)], _PATCHES),
    "applies in part": st.builds(
        lambda field, match: [Fault.applies_only(field, **match)],
        st.sampled_from(["max_replica", "min_replica", "ramp_up_duration_seconds", "replica_overhead_percent"]),
        _PATCHES,
    ),
    "reverts": st.builds(
        lambda seconds, match: [Fault.reverts(seconds, **match)], st.sampled_from([0.5, 5.0, 40.0]), _PATCHES
    ),
}
"""Faults of the emulator by kind."""

LOSING = frozenset({"never applies", "applies in part"})
REVERTING = frozenset({"reverts"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault that was set, and of which kind."""

    kind: str
    fault: Fault


def touched(trouble: Trouble) -> set[str]:
    """Return the environments a fault may be about."""
    part = trouble.fault.match.get("path", "")
    return {
        name for name in ENVIRONMENTS if part.strip("/$") in f"/{name.replace('/', '/environments/')}" or "$" in part
    }
