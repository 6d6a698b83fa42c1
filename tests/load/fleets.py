"""Apply a whole fleet while requests fail: as many `up`s as it takes, then everything is compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.cases import WIDE
from bench.engines import Project, RunFailedError, project
from bench.fleet import SETTINGS, Fleet
from tests.faults.declared import leaves
from tests.load.serving import Seen, Weather, seen, stormy

PARALLEL = {"joint": None, "wide": WIDE}
"""The engine's own `--parallel` by the program of `bench.programs` that is run; None for its default."""
MOST_UPS = 5
_MIB = 1024 * 1024
_SHOWN = 10
_SETTINGS = "pulumi-python:dynamic/baseten:EnvironmentSettings"
_JOINT = "pulumi-python:dynamic/baseten:SettingsInForce"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fleet."""

    ups: list[tuple[float, bool]]  # how long each took in seconds, and whether it succeeded
    provider_bytes: int  # the provider process's memory at most, over all of them
    seen: Seen
    broken: list[str]  # what is not as it was promised

    def lines(self) -> Iterator[str]:
        """Return it as text."""
        for number, (seconds, succeeded) in enumerate(self.ups, 1):
            yield f"  up {number}      {seconds:.1f} s, {'done' if succeeded else 'failed'}"
        yield f"  requests  {self.seen.requests.total()}: {dict(self.seen.requests)}"
        yield f"  refused   {self.seen.refused} (429)"
        yield f"  faults    {self.seen.faults.total()}: {dict(self.seen.faults.most_common())}"
        yield f"  memory    {self.provider_bytes / _MIB:.0f} MiB in the provider's process at most"
        yield f"  broken    {len(self.broken)}"
        yield from (f"            {it}" for it in self.broken[:_SHOWN])


def apply_fleet(engine: str, program: str, weather: Weather) -> Outcome:
    """Run `up` until it succeeds, and hold everything to what was declared."""
    ups: list[tuple[float, bool]] = []
    peak = 0
    with stormy(weather) as (url, connection), project(engine, program, weather.size, url) as stack:
        while len(ups) < MOST_UPS and not (ups and ups[-1][1]):
            run = stack.try_up(PARALLEL[program], "--continue-on-error", skips_checkpoints=engine == "real")
            peak = max(peak, run.provider_bytes or 0)
            ups.append((run.wall_seconds, run.succeeded))
        found = seen(connection)
        broken = [
            *([] if ups[-1][1] else [f"{MOST_UPS} ups were not enough"]),
            *(f"lost: {it}" for it in found.lost),
            *(f"touched: {it}" for it in found.touched),
            *broken_state(stack.state(), program, weather.size),
            *_unsettled(stack),
        ]
    return Outcome(ups, peak, found, broken)


def broken_state(state: list[Any], program: str, size: int) -> Iterator[str]:
    """Yield what is missing in the state, and what in it is unfinished or not as declared."""
    settings = [it for it in state if it["type"] == _SETTINGS and not it.get("initErrors")]
    names = sorted(it["id"] for it in settings)
    if names != sorted(f"{member.model_id}/{member.env_name}" for member in Fleet(size)):
        yield f"the state has {len(names)} finished resources: {', '.join(names[:_SHOWN])}…"
    declared = dict(leaves(SETTINGS))
    for resource in settings:
        outputs = resource["outputs"]
        if dict(leaves({group: outputs.get(group) for group in SETTINGS})) != declared:
            yield f"not as declared in the state: {resource['id']}"
        if program == "wide" and outputs.get("in_force") is not True:
            yield f"not applied in the state: {resource['id']}"
    if program == "joint":
        waits = [it["outputs"] for it in state if it["type"] == _JOINT]
        if [(it.get("in_force"), len(it["environments"])) for it in waits] != [(True, size)]:
            yield "the joint wait is not over in the state, or not for all"


def _unsettled(stack: Project) -> Iterator[str]:
    try:
        stack.preview()
    except RunFailedError as error:
        yield f"the preview afterwards is not empty: {error}"
