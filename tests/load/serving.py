"""An emulator with random faults in a process of its own, which knows what its environments must have in the end."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from baseten_pulumi.testing import Emulator, FictionalEnvironment, FictionalModel, RecordedRequest
from bench.emulating import serving
from bench.fleet import SETTINGS, Fleet
from tests.faults.declared import GROUPS, leaves
from tests.load.storm import Storm

_LIST_PARTS = 5
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Weather:
    """How Baseten behaves in a run.

    Attributes:
        size: How many environments it has, four a model.
        share: How many of all requests fail, from 0 to 1.
        rate_limit: Requests a second for each endpoint; as many may come at once.
        apply_seconds: Seconds between accepting settings and reporting them.
        seed: Where random numbers begin.
    """

    size: int
    share: float = 0.05
    rate_limit: float = 50.0
    apply_seconds: float = 3.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What it saw so far.

    Attributes:
        requests: By method and what they ask for, failed and refused ones included.
        refused: Requests that got a 429.
        faults: Requests that failed at random, by way.
        lost: Declared settings that are not applied, as text.
        touched: Settings that nobody declared and that changed, as text.
    """

    requests: Counter[str]
    refused: int
    faults: Counter[str]
    lost: list[str]
    touched: list[str]


@contextmanager
def stormy(weather: Weather) -> Iterator[tuple[str, Connection]]:
    """Serve for as long as the block lasts; yields the base URL and the connection that `seen` asks."""
    with serving(_serve, weather) as connection:
        yield connection.recv(), connection


def seen(connection: Connection) -> Seen:
    """Return what an emulator saw."""
    connection.send(None)
    found: Seen = connection.recv()
    return found


def account(weather: Weather) -> list[FictionalModel]:
    """Return models whose environments each have undeclared settings of their own."""
    chance = random.Random(weather.seed)  # noqa: S311 - the same every time
    return [
        FictionalModel(model_id, model_id, tuple(_environment(member.env_name, chance) for member in members))
        for model_id, members in Fleet(weather.size).by_model().items()
    ]


def faulty(weather: Weather) -> Emulator:
    """Return the emulator itself, not yet serving."""
    emulator = Emulator(
        apply_seconds=weather.apply_seconds, rate_limit=weather.rate_limit, account=account(weather), api_key=None
    )
    emulator.faults = Storm(weather.share, weather.seed)
    return emulator


def compared(emulator: Emulator, before: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Return which declared settings are not applied, and which undeclared ones changed."""
    declared = dict(leaves(SETTINGS))
    lost, touched = [], []
    for name, settings in before.items():
        reported = _held(emulator, name)
        lost += [f"{name} {path}" for path, value in declared.items() if reported.get(path) != value]
        undeclared = {*settings, *reported} - {*declared}
        touched += [f"{name} {path}" for path in undeclared if reported.get(path) != settings.get(path)]
    return lost, touched


def held(emulator: Emulator, fleet: Fleet) -> dict[str, dict[str, Any]]:
    """Return what every environment has applied, by its name and by dotted path."""
    names = [f"{member.model_id}/{member.env_name}" for member in fleet]
    return {name: _held(emulator, name) for name in names}


def by_kind(requests: Iterable[RecordedRequest]) -> Counter[str]:
    """Count requests by method and what they ask for."""
    return Counter(
        f"{request.method} {'list' if request.path.count('/') < _LIST_PARTS else 'environment'}" for request in requests
    )


def _held(emulator: Emulator, name: str) -> dict[str, Any]:
    reported = emulator.reported(*name.split("/"))
    return dict(leaves({group: reported[group] for group in GROUPS}))


def _environment(name: str, chance: random.Random) -> FictionalEnvironment:
    config = {"rolling_deploy_strategy": "REPLICA", "max_surge_percent": 0, "max_unavailable_percent": 30}
    return FictionalEnvironment(
        name,
        {"scale_down_delay": chance.choice([300, 600]), "target_utilization_percentage": chance.choice([55, 80])},
        {"redeploy_on_promotion": chance.random() < 0.5, "rolling_deploy_config": chance.choice([None, config])},
        {"policy": chance.choice([None, "QUEUE_ON_FULL"])},
    )


def _serve(weather: Weather, connection: Connection) -> None:
    emulator = faulty(weather)
    before = held(emulator, Fleet(weather.size))
    with emulator:
        connection.send(emulator.url)
        try:
            while True:
                connection.recv()
                requests = emulator.requests
                refused = sum(request.status == _TOO_MANY_REQUESTS for request in requests)
                lost, touched = compared(emulator, before)
                faults = emulator.faults.injected if isinstance(emulator.faults, Storm) else Counter()
                connection.send(Seen(by_kind(requests), refused, faults, lost, touched))
        except EOFError:
            return
