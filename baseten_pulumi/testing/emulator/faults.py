"""Faults: a script of what goes wrong, for which requests and how often.

    emulator.faults.add(Fault.status(503, times=2, method="PATCH"))

A request is hit by at most one fault of each kind (delay, response, transfer, application of accepted changes, read):
the first added that fits and is not used up. So several faults of one kind play one after another.
"""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar

from typing_extensions import Unpack

from baseten_pulumi.testing.emulator.environment import Application, FlappingRead, StaleRead


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that may be hit; a name is None if its path has none."""

    method: str
    path: str
    model_id: str | None = None
    env_name: str | None = None

    @property
    def endpoint(self) -> str:
        """The path without the names in it."""
        return "/".join("{}" if place in (3, 5) else part for place, part in enumerate(self.path.split("/")))

    @classmethod
    def of(cls, method: str, path: str) -> "Arrival":
        """Return the arrival of a request."""
        parts = [*path.split("/"), None, None, None, None, None]
        is_model = parts[1:3] == ["v1", "models"]
        return cls(method, path, parts[3] if is_model else None, parts[5] if parts[4] == "environments" else None)


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait before doing anything."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Ending:
    """End a request with another response; `takes_effect` tells whether it is carried out first."""

    takes_effect: bool


@dataclass(frozen=True, slots=True)
class ScriptedResponse(Ending):
    """Send a given response."""

    status: int
    content: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Drop(Ending):
    """Close the connection without a response."""


@dataclass(frozen=True, slots=True)
class Mangled(Ending):
    """Send the true response with truncated JSON, or with text in place of numbers."""

    how: Literal["broken", "wrong types"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send the body slowly, in pieces over `seconds`, or only half of it before the connection is closed."""

    seconds: float = 0.0
    is_cut_off: bool = False


Action: TypeAlias = Delay | Ending | Transfer | Application | StaleRead
Kind = TypeVar("Kind", Delay, Ending, Transfer, Application, StaleRead)


class Match(TypedDict, total=False):
    """Which requests a fault is for; what is absent fits every request.

    `method` is in capitals; `path` is a regular expression searched in the path; `model_id` and `env_name` are exact.
    The first `skip` fitting requests pass; `times` is how many are then hit, None for all.
    """

    method: str
    path: str
    model_id: str
    env_name: str
    skip: int
    times: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and for which requests; made by the methods below, which all take a `Match`."""

    action: Action
    match: Match = field(default_factory=Match)

    def __post_init__(self) -> None:
        unknown = set(self.match) - Match.__annotations__.keys()
        if unknown:
            raise TypeError(f"unknown: {', '.join(sorted(unknown))}")
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
        """Respond with a status; `body` is sent as JSON, text as it is, and None as a message with the status.

        A `Retry-After` in `headers` may be anything: seconds, an HTTP date, a fraction, a negative number.
        """
        content = {"message": f"scripted fault: status {status}"} if body is None else body
        return cls(ScriptedResponse(takes_effect, status, _content(content), tuple((headers or {}).items())), match)

    @classmethod
    def body(cls, body: Any, status: int = 200, takes_effect: bool = True, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and respond with any body; text is sent as it is, anything else as JSON."""
        return cls(ScriptedResponse(takes_effect, status, _content(body), ()), match)

    @classmethod
    def empty(cls, status: int = 204, takes_effect: bool = True, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and respond without a body."""
        return cls(ScriptedResponse(takes_effect, status, b"", ()), match)

    @classmethod
    def broken_json(cls, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and truncate its response in the middle."""
        return cls(Mangled(takes_effect=True, how="broken"), match)

    @classmethod
    def wrong_types(cls, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and replace every number of its response by text."""
        return cls(Mangled(takes_effect=True, how="wrong types"), match)

    @classmethod
    def dropped(cls, takes_effect: bool = False, **match: Unpack[Match]) -> "Fault":
        """Close the connection without a response, before the request has any effect or after."""
        return cls(Drop(takes_effect), match)

    @classmethod
    def delay(cls, seconds: float, **match: Unpack[Match]) -> "Fault":
        """Wait before doing anything."""
        return cls(Delay(seconds), match)

    @classmethod
    def slow_body(cls, seconds: float, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and send the body of its response over so many seconds."""
        return cls(Transfer(seconds=seconds), match)

    @classmethod
    def cut_off(cls, **match: Unpack[Match]) -> "Fault":
        """Carry the request out and close the connection in the middle of the body."""
        return cls(Transfer(is_cut_off=True), match)

    @classmethod
    def never_applies(cls, **match: Unpack[Match]) -> "Fault":
        """Accept changes and forget them; sent again, they count as new."""
        return cls(Application(fields=()), match)

    @classmethod
    def applies_only(cls, *fields: str, **match: Unpack[Match]) -> "Fault":
        """Accept changes and apply only the named fields, such as `max_replica`; the others are forgotten."""
        return cls(Application(fields=fields), match)

    @classmethod
    def reverts(cls, after_seconds: float, **match: Unpack[Match]) -> "Fault":
        """Apply changes and take them back `after_seconds` later."""
        return cls(Application(reverts_after_seconds=after_seconds), match)

    @classmethod
    def caps(cls, field: str, highest: int, **match: Unpack[Match]) -> "Fault":
        """Accept changes and apply at most `highest` of a field, such as `max_replica`."""
        return cls(Application(highest={field: highest}), match)

    @classmethod
    def rounds(cls, field: str, multiple: int, **match: Unpack[Match]) -> "Fault":
        """Accept changes and apply the nearest multiple of a field, such as `scale_down_delay`."""
        return cls(Application(multiples={field: multiple}), match)

    @classmethod
    def stale(cls, seconds: float | None = None, **match: Unpack[Match]) -> "Fault":
        """Report the settings of `seconds` ago; None: those when the last changes were accepted.

        A list of environments is a read of each of them: `env_name` tells which of them is stale.
        """
        return cls(StaleRead(seconds, match.get("env_name")), match)

    @classmethod
    def flaps(cls, after_seconds: float, old_seconds: float, **match: Unpack[Match]) -> "Fault":
        """Report applied settings for `after_seconds`, then the old ones for `old_seconds`, then the new ones again."""
        return cls(FlappingRead(None, match.get("env_name"), after_seconds, old_seconds), match)

    @classmethod
    def from_json(cls, script: Mapping[str, Any]) -> "Fault":
        """Make a fault from JSON, such as `{"kind": "status", "status": 503, "times": 2, "method": "PATCH"}`.

        `kind` is the name of a method above and the rest its parameters; `applies_only` takes a list, `fields`.

        Raises:
            ValueError: There is no such kind, or it has no such parameter.
        """
        parameters = dict(script)
        kind = parameters.pop("kind", None)
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        try:
            fault: Fault = getattr(cls, kind)(*parameters.pop("fields", ()), **parameters)
        except (TypeError, re.error) as error:
            raise ValueError(f"{kind}: {error}") from None
        return fault

    def fits(self, arrival: Arrival) -> bool:
        """Return whether the fault is for a request."""
        return (
            self.match.get("method", arrival.method) == arrival.method
            and re.search(self.match.get("path", ""), arrival.path) is not None
            and self.match.get("model_id", arrival.model_id) == arrival.model_id
            and self._fits_environment(arrival)
        )

    def _fits_environment(self, arrival: Arrival) -> bool:
        of_list = isinstance(self.action, StaleRead) and arrival.env_name is None
        return of_list or self.match.get("env_name", arrival.env_name) == arrival.env_name


KINDS = tuple(name for name in Fault.__dict__ if isinstance(Fault.__dict__[name], classmethod) and name != "from_json")
"""The kinds of faults."""


@dataclass(slots=True)
class _Use:
    fault: Fault
    fitted: int = 0
    taken: int = 0

    def is_due(self) -> bool:
        times = self.fault.match.get("times")
        return self.fitted > self.fault.match.get("skip", 0) and (times is None or self.taken < times)


class Faults:
    """The faults of an emulator; may be changed from any thread while it serves."""

    def __init__(self) -> None:
        self._uses: list[_Use] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        """Add a fault, from the next request on."""
        with self._lock:
            self._uses.append(_Use(fault))
        return fault

    def all(self) -> list[Fault]:
        """Return the faults, in the order in which they were added."""
        with self._lock:
            return [use.fault for use in self._uses]

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault has hit; 0 for one that was removed or never added."""
        with self._lock:
            return sum(use.taken for use in self._uses if use.fault is fault)

    def remove(self, fault: Fault) -> None:
        """Remove a fault; one that is not there is ignored."""
        with self._lock:
            self._uses = [use for use in self._uses if use.fault is not fault]

    def clear(self) -> None:
        """Remove every fault."""
        with self._lock:
            self._uses.clear()

    def take(self, kind: type[Kind], arrival: Arrival) -> Kind | None:
        """Use the first fault of a kind that fits a request; None if there is none."""
        if not self._uses:
            return None
        with self._lock:
            found: Kind | None = None
            for use in self._uses:
                if isinstance(use.fault.action, kind) and use.fault.fits(arrival):
                    use.fitted += 1
                    if found is None and use.is_due():
                        use.taken += 1
                        found = use.fault.action
            return found


def _content(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
