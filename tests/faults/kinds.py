"""What goes wrong at Baseten: each kind of fault by name, with everything about it that is drawn at random."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from baseten_pulumi.testing import Fault
from tests.faults.world import ENVIRONMENTS, KEY

Faults = st.SearchStrategy[list[Fault]]

_TIMES = st.integers(1, 5)
_MATCH = st.fixed_dictionaries(
    {"method": st.sampled_from(["PATCH", "GET"]), "times": _TIMES, "skip": st.integers(0, 3)},
    optional={"path": st.sampled_from(["production", "staging", "/m1/", "environments$"])},
)
_PATCHES = st.fixed_dictionaries({"method": st.just("PATCH"), "times": _TIMES, "skip": st.integers(0, 1)})
_READS = st.fixed_dictionaries({"method": st.just("GET"), "skip": st.integers(0, 3), "times": st.integers(1, 12)})
_STRAY = st.sampled_from(["<html>busy</html>", "", "[]", "{}", "null", "7", {"environments": []}, {"status": "WEIRD"}])


def _one(made: Callable[..., Fault], *parameters: st.SearchStrategy[Any], of: Any = _MATCH) -> Faults:
    return st.builds(lambda match, *values: [made(*values, **match)], of, *parameters)


def _status(*statuses: int, takes_effect: bool = False) -> Faults:
    """Draw an error that repeats the API key."""
    body, headers = {"message": f"Api-Key {KEY} may not"}, {"x-request-id": KEY}
    effects = st.booleans() if takes_effect else st.just(value=False)
    return _one(
        lambda status, effect, **match: Fault.status(status, body, headers, takes_effect=effect, **match),
        st.sampled_from(statuses),
        effects,
    )


def _storm(seconds: int, times: int, in_header: bool) -> list[Fault]:
    body = {"error": "Rate limit exceeded"} if in_header else {"error": "Rate limit exceeded", "retry_after": seconds}
    headers = {"retry-after": str(seconds)} if in_header else {}
    return [Fault.status(429, body, headers, times=times)]


def _flapping(match: Mapping[str, Any]) -> list[Fault]:
    """Every other read is old."""
    return [Fault.stale(**{**match, "method": "GET", "skip": 2 * turn, "times": 1}) for turn in range(8)]


def _lost_then_rejected(status: int) -> list[Fault]:
    """A PATCH whose response is lost, and whose retry is rejected."""
    lost = Fault.dropped(takes_effect=True, method="PATCH", times=1)
    return [lost, Fault.status(status, method="PATCH", skip=1, times=3)]


KINDS: Mapping[str, Faults] = {
    "429 storm": st.builds(_storm, st.integers(0, 20), st.integers(1, 15), st.booleans()),
    "500": _status(500, takes_effect=True),
    "502, 503, 504": _status(502, 503, 504, takes_effect=True),
    "400, 401, 403, 409, 422": _status(400, 401, 403, 409, 422),
    "reset": _one(lambda effect, **match: Fault.dropped(takes_effect=effect, **match), st.booleans()),
    "lost, then rejected": st.builds(_lost_then_rejected, st.sampled_from([401, 403, 422])),
    "cut off": _one(Fault.cut_off),
    "slow answer": _one(Fault.delay, st.sampled_from([1.0, 12.0, 40.0, 100.0])),
    "slow body": _one(Fault.slow_body, st.sampled_from([1.0, 12.0, 50.0, 150.0])),
    "truncated JSON": _one(Fault.broken_json),
    "wrong types": _one(Fault.wrong_types),
    "stray body": _one(Fault.body, _STRAY),
    "stale reads": _one(Fault.stale, st.sampled_from([None, 3.0, 30.0]), of=_READS),
    "flapping reads": st.builds(_flapping, _READS),
    "flapping values": _one(Fault.flaps, st.sampled_from([0.6, 1.5]), st.sampled_from([2.0, 20.0]), of=_READS),
    "no content": _one(Fault.empty, st.sampled_from([200, 202, 204]), of=_PATCHES),
    "404 of a read": _one(lambda **match: Fault.status(404, **match), of=_READS),
    "caps": _one(Fault.caps, st.just("max_replica"), st.sampled_from([1, 4]), of=_PATCHES),
    "rounds": _one(Fault.rounds, st.just("max_replica"), st.sampled_from([4, 10]), of=_PATCHES),
    "never applies": _one(Fault.never_applies, of=_PATCHES),
    "applies in part": _one(
        Fault.applies_only,
        st.sampled_from(["max_replica", "min_replica", "ramp_up_duration_seconds", "replica_overhead_percent"]),
        of=_PATCHES,
    ),
    "reverts": _one(Fault.reverts, st.sampled_from([0.5, 5.0, 40.0]), of=_PATCHES),
}
"""Faults of the emulator by kind."""
LOSING = frozenset({"never applies", "applies in part", "caps", "rounds"})
"""Faults after which accepted settings are not applied."""
REVERTING = frozenset({"reverts"})
"""Faults after which applied settings change by themselves."""
STALE = frozenset({"stale reads", "flapping reads", "flapping values", "stray body"})
"""Faults after which a response shows what is not so."""


@dataclass(frozen=True, slots=True)
class SetFault:
    """A fault that was set, and its kind."""

    kind: str
    fault: Fault

    @property
    def environments(self) -> set[str]:
        """The environments it may affect."""
        part = self.fault.match.get("path", "").strip("/$")
        return {name for name in ENVIRONMENTS if part in f"/{name.replace('/', '/environments/')}"}
