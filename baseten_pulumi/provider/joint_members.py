"""The environments of a joint wait: as its inputs hold them, and which are still to be seen in force.

Each environment stands under its resource id, with its managed settings, the count of requests sent for it, who counts
them and Baseten's last word on them. Offline, and calm about values a preview does not know yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.output import UNKNOWN, Unknown

from baseten_pulumi.fields import Settings, flatten, holds, nest, with_integers
from baseten_pulumi.provider.configuration import Configuration
from baseten_pulumi.provider.joint_entries import entry_failures
from baseten_pulumi.provider.judging import Failure

ENVIRONMENTS = "environments"


@dataclass(frozen=True, slots=True)
class Member:
    """One environment of a joint wait.

    Attributes:
        settings: Its managed settings, by dotted path.
        requests: How many requests that change settings have been sent for it.
        status: Baseten's answer to the last of them; None where there is none on record.
        incarnation: Tells who counts from those who counted before; None where state is older than that.
        in_force: Whether its own resource saw it in force; one that does not wait never does.
        seen: Whether a joint wait saw it in force as it is here; kept where the state as a whole does not say so.
    """

    settings: Settings
    requests: int
    status: str | None = None
    incarnation: str | None = None
    in_force: bool = False
    seen: bool = False

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "Member":
        """Read an entry of the inputs or outputs."""
        return cls(
            settings=with_integers(flatten(entry)),
            requests=int(entry.get("requests") or 0),
            status=entry.get("status"),
            incarnation=entry.get("incarnation"),
            in_force=entry.get("in_force") is True,
            seen=entry.get("seen") is True,
        )

    @property
    def sending(self) -> tuple[int, str | None]:
        """What names the last request sent for it."""
        return self.requests, self.incarnation

    @property
    def may_be_lost(self) -> bool:
        """Whether something was sent for it that nobody has seen in force."""
        return self.requests > 0 and not self.in_force

    def entry(self) -> dict[str, Any]:
        """Write an entry of the inputs or outputs."""
        said = {"status": self.status, "incarnation": self.incarnation, "in_force": self.in_force, "seen": self.seen}
        return {**nest(self.settings), **{name: word for name, word in said.items() if word}, "requests": self.requests}

    def is_covered_by(self, seen: "Member | None") -> bool:
        """Tell whether whoever saw the other one in force saw this one too."""
        return seen is not None and seen.sending == self.sending and self.settings.items() <= seen.settings.items()


def check(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Failure]]:
    """Normalise the inputs: nulls are dropped, and the engine's floats become integers again.

    Returns:
        The normalised inputs, and every failure found; with a failure the inputs are those given.
    """
    environments = news.get(ENVIRONMENTS)
    if isinstance(environments, Unknown):
        return {ENVIRONMENTS: environments}, []
    if not isinstance(environments, Mapping) or not environments:
        return dict(news), [Failure(ENVIRONMENTS, "must name at least one environment, got none")]
    failures = [each for name, entry in environments.items() for each in entry_failures(ENVIRONMENTS, name, entry)]
    if failures:
        return dict(news), failures
    return {ENVIRONMENTS: {name: _normalised(entry) for name, entry in environments.items()}}, []


def has_changes(olds: Mapping[str, Any], news: Mapping[str, Any], configuration: Configuration) -> bool:
    """Tell whether an update is due.

    Another environment, setting or request counts, and so does a wait that was skipped and is not now. Baseten's last
    word is no difference by itself.

    Raises:
        ConfigurationError: `baseten:skipWait` is neither true nor false.
    """
    is_waiting = not configuration.skips_wait()
    if holds(news.get(ENVIRONMENTS), Unknown):
        return True
    before, after = ({name: (it.settings, it.sending) for name, it in members(props).items()} for props in (olds, news))
    return before != after or (is_waiting and olds.get("in_force") is not True)


def members(props: Mapping[str, Any]) -> dict[str, Member]:
    """Return every environment of known inputs or outputs, by resource id."""
    return {name: Member.parse(entry) for name, entry in (props.get(ENVIRONMENTS) or {}).items()}


def unseen(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Member]:
    """Return the environments that no joint wait saw in force as they are now."""
    all_seen = olds.get("in_force") is True
    seen = {name: member for name, member in members(olds).items() if all_seen or member.seen}
    return {name: member for name, member in members(news).items() if not member.is_covered_by(seen.get(name))}


def _normalised(entry: Any) -> Any:
    """Return an entry as it is kept; one that is not known yet is unknown as a whole, which keeps previews short.

    A preview takes an output that the state lacks for one it does not know yet, and every state has `in_force`: where
    that is known, all there is is known.
    """
    if holds(entry, Unknown) and (not isinstance(entry, Mapping) or holds(entry.get("in_force"), Unknown)):
        return UNKNOWN
    known = {name: value for name, value in entry.items() if not isinstance(value, Unknown)}
    return UNKNOWN if holds(known, Unknown) else Member.parse(known).entry()
