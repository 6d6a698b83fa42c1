"""Everything one run of the bench found, in memory and as JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.cases import APPLY_SECONDS, NO_ENGINE, RATE_LIMIT, SUBJECTS, Case
from bench.observing import Observation


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run of a case took and what the emulator saw of it; `provider_bytes` is None if it is not known."""

    case: Case
    wall_seconds: float
    provider_bytes: int | None
    observation: Observation


def medians(runs: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Return for each case, in the order of their first runs, the run whose time is the median."""
    by_case: dict[Case, list[Measurement]] = {}
    for run in runs:
        by_case.setdefault(run.case, []).append(run)
    return tuple(sorted(of_case, key=lambda run: run.wall_seconds)[len(of_case) // 2] for of_case in by_case.values())


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of two things done in turn: ours, and what it is held against."""

    ours_seconds: float
    other_seconds: float

    @property
    def ratio(self) -> float:
        """How many times as long ours takes."""
        return self.ours_seconds / self.other_seconds


@dataclass(frozen=True, slots=True)
class Results:
    """Hold what was measured.

    Attributes:
        machine: What it was measured on, in words by name.
        measurements: One for each case that succeeded; of several runs the one whose time is the median.
        previews: A no-op preview against one of the do-nothing resource, by engine; empty where not measured.
        imports: `import baseten_pulumi` against `import pulumi`; None if not measured.
    """

    machine: Mapping[str, str]
    measurements: tuple[Measurement, ...]
    previews: Mapping[str, Comparison]
    imports: Comparison | None

    def find(
        self, subject: str, engine: str, size: int, *, rate_limit: float = RATE_LIMIT, skips_checkpoints: bool = False
    ) -> Measurement | None:
        """Return one measurement; None if it was not made."""
        case = Case(subject, engine, size, rate_limit, skips_checkpoints)
        return next((each for each in self.measurements if each.case == case), None)

    @property
    def engine(self) -> str:
        """The real engine where it was measured, else the local one."""
        return "real" if any(each.case.engine == "real" for each in self.measurements) else "local"

    def fleet(self, size: int, subjects: Sequence[str]) -> list[Measurement]:
        """Return one measurement of each subject that was made of a size, on `engine`, in the order given.

        Where the state was written at every step and once, both, it is the latter.
        """
        found = [
            self.find(name, NO_ENGINE if SUBJECTS[name].program is None else self.engine, size, skips_checkpoints=skips)
            for name in subjects
            for skips in (False, True)
        ]
        return list({each.case.subject: each for each in found if each}.values())

    def limit_seconds(self, case: Case) -> float | None:
        """Return how long the limit takes for as many environments under the same rate limit."""
        limit = self.find("limit", NO_ENGINE, case.size, rate_limit=case.rate_limit)
        return limit.wall_seconds if limit else None

    def floor_seconds(self, case: Case) -> float | None:
        """Return how long the engine takes for as many resources that do nothing, plus the time to apply."""
        floor = SUBJECTS[case.subject].floor
        if floor is None:
            return None
        found = self.find(floor, case.engine, case.size, skips_checkpoints=case.skips_checkpoints)
        return found.wall_seconds + APPLY_SECONDS if found else None

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read what `save` wrote."""
        content = json.loads(path.read_text())
        imports = content["imports"]
        return cls(
            machine=content["machine"],
            measurements=tuple(_measurement(each) for each in content["measurements"]),
            previews={engine: Comparison(**each) for engine, each in content["previews"].items()},
            imports=imports and Comparison(**imports),
        )


def _measurement(content: dict[str, Any]) -> Measurement:
    return Measurement(
        Case(**content["case"]),
        content["wall_seconds"],
        content["provider_bytes"],
        Observation(**content["observation"]),
    )
