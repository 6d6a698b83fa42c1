"""Faults on request: a script of what goes wrong, for which requests and how often.

    emulator.faults.add(Fault.status(503, times=2, method="PATCH"))

A request takes at most one fault of each kind (a delay, an answer, how that travels, what becomes of accepted changes,
a stale read): the first added that fits it and is not used up. So several faults of one kind play one after another.
"""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar

from typing_extensions import Unpack

from baseten_pulumi.testing.emulator.environment import Application


@dataclass(frozen=True, slots=True)
class Arrival:
    """Say which request a fault is asked about; a name is None where the path has none."""

    method: str
    path: str
    model_id: str | None = None
    env_name: str | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ending:
    """End a request otherwise than with its true answer; `takes_effect` says whether it was carried out first."""

    takes_effect: bool


@dataclass(frozen=True, slots=True)
class Answer(Ending):
    """Give a made-up answer."""

    status: int
    content: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Drop(Ending):
    """Close the connection without a byte."""


@dataclass(frozen=True, slots=True)
class Mangled(Ending):
    """Spoil the true answer: break its JSON off, or turn its numbers into strings."""

    how: Literal["broken", "wrong types"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send the answer's body slowly, in pieces over `seconds`, or only half of it and then close the connection."""

    seconds: float = 0.0
    is_cut_off: bool = False


@dataclass(frozen=True, slots=True)
class StaleRead:
    """Report what was in force `seconds` ago, or before the last accepted changes where None."""

    seconds: float | None
    env_name: str | None


Action: TypeAlias = Delay | Ending | Transfer | Application | StaleRead
Kind = TypeVar("Kind", Delay, Ending, Transfer, Application, StaleRead)


class Match(TypedDict, total=False):
    """Say which requests a fault is for; what is absent fits every request.

    `method` is in capitals; `path` a regular expression found anywhere in the path; `model_id` and `env_name` are
    exact. `skip` lets that many fitting requests through first; `times` is how many are then hit, None for all.
    """

    method: str
    path: str
    model_id: str
    env_name: str
    skip: int
    times: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """Hold what goes wrong and for which requests; made by the methods below, which all take a `Match`."""

    action: Action
    match: Match = field(default_factory=Match)

    def __post_init__(self) -> None:
        re.compile(self.match.get("path", ""))
        times = self.match.get("times")
        if self.match.get("skip", 0) < 0 or (times is not None and times < 1):
            raise ValueError("skip must be at least 0, and times at least 1 or None for every time")

    @classmethod
    def status(
        cls,
        status: int,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        takes_effect: bool = False,
        **match: Unpack[Match],
    ) -> "Fault":
        """Answer with a status; `body` is sent as JSON, text as it is, and None as a message that names the status."""
        content = {"message": f"scripted fault: status {status}"} if body is None else body
        return cls(Answer(takes_effect, status, _content(content), tuple((headers or {}).items())), match)

    @classmethod
    def body(cls, body: Any, status: int = 200, takes_effect: bool = True, **match: Unpack[Match]) -> "Fault":
        """Answer with an arbitrary body after carrying the request out; text goes as it is, anything else as JSON."""
        return cls(Answer(takes_effect, status, _content(body), ()), match)

    @classmethod
    def broken_json(cls, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and break its answer off in the middle."""
        return cls(Mangled(takes_effect=True, how="broken"), match)

    @classmethod
    def wrong_types(cls, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and answer with every number as a string that is none."""
        return cls(Mangled(takes_effect=True, how="wrong types"), match)

    @classmethod
    def dropped(cls, takes_effect: bool = False, **match: Unpack[Match]) -> "Fault":
        """Close the connection without an answer, before the request has any effect or after."""
        return cls(Drop(takes_effect), match)

    @classmethod
    def delay(cls, seconds: float, **match: Unpack[Match]) -> "Fault":
        """Wait before doing anything."""
        return cls(Delay(seconds), match)

    @classmethod
    def slow_body(cls, seconds: float, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and let the body of its answer trickle in over so many seconds."""
        return cls(Transfer(seconds=seconds), match)

    @classmethod
    def cut_off(cls, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and close the connection in the middle of the body of its answer."""
        return cls(Transfer(is_cut_off=True), match)

    @classmethod
    def never_applies(cls, **match: Unpack[Match]) -> "Fault":
        """Accept changes and forget them; sent again, they count as new."""
        return cls(Application(fields=()), match)

    @classmethod
    def applies_only(cls, *fields: str, **match: Unpack[Match]) -> "Fault":
        """Accept changes and put only the named fields in force, such as `max_replica`; the others are forgotten."""
        return cls(Application(fields=fields), match)

    @classmethod
    def reverts(cls, after_seconds: float, **match: Unpack[Match]) -> "Fault":
        """Put changes in force and take them back `after_seconds` later."""
        return cls(Application(reverts_after_seconds=after_seconds), match)

    @classmethod
    def stale(cls, seconds: float | None = None, **match: Unpack[Match]) -> "Fault":
        """Report what was in force `seconds` ago; None: when the last changes were accepted.

        A list of environments is a read of each of them: `env_name` says which of them is stale.
        """
        return cls(StaleRead(seconds, match.get("env_name")), match)

    def fits(self, arrival: Arrival) -> bool:
        """Return whether the fault is meant for a request."""
        return (
            self.match.get("method", arrival.method) == arrival.method
            and re.search(self.match.get("path", ""), arrival.path) is not None
            and self.match.get("model_id", arrival.model_id) == arrival.model_id
            and self._fits_environment(arrival)
        )

    def _fits_environment(self, arrival: Arrival) -> bool:
        of_list = isinstance(self.action, StaleRead) and arrival.env_name is None
        return of_list or self.match.get("env_name", arrival.env_name) == arrival.env_name


@dataclass(slots=True)
class _Use:
    fault: Fault
    fitted: int = 0
    taken: int = 0

    def offers(self) -> bool:
        times = self.fault.match.get("times")
        return self.fitted > self.fault.match.get("skip", 0) and (times is None or self.taken < times)


class Faults:
    """Hold the faults of an emulator; may be changed from any thread while it serves."""

    def __init__(self) -> None:
        self._uses: list[_Use] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Let a fault happen from the next request on."""
        with self._lock:
            self._uses.append(_Use(fault))
        return fault

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault has hit; 0 for one that is not there, or no longer."""
        with self._lock:
            return sum(use.taken for use in self._uses if use.fault is fault)

    def remove(self, fault: Fault) -> None:
        """Stop a fault; one that is not there is ignored."""
        with self._lock:
            self._uses = [use for use in self._uses if use.fault is not fault]

    def clear(self) -> None:
        """Stop every fault."""
        with self._lock:
            self._uses.clear()

    def take(self, kind: type[Kind], arrival: Arrival) -> Kind | None:
        """Use the first fault of a kind that fits a request; None where there is none."""
        if not self._uses:
            return None
        with self._lock:
            found: Kind | None = None
            for use in self._uses:
                if isinstance(use.fault.action, kind) and use.fault.fits(arrival):
                    use.fitted += 1
                    if found is None and use.offers():
                        use.taken += 1
                        found = use.fault.action
            return found


def _content(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
