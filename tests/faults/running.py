"""Run the campaign, the same way every time for the same seed, and say what it came to."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import HypothesisException
from hypothesis.stateful import run_state_machine_as_test

from tests.faults import campaign
from tests.faults.campaign import OTHER_KINDS, Campaign, Tally
from tests.faults.troubles import KINDS

STEPS = 20
"""Steps of a run at most."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a campaign came to.

    Attributes:
        seed: What its chance began with.
        tally: What was done, the runs that shrink a failure included.
        seconds: How long it took.
        violations: The shortest run found for each promise that was broken, as its error.
    """

    seed: int
    tally: Tally
    seconds: float
    violations: list[BaseException] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Tell it."""
        tally = self.tally
        yield f"seed        {self.seed}"
        hours = tally.virtual_seconds / 3600
        yield f"runs        {tally.runs}, in {self.seconds:.0f} s for {hours:.0f} h of virtual time"
        yield f"operations  {', '.join(f'{count} {kind}' for kind, count in tally.operations.most_common())}"
        yield f"requests    {tally.requests}"
        yield f"troubles    {sum(tally.troubles.values())}"
        for kind in sorted([*KINDS, *OTHER_KINDS], key=lambda it: -tally.troubles[it]):
            yield f"            {tally.troubles[kind]:6} {kind}"
        yield f"violations  {len(self.violations)}"


def run(runs: int, chance: int, *, is_shrinking: bool = True) -> Report:
    """Run the campaign until a promise is broken, or so many runs are over."""
    tally = campaign.tally = Tally()
    phases = (Phase.generate, Phase.shrink) if is_shrinking else (Phase.generate,)
    how = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        phases=phases,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    began = time.monotonic()
    violations: list[BaseException] = []
    try:
        run_state_machine_as_test(seed(chance)(Campaign), settings=how)  # type: ignore[no-untyped-call]
    except (AssertionError, HypothesisException) as broken:
        violations.append(broken)
    return Report(chance, tally, time.monotonic() - began, violations)
