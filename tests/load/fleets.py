"""Apply a whole fleet while requests fail: as many `up`s as it takes, then everything is compared."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.cases import WIDE
from bench.engines import Project, RunFailedError, project
from bench.fleet import SETTINGS, Fleet
from tests.faults.declared import leaves
from tests.load.serving import Seen, Weather, seen, stormy

PARALLEL = {"joint": None, "wide": WIDE}
"""The engine's own `--parallel` by the program of `bench.programs` that is run; None for its default."""
MOST_UPS = 5
_SETTINGS = "pulumi-python:dynamic/baseten:EnvironmentSettings"
_JOINT = "pulumi-python:dynamic/baseten:SettingsInForce"


@dataclass(frozen=True, slots=True)
class Case:
    """One fleet to apply.

    Attributes:
        engine: "local" or "real".
        program: A key of PARALLEL.
        weather: How Baseten behaves.
    """

    engine: str
    program: str
    weather: Weather


@dataclass(frozen=True, slots=True)
class Attempt:
    """One `up`.

    Attributes:
        seconds: How long it took.
        succeeded: Whether it ended well.
        unfinished: Environments that are not in the state after it, or are and are not finished there.
    """

    seconds: float
    succeeded: bool
    unfinished: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fleet.

    Attributes:
        case: Which.
        attempts: Every `up`, the last of which succeeded or was one too many.
        provider_bytes: The provider process's memory at most, over all of them; None if it is not known.
        seen: What Baseten saw.
        broken: What is not as it was promised; nothing where all is well.
    """

    case: Case
    attempts: list[Attempt]
    provider_bytes: int | None
    seen: Seen
    broken: list[str] = field(default_factory=list)


def put_in_force(case: Case) -> Outcome:
    """Run `up` until it succeeds, and hold everything to what was declared."""
    with (
        stormy(case.weather) as (url, connection),
        project(case.engine, case.program, case.weather.size, url) as stack,
    ):
        attempts, memory = _attempts(case, stack)
        found = seen(connection)
        broken = [
            *([] if attempts[-1].succeeded else [f"{MOST_UPS} ups were not enough"]),
            *(f"lost: {it}" for it in found.lost),
            *(f"touched: {it}" for it in found.touched),
            *_broken_state(stack.state(), case),
            *_unsettled(stack),
        ]
    return Outcome(case, attempts, memory, found, broken)


def _attempts(case: Case, stack: Project) -> tuple[list[Attempt], int | None]:
    attempts: list[Attempt] = []
    peaks: list[int] = []
    while len(attempts) < MOST_UPS and not (attempts and attempts[-1].succeeded):
        run = stack.try_up(PARALLEL[case.program], "--continue-on-error", skips_checkpoints=case.engine == "real")
        peaks += [] if run.provider_bytes is None else [run.provider_bytes]
        attempts.append(Attempt(run.wall_seconds, run.succeeded, len(_unfinished(stack.state(), case))))
    return attempts, max(peaks, default=None)


def _unfinished(state: Iterable[Any], case: Case) -> set[str]:
    """Return the environments whose settings the state does not hold, or holds with a step left to be repeated."""
    finished = {it["id"] for it in state if it["type"] == _SETTINGS and not it.get("initErrors")}
    return {f"{member.model_id}/{member.env_name}" for member in Fleet(case.weather.size)} - finished


def _broken_state(state: Sequence[Any], case: Case) -> Iterator[str]:
    """Tell of what is missing in the state, and of what in it is not as declared."""
    yield from (f"not in the state: {name}" for name in sorted(_unfinished(state, case)))
    settings = [resource for resource in state if resource["type"] == _SETTINGS]
    if len(settings) != case.weather.size:
        yield f"the state holds {len(settings)} resources"
    declared = dict(leaves(SETTINGS))
    for resource in settings:
        outputs = resource["outputs"]
        if dict(leaves({group: outputs.get(group) for group in SETTINGS})) != declared:
            yield f"not as declared in the state: {resource['id']}"
        if case.program == "wide" and outputs.get("in_force") is not True:
            yield f"not applied in the state: {resource['id']}"
    if case.program == "joint":
        yield from _broken_wait([resource["outputs"] for resource in state if resource["type"] == _JOINT], case)


def _broken_wait(waits: Sequence[Any], case: Case) -> Iterator[str]:
    if [wait.get("in_force") for wait in waits] != [True]:
        yield "the joint wait is not over in the state"
    elif len(waits[0]["environments"]) != case.weather.size:
        yield f"the joint wait is for {len(waits[0]['environments'])} environments"


def _unsettled(stack: Project) -> Iterator[str]:
    try:
        stack.preview()
    except RunFailedError as error:
        yield f"the preview afterwards is not empty: {error}"
