"""What differs between the settings wanted and the settings reported."""

from collections.abc import Mapping
from dataclasses import dataclass

from baseten_pulumi.convergence.schedule_wording import differing
from baseten_pulumi.fields import MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT, Settings, Value
from baseten_pulumi.schedules import ABSENT, is_schedule

# Baseten reports the one of the two that is not in use as null; declared, it is 0.
_ZERO_WHEN_NULL = frozenset({MAX_SURGE_PERCENT, MAX_UNAVAILABLE_PERCENT})


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is not as wanted.

    Attributes:
        path: Dotted path of the setting.
        wanted: The declared value.
        reported: What Baseten reports; None where it reports nothing.
    """

    path: str
    wanted: Value
    reported: Value | None

    @property
    def arrow(self) -> str:
        """`min_replica 1 → 3`; of a schedule the first part that differs, and how many more do."""
        if not is_schedule(self.path):
            return f"{self.path.rpartition('.')[2]} {shown(self.reported)} → {shown(self.wanted)}"
        (where, wanted, reported), *more = differing(self.path, self.wanted, self.reported)
        return f"{where} {reported} → {wanted}{f' +{len(more)}' if more else ''}"

    def told(self, of_wanted: str) -> str:
        """`min_replica: now 1, will be 3`, given the word for what is wanted; of a schedule each part that differs."""
        if not is_schedule(self.path):
            return f"{self.path.rpartition('.')[2]}: now {shown(self.reported)}, {of_wanted} {shown(self.wanted)}"
        parts = differing(self.path, self.wanted, self.reported)
        return "; ".join(f"{where}: now {reported}, {of_wanted} {wanted}" for where, wanted, reported in parts)

    @property
    def sighting(self) -> str:
        """`1 for min_replica`."""
        return f"{shown(self.reported)} for {self.path.rpartition('.')[2]}"

    @property
    def is_below_wanted(self) -> bool:
        """Whether less is reported than wanted; False where either is no number."""
        numbers = isinstance(self.reported, int) and isinstance(self.wanted, int)
        return numbers and self.reported < self.wanted  # type: ignore[operator] # mypy does not follow the name

    @property
    def sentence(self) -> str:
        """`autoscaling_settings.min_replica is 1, wanted 3`; of a schedule every part that differs."""
        if is_schedule(self.path):
            parts = differing(self.path, self.wanted, self.reported)
            return "; ".join(f"{where} is {reported}, wanted {wanted}" for where, wanted, reported in parts)
        seen = "is not reported" if self.reported is None else f"is {shown(self.reported)}"
        return f"{self.path} {seen}, wanted {shown(self.wanted)}"


def differences(wanted: Settings, reported: Mapping[str, Value]) -> tuple[Difference, ...]:
    """Return every wanted setting that is not reported with its wanted value, in the order wanted.

    Settings that are reported and not wanted do not count.
    """
    seen = restated(wanted, reported)
    return tuple(Difference(path, value, seen.get(path)) for path, value in wanted.items() if seen.get(path) != value)


def restated(wanted: Mapping[str, Value], reported: Mapping[str, Value]) -> Settings:
    """Return what is reported of the wanted settings, in the wanted words.

    Where a percentage of 0 is wanted and nothing is reported, that is a 0, and a schedule that is not reported is
    absent; any other null is left out.
    """
    meant: Settings = {path: 0 for path in _ZERO_WHEN_NULL if wanted.get(path) == 0}
    meant |= {path: ABSENT for path, value in wanted.items() if value == ABSENT and is_schedule(path)}
    return {path: value for path in wanted if (value := reported.get(path, meant.get(path))) is not None}


def shown(value: Value | None) -> str:
    """Show a value as the API writes it; None is "unreported"."""
    if isinstance(value, bool):
        return str(value).lower()
    return "unreported" if value is None else str(value)
